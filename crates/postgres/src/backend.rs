//! The contract over PostgreSQL.

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Page, Pong, Record, Result, Scan, Schema,
    Stats, Transaction, Watch,
};
use aquifer_sql::network::NetworkBackend;
use async_trait::async_trait;

use crate::NAME;
use crate::driver::PgDriver;
use crate::options::PostgresOptions;

/// The store contract over one PostgreSQL database.
///
/// Any number of processes may use the same database. One handle is one pool of connections: a process opens one.
#[derive(Debug)]
pub struct PostgresBackend(NetworkBackend<PgDriver>);

impl PostgresBackend {
    /// Connects for the kinds of `schema`, to the replica too if there is one. Migrates nothing.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached or takes no more connections; `Unauthorized` if it does not let the user in, or
    /// does not prove what `sslmode` asks for; `Invalid` if the database does not exist, the server is older than 10, or a file of
    /// a certificate cannot be used.
    pub async fn open(options: PostgresOptions, schema: &'static Schema) -> Result<Self> {
        let named = |error: Error| error.with_backend(NAME).with_operation("open");
        let driver = PgDriver::open(options, schema).await.map_err(named)?;
        Ok(Self(NetworkBackend::new(driver, schema)))
    }
}

#[async_trait]
impl Backend for PostgresBackend {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn migrate(&self) -> Result<Migration> {
        self.0.migrate().await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.0.get(keys).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        self.0.commit(transactions).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.0.scan(scan).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.0.claim(claim).await
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.0.watch(kind).await
    }

    async fn ping(&self) -> Result<Pong> {
        self.0.ping().await
    }

    async fn stats(&self) -> Result<Stats> {
        self.0.stats().await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}
