//! This process as a worker: its heartbeat, what falls due, and what dead workers left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use aquifer_core::kinds::{Execution, ExecutionColumn, Worker, WorkerColumn};
use aquifer_core::{
    BackendExt, Claim, Condition, Entity, Error, Field, Key, Operation, Retry, Scan, Store, Stored, Timestamp,
    Transaction, Value, WorkerId,
};
use tokio::sync::Notify;

use super::engine::Inner;
use super::process;
use crate::options::EngineOptions;

/// The most executions that one claim takes.
const CLAIM: usize = 100;

/// How often the leavings of a dead worker are looked at again: something it began before it died may come to light late.
const REVISIT: Duration = Duration::from_secs(60);

/// After how long without a heartbeat a dead worker's record is removed.
const FORGET: Duration = Duration::from_secs(24 * 3600);

/// The most due times that are remembered; polling finds the others.
const MAX_DUE: usize = 100_000;

/// This worker's hold on what it owns.
#[derive(Debug)]
pub(crate) struct Lease {
    state: RwLock<LeaseState>,
    /// A heartbeat whose reply was lost: it is sent again before the next.
    lost: tokio::sync::Mutex<Option<(Transaction, Timestamp)>>,
}

#[derive(Debug, Clone)]
struct LeaseState {
    worker: WorkerId,
    revision: u64,
    valid_until: Timestamp,
}

impl Lease {
    /// Registers this process as a new worker.
    pub(crate) async fn register(store: &Store, options: &EngineOptions) -> Result<Self, Error> {
        Ok(Self { state: RwLock::new(register(store, options.lease).await?), lost: tokio::sync::Mutex::default() })
    }

    fn read(&self) -> LeaseState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn worker(&self) -> WorkerId {
        self.read().worker
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        now < self.state.read().unwrap_or_else(PoisonError::into_inner).valid_until
    }

    fn set(&self, state: LeaseState) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Prolongs the lease, or registers anew if others have taken this worker for dead.
    async fn beat(&self, store: &Store, lease: Duration) -> Result<(), Error> {
        let mut lost = self.lost.lock().await;
        if let Some((transaction, expires_at)) = lost.clone() {
            self.send(store, lease, transaction.retry(), expires_at, &mut lost).await?;
        }
        let state = self.read();
        let now = store.clock().now();
        let expires_at = now.saturating_add(lease);
        let update = Operation::Update {
            key: Key::new(Worker::KIND, [state.worker.as_str()]),
            condition: Condition::Revision(state.revision),
            set: vec![
                (WorkerColumn::seen_at as usize, Value::from(now)),
                (WorkerColumn::expires_at as usize, Some(expires_at).to_value()),
            ],
        };
        self.send(store, lease, Transaction::new(vec![update]), expires_at, &mut lost).await
    }

