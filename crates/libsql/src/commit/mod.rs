//! Applying transactions, each batch of them as one request and one transaction of the database.
//!
//! The server never waits for the client within a transaction: what has to be decided in between is a condition of a step. First the
//! [`fast`] form with a few statements over many rows, which applies all or nothing; where that does not hold, the [`careful`] one,
//! which tells for each transaction what became of it.

pub(crate) mod assertion;
mod careful;
mod fast;
#[cfg(test)]
mod tests;

use std::ops::Range;

use aquifer_core::{Committed, Error, Result, Retry, Transaction};

use crate::backend::LibsqlBackend;
use crate::commit::careful::Careful;
use crate::commit::fast::Fast;
use crate::error::of_step;
use crate::hrana::{Access, Batch, Condition, Failure, Reply, StepError, StepId, all, not};

/// The most bytes of values in a request, unless one transaction has more.
const REQUEST_BYTES: usize = 8 << 20;
/// The most operations in a request, so that others do not wait for long.
const REQUEST_OPERATIONS: usize = 4096;

impl LibsqlBackend {
    /// Applies transactions that were checked before.
    pub(crate) async fn apply(&self, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        let mut answers = Vec::with_capacity(transactions.len());
        for range in requests(transactions) {
            let group = transactions.get(range).unwrap_or_default();
            match self.apply_group(group).await {
                Ok(applied) => answers.extend(applied),
                Err(error) => {
                    answers.extend(group.iter().map(|_| Err(error.duplicate())));
                    // Those that follow would fare no better, and have not been tried.
                    let retry = if error.retry() == Retry::Unknown { Retry::Transient } else { error.retry() };
                    answers.resize_with(transactions.len(), || Err(error.duplicate().with_retry(retry)));
                    break;
                }
            }
        }
        answers
    }

    /// Applies transactions as one transaction of the database.
    async fn apply_group(&self, group: &[Transaction]) -> Result<Vec<Result<Committed>>> {
        // One operation has nothing to share a statement with, and the careful form tells at once why it does not hold.
        let is_one = group.iter().map(|transaction| transaction.operations.len()).sum::<usize>() == 1;
        if !is_one && let Some(fast) = Fast::new(self.schema, group) {
            let reply = self.send(&fast.batch).await?;
            if let Some(answers) = fast.answers(&reply, self.client.place_name())? {
                return Ok(answers.into_iter().map(Ok).collect());
            }
        }
        let careful = Careful::new(&self.catalog, group)?;
        let reply = self.send(&careful.batch).await?;
        careful.answers(&reply, self.client.place_name())
    }

    async fn send(&self, batch: &Batch<'_>) -> Result<Reply> {
        self.client.run(batch, Access::Write).await.map_err(Failure::into_error)
    }
}

/// Begins a transaction that holds the write lock, if a condition holds.
pub(crate) fn begin(batch: &mut Batch<'_>, condition: Option<Condition>) -> StepId {
    // On by default in the server's own build. Nothing is to be changed within a transaction.
    batch.push("PRAGMA foreign_keys = ON", Vec::new());
    match condition {
        Some(condition) => batch.push_if(condition, "BEGIN IMMEDIATE", Vec::new()),
        None => batch.push("BEGIN IMMEDIATE", Vec::new()),
    }
}

/// Ends a transaction: makes it durable if `last` went well, and undoes it otherwise.
pub(crate) fn end(batch: &mut Batch<'_>, begin: StepId, last: Condition) -> StepId {
    let commit = batch.push_if(last, "COMMIT", Vec::new());
    batch.push_if(all([begin.ok(), not(commit.ok())]), "ROLLBACK", Vec::new());
    commit
}

/// What an error of `COMMIT` means.
pub(crate) fn of_commit(error: &StepError, place: &str) -> Error {
    let translated = of_step(error, place);
    // It may have been written although the disk did not say so.
    let is_settled = translated.retry() == Retry::Transient && !error.is("SQLITE_IOERR");
    if is_settled { translated } else { translated.with_retry(Retry::Unknown) }
}

/// Cuts transactions into requests.
fn requests(transactions: &[Transaction]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut bytes, mut operations) = (0, 0);
    for (place, transaction) in transactions.iter().enumerate() {
        bytes += transaction.size();
        operations += transaction.operations.len();
        match ranges.last_mut() {
            Some(range) if bytes <= REQUEST_BYTES && operations <= REQUEST_OPERATIONS => range.end = place + 1,
            _ => {
                ranges.push(place..place + 1);
                (bytes, operations) = (transaction.size(), transaction.operations.len());
            }
        }
    }
    ranges
}
