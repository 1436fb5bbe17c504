//! Tries again what failed for the moment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};

use super::pass_on::pass_on;
use super::waves::{Placed, waves};
use crate::backend::{Backend, Migration};
use crate::claim::Claim;
use crate::clock::Clock;
use crate::error::{Error, Result, Retry};
use crate::record::{Key, Record};
use crate::scan::{Page, Scan};
use crate::transaction::{Committed, Transaction};

/// How often and how soon [`Retries`] tries again.
#[derive(Debug, Clone, Copy)]
pub struct RetryOptions {
    /// The most retries after the first try.
    pub retries: usize,
    /// The pause before the first retry. Each later one doubles it and adds jitter.
    pub shortest_pause: Duration,
    /// The pause that is not doubled further.
    pub longest_pause: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { retries: 5, shortest_pause: Duration::from_millis(20), longest_pause: Duration::from_secs(2) }
    }
}

/// A layer that retries what a backend could not do for the moment, a bounded number of times with growing pauses.
///
/// It asks the error: what is [`Retry::Transient`] is done again; a commit that is [`Retry::Unknown`] is done again as
/// [`Transaction::retry`], and nobody else's transaction with it. A claim whose reply was lost is left to the caller,
/// because a second one would take other records.
#[derive(Debug)]
pub struct Retries {
    inner: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    options: RetryOptions,
}

impl Retries {
    /// Wraps `inner`, pausing by `clock`.
    pub fn new(inner: Arc<dyn Backend>, clock: Arc<dyn Clock>, options: RetryOptions) -> Self {
        Self { inner, clock, options }
    }

    fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.options.shortest_pause)
            .with_max_delay(self.options.longest_pause)
            .with_max_times(self.options.retries)
            .with_jitter()
            .build()
    }

    async fn pause(&self, operation: &'static str, pause: Duration) {
        metrics::counter!("aquifer_store_retries_total", "backend" => self.name(), "operation" => operation)
            .increment(1);
        self.clock.sleep_until(self.clock.now().saturating_add(pause)).await;
    }

    /// Does `work` until it succeeds, fails for good, or has been tried often enough.
    async fn persist<T, F>(&self, operation: &'static str, again: fn(Retry) -> bool, work: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut pauses = self.pauses();
        loop {
            match work().await {
                Err(error) if again(error.retry()) => match pauses.next() {
                    Some(pause) => self.pause(operation, pause).await,
                    None => return Err(error),
                },
                answer => return answer,
            }
        }
    }

    /// Commits one wave, and again those of it that may still succeed.
    async fn commit_wave(&self, mut wave: Vec<Placed>, answers: &mut [Option<Result<Committed>>]) {
        let mut pauses = self.pauses();
        loop {
            let transactions = wave.iter().map(|(_, transaction)| transaction.clone()).collect();
            let mut failed = Vec::new();
            for ((place, transaction), answer) in wave.into_iter().zip(self.inner.commit(transactions).await) {
                let answer = match answer {
                    Err(error) => {
                        let (transaction, error) = judged(transaction, error);
                        if error.retry() != Retry::Permanent {
                            failed.push((place, transaction));
                        }
                        Err(error)
                    }
                    answer => answer,
                };
                if let Some(slot) = answers.get_mut(place) {
                    *slot = Some(answer);
                }
            }
            match pauses.next() {
                Some(pause) if !failed.is_empty() => self.pause("commit", pause).await,
                _ => return,
            }
            wave = failed;
        }
    }
}

/// The transaction as it is to be committed next, and the error as it is after all tries so far: once it is unknown
/// whether it was applied, a later failure to reach the backend does not settle it.
fn judged(transaction: Transaction, error: Error) -> (Transaction, Error) {
    match error.retry() {
        Retry::Unknown => (transaction.retry(), error),
        Retry::Transient if transaction.retried => (transaction, error.with_retry(Retry::Unknown)),
        Retry::Transient | Retry::Permanent => (transaction, error),
    }
}

fn unless_permanent(retry: Retry) -> bool {
    retry != Retry::Permanent
}

fn if_transient(retry: Retry) -> bool {
    retry == Retry::Transient
}

#[async_trait]
impl Backend for Retries {
    pass_on!(name, capabilities, watch, ping, stats, close);

    async fn migrate(&self) -> Result<Migration> {
        self.persist("migrate", unless_permanent, || self.inner.migrate()).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.persist("get", unless_permanent, || self.inner.get(keys)).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut answers: Vec<_> = transactions.iter().map(|_| None).collect();
        for wave in waves(transactions) {
            self.commit_wave(wave, &mut answers).await;
        }
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| Err(Error::corrupt("the backend gave no answer to a transaction"))))
            .collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.persist("scan", unless_permanent, || self.inner.scan(scan)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.persist("claim", if_transient, || self.inner.claim(claim)).await
    }
}