    async fn send(
        &self,
        store: &Store,
        lease: Duration,
        transaction: Transaction,
        expires_at: Timestamp,
        lost: &mut Option<(Transaction, Timestamp)>,
    ) -> Result<(), Error> {
        let state = self.read();
        let answer = store.backend().commit_one(transaction.clone()).await;
        match &answer {
            Err(error) if error.retry() == Retry::Unknown => *lost = Some((transaction, expires_at)),
            Err(error) if error.retry() == Retry::Transient => {}
            _ => *lost = None,
        }
        match answer {
            Ok(committed) => {
                let revision = committed.revisions.first().copied().unwrap_or(state.revision);
                self.set(LeaseState { revision, valid_until: expires_at, ..state });
                Ok(())
            }
            Err(error) if error.is_conflict() || error.is_not_found() => {
                tracing::warn!(worker = %state.worker, "this worker was taken for dead and registers anew");
                self.set(register(store, lease).await?);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Removes this worker. Everything it owned has been handed back.
    pub(crate) async fn release(&self, store: &Store) {
        let state = self.read();
        let delete = Operation::Delete {
            key: Key::new(Worker::KIND, [state.worker.as_str()]),
            condition: Condition::Revision(state.revision),
        };
        if let Err(error) = store.backend().commit_one(Transaction::new(vec![delete])).await {
            tracing::debug!(%error, "this worker's record stays until it expires");
        }
    }
}

async fn register(store: &Store, lease: Duration) -> Result<LeaseState, Error> {
    let now = store.clock().now();
    let valid_until = now.saturating_add(lease);
    let worker = Worker {
        id: WorkerId::generate(now),
        host: process::host(),
        process: process::this(),
        started_at: now,
        seen_at: now,
        expires_at: Some(valid_until),
    };
    store.backend().commit_one(Transaction::new(vec![Operation::Insert(worker.to_record())])).await?;
    Ok(LeaseState { worker: worker.id, revision: 1, valid_until })
}

/// When executions that left this process fall due, so that nobody has to poll for them.
#[derive(Debug, Default)]
pub(crate) struct Due {
    times: Mutex<BinaryHeap<Reverse<Timestamp>>>,
    sooner: Notify,
}

impl Due {
    fn add(&self, time: Timestamp) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() < MAX_DUE {
            times.push(Reverse(time));
            self.sooner.notify_one();
        }
    }

    /// The next time after `now`.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        while times.peek().is_some_and(|Reverse(time)| *time <= now) {
            times.pop();
        }
        times.peek().map(|Reverse(time)| *time)
    }
}

impl Inner {
    /// The worker to own something new; `None` if this process must not.
    pub(crate) fn may_own(&self) -> Option<WorkerId> {
        (!self.stop.is_cancelled() && self.lease.is_valid(self.now())).then(|| self.lease.worker())
    }

    /// Remembers that an execution in the store falls due.
    pub(crate) fn due_at(&self, time: Timestamp) {
        self.due.add(time);
    }

    pub(crate) fn start_loops(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        self.spawn(async move { inner.heartbeat_loop().await });
        let inner = Arc::clone(self);
        self.spawn(async move { inner.due_loop().await });
        let inner = Arc::clone(self);
        self.spawn(async move { inner.adoption_loop().await });
        let inner = Arc::clone(self);
        self.spawn(async move { inner.upkeep_loop().await });
    }

    /// Beats until the process has let go of everything.
    async fn heartbeat_loop(self: Arc<Self>) {
        let pause = self.options.lease / 3;
        loop {
            let next = self.now().saturating_add(pause);
            tokio::select! {
                () = self.store.clock().sleep_until(next) => {}
                () = self.let_go() => return,
            }
            if let Err(error) = self.lease.beat(&self.store, self.options.lease).await {
                tracing::warn!(%error, "a heartbeat failed");
            }
        }
    }

    /// Done when the process stops and runs nothing any more.
    async fn let_go(&self) {
        self.stop.cancelled().await;
        loop {
            let left = self.left.notified();
            if self.registry.len() == 0 {
                return;
            }
            left.await;
        }
    }

