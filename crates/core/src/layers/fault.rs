//! Fails on purpose, so that tests see what a bad day does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::pass_on::pass_on;
use crate::backend::Backend;
use crate::claim::Claim;
use crate::clock::Clock;
use crate::error::{Error, Result, Retry};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::transaction::{Committed, Transaction};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done; the error is [`Retry::Transient`].
    Before,
    /// It is done, but the reply is lost; the error is [`Retry::Unknown`], or transient where nothing can have been applied.
    After,
    /// It is done later.
    Delay(Duration),
}

/// A layer that fails by chance, the same way for the same seed and calls, or at a call that a test names.
///
/// Reads, scans, claims and commits fail; by chance, replies are lost for commits only, because a lost claim is lost for its caller.
#[derive(Debug)]
pub struct Faults {
    inner: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    before: f64,
    after: f64,
    delay: f64,
    longest_delay: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    calls: u64,
    script: BTreeMap<u64, Fault>,
    /// What the next call of an operation meets, in order.
    next: Vec<(&'static str, Fault)>,
}

impl Faults {
    /// Wraps `inner` without any fault yet.
    pub fn new(inner: Arc<dyn Backend>, clock: Arc<dyn Clock>, seed: u64) -> Self {
        let state =
            State { random: fastrand::Rng::with_seed(seed), calls: 0, script: BTreeMap::new(), next: Vec::new() };
        Self {
            inner,
            clock,
            before: 0.0,
            after: 0.0,
            delay: 0.0,
            longest_delay: Duration::ZERO,
            state: Mutex::new(state),
        }
    }

    /// Fails calls, and single transactions of commits, before they do anything, with this probability from 0 to 1.
    pub fn with_failures(mut self, probability: f64) -> Self {
        self.before = probability;
        self
    }

    /// Loses the replies to transactions with this probability from 0 to 1.
    pub fn with_lost_replies(mut self, probability: f64) -> Self {
        self.after = probability;
        self
    }

    /// Delays calls by up to `longest` with this probability from 0 to 1.
    pub fn with_delays(mut self, probability: f64, longest: Duration) -> Self {
        self.delay = probability;
        self.longest_delay = longest;
        self
    }

    /// Lets the `nth` call from now, from 1, fail as a whole; calls are reads, commits, scans and claims alike.
    pub fn script(&self, nth: u64, fault: Fault) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let call = state.calls + nth;
        state.script.insert(call, fault);
    }

    /// Lets the next call of `operation` (`get`, `commit`, `scan`, `claim`) fail as a whole; said twice, the next two.
    pub fn next(&self, operation: &'static str, fault: Fault) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.next.push((operation, fault));
    }

    /// What happens to the call that begins: what the script says, else chance.
    fn fate(&self, operation: &'static str) -> Option<Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        if let Some(place) = state.next.iter().position(|(next, _)| *next == operation) {
            return Some(state.next.remove(place).1);
        }
        let call = state.calls;
        if let Some(fault) = state.script.remove(&call) {
            return Some(fault);
        }
        if state.random.f64() < self.delay {
            return Some(Fault::Delay(self.longest_delay.mul_f64(state.random.f64())));
        }
        None
    }

    fn chance(&self, probability: f64) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.random.f64() < probability
    }

    fn failed(&self, operation: &'static str, retry: Retry) -> Error {
        let message = match retry {
            Retry::Unknown => "injected fault: the reply was lost",
            _ => "injected fault: the backend did not answer",
        };
        Error::unavailable(message).with_retry(retry).with_backend(self.name()).with_operation(operation)
    }

    /// Does `work` that answers for itself as a whole.
    async fn call<T>(
        &self,
        operation: &'static str,
        lost: Retry,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        match self.fate(operation) {
            Some(Fault::Before) => return Err(self.failed(operation, Retry::Transient)),
            Some(Fault::After) => {
                work.await?;
                return Err(self.failed(operation, lost));
            }
            Some(Fault::Delay(delay)) => self.clock.sleep_until(self.clock.now().saturating_add(delay)).await,
            None => {}
        }
        if self.chance(self.before) {
            return Err(self.failed(operation, Retry::Transient));
        }
        work.await
    }
}

#[async_trait]
impl Backend for Faults {
    pass_on!(name, capabilities, migrate, watch, ping, stats, close);

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.call("get", Retry::Transient, self.inner.get(keys)).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let fate = self.fate("commit");
        match fate {
            Some(Fault::Before) => {
                return transactions.iter().map(|_| Err(self.failed("commit", Retry::Transient))).collect();
            }
            Some(Fault::Delay(delay)) => self.clock.sleep_until(self.clock.now().saturating_add(delay)).await,
            Some(Fault::After) | None => {}
        }
        let spared: Vec<bool> = transactions.iter().map(|_| !self.chance(self.before)).collect();
        let sent =
            transactions.into_iter().zip(&spared).filter(|(_, spared)| **spared).map(|(transaction, _)| transaction);
        let mut answers = self.inner.commit(sent.collect()).await.into_iter();
        let mut answer = |spared: bool| {
            let answer = if spared { answers.next() } else { None };
            let answer = answer.unwrap_or_else(|| Err(self.failed("commit", Retry::Transient)))?;
            if fate == Some(Fault::After) || self.chance(self.after) {
                return Err(self.failed("commit", Retry::Unknown));
            }
            Ok(answer)
        };
        spared.into_iter().map(&mut answer).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.call("scan", Retry::Transient, self.inner.scan(scan)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.call("claim", Retry::Unknown, self.inner.claim(claim)).await
    }
}
