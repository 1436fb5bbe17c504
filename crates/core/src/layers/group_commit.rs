//! Gathers concurrent commits into one, which is where throughput comes from.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::backend::{Backend, Capabilities, Migration, Pong, Stats};
use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::schema::Kind;
use crate::transaction::{Committed, Transaction};
use crate::watch::Watch;

/// The most transactions handed to the backend at once.
const MAX_BATCH: usize = 512;

/// The most transactions that wait. Beyond, a database is so slow that callers had better know than pile up.
const MAX_WAITING: usize = 20_000;

/// A layer that commits at once what was handed in while the commit before was under way.
///
/// When nothing is under way a commit starts immediately: nobody ever waits for company. Where more than 20,000 transactions wait,
/// further ones are answered `Unavailable` at once.
#[derive(Debug)]
pub struct GroupCommit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inner: Arc<dyn Backend>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    flushing: bool,
}

#[derive(Debug)]
struct Waiting {
    transaction: Transaction,
    reply: oneshot::Sender<Result<Committed>>,
}

impl GroupCommit {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        Self { shared: Arc::new(Shared { inner, queue: Mutex::default() }) }
    }
}

/// The lead of one caller; passed on when it ends.
struct Lead<'a>(&'a Arc<Shared>);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

impl Shared {
    /// Becomes the one that flushes; false if somebody does already.
    fn lead(&self) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut queue.flushing, true)
    }

    /// Puts transactions in line; `None` if the line is too long.
    fn enqueue(&self, transactions: Vec<Transaction>) -> Option<Vec<oneshot::Receiver<Result<Committed>>>> {
        let mut replies = Vec::with_capacity(transactions.len());
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= MAX_WAITING {
            return None;
        }
        for transaction in transactions {
            let (reply, receiver) = oneshot::channel();
            queue.waiting.push(Waiting { transaction, reply });
            replies.push(receiver);
        }
        Some(replies)
    }

    /// Lets go of the lead, unless others came meanwhile: then a task of its own flushes for them.
    fn pass_on(self: &Arc<Self>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = tokio::runtime::Handle::try_current();
        match runtime {
            Ok(runtime) if !queue.waiting.is_empty() => {
                drop(queue);
                runtime.spawn(Arc::clone(self).flush());
            }
            // Without a runtime everything is being torn down; whoever comes next takes the lead.
            _ => queue.flushing = false,
        }
    }

    async fn flush(self: Arc<Self>) {
        loop {
            let batch: Vec<Waiting> = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let size = queue.waiting.len().min(MAX_BATCH);
                if size == 0 {
                    queue.flushing = false;
                    return;
                }
                queue.waiting.drain(..size).collect()
            };
            let (transactions, replies): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.transaction, waiting.reply)).unzip();
            let answers = self.inner.commit(transactions).await;
            for (reply, answer) in replies.into_iter().zip(answers) {
                // Whoever dropped the receiver no longer wants to know.
                let _ = reply.send(answer);
            }
        }
    }
}

#[async_trait]
impl Backend for GroupCommit {
    fn name(&self) -> &'static str {
        self.shared.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.inner.capabilities()
    }

    async fn migrate(&self) -> Result<Migration> {
        self.shared.inner.migrate().await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.shared.inner.get(keys).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if self.shared.lead() {
            // Nobody else is under way: commit right here, without a hop to another task. Whoever comes meanwhile is flushed by
            // the lead's end, even if this future is dropped.
            let _lead = Lead(&self.shared);
            return self.shared.inner.commit(transactions).await;
        }
        let count = transactions.len();
        let Some(replies) = self.shared.enqueue(transactions) else {
            let full =
                Error::unavailable("the database is too slow for what is asked of it: too many commits wait already")
                    .with_backend(self.name())
                    .with_operation("commit");
            return (0..count).map(|_| Err(full.duplicate())).collect();
        };
        if self.shared.lead() {
            // The leader left between the two looks.
            self.shared.pass_on();
        }
        let mut answers = Vec::with_capacity(replies.len());
        for reply in replies {
            answers.push(reply.await.unwrap_or_else(|_| {
                Err(Error::unavailable("the backend stopped in the middle of a commit")
                    .with_retry(crate::error::Retry::Unknown)
                    .with_backend(self.name())
                    .with_operation("commit"))
            }));
        }
        answers
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.shared.inner.scan(scan).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.shared.inner.claim(claim).await
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.shared.inner.watch(kind).await
    }

    async fn ping(&self) -> Result<Pong> {
        self.shared.inner.ping().await
    }

    async fn stats(&self) -> Result<Stats> {
        self.shared.inner.stats().await
    }

    async fn close(&self) -> Result<()> {
        self.shared.inner.close().await
    }
}
