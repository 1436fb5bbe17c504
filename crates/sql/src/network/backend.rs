//! The contract over sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Page, Pong, Record, Result, Retry, Scan,
    Schema, Stats, Transaction, Watch, check,
};
use async_trait::async_trait;

use super::bulk::Writer;
use super::driver::Driver;
use crate::statements::Catalog;

/// The store contract over one database of a SQL server, given a driver for it.
///
/// Any number of handles and processes may use the same database. One handle is one pool of connections: a process opens one.
#[derive(Debug)]
pub struct NetworkBackend<D>(Arc<Shared<D>>);

/// What the handle and the tasks that write for it share.
#[derive(Debug)]
pub(super) struct Shared<D> {
    pub(super) schema: &'static Schema,
    pub(super) driver: D,
    pub(super) catalog: Catalog,
    pub(super) writer: Writer,
    is_closed: AtomicBool,
}

impl<D: Driver> NetworkBackend<D> {
    /// Opens the database for the kinds of `schema`. Connects once and migrates nothing.
    ///
    /// # Errors
    /// As for [`Driver::open`].
    pub async fn open(options: D::Options, schema: &'static Schema) -> Result<Self> {
        let driver = D::open(options, schema).await;
        Ok(Self::new(driver.map_err(|error| error.with_backend(D::NAME).with_operation("open"))?, schema))
    }

    /// The contract over the kinds of `schema`, given a driver that is connected.
    pub fn new(driver: D, schema: &'static Schema) -> Self {
        let catalog = Catalog::new(driver.dialect(), schema);
        let writer = Writer::new(driver.dialect());
        Self(Arc::new(Shared { schema, driver, catalog, writer, is_closed: AtomicBool::new(false) }))
    }

    /// Runs work that writes to its end, even if whoever asked for it loses interest: half a transaction would keep its locks
    /// until the server notices.
    async fn to_its_end<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let stopped = |_| Error::unavailable("the program is stopping").with_retry(Retry::Unknown);
        tokio::spawn(work).await.map_err(stopped)
    }
}

impl<D: Driver> Shared<D> {
    fn is_open(&self) -> Result<()> {
        match self.is_closed.load(Ordering::Acquire) {
            // It will not open again by itself.
            true => Err(Error::unavailable("the database is closed").with_retry(Retry::Permanent)),
            false => Ok(()),
        }
    }

    fn named(&self, error: Error, operation: &'static str) -> Error {
        error.with_backend(D::NAME).with_operation(operation)
    }

    fn check(&self, transaction: &Transaction) -> Result<()> {
        check::transaction(transaction, &self.driver.capabilities())?;
        transaction.operations.iter().try_for_each(|operation| self.catalog.of(operation.kind()).map(|_| ()))
    }

    fn notify(&self, kind: &'static Kind, key: &Key) {
        self.driver.notifier().notify(kind, key.partition());
        self.driver.announce(kind, key.partition());
    }

    /// Tells the watches what the transactions that applied have written.
    fn tell(&self, transactions: &[Transaction], answers: &[Result<Committed>]) {
        for (transaction, _) in transactions.iter().zip(answers).filter(|(_, answer)| answer.is_ok()) {
            transaction.written().for_each(|key| self.notify(key.kind, &key));
        }
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let sifted = check::sift(transactions, |it| self.is_open().and_then(|()| self.check(it)));
        let applied = self.apply(&sifted.accepted).await;
        self.tell(&sifted.accepted, &applied);
        sifted.answers(applied).into_iter().map(|answer| answer.map_err(|error| self.named(error, "commit"))).collect()
    }
}

#[async_trait]
impl<D: Driver> Backend for NetworkBackend<D> {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.0.driver.capabilities()
    }

    async fn migrate(&self) -> Result<Migration> {
        let named = |error| self.0.named(error, "migrate");
        self.0.is_open().map_err(named)?;
        self.0.driver.migrate(self.0.schema).await.map_err(named)
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let named = |error| self.0.named(error, "get");
        self.0.is_open().map_err(named)?;
        keys.iter().try_for_each(check::key).map_err(named)?;
        self.0.get(keys).await.map_err(named)
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let count = transactions.len();
        let shared = Arc::clone(&self.0);
        let committed = self.to_its_end(async move { shared.commit(transactions).await }).await;
        committed.unwrap_or_else(|error| (0..count).map(|_| Err(error.duplicate())).collect())
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        let named = |error| self.0.named(error, "scan");
        self.0.is_open().map_err(named)?;
        check::scan(scan).map_err(named)?;
        self.0.scan(scan).await.map_err(named)
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        let named = |error| self.0.named(error, "claim");
        self.0.is_open().map_err(named)?;
        check::claim(claim).map_err(named)?;
        let (shared, claim) = (Arc::clone(&self.0), claim.clone());
        let claimed = self.to_its_end(async move {
            let records = shared.claim(&claim).await?;
            for record in &records {
                shared.notify(record.kind, &record.key());
            }
            Ok(records)
        });
        claimed.await.flatten().map_err(named)
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        let named = |error| self.0.named(error, "watch");
        self.0.is_open().map_err(named)?;
        self.0.catalog.of(kind).map_err(named)?;
        let watch = self.0.driver.notifier().watch(kind);
        self.0.driver.listen().await;
        Ok(watch)
    }

    async fn ping(&self) -> Result<Pong> {
        let named = |error| self.0.named(error, "ping");
        self.0.is_open().map_err(named)?;
        self.0.driver.ping().await.map_err(named)
    }

    async fn stats(&self) -> Result<Stats> {
        let named = |error| self.0.named(error, "stats");
        self.0.is_open().map_err(named)?;
        self.0.stats().await.map_err(named)
    }

    async fn close(&self) -> Result<()> {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.driver.close().await;
        Ok(())
    }
}
