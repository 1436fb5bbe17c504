//! What a database behind a network brings.

use std::fmt::Debug;

use aquifer_core::{Capabilities, Kind, Migration, Notifier, Pong, Result, Schema, Value};
use async_trait::async_trait;

use super::fault::Fault;
use super::session::{Session, Step};
use crate::dialect::Dialect;

/// What a session is for, so that the driver can choose where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading what every acknowledged commit wrote.
    Read,
    /// Reading a listing, which may go to a replica.
    Listing,
    /// Writing.
    Write,
}

/// One database behind a network.
#[async_trait]
pub trait Driver: Debug + Send + Sync + 'static {
    /// Where the database is, and how it is used.
    type Options: Send;

    /// The backend's name, as in its URL scheme.
    const NAME: &'static str;

    /// Connects for the kinds of `schema`, so that whatever is wrong shows now. Creates nothing.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached; `Unauthorized` if it refuses the user or does not prove itself as asked; `Invalid` if there
    /// is no such database, or the server is too old. Each names the server and what to change.
    async fn open(options: Self::Options, schema: &'static Schema) -> Result<Self>
    where
        Self: Sized;

    /// The SQL it speaks.
    fn dialect(&self) -> &'static Dialect;

    /// Facts about it.
    fn capabilities(&self) -> Capabilities;

    /// A connection of the pool.
    ///
    /// # Errors
    /// `Unavailable` if none is to be had in time, or the driver is closed; `Unauthorized`; `Invalid`.
    async fn session(&self, purpose: Purpose) -> Result<Box<dyn Session>>;

    /// Brings the tables to the declared schema, as [`aquifer_core::Backend::migrate`] says.
    async fn migrate(&self, schema: &'static Schema) -> Result<Migration>;

    /// A sign of life, as [`aquifer_core::Backend::ping`] says.
    async fn ping(&self) -> Result<Pong>;

    /// Bytes on disk, where they are known, and facts for people.
    async fn facts(&self) -> Result<(Option<u64>, Vec<(&'static str, String)>)>;

    /// Keeps everybody from adding records until the transaction ends, before its checks of absence are read. Databases whose reads
    /// lock what is not there need nothing.
    async fn guard_absence(&self, session: &mut dyn Session) -> Result<(), Fault> {
        let _ = session;
        Ok(())
    }

    /// The step with which a transaction that adds records waits for those that [`Driver::guard_absence`] guards.
    fn guard_insert(&self) -> Option<Step<'static>> {
        None
    }

    /// The watches of this process.
    fn notifier(&self) -> &Notifier;

    /// Tells other processes that records of `kind` changed in `partition`, some time soon. Never waits.
    fn announce(&self, kind: &'static Kind, partition: &[Value]) {
        let _ = (kind, partition);
    }

    /// Called before the first watch begins, and before every other.
    async fn listen(&self) {}

    /// Finishes what runs and releases everything. Closing twice is fine.
    async fn close(&self);
}
