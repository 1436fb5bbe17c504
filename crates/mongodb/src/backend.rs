//! The contract over the driver.

use std::sync::Arc;

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Notifier, Page, Pong, Record, Result, Scan,
    Schema, Stats, Transaction, Watch, check,
};
use async_trait::async_trait;

use crate::commit::Committer;
use crate::connection::Connection;
use crate::options::MongodbOptions;
use crate::watch::Listener;
use crate::{claim, error, layout, migrate, read, stats};

/// The backend's name.
pub(crate) const NAME: &str = "mongodb";

/// The largest record: a document has 16 MiB, of which names, the key once more, and JSON as BSON take their share.
const MAX_RECORD_BYTES: usize = 12 << 20;
/// The most that one transaction sends; the server gives it a minute.
const MAX_TRANSACTION_BYTES: usize = 32 << 20;
/// The most operations of a transaction, as MongoDB advises.
const MAX_OPERATIONS: usize = 1000;

/// The store contract over one database of a MongoDB replica set or sharded cluster.
///
/// Several handles and several processes may use the same database.
#[derive(Debug)]
pub struct MongodbBackend {
    schema: &'static Schema,
    capabilities: Capabilities,
    connection: Arc<Connection>,
    notifier: Arc<Notifier>,
    listener: Listener,
}

impl MongodbBackend {
    /// Connects to the database for the kinds of `schema`, without migrating it.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached, naming the hosts and what to check; `Unauthorized` for credentials or missing
    /// rights; `Invalid` for a URL that cannot be used, or a server without transactions.
    pub async fn open(options: MongodbOptions, schema: &'static Schema) -> Result<Self> {
        layout::check(schema).map_err(|error| named(error, "open"))?;
        let connection = Connection::open(options).await.map_err(|error| named(error, "open"))?;
        let connection = Arc::new(connection);
        // A right that is missing shows now and not with the first workflow.
        migrate::stored_version(&connection).await.map_err(|error| named(error, "open"))?;
        let capabilities = Capabilities {
            max_record_bytes: MAX_RECORD_BYTES,
            max_operations: MAX_OPERATIONS,
            max_transaction_bytes: MAX_TRANSACTION_BYTES,
            concurrent_commits: 3,
            scans_may_lag: false,
            native_expiry: true,
            push: connection.has_changes,
            durable: true,
        };
        let (notifier, listener) = (Arc::new(Notifier::default()), Listener::default());
        Ok(Self { schema, capabilities, connection, notifier, listener })
    }

    fn known(&self, kind: &'static Kind) -> Result<()> {
        match self.schema.kind(kind.name) {
            Some(_) => Ok(()),
            None => Err(Error::invalid("the schema has no such kind").with_record_kind(kind.name)),
        }
    }

    fn check(&self, transaction: &Transaction) -> Result<()> {
        check::transaction(transaction, &self.capabilities)?;
        transaction.operations.iter().try_for_each(|operation| self.known(operation.kind()))
    }

    async fn apply(&self, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        let committer =
            Committer { connection: &self.connection, schema: self.schema, capabilities: self.capabilities };
        committer.commit(transactions).await
    }
}

fn named(error: Error, operation: &'static str) -> Error {
    error.with_backend(NAME).with_operation(operation)
}

#[async_trait]
impl Backend for MongodbBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn migrate(&self) -> Result<Migration> {
        migrate::migrate(&self.connection, self.schema).await.map_err(|error| named(error, "migrate"))
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let checked = keys.iter().try_for_each(|key| check::key(key).and_then(|()| self.known(key.kind)));
        checked.map_err(|error| named(error, "get"))?;
        read::get(&self.connection, keys).await.map_err(|error| named(error, "get"))
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let sifted = check::sift(transactions, |transaction| self.check(transaction));
        let applied = self.apply(&sifted.accepted).await;
        self.notifier.notify_applied(&sifted.accepted, &applied);
        sifted.answers(applied).into_iter().map(|answer| answer.map_err(|error| named(error, "commit"))).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        let checked = check::scan(scan).and_then(|()| self.known(scan.kind));
        checked.map_err(|error| named(error, "scan"))?;
        read::scan(&self.connection, scan).await.map_err(|error| named(error, "scan"))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        let checked = check::claim(claim).and_then(|()| self.known(claim.kind));
        checked.map_err(|error| named(error, "claim"))?;
        let records = claim::claim(&self.connection, claim).await.map_err(|error| named(error, "claim"))?;
        if self.notifier.is_watched() {
            records.iter().for_each(|record| self.notifier.notify(record.kind, record.key().partition()));
        }
        Ok(records)
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        if self.connection.is_closed() {
            return Err(named(error::closed(), "watch"));
        }
        self.known(kind).map_err(|error| named(error, "watch"))?;
        let watch = self.notifier.watch(kind);
        if self.connection.has_changes {
            self.listener.start(&self.connection, &self.notifier, self.schema).await;
        }
        Ok(watch)
    }

    async fn ping(&self) -> Result<Pong> {
        let schema_version = migrate::stored_version(&self.connection).await.map_err(|error| named(error, "ping"))?;
        Ok(Pong { schema_version: schema_version.unwrap_or(0), server: self.connection.server.clone() })
    }

    async fn stats(&self) -> Result<Stats> {
        stats::stats(&self.connection, self.schema).await.map_err(|error| named(error, "stats"))
    }

    async fn close(&self) -> Result<()> {
        self.listener.stop();
        self.connection.close().await;
        Ok(())
    }
}
