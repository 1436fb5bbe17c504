//! Transactions one after the other, each within a savepoint, with what tells why one of them did not hold.

use std::borrow::Cow;

use aquifer_core::{Committed, Condition, Error, ErrorKind, Key, Operation, Result, Trace, Transaction};
use aquifer_sql::Catalog;

use super::{assertion, begin, end, of_commit};
use crate::error::{Violation, is_assertion, is_too_big, is_violation, named, of_step, violation};
use crate::hrana::{Argument, Batch, Cell, Condition as When, Reply, StepError, StepId, all, any, not};
use crate::values::{argument, arguments, number};

/// A batch in which each transaction applies or does not, whatever becomes of the others.
pub(super) struct Careful<'a> {
    pub(super) batch: Batch<'a>,
    commit: StepId,
    transactions: Vec<Steps<'a>>,
}

/// The steps of one transaction.
struct Steps<'a> {
    transaction: &'a Transaction,
    /// Reads what each operation's record bears, if the transaction is found to have been applied before.
    traces: Vec<StepId>,
    operations: Vec<OperationSteps>,
    /// Keeps what it wrote; does not run if something did not hold.
    release: StepId,
}

/// The steps of one operation.
struct OperationSteps {
    statement: StepId,
    /// Whether the statement found its record; checks tell it themselves.
    held: StepId,
    /// Reads what the record bears if the operation did not hold.
    why: StepId,
}

impl<'a> Careful<'a> {
    /// The batch.
    ///
    /// # Errors
    /// `Invalid` for a kind that the schema does not have.
    pub(super) fn new(catalog: &'a Catalog, transactions: &'a [Transaction]) -> Result<Self> {
        let mut batch = Batch::default();
        let begin = begin(&mut batch, None);
        // After some errors the server undoes the whole transaction, and a savepoint would begin another: so that each step waits for
        // the end of what came before it.
        let mut last = begin.ok();
        let mut steps = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            let savepoint = batch.push_if(last, "SAVEPOINT one", Vec::new());
            let mut writer = Writer { catalog, batch: &mut batch, savepoint };
            let (traces, proceed) = writer.look_before(transaction)?;
            let mut operations = Vec::with_capacity(transaction.operations.len());
            let mut proceed = proceed;
            for operation in transaction.operations.iter() {
                let written = writer.operation(operation, transaction.id, &proceed)?;
                proceed = written.held.ok();
                operations.push(written);
            }
            let release = batch.push_if(proceed, "RELEASE one", Vec::new());
            let undo = batch.push_if(all([savepoint.ok(), not(release.ok())]), "ROLLBACK TO one", Vec::new());
            let released = batch.push_if(undo.ok(), "RELEASE one", Vec::new());
            last = any([release.ok(), released.ok()]);
            steps.push(Steps { transaction, traces, operations, release });
        }
        let commit = end(&mut batch, begin, last);
        Ok(Self { batch, commit, transactions: steps })
    }

    /// What each transaction is answered.
    ///
    /// # Errors
    /// Those of the database; nothing was applied unless the error says that this is unknown.
    pub(super) fn answers(&self, reply: &Reply, place: &str) -> Result<Vec<Result<Committed>>> {
        if !reply.is_ok(self.commit) {
            return Err(match (reply.error(self.commit), self.failure(reply)) {
                (Some(error), _) => of_commit(error, place),
                (None, Some(error)) => of_step(error, place),
                (None, None) => Error::unavailable(format!("{place} did not run the batch to its end")),
            });
        }
        Ok(self.transactions.iter().map(|steps| steps.answer(reply, place)).collect())
    }

    /// The error that ended the batch: not one that only ended a transaction of it.
    fn failure<'r>(&self, reply: &'r Reply) -> Option<&'r StepError> {
        reply.errors().find(|error| !(is_assertion(error) || is_too_big(error) || is_violation(error)))
    }
}

/// Adds the steps of one transaction.
struct Writer<'a, 'b> {
    catalog: &'a Catalog,
    batch: &'b mut Batch<'a>,
    savepoint: StepId,
}