    /// Takes up what falls due, and hears what other processes asked of this one's executions.
    async fn due_loop(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let now = self.now();
            match self.claim_due(now).await {
                // There may be more.
                Ok(CLAIM) => continue,
                Ok(_) => {}
                Err(error) => {
                    self.doubt(&error);
                    tracing::warn!(%error, "due executions could not be claimed");
                }
            }
            if let Err(error) = self.hear().await {
                tracing::warn!(%error, "requests to executions could not be read");
            }
            let floor = now.saturating_add(self.options.poll);
            loop {
                let now = self.now();
                let sooner = self.due.sooner.notified();
                let next = self.due.next(now).map_or(floor, |time| time.min(floor));
                tokio::select! {
                    () = self.store.clock().sleep_until(next) => break,
                    () = sooner => {}
                    () = self.stop.cancelled() => return,
                }
            }
        }
    }

    async fn claim_due(self: &Arc<Self>, now: Timestamp) -> Result<usize, Error> {
        let Some(worker) = self.may_own() else { return Ok(0) };
        let records = self
            .store
            .backend()
            .claim(&Claim {
                kind: Execution::KIND,
                index: "by_due",
                prefix: Vec::new(),
                up_to: Some(Value::from(now)),
                limit: CLAIM,
                set: vec![
                    (ExecutionColumn::wake_at as usize, Value::Null),
                    (ExecutionColumn::owner as usize, Value::from(worker)),
                ],
            })
            .await?;
        let count = records.len();
        self.take_up_claimed(records).await;
        Ok(count)
    }

    /// Tells this process's executions what other processes asked of them.
    async fn hear(&self) -> Result<(), Error> {
        let scan = Scan::index(Execution::KIND, "by_control").equals(self.lease.worker()).limit(CLAIM);
        for record in self.store.backend().scan(&scan).await?.records {
            self.registry.nudge(&Execution::from_record(record)?.id);
        }
        Ok(())
    }

    async fn adoption_loop(self: Arc<Self>) {
        if let Err(error) = self.adopt_gone().await {
            self.doubt(&error);
            tracing::warn!(%error, "workers of this machine that are gone could not be looked for");
        }
        while !self.stop.is_cancelled() {
            if let Err(error) = self.adopt().await {
                self.doubt(&error);
                tracing::warn!(%error, "dead workers could not be looked for");
            }
            if let Err(error) = self.reclaim().await {
                tracing::warn!(%error, "what this worker owns could not be looked for");
            }
            let next = self.now().saturating_add((self.options.lease / 3).max(self.options.poll));
            tokio::select! {
                () = self.store.clock().sleep_until(next) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Takes over from workers of this machine whose process is gone, without waiting for their lease: so a process that is started
    /// again goes on at once.
    pub(crate) async fn adopt_gone(self: &Arc<Self>) -> Result<(), Error> {
        let mut cursor = None;
        loop {
            let scan = Scan::index(Worker::KIND, "by_expiry").limit(CLAIM).after(cursor);
            let page = self.store.backend().scan(&scan).await?;
            for record in page.records {
                let worker = Stored::<Worker>::from_record(record)?;
                if worker.process.as_deref().is_some_and(process::is_gone) {
                    self.take_over(&worker.id).await?;
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes over the executions of workers whose lease has run out.
    async fn adopt(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.now();
        if self.may_own().is_none() {
            return Ok(());
        }
        let again = now.saturating_add(self.options.lease.max(REVISIT));
        let dead = self
            .store
            .backend()
            .claim(&Claim {
                kind: Worker::KIND,
                index: "by_expiry",
                prefix: Vec::new(),
                up_to: Some(Value::from(now)),
                limit: 10,
                set: vec![(WorkerColumn::expires_at as usize, Some(again).to_value())],
            })
            .await?;
        for record in dead {
            let dead = Stored::<Worker>::from_record(record)?;
            self.take_over(&dead.id).await?;
            if now.duration_since(dead.seen_at) > FORGET {
                let delete = Operation::Delete {
                    key: Key::new(Worker::KIND, [dead.id.as_str()]),
                    condition: Condition::Revision(dead.revision),
                };
                // If it changed, somebody else looks after it.
                let _ = self.store.backend().commit_one(Transaction::new(vec![delete])).await;
            }
        }
        Ok(())
    }

    async fn take_over(self: &Arc<Self>, dead: &WorkerId) -> Result<(), Error> {
        loop {
            let Some(worker) = self.may_own().filter(|worker| worker != dead) else { return Ok(()) };
            let records = self
                .store
                .backend()
                .claim(&Claim {
                    kind: Execution::KIND,
                    index: "by_owner",
                    prefix: vec![Value::from(dead)],
                    up_to: None,
                    limit: CLAIM,
                    set: vec![(ExecutionColumn::owner as usize, Value::from(worker))],
                })
                .await?;
            if records.is_empty() {
                return Ok(());
            }
            tracing::info!(count = records.len(), %dead, "taking over the executions of a dead worker");
            self.take_up_claimed(records).await;
        }
    }
}
