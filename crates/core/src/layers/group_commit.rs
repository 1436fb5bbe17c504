//! Gathers concurrent commits into one, which is where throughput comes from.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::backend::{Backend, Capabilities, Migration, Pong, Stats};
use crate::claim::Claim;
use crate::error::{Error, Result, Retry};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::schema::Kind;
use crate::transaction::{Committed, Transaction};
use crate::watch::Watch;

/// How many transactions are handed to the backend at once, unless a single caller has more.
const MAX_BATCH: usize = 512;

/// The most transactions that wait. Beyond, a database is so slow that callers had better know than pile up.
const MAX_WAITING: usize = 20_000;

/// A layer that commits at once what was handed in while the commit before was under way.
///
/// When nothing is under way a commit starts immediately: nobody ever waits for company. Where the database takes several commits at
/// once ([`Capabilities::concurrent_commits`]), a further one starts as soon as half as many transactions wait as are under way: fewer
/// are better off together, and more would leave the database idle while they are put together. Where more than 20,000 transactions
/// wait, further ones are answered `Unavailable` at once. A database that is no faster with many in one commit
/// (`concurrent_commits` of [`usize::MAX`]) gets each at once.
#[derive(Debug)]
pub struct GroupCommit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inner: Arc<dyn Backend>,
    lanes: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    calls: VecDeque<Call>,
    /// How many transactions wait.
    waiting: usize,
    /// How many commits are under way, and of how many transactions.
    flushing: usize,
    under_way: usize,
}

impl Queue {
    /// Whether a commit need not wait for others, however small it is.
    fn is_free(&self, lanes: usize) -> bool {
        self.flushing == 0 || (lanes == usize::MAX && self.under_way < MAX_WAITING)
    }

    /// Whether one more commit of those that wait is worth its while.
    fn has_room(&self, lanes: usize) -> bool {
        self.is_free(lanes) || (self.flushing < lanes && self.waiting * 2 >= self.under_way)
    }
}

/// What one caller handed in. It stays together, so that its transactions are applied in their order.
#[derive(Debug)]
struct Call {
    transactions: Vec<Transaction>,
    reply: oneshot::Sender<Vec<Result<Committed>>>,
}

impl GroupCommit {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn Backend>) -> Self {
        let lanes = inner.capabilities().concurrent_commits;
        Self { shared: Arc::new(Shared { inner, lanes, queue: Mutex::default() }) }
    }
}

/// A commit of so many transactions under way. When it ends, however it ends, whoever came meanwhile is seen to.
struct UnderWay {
    shared: Arc<Shared>,
    count: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.flushing -= 1;
        queue.under_way -= self.count;
        self.shared.start(queue);
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(self: &Arc<Self>, queue: &mut Queue, count: usize) -> UnderWay {
        queue.flushing += 1;
        queue.under_way += count;
        UnderWay { shared: Arc::clone(self), count }
    }

    /// The commit of `count` transactions, if there is nobody to wait for.
    fn lead(self: &Arc<Self>, count: usize) -> Option<UnderWay> {
        let mut queue = self.queue();
        (queue.is_free(self.lanes) && queue.calls.is_empty()).then(|| self.under_way(&mut queue, count))
    }

    /// Puts transactions in line; `None` if the line is too long.
    fn enqueue(self: &Arc<Self>, transactions: Vec<Transaction>) -> Option<oneshot::Receiver<Vec<Result<Committed>>>> {
        let mut queue = self.queue();
        if queue.waiting >= MAX_WAITING {
            return None;
        }
        let (reply, answers) = oneshot::channel();
        queue.waiting += transactions.len();
        queue.calls.push_back(Call { transactions, reply });
        self.start(queue);
        Some(answers)
    }

    /// Commits what waits in a task of its own, if that is worth its while.
    fn start(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>) {
        // Without a runtime everything is being torn down.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if queue.calls.is_empty() || !queue.has_room(self.lanes) {
            return;
        }
        let (mut batch, mut count) = (Vec::new(), 0);
        while let Some(call) =
            queue.calls.pop_front_if(|next| count == 0 || count + next.transactions.len() <= MAX_BATCH)
        {
            count += call.transactions.len();
            batch.push(call);
        }
        queue.waiting -= count;
        let under_way = self.under_way(&mut queue, count);
        drop(queue);
        runtime.spawn(flush(under_way, batch));
    }
}

async fn flush(under_way: UnderWay, batch: Vec<Call>) {
    let mut transactions = Vec::with_capacity(under_way.count);
    let mut callers = Vec::with_capacity(batch.len());
    for call in batch {
        callers.push((call.transactions.len(), call.reply));
        transactions.extend(call.transactions);
    }
    let mut answers = under_way.shared.inner.commit(transactions).await.into_iter();
    for (count, reply) in callers {
        // Whoever dropped the receiver no longer wants to know.
        let _ = reply.send(answers.by_ref().take(count).collect());
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
        let count = transactions.len();
        if let Some(_under_way) = self.shared.lead(count) {
            // Nobody else is under way: commit right here, without a hop to another task. Whoever comes meanwhile is seen to at its
            // end, even if this future is dropped.
            return self.shared.inner.commit(transactions).await;
        }
        let Some(answers) = self.shared.enqueue(transactions) else {
            let full =
                Error::unavailable("the database is too slow for what is asked of it: too many commits wait already")
                    .with_backend(self.name())
                    .with_operation("commit");
            return (0..count).map(|_| Err(full.duplicate())).collect();
        };
        answers.await.unwrap_or_else(|_| {
            let stopped = Error::unavailable("the backend stopped in the middle of a commit")
                .with_retry(Retry::Unknown)
                .with_backend(self.name())
                .with_operation("commit");
            (0..count).map(|_| Err(stopped.duplicate())).collect()
        })
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
