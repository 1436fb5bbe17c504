//! Applying transactions: many of them in one transaction of the database, and each judged for itself where that cannot be.

mod alone;
mod careful;
mod fast;
mod work;

use std::time::{Duration, Instant};

use aquifer_core::{Capabilities, Committed, Error, ErrorKind, Operation, Result, Schema, Transaction};
use aquifer_memory::touched;
use mongodb::ClientSession;

use crate::connection::Connection;
use work::Trouble;

/// How often a batch is tried as a whole before each of its transactions is tried by itself.
const BATCH_TRIES: u32 = 4;
/// How often one transaction is tried while others are in its way.
const TRIES: u32 = 40;

/// Applies transactions that were checked.
pub(crate) struct Committer<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) schema: &'static Schema,
    pub(crate) capabilities: Capabilities,
}

impl Committer<'_> {
    /// Answers each transaction for itself, in order.
    pub(crate) async fn commit(&self, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        let mut answers = Vec::with_capacity(transactions.len());
        if transactions.is_empty() {
            return answers;
        }
        let _permit = match self.connection.permit().await {
            Ok(permit) => permit,
            Err(error) => return same(&error, transactions.len()),
        };
        let mut rest = transactions;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(self.batch(rest));
            answers.extend(self.apply(batch).await);
            rest = after;
        }
        answers
    }

    /// How many of the transactions fit into one transaction of the database; at least one.
    fn batch(&self, transactions: &[Transaction]) -> usize {
        let (mut operations, mut bytes) = (0, 0);
        let fitting = transactions.iter().take_while(|transaction| {
            operations += transaction.operations.len();
            bytes += transaction.size();
            operations <= self.capabilities.max_operations && bytes <= self.capabilities.max_transaction_bytes
        });
        fitting.count().max(1)
    }

    async fn apply(&self, batch: &[Transaction]) -> Vec<Result<Committed>> {
        if let [transaction] = batch
            && let [operation] = &*transaction.operations
            && !transaction.retried
        {
            return vec![alone::apply(self.connection, transaction.id, operation).await];
        }
        let mut session = match self.connection.session().await {
            Ok(session) => session,
            Err(error) => return same(&error, batch.len()),
        };
        if !is_fast(batch) {
            return self.judged(&mut session, batch, false).await;
        }
        match fast::apply(self.connection, &mut session, batch).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(Trouble::Failed(error)) if fails_all(&error) => same(&error, batch.len()),
            Err(trouble) => self.judged(&mut session, batch, trouble.is_doubtful()).await,
        }
    }

    /// Reads what the transactions concern, decides each, and writes what changes. `doubtful`: the batch may have been applied.
    async fn judged(
        &self,
        session: &mut ClientSession,
        batch: &[Transaction],
        doubtful: bool,
    ) -> Vec<Result<Committed>> {
        let tries = if batch.len() > 1 { BATCH_TRIES } else { TRIES };
        let began = Instant::now();
        let mut batch = batch.to_vec();
        let mut is_doubtful = doubtful;
        let mut failed = Error::unavailable("others were always in the way of the transaction: try again");
        for tried in 0..tries {
            if is_doubtful {
                batch = batch.iter().map(Transaction::retry).collect();
            }
            match careful::apply(self, session, &batch).await {
                Ok(answers) => return answers,
                Err(Trouble::Failed(error)) if batch.len() == 1 || fails_all(&error) => {
                    return same(&error, batch.len());
                }
                // One of them is at fault, and the others are not to suffer for it.
                Err(Trouble::Failed(_)) => break,
                Err(trouble) => {
                    is_doubtful |= trouble.is_doubtful();
                    if let Trouble::Conflict { error, .. } = trouble {
                        failed = error;
                    }
                }
            }
            if began.elapsed() > self.connection.options.request_timeout {
                break;
            }
            let most = 4_u64 << tried.min(5);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=most))).await;
        }
        if batch.len() == 1 {
            return same(&failed, 1);
        }
        if is_doubtful {
            batch = batch.iter().map(Transaction::retry).collect();
        }
        let mut answers = Vec::with_capacity(batch.len());
        for transaction in &batch {
            answers.extend(Box::pin(self.judged(session, std::slice::from_ref(transaction), false)).await);
        }
        answers
    }
}

/// Whether the batch can be written without reading it first: no transaction was tried before, no two touch the same record, and
/// something is written.
fn is_fast(batch: &[Transaction]) -> bool {
    let operations = || batch.iter().flat_map(|transaction| transaction.operations.iter());
    !batch.iter().any(|transaction| transaction.retried)
        && operations().any(|operation| !matches!(operation, Operation::Check { .. }))
        && touched(batch).len() == operations().count()
}

/// Whether an error is of the whole batch and not of one of its transactions.
fn fails_all(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unauthorized)
}

fn same(error: &Error, count: usize) -> Vec<Result<Committed>> {
    (0..count).map(|_| Err(error.duplicate())).collect()
}
