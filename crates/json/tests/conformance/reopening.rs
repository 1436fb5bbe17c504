//! A backend that is opened anew before everything that reads, so that the suite sees only what the files hold.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Page, Pong, Record, Result, Scan, Schema,
    Stats, Transaction, Watch,
};
use aquifer_json::{JsonBackend, JsonOptions};
use async_trait::async_trait;
use tokio::sync::{RwLock, RwLockReadGuard};

/// The one backend on a file, which all handles use.
#[derive(Debug)]
pub(crate) struct Shared {
    path: PathBuf,
    current: RwLock<Option<JsonBackend>>,
    /// Counts writes; even at the time of opening says how the database was left before.
    writes: AtomicU64,
    seen: AtomicU64,
}

impl Shared {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, current: RwLock::default(), writes: AtomicU64::new(0), seen: AtomicU64::new(0) }
    }

    /// Leaves the database, now and then without closing it, and opens it again.
    pub(crate) async fn reopen(&self, schema: &'static Schema) -> Result<()> {
        let mut current = self.current.write().await;
        let writes = self.writes.load(Ordering::Acquire);
        self.seen.store(writes, Ordering::Release);
        if let Some(backend) = current.take()
            && writes.is_multiple_of(2)
        {
            backend.close().await?;
        }
        *current = Some(JsonBackend::open(JsonOptions::new(&self.path), schema)?);
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Reopening {
    pub(crate) shared: Arc<Shared>,
    pub(crate) schema: &'static Schema,
    pub(crate) closed: AtomicBool,
}

impl Reopening {
    async fn current(&self) -> Result<RwLockReadGuard<'_, JsonBackend>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::unavailable("the backend is closed"));
        }
        let current = self.shared.current.read().await;
        RwLockReadGuard::try_map(current, Option::as_ref).map_err(|_| Error::unavailable("the backend is gone"))
    }

    async fn fresh(&self) -> Result<RwLockReadGuard<'_, JsonBackend>> {
        let news = self.shared.writes.load(Ordering::Acquire) != self.shared.seen.load(Ordering::Acquire);
        if news && !self.closed.load(Ordering::Acquire) {
            self.shared.reopen(self.schema).await?;
        }
        self.current().await
    }

    fn wrote(&self) {
        self.shared.writes.fetch_add(1, Ordering::AcqRel);
    }
}

#[async_trait]
impl Backend for Reopening {
    fn name(&self) -> &'static str {
        "json"
    }

    fn capabilities(&self) -> Capabilities {
        let options = JsonOptions::new(self.shared.path.with_extension("none.json"));
        JsonBackend::open(options, self.schema).expect("a database that is never set up").capabilities()
    }

    async fn migrate(&self) -> Result<Migration> {
        let migration = self.current().await?.migrate().await;
        self.wrote();
        migration
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.fresh().await?.get(keys).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let answers = match self.current().await {
            Ok(backend) => backend.commit(transactions).await,
            Err(error) => transactions.iter().map(|_| Err(error.duplicate())).collect(),
        };
        self.wrote();
        answers
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.fresh().await?.scan(scan).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        let claimed = self.fresh().await?.claim(claim).await;
        self.wrote();
        claimed
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.fresh().await?.watch(kind).await
    }

    async fn ping(&self) -> Result<Pong> {
        self.current().await?.ping().await
    }

    async fn stats(&self) -> Result<Stats> {
        self.fresh().await?.stats().await
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}
