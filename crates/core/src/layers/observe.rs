//! Counts, times and reports what a backend does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tracing::Instrument;

use super::pass_on::pass_on;
use crate::backend::{Backend, Migration, Pong, Stats};
use crate::claim::Claim;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::schema::Kind;
use crate::transaction::{Committed, Transaction};
use crate::watch::Watch;

/// A layer that measures every call, and warns of those that are slow or that fail for no fault of the caller's.
///
/// Metrics, each with the labels `backend` and `operation`: the counter `aquifer_store_operations_total`, with the label `outcome`
/// (`ok` or the kind of the error; a commit counts each of its transactions), and the histogram
/// `aquifer_store_operation_seconds`, once a call. Tracing: a span `store` at debug level around each call.
/// Neither ever holds a value of a record, or its key.
#[derive(Debug)]
pub struct Observe {
    inner: Arc<dyn Backend>,
    slow: Duration,
}

/// A call that is under way.
struct Call {
    backend: &'static str,
    operation: &'static str,
    /// The kind of record it is about, where it is about one.
    kind: &'static str,
    /// How many records, transactions or keys it is about at most.
    size: usize,
    slow: Duration,
    started: Instant,
}

impl Observe {
    /// Wraps `inner`; calls that take longer than `slow` are reported as warnings.
    pub fn new(inner: Arc<dyn Backend>, slow: Duration) -> Self {
        Self { inner, slow }
    }

    fn call(&self, operation: &'static str, kind: &'static str, size: usize) -> Call {
        Call { backend: self.inner.name(), operation, kind, size, slow: self.slow, started: Instant::now() }
    }
}

impl Call {
    async fn observe<T>(self, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let answer = work.instrument(self.span()).await;
        self.count(answer.as_ref().err());
        self.finish();
        answer
    }

    fn span(&self) -> tracing::Span {
        let Self { backend, operation, kind, size, .. } = self;
        tracing::debug_span!("store", backend, operation, kind, size)
    }

    fn count(&self, error: Option<&Error>) {
        let Self { backend, operation, kind, .. } = *self;
        let outcome = error.map_or("ok", |error| error.kind().as_str());
        metrics::counter!(
            "aquifer_store_operations_total", "backend" => backend, "operation" => operation, "outcome" => outcome
        )
        .increment(1);
        // The other kinds answer the caller's question; these say that something is wrong with the backend.
        if let Some(error) = error
            && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Corrupt | ErrorKind::Unauthorized)
        {
            let kind = error.record_kind().unwrap_or(kind);
            tracing::warn!(backend, operation, kind, outcome, retry = ?error.retry(), "store operation failed");
        }
    }

    fn finish(self) {
        let Self { backend, operation, kind, size, slow, started } = self;
        let elapsed = started.elapsed();
        metrics::histogram!("aquifer_store_operation_seconds", "backend" => backend, "operation" => operation)
            .record(elapsed.as_secs_f64());
        if elapsed > slow {
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(backend, operation, kind, size, elapsed_ms, "store operation is slow");
        }
    }
}

#[async_trait]
impl Backend for Observe {
    pass_on!(name, capabilities);

    async fn migrate(&self) -> Result<Migration> {
        self.call("migrate", "", 1).observe(self.inner.migrate()).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let kind = keys.first().map_or("", |key| key.kind.name);
        self.call("get", kind, keys.len()).observe(self.inner.get(keys)).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let first = transactions.first().and_then(|transaction| transaction.operations.first());
        let call = self.call("commit", first.map_or("", |operation| operation.kind().name), transactions.len());
        let answers = self.inner.commit(transactions).instrument(call.span()).await;
        for answer in &answers {
            call.count(answer.as_ref().err());
        }
        call.finish();
        answers
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.call("scan", scan.kind.name, scan.limit).observe(self.inner.scan(scan)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.call("claim", claim.kind.name, claim.limit).observe(self.inner.claim(claim)).await
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.call("watch", kind.name, 1).observe(self.inner.watch(kind)).await
    }

    async fn ping(&self) -> Result<Pong> {
        self.call("ping", "", 1).observe(self.inner.ping()).await
    }

    async fn stats(&self) -> Result<Stats> {
        self.call("stats", "", 1).observe(self.inner.stats()).await
    }

    async fn close(&self) -> Result<()> {
        self.call("close", "", 1).observe(self.inner.close()).await
    }
}
