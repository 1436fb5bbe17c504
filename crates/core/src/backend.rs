//! The store contract: what a database must do to hold Aquifer's data.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::Serialize;

use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::schema::Kind;
use crate::transaction::{Committed, Transaction};
use crate::watch::Watch;

/// One database's implementation of the store contract, over the kinds of one [`crate::Schema`] given when it was opened.
///
/// A backend knows nothing of workflows: indexes, due times and leases are data that the engine computes. Every method may be called
/// from many tasks at once, and a dropped future leaves the backend usable; a commit whose future was dropped may or may not
/// have been applied. All backends refuse the same requests: they call [`crate::check`] first.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// The backend's name, as in its URL scheme: `memory`, `json`, `sqlite`.
    fn name(&self) -> &'static str;

    /// Facts about the backend. They never change what an operation means.
    fn capabilities(&self) -> Capabilities;

    /// Creates what the schema declares, or adds what it has gained since.
    ///
    /// # Guarantees
    /// Idempotent, and safe when several processes start at once. Never drops or rewrites stored records.
    ///
    /// # Errors
    /// `Invalid` if what is stored is from a newer schema, or is not Aquifer's; `Unauthorized` if the rights are missing.
    async fn migrate(&self) -> Result<Migration>;

    /// Reads records by their keys, with all columns.
    ///
    /// # Guarantees
    /// One answer for each key, in order; `None` where there is no record. Linearizable: it sees every commit that was
    /// acknowledged before it began. Records of several keys are not one snapshot.
    ///
    /// # Errors
    /// `Invalid` for a key that does not fit its kind; `Unavailable`; `Corrupt`.
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>>;

    /// Applies independent transactions, each all-or-nothing, each answered for itself in the order given.
    ///
    /// # Guarantees
    /// A transaction that is answered `Ok` is durable and visible to every later `get`. Its conditions and its writes are one
    /// atomic step. One transaction's failure never fails another. Transactions of one call that touch the same record apply in
    /// order. A transaction marked as retried that was applied before is answered `Ok` again and changes nothing, as long as one of the
    /// records that it wrote has not been written by another since.
    ///
    /// # Errors
    /// For one transaction: that of its first operation that fails, as [`crate::Condition`] and [`crate::Operation`] say (within an
    /// operation its own record is judged before unique constraints); `Invalid` if it spans partitions or touches a record
    /// twice; `TooLarge` beyond the capabilities. `Unavailable` with [`crate::Retry::Unknown`] if it may have been applied.
    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>>;

    /// Reads one page in the order of an index or of the key.
    ///
    /// # Guarantees
    /// Costs what the page holds, not what is stored. Records that exist throughout a listing appear exactly once in it, whatever else
    /// comes and goes. The order is total. May lag behind commits where the capabilities say so, unless it is a
    /// [`Scan::is_lookup`], which sees every commit that was acknowledged before it began, as `get` does.
    ///
    /// # Errors
    /// `Invalid` for an unknown index, a prefix or bound of the wrong type, a limit out of range, or a cursor of another
    /// listing.
    async fn scan(&self, scan: &Scan) -> Result<Page>;

    /// Takes records out of a range of an index: finds up to `limit` of them, lowest first, sets the given columns, adds 1 to the
    /// revision, and returns them as they are afterwards, with all columns.
    ///
    /// # Guarantees
    /// A record is handed to one caller only, however many claim at once. Durable before it returns. Does not wait for records that
    /// somebody else is claiming. May return fewer than there are; returns some where nobody else interferes.
    ///
    /// # Errors
    /// As for `scan`; `Invalid` if `set` leaves the record in the range. `Unavailable` with [`crate::Retry::Unknown`] if records may have
    /// been taken that are not returned: whoever keeps its name in them finds them by it.
    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>>;

    /// Best-effort wake-ups for a kind. Never needed for correctness.
    async fn watch(&self, kind: &'static Kind) -> Result<Watch>;

    /// Asks the database for a sign of life, and what it is. Cheap, and answered before `migrate` too.
    ///
    /// # Errors
    /// `Unavailable` if it does not answer; `Invalid` if what is stored is not Aquifer's.
    async fn ping(&self) -> Result<Pong>;

    /// Counts what is stored. May be slow; for people, never on a request's path.
    async fn stats(&self) -> Result<Stats>;

    /// Finishes what was acknowledged and releases everything. Later calls fail as `Unavailable`; closing twice is fine.
    async fn close(&self) -> Result<()>;
}

/// Facts about a backend, with numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The largest record, in bytes of values; larger ones go through the chunking layer.
    pub max_record_bytes: usize,
    /// The most operations in a transaction.
    pub max_operations: usize,
    /// The most bytes of values in a transaction.
    pub max_transaction_bytes: usize,
    /// How many calls of `commit` under way at once are faster than one: 1 where the database writes one transaction after the other,
    /// [`usize::MAX`] where it gains nothing from many transactions in one call.
    pub concurrent_commits: usize,
    /// Whether a scan may miss the newest commits, other than a lookup by the values of a unique constraint.
    pub scans_may_lag: bool,
    /// Whether the database removes expired records by itself.
    pub native_expiry: bool,
    /// Whether `watch` reports changes made by other processes too.
    pub push: bool,
    /// Whether what was committed outlives the process.
    pub durable: bool,
}

/// What [`Backend::migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The stored schema version before; 0 if there was nothing.
    pub from: u32,
    /// The stored schema version now.
    pub to: u32,
}

/// A sign of life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pong {
    /// The stored schema version; 0 if nothing is stored. May be newer than this program's.
    pub schema_version: u32,
    /// Name and version of the database, as it says itself: `SQLite 3.51.3`, `PostgreSQL 15.18`. Empty where there is none.
    pub server: String,
}

/// What is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// The number of records of each kind, in the order of the schema.
    pub records: Vec<(&'static str, u64)>,
    /// Bytes on disk, where the backend knows.
    pub bytes: Option<u64>,
    /// Further facts for people, such as the server's version: name and value.
    pub facts: Vec<(&'static str, String)>,
}

/// Pleasant names on top of [`Backend`].
#[async_trait]
pub trait BackendExt: Backend {
    /// Reads one record.
    async fn get_one(&self, key: Key) -> Result<Option<Record>> {
        Ok(self.get(&[key]).await?.pop().flatten())
    }

    /// Applies one transaction.
    async fn commit_one(&self, transaction: Transaction) -> Result<Committed> {
        self.commit(vec![transaction])
            .await
            .pop()
            .unwrap_or_else(|| Err(Error::corrupt("the backend gave no answer to a transaction")))
    }
}

impl<B: Backend + ?Sized> BackendExt for B {}
