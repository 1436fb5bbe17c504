//! Commits with parts: first the parts, then the records, then the claim on the parts.

use super::Chunks;
use super::parts::{removal, set_unclaimed};
use super::plan::{Fitted, Found, fit};
use crate::error::{Error, Result, Retry};
use crate::layers::waves::Placed;
use crate::record::Key;
use crate::transaction::{Committed, Condition, Operation, Transaction};

/// How often a transaction is fitted anew because others change its records at the same time.
const TRIES: usize = 50;

/// A transaction of the wave, rewritten, with whether its parts are its alone.
struct Ready {
    placed: Placed,
    fitted: Fitted,
    is_new: bool,
}

impl Chunks {
    /// Commits transactions that touch different records.
    pub(super) async fn commit_wave(&self, mut wave: Vec<Placed>, answers: &mut [Option<Result<Committed>>]) {
        for _ in 0..TRIES {
            wave = self.try_wave(wave, answers).await;
            if wave.is_empty() {
                return;
            }
        }
        for (place, _) in wave {
            answer(answers, place, Err(Error::unavailable("the record keeps changing while it is written")));
        }
    }

    /// Commits what it can; answers the transactions that must be fitted anew.
    async fn try_wave(&self, wave: Vec<Placed>, answers: &mut [Option<Result<Committed>>]) -> Vec<Placed> {
        let found = match self.find(&wave).await {
            Ok(found) => found,
            Err(error) => {
                for (place, _) in wave {
                    answer(answers, place, Err(error.duplicate()));
                }
                return Vec::new();
            }
        };
        let started = self.clock.now();
        let mut ready = Vec::with_capacity(wave.len());
        for placed in wave {
            match self.prepare(&placed.1, &found).await {
                Ok((fitted, is_new)) => ready.push(Ready { placed, fitted, is_new }),
                Err(error) => answer(answers, placed.0, Err(error)),
            }
        }
        // Parts are swept when nothing refers to them after the grace; long before that, nothing new may refer to them.
        if self.clock.now() > started.saturating_add(self.grace / 2) {
            for Ready { placed, fitted, is_new } in ready {
                if is_new && !fitted.transaction.retried {
                    // The sweep may have been here already, so they go one by one, whichever are left.
                    let left = fitted.new.iter().flat_map(|large| removal(&large.marker).operations.to_vec());
                    self.remove(left.map(|operation| Transaction::new(vec![operation])).collect()).await;
                }
                answer(answers, placed.0, Err(Error::unavailable("storing the parts of a large value took too long")));
            }
            return Vec::new();
        }
        let transactions = ready.iter().map(|ready| ready.fitted.transaction.clone()).collect();
        let committed = self.inner.commit(transactions).await;
        let mut again = Vec::new();
        for (Ready { placed, fitted, is_new }, committed) in ready.into_iter().zip(committed) {
            self.settle(&fitted, is_new, &committed).await;
            if let Ok(committed) = &committed {
                self.learn(&placed, &fitted, &found, committed);
            }
            match committed {
                Err(error) if error.is_conflict() && fitted.narrowed && self.moved(&placed.1, &found).await => {
                    again.push(placed);
                }
                committed => answer(answers, placed.0, committed),
            }
        }
        again
    }

    /// Reads the records that must be known to fit the transactions.
    async fn find(&self, wave: &[Placed]) -> Result<Found> {
        let keys: Vec<Key> = wave
            .iter()
            .flat_map(|placed| placed.1.operations.iter().filter(|operation| self.must_read(placed, operation)))
            .map(Operation::key)
            .collect();
        if keys.is_empty() {
            return Ok(Found::new());
        }
        let records = self.inner.get(&keys).await?;
        Ok(keys.into_iter().zip(records).filter_map(|(key, record)| Some((format!("{key:?}"), record?))).collect())
    }

    /// Whether a record was changed by somebody else since it was found.
    async fn moved(&self, transaction: &Transaction, found: &Found) -> bool {
        let placed = (0, transaction.clone());
        match self.find(std::slice::from_ref(&placed)).await {
            Ok(now) => transaction.operations.iter().any(|operation| {
                let key = format!("{:?}", operation.key());
                let narrowed = matches!(
                    operation,
                    Operation::Update { condition: Condition::Exists, .. }
                        | Operation::Delete { condition: Condition::Exists, .. }
                );
                narrowed && now.get(&key).map(|record| record.revision) != found.get(&key).map(|record| record.revision)
            }),
            // Then the conflict stands, which is true too.
            Err(_) => false,
        }
    }

    /// Fits a transaction, stores its new parts and gives notice of the old ones.
    async fn prepare(&self, transaction: &Transaction, found: &Found) -> Result<(Fitted, bool)> {
        let fitted = fit(self, transaction, found)?;
        let mut is_new = true;
        for large in &fitted.new {
            // Nothing refers to the parts yet, so whatever became of them, nothing was applied.
            is_new &= self.write(large, self.deadline()).await.map_err(nothing_applied)?;
        }
        // Should this process end before it removes them, the sweep does.
        let notices = fitted
            .old
            .iter()
            .map(|marker| Transaction::new(vec![set_unclaimed(&marker.id, Condition::Exists, Some(self.deadline()))]));
        for notice in self.inner.commit(notices.collect()).await {
            match notice {
                Err(error) if !error.is_not_found() => return Err(nothing_applied(error)),
                _ => {}
            }
        }
        Ok((fitted, is_new))
    }

    /// Claims the new parts and removes the old ones, or the other way round. What fails here is left to the sweep.
    async fn settle(&self, fitted: &Fitted, is_new: bool, committed: &Result<Committed>) {
        match committed {
            Ok(_) => {
                for large in &fitted.new {
                    if let Err(error) = self.claim_parts(large).await {
                        tracing::warn!(kind = error.kind().as_str(), "claiming the parts of a large value failed");
                    }
                }
                self.remove(fitted.old.iter().map(removal).collect()).await;
            }
            // Parts that were there before may be referred to since an earlier try.
            Err(error) if error.retry() != Retry::Unknown && !fitted.transaction.retried && is_new => {
                self.remove(fitted.new.iter().map(|large| removal(&large.marker)).collect()).await;
            }
            Err(_) => {}
        }
    }

    async fn remove(&self, removals: Vec<Transaction>) {
        if removals.is_empty() {
            return;
        }
        for removed in self.inner.commit(removals).await {
            if let Err(error) = removed
                && !error.is_not_found()
            {
                tracing::warn!(kind = error.kind().as_str(), "removing the parts of a large value failed");
            }
        }
    }
}

fn answer(answers: &mut [Option<Result<Committed>>], place: usize, answer: Result<Committed>) {
    if let Some(slot) = answers.get_mut(place) {
        *slot = Some(answer);
    }
}

fn nothing_applied(error: Error) -> Error {
    match error.retry() {
        Retry::Unknown => error.with_retry(Retry::Transient),
        Retry::Transient | Retry::Permanent => error,
    }
}