impl<'a> Writer<'a, '_> {
    /// Looks whether a retried transaction was applied before, as [`Transaction::applied_before`] decides it. Gives the steps that
    /// read what the records bear, and when the operations are to run.
    fn look_before(&mut self, transaction: &Transaction) -> Result<(Vec<StepId>, When)> {
        let savepoint = self.savepoint.ok();
        if !transaction.retried {
            return Ok((Vec::new(), savepoint));
        }
        let writes = |operation: &&Operation| matches!(operation, Operation::Insert(_) | Operation::Update { .. });
        let deletes = |operation: &&Operation| matches!(operation, Operation::Delete { .. });
        let written: Vec<&Operation> = transaction.operations.iter().filter(writes).collect();
        let deleted: Vec<&Operation> = transaction.operations.iter().filter(deletes).collect();
        let mut last = self.savepoint;
        let (applied, proceed) = if !written.is_empty() {
            for operation in written {
                let key = operation.key();
                let text = assertion::does_not_bear(&self.catalog.of(key.kind)?.trace);
                let mut args = arguments(&key.values);
                args.push(number(transaction.id));
                last = self.batch.push_if(last.ok(), text, args);
            }
            (not(last.ok()), last.ok())
        } else if !deleted.is_empty() {
            for operation in deleted {
                let key = operation.key();
                let text = assertion::finds_nothing(&self.catalog.of(key.kind)?.trace);
                last = self.batch.push_if(last.ok(), text, arguments(&key.values));
            }
            (last.ok(), not(last.ok()))
        } else {
            return Ok((Vec::new(), savepoint));
        };
        let mut traces = Vec::with_capacity(transaction.operations.len());
        for operation in transaction.operations.iter() {
            let key = operation.key();
            traces.push(self.trace(&key, all([savepoint.clone(), applied.clone()]))?);
        }
        Ok((traces, all([savepoint, proceed])))
    }

    fn operation(&mut self, operation: &Operation, transaction: u64, proceed: &When) -> Result<OperationSteps> {
        let key = operation.key();
        let statements = self.catalog.of(key.kind)?;
        let (text, args): (Cow<'a, str>, _) = match operation {
            Operation::Insert(record) => {
                let mut args = arguments(&record.values);
                args.push(number(transaction));
                (Cow::Borrowed(&statements.insert), args)
            }
            Operation::Update { condition, set, .. } => {
                let mut args = arguments(set.iter().map(|(_, value)| value));
                args.push(number(transaction));
                args.extend(key.values.iter().map(argument));
                args.extend(revision(*condition));
                (Cow::Owned(statements.update(set, *condition).to_string()), args)
            }
            Operation::Delete { condition, .. } => {
                let text = match condition {
                    Condition::Revision(_) => &statements.delete_at_revision,
                    Condition::Exists | Condition::Absent => &statements.delete,
                };
                (Cow::Borrowed(text), arguments(&key.values).into_iter().chain(revision(*condition)).collect())
            }
            Operation::Check { condition, .. } => {
                let args = arguments(&key.values);
                match condition {
                    Condition::Absent => (Cow::Owned(assertion::finds_nothing(&statements.trace)), args),
                    Condition::Exists => {
                        let twice = args.iter().chain(&args).cloned().collect();
                        (Cow::Owned(assertion::revision(&statements.trace)), twice)
                    }
                    Condition::Revision(_) => {
                        let args = args.into_iter().chain(revision(*condition)).collect();
                        (Cow::Owned(assertion::at_revision(&statements.trace)), args)
                    }
                }
            }
        };
        let statement = self.batch.push_if(proceed.clone(), text, args);
        let held = match operation {
            // One that does not insert fails by itself.
            Operation::Insert(_) | Operation::Check { .. } => statement,
            Operation::Update { .. } | Operation::Delete { .. } => {
                self.batch.push_if(statement.ok(), assertion::CHANGED, vec![Argument::integer(1)])
            }
        };
        // Before anything is undone, so that it sees what the operation saw.
        let why = self.trace(&key, all([proceed.clone(), not(held.ok())]))?;
        Ok(OperationSteps { statement, held, why })
    }

    fn trace(&mut self, key: &Key, condition: When) -> Result<StepId> {
        Ok(self.batch.push_if(condition, self.catalog.of(key.kind)?.trace.as_str(), arguments(&key.values)))
    }
}

