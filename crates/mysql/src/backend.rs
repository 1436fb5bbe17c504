//! The backend over one database of a server.

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Key, Kind, Migration, Page, Pong, Record, Result, Scan, Schema, Stats,
    Transaction, Watch,
};
use aquifer_sql::network::{Connect, NetworkBackend};
use async_trait::async_trait;

use crate::NAME;
use crate::connect::Connector;
use crate::driver::MysqlDriver;
use crate::options::MysqlOptions;

/// The store contract over one database of a MySQL or MariaDB server.
///
/// Several handles and several processes may use the same database.
#[derive(Debug)]
pub struct MysqlBackend(NetworkBackend<MysqlDriver>);

impl MysqlBackend {
    /// Opens the database for the kinds of `schema`. Connects once, so that what is wrong shows now; creates nothing.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached; `Unauthorized` if it refuses the user; `Invalid` if there is no such database,
    /// the server is too old, or its certificate is not accepted. Each names the server and what to change.
    pub async fn open(options: MysqlOptions, schema: &'static Schema) -> Result<Self> {
        let named = |error: aquifer_core::Error| error.with_backend(NAME).with_operation("open");
        let (connector, connection) = Connector::open(options).await.map_err(named)?;
        connector.disconnect(connection).await;
        Ok(Self(NetworkBackend::new(MysqlDriver::new(connector), schema)))
    }
}

#[async_trait]
impl Backend for MysqlBackend {
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
