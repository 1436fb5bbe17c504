//! The backend: the contract over the stored state.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Notifier, Page, Pong, Record, Result, Retry,
    Scan, Schema, Stats, Transaction, Watch, check,
};
use async_trait::async_trait;

use crate::plan::{Plan, Planner};
use crate::state::State;
use crate::table::Entry;

const NAME: &str = "memory";

/// A backend that keeps everything in memory.
///
/// Also what a backend that keeps its data in memory and a journal elsewhere is made of: it [`prepare`](Self::prepare)s what
/// a commit changes, writes that down, and [`apply`](Self::apply)s it; [`dump`](Self::dump) and [`load`](Self::load) move
/// everything at once.
#[derive(Debug)]
pub struct MemoryBackend {
    schema: &'static Schema,
    capabilities: Capabilities,
    shared: Arc<Shared>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    state: RwLock<State>,
    notifier: Notifier,
}

impl MemoryBackend {
    /// An empty backend for the kinds of `schema`.
    pub fn new(schema: &'static Schema) -> Self {
        let capabilities = Capabilities {
            max_record_bytes: 16 << 20,
            max_operations: 1000,
            max_transaction_bytes: 64 << 20,
            concurrent_commits: 1,
            scans_may_lag: false,
            native_expiry: false,
            push: true,
            durable: false,
        };
        let shared = Shared { state: RwLock::new(State::new(schema)), notifier: Notifier::default() };
        Self { schema, capabilities, shared: Arc::new(shared), closed: AtomicBool::new(false) }
    }

    /// States and keeps other limits, so that tests can stand in for a database with small ones.
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Another handle on the same data, as a second process would have; each is closed for itself.
    pub fn handle(&self) -> Self {
        self.handle_for(self.schema)
    }

    /// Another handle on the same data by a program that has another version of the schema.
    pub fn handle_for(&self, schema: &'static Schema) -> Self {
        let capabilities = self.capabilities;
        Self { schema, capabilities, shared: Arc::clone(&self.shared), closed: AtomicBool::new(false) }
    }

    /// Decides what transactions change, each after those before it, without changing anything.
    ///
    /// The caller lets nobody else prepare or write until the plan is applied or dropped. Others may read meanwhile,
    /// and see none of it.
    pub fn prepare(&self, transactions: &[Transaction]) -> Plan<Vec<Result<Committed>>> {
        self.plan_commit(&self.read(), transactions)
    }

    /// Decides what a claim takes, as [`MemoryBackend::prepare`] does for transactions.
    ///
    /// # Errors
    /// As for [`Backend::claim`].
    pub fn prepare_claim(&self, claim: &Claim) -> Result<Plan<Vec<Record>>> {
        check::claim(claim)?;
        self.plan_claim(&self.read(), claim)
    }

    /// Makes a plan come true, tells the watches, and hands over the answer.
    pub fn apply<A>(&self, plan: Plan<A>) -> A {
        self.apply_to(&mut self.write(), plan)
    }

    /// Everything that is stored, kind after kind in the order of the schema, each in the order of its key.
    pub fn dump(&self) -> Vec<Entry> {
        let state = self.read();
        state.tables(self.schema).flat_map(|table| table.iter().map(|entry| Entry::clone(entry))).collect()
    }

    /// Stores entries as they are, over what has their keys. They must be such as [`MemoryBackend::dump`] gives.
    ///
    /// # Errors
    /// `Invalid` for a kind that the schema does not have.
    pub fn load(&self, entries: impl IntoIterator<Item = Entry>) -> Result<()> {
        let mut state = self.write();
        entries.into_iter().try_for_each(|entry| state.put(entry))
    }

    /// Takes away the record with this key, if there is one: what a journal says when it is played back.
    ///
    /// # Errors
    /// `Invalid` for a kind that the schema does not have.
    pub fn unload(&self, key: &Key) -> Result<()> {
        self.write().remove(key)
    }

    fn plan_commit(&self, state: &State, transactions: &[Transaction]) -> Plan<Vec<Result<Committed>>> {
        let mut planner = Planner::new(state, &self.capabilities);
        let answers = transactions
            .iter()
            .enumerate()
            .map(|(position, transaction)| {
                check::transaction(transaction, &self.capabilities)
                    .and_then(|()| planner.transaction(position, transaction))
                    .map_err(|error| named(error, "commit"))
            })
            .collect();
        planner.finish(answers)
    }

    fn plan_claim(&self, state: &State, claim: &Claim) -> Result<Plan<Vec<Record>>> {
        let mut planner = Planner::new(state, &self.capabilities);
        let records = planner.claim(claim)?;
        Ok(planner.finish(records))
    }

    fn apply_to<A>(&self, state: &mut State, plan: Plan<A>) -> A {
        if self.shared.notifier.is_watched() {
            for (key, _) in plan.changes() {
                self.shared.notifier.notify(key.kind, key.partition());
            }
        }
        state.apply(plan.changes);
        plan.answer
    }

    // Nothing panics while it holds the lock, so what a poisoned one guards is whole.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.shared.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.shared.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, operation: &'static str) -> Result<()> {
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
impl Backend for MemoryBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn migrate(&self) -> Result<Migration> {
        self.open("migrate")?;
        self.write().migrate(self.schema).map_err(|error| named(error, "migrate"))
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.open("get")?;
        keys.iter().try_for_each(check::key).map_err(|error| named(error, "get"))?;
        let state = self.read();
        keys.iter()
            .map(|key| Ok(state.get(key)?.map(|entry| entry.record.clone())))
            .collect::<Result<_>>()
            .map_err(|error| named(error, "get"))
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        if let Err(error) = self.open("commit") {
            return transactions.iter().map(|_| Err(error.duplicate())).collect();
        }
        let mut state = self.write();
        let plan = self.plan_commit(&state, &transactions);
        self.apply_to(&mut state, plan)
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.open("scan")?;
        check::scan(scan).and_then(|()| self.read().scan(scan)).map_err(|error| named(error, "scan"))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.open("claim")?;
        check::claim(claim).map_err(|error| named(error, "claim"))?;
        let mut state = self.write();
        let plan = self.plan_claim(&state, claim).map_err(|error| named(error, "claim"))?;
        Ok(self.apply_to(&mut state, plan))
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.open("watch")?;
        Ok(self.shared.notifier.watch(kind))
    }

    async fn ping(&self) -> Result<Pong> {
        self.open("ping")?;
        Ok(Pong { schema_version: self.read().version(), server: String::new() })
    }

    async fn stats(&self) -> Result<Stats> {
        self.open("stats")?;
        let state = self.read();
        let records = state.tables(self.schema).map(|table| (table.kind.name, table.len() as u64)).collect();
        Ok(Stats { records, bytes: None, facts: Vec::new() })
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}