/// The revision that a condition names.
fn revision(condition: Condition) -> Option<Argument> {
    match condition {
        Condition::Revision(revision) => Some(number(revision)),
        Condition::Exists | Condition::Absent => None,
    }
}

impl Steps<'_> {
    fn answer(&self, reply: &Reply, place: &str) -> Result<Committed> {
        let operations = self.transaction.operations.iter().zip(&self.operations);
        if reply.is_ok(self.release) {
            let revisions = operations.map(|(operation, steps)| steps.revision(operation, reply)).collect();
            return Ok(Committed { revisions });
        }
        if self.traces.first().is_some_and(|trace| reply.is_ok(*trace)) {
            let found: Vec<_> = self.traces.iter().map(|step| trace(reply, *step)).collect();
            if let Some(committed) = self.transaction.applied_before(&found) {
                return Ok(committed);
            }
        }
        match operations.into_iter().find(|(_, steps)| !reply.is_ok(steps.held)) {
            Some((operation, steps)) => Err(steps.refusal(operation, reply, place)),
            None => Err(Error::corrupt("a transaction was undone for no reason")),
        }
    }
}

impl OperationSteps {
    /// The record's revision after the operation.
    fn revision(&self, operation: &Operation, reply: &Reply) -> u64 {
        match operation {
            Operation::Insert(_) => 1,
            Operation::Update { condition: Condition::Revision(before), .. } => before.saturating_add(1),
            Operation::Check { condition: Condition::Revision(then), .. } => *then,
            Operation::Delete { .. } | Operation::Check { condition: Condition::Absent, .. } => 0,
            Operation::Update { .. } | Operation::Check { .. } => {
                let row = reply.rows(self.statement).first().and_then(|row| row.first());
                row.and_then(Cell::number).unwrap_or(0)
            }
        }
    }

    /// What the contract answers where the operation did not hold.
    fn refusal(&self, operation: &Operation, reply: &Reply, place: &str) -> Error {
        let key = operation.key();
        let found = trace(reply, self.why);
        let Some(error) = reply.error(self.statement).or_else(|| reply.error(self.held)) else {
            return Error::corrupt("a statement was left out for no reason");
        };
        if is_assertion(error) {
            return named(not_met(condition(operation), found), &key);
        }
        match (violation(error, key.kind), operation) {
            (None, _) => of_step(error, place),
            (Some(Violation::Key), _) | (Some(Violation::Unique(_)), Operation::Insert(_)) if found.is_some() => {
                named(Error::already_exists("there is such a record already"), &key)
            }
            (Some(Violation::Unique(name)), _) => {
                named(Error::already_exists(format!("another record has this value of {name}")), &key)
            }
            (Some(Violation::Reference), Operation::Delete { .. }) => {
                named(Error::invalid("other records refer to the record: remove them first"), &key)
            }
            (Some(Violation::Reference), _) => {
                named(Error::invalid("the record refers to one that does not exist: store that one first"), &key)
            }
            (Some(Violation::Key | Violation::Other), _) => {
                let error =
                    Error::invalid("the record violates a constraint of its table").with_source(error.message.clone());
                named(error, &key)
            }
        }
    }
}

/// What an operation asks of its record.
fn condition(operation: &Operation) -> Condition {
    match operation {
        Operation::Insert(_) => Condition::Absent,
        Operation::Update { condition, .. }
        | Operation::Delete { condition, .. }
        | Operation::Check { condition, .. } => *condition,
    }
}

/// What is answered where the record that was found does not meet the condition.
fn not_met(condition: Condition, found: Option<Trace>) -> Error {
    match (condition, found) {
        (Condition::Absent, _) => Error::already_exists("there is such a record already"),
        (_, None) => Error::not_found("there is no such record"),
        (Condition::Revision(expected), Some(found)) => {
            Error::conflict(format!("the record is at revision {}, not {expected}", found.revision))
        }
        (Condition::Exists, Some(_)) => Error::new(ErrorKind::Corrupt, "a record was found only the second time"),
    }
}

/// What a step has read of a record.
fn trace(reply: &Reply, step: StepId) -> Option<Trace> {
    match reply.rows(step).first()?.as_slice() {
        [revision, transaction] => Some(Trace { revision: revision.number()?, transaction: transaction.number()? }),
        _ => None,
    }
}
