//! The contract over a libSQL server.

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Notifier, Page, Pong, Record, Result, Scan,
    Schema, Stats, Transaction, Watch, check,
};
use aquifer_sql::{Catalog, SQLITE};
use async_trait::async_trait;

use crate::NAME;
use crate::hrana::Client;
use crate::options::LibsqlOptions;

/// The store contract over one database of a libSQL server, or of Turso.
///
/// Several handles and several processes may use the same database.
#[derive(Debug)]
pub struct LibsqlBackend {
    pub(crate) schema: &'static Schema,
    pub(crate) client: Client,
    pub(crate) catalog: Catalog,
    /// What the server says that it is; empty if it does not say.
    pub(crate) server: String,
    notifier: Notifier,
}

impl LibsqlBackend {
    /// Connects to the database for the kinds of `schema`.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached; `Unauthorized` if it refuses the token; `Invalid` if it is no libSQL server, has no
    /// such database, or the database is not Aquifer's.
    pub async fn open(options: LibsqlOptions, schema: &'static Schema) -> Result<Self> {
        let connect = async {
            let client = Client::new(options)?;
            let catalog = Catalog::new(&SQLITE, schema);
            let mut backend = Self { schema, client, catalog, server: String::new(), notifier: Notifier::default() };
            backend.stored().await?;
            backend.server = backend.client.version().await.unwrap_or_default();
            Ok(backend)
        };
        connect.await.map_err(|error| named(error, "open"))
    }

    fn check(&self, transaction: &Transaction) -> Result<()> {
        check::transaction(transaction, &self.capabilities())?;
        transaction.operations.iter().try_for_each(|operation| self.catalog.of(operation.kind()).map(|_| ()))
    }
}

#[async_trait]
impl Backend for LibsqlBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // The server takes rows of up to 5 MiB.
            max_record_bytes: 4 << 20,
            max_operations: 1000,
            max_transaction_bytes: 16 << 20,
            concurrent_commits: 1,
            scans_may_lag: false,
            native_expiry: false,
            push: false,
            durable: true,
        }
    }

    async fn migrate(&self) -> Result<Migration> {
        self.bring_up().await.map_err(|error| named(error, "migrate"))
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        keys.iter().try_for_each(check::key).map_err(|error| named(error, "get"))?;
        self.records(keys).await.map_err(|error| named(error, "get"))
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let sifted = check::sift(transactions, |transaction| self.check(transaction));
        let applied = self.apply(&sifted.accepted).await;
        self.notifier.notify_applied(&sifted.accepted, &applied);
        sifted.answers(applied).into_iter().map(|answer| answer.map_err(|error| named(error, "commit"))).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        check::scan(scan).map_err(|error| named(error, "scan"))?;
        self.page(scan).await.map_err(|error| named(error, "scan"))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        check::claim(claim).map_err(|error| named(error, "claim"))?;
        let records = self.take(claim).await.map_err(|error| named(error, "claim"))?;
        if self.notifier.is_watched() {
            records.iter().for_each(|record| self.notifier.notify(record.kind, record.key().partition()));
        }
        Ok(records)
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        let known = self.client.check_open().and_then(|()| self.catalog.of(kind).map(|_| ()));
        known.map_err(|error| named(error, "watch"))?;
        Ok(self.notifier.watch(kind))
    }

    async fn ping(&self) -> Result<Pong> {
        let stored = self.stored().await.map_err(|error| named(error, "ping"))?;
        Ok(Pong { schema_version: stored.version, server: self.describe(&stored.sqlite) })
    }

    async fn stats(&self) -> Result<Stats> {
        self.count().await.map_err(|error| named(error, "stats"))
    }

    async fn close(&self) -> Result<()> {
        self.client.close();
        Ok(())
    }
}

fn named(error: Error, operation: &'static str) -> Error {
    error.with_backend(NAME).with_operation(operation)
}
