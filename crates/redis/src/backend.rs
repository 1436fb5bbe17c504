//! The backend: the contract over scripts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Key, Kind, Migration, Page, Pong, Record, Result, Retry, Scan, Schema,
    Stats, Transaction, Watch,
};
use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::RedisOptions;
use crate::connect::Connector;
use crate::error::{NAME, closed, named};
use crate::layout::Layout;
use crate::link::Link;
use crate::script::Scripts;
use crate::shared::Shared;
use crate::watch::Changes;

/// A Redis or Valkey server, or a cluster of them, as a backend.
#[derive(Debug)]
pub struct RedisBackend {
    options: RedisOptions,
    shared: Arc<Shared>,
    changes: Changes,
    closed: AtomicBool,
}

impl RedisBackend {
    /// Connects, and looks how the server keeps what is written: where it would lose data, a warning says what to set.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached, naming host and port; `Unauthorized` if it refuses the user; `Invalid` for what is wrong in
    /// the options.
    pub async fn open(options: RedisOptions, schema: &'static Schema) -> Result<Self> {
        let connecting: BoxFuture<'_, Result<Self>> = Box::pin(Self::connect(options, schema));
        connecting.await.map_err(|error| named(error, "open"))
    }

    async fn connect(options: RedisOptions, schema: &'static Schema) -> Result<Self> {
        let layout = Layout::new(schema, &options)?;
        let scripts = Scripts::new(&layout);
        let link = Link::open(&options).await?;
        let capabilities = Capabilities {
            max_record_bytes: 4 << 20,
            max_operations: 1000,
            max_transaction_bytes: 16 << 20,
            concurrent_commits: 3,
            scans_may_lag: false,
            // The expiry of a key would leave its members in the indexes.
            native_expiry: false,
            push: true,
            durable: false,
        };
        let stream_max_length = options.stream_max_length;
        let mut shared = Shared { schema, layout, scripts, link, capabilities, stream_max_length };
        let durability = shared.durability().await?;
        shared.capabilities.durable = durability.is_durable();
        for warning in durability.warnings() {
            tracing::warn!(server = shared.link.target(), "{warning}");
        }
        Ok(Self { options, shared: Arc::new(shared), changes: Changes::new(), closed: AtomicBool::new(false) })
    }

    fn open_for(&self, operation: &'static str) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(named(closed(), operation)) } else { Ok(()) }
    }
}

#[async_trait]
impl Backend for RedisBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.capabilities
    }

    async fn migrate(&self) -> Result<Migration> {
        self.open_for("migrate")?;
        self.shared.migrate().await.map_err(|error| named(error, "migrate"))
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.open_for("get")?;
        self.shared.get(keys).await.map_err(|error| named(error, "get"))
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = self.open_for("commit") {
            return transactions.iter().map(|_| Err(error.duplicate())).collect();
        }
        let answers = self.shared.commit(&transactions).await;
        let changed = transactions.iter().zip(&answers).filter(|(_, answer)| match answer {
            Ok(_) => true,
            Err(error) => error.retry() == Retry::Unknown,
        });
        self.changes.tell(&self.shared, changed.flat_map(|(transaction, _)| transaction.operations.iter()));
        answers
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.open_for("scan")?;
        self.shared.scan(scan).await.map_err(|error| named(error, "scan"))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.open_for("claim")?;
        let claimed = self.shared.claim(claim).await.map_err(|error| named(error, "claim"))?;
        for record in &claimed {
            self.changes.tell_of(&self.shared, claim.kind, record.key().partition());
        }
        Ok(claimed)
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.open_for("watch")?;
        let watched = async {
            let connector = Connector::new(&self.options)?;
            self.changes.watch(&self.shared, connector, kind).await
        };
        watched.await.map_err(|error| named(error, "watch"))
    }

    async fn ping(&self) -> Result<Pong> {
        self.open_for("ping")?;
        self.shared.ping().await.map_err(|error| named(error, "ping"))
    }

    async fn stats(&self) -> Result<Stats> {
        self.open_for("stats")?;
        self.shared.stats().await.map_err(|error| named(error, "stats"))
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        self.changes.close();
        self.shared.link.close();
        Ok(())
    }
}
