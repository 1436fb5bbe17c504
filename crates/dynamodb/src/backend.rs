//! The backend: the contract over DynamoDB's tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Notifier, Page, Pong, Record, Result, Retry,
    Scan, Schema, Stats, Transaction, Watch,
};
use async_trait::async_trait;

use crate::cache::Cache;
use crate::calls::Calls;
use crate::client::connect;
use crate::commit::Committer;
use crate::layout::Layout;
use crate::options::DynamoOptions;
use crate::plan::MAX_STATEMENTS;
use crate::{meta, migrate, read, scan, stats, values};

const NAME: &str = "dynamodb";

/// The most bytes of an item, as DynamoDB counts: names and values.
const MAX_ITEM_BYTES: usize = 400 << 10;

/// What an item has beside the values of a record at most: names, keys, places in indexes, and numbers and times in a longer form.
const ITEM_OVERHEAD: usize = 16 << 10;

/// The most bytes of values in a transaction: what is left of DynamoDB's 4 MB for the rest of a hundred items.
const MAX_TRANSACTION_BYTES: usize = 3 << 20;

/// A backend that keeps everything in tables of DynamoDB.
#[derive(Debug)]
pub struct DynamoBackend {
    committer: Arc<Committer>,
    capacity: Option<(i64, i64)>,
    closed: AtomicBool,
}

impl DynamoBackend {
    /// Connects, with one request that shows that DynamoDB can be reached and takes the credentials. Does not migrate.
    ///
    /// # Errors
    /// `Unavailable` naming the address and the option if it cannot be reached; `Unauthorized` naming what to set if there are no
    /// credentials or DynamoDB refuses them; `Invalid` for options that do not work, or if what is stored is not Aquifer's.
    pub async fn open(options: DynamoOptions, schema: &'static Schema) -> Result<Self> {
        let opened = async {
            let layout = Layout::new(&options, schema)?;
            let calls = Calls::new(connect(&options).await?, &options);
            meta::version(&calls, &layout).await?;
            Ok((layout, calls))
        };
        let (layout, calls) = opened.await.map_err(|error| named(error, "open"))?;
        // One record may give up and take a value of each of its unique constraints beside all others.
        let guards = schema.kinds.iter().map(|kind| 2 * kind.uniques.len()).max().unwrap_or(0);
        let capabilities = Capabilities {
            max_record_bytes: MAX_ITEM_BYTES - ITEM_OVERHEAD,
            max_operations: MAX_STATEMENTS - guards,
            max_transaction_bytes: MAX_TRANSACTION_BYTES,
            concurrent_commits: usize::MAX,
            scans_may_lag: true,
            native_expiry: true,
            push: false,
            durable: true,
        };
        let (cache, notifier) = (Cache::default(), Notifier::default());
        let committer = Arc::new(Committer { calls, layout, cache, notifier, capabilities });
        Ok(Self { committer, capacity: options.capacity, closed: AtomicBool::new(false) })
    }

    fn open_for(&self, operation: &'static str) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            // It will not open again by itself.
            let closed = Error::unavailable("the backend is closed").with_retry(Retry::Permanent);
            return Err(named(closed, operation));
        }
        Ok(())
    }
}

fn named(error: Error, operation: &'static str) -> Error {
    error.with_backend(NAME).with_operation(operation)
}

#[async_trait]
impl Backend for DynamoBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.committer.capabilities
    }

    async fn migrate(&self) -> Result<Migration> {
        self.open_for("migrate")?;
        migrate::migrate(&self.committer.calls, &self.committer.layout, self.capacity)
            .await
            .map_err(|error| named(error, "migrate"))
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.open_for("get")?;
        let read = async {
            let found = read::records(&self.committer.calls, &self.committer.layout, keys).await?;
            let mut records = Vec::with_capacity(found.len());
            for (place, item) in found {
                let table = self.committer.layout.at(&place)?;
                if let Some(item) = &item {
                    self.committer.cache.put(place.clone(), values::known(table, item)?);
                }
                records.push(item.map(|item| values::record(table, item)).transpose()?);
            }
            Ok(records)
        };
        read.await.map_err(|error| named(error, "get"))
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = self.open_for("commit") {
            return transactions.iter().map(|_| Err(error.duplicate())).collect();
        }
        let answers = self.committer.commit(transactions).await;
        answers.into_iter().map(|answer| answer.map_err(|error| named(error, "commit"))).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.open_for("scan")?;
        scan::scan(&self.committer.calls, &self.committer.layout, scan).await.map_err(|error| named(error, "scan"))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.open_for("claim")?;
        let records = self.committer.claim(claim).await.map_err(|error| named(error, "claim"))?;
        for record in &records {
            self.committer.notifier.notify(record.kind, record.key().partition());
        }
        Ok(records)
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.open_for("watch")?;
        Ok(self.committer.notifier.watch(kind))
    }

    async fn ping(&self) -> Result<Pong> {
        self.open_for("ping")?;
        let version =
            meta::version(&self.committer.calls, &self.committer.layout).await.map_err(|error| named(error, "ping"))?;
        Ok(Pong { schema_version: version, server: format!("DynamoDB at {}", self.committer.calls.place()) })
    }

    async fn stats(&self) -> Result<Stats> {
        self.open_for("stats")?;
        stats::stats(&self.committer.calls, &self.committer.layout).await.map_err(|error| named(error, "stats"))
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}
