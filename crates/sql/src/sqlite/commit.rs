//! Applying a batch of transactions as one durable SQLite transaction.

use aquifer_core::{Committed, Condition, Error, Key, Operation, Record, Result, Transaction, Value};

use super::session::Session;
use super::values::Binder;

/// Why an operation did not apply.
pub(super) enum Refusal {
    /// The contract's answer; the operation has written nothing.
    Refused(Error),
    /// The database failed.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What became of a transaction.
enum Outcome {
    Applied(Committed),
    Refused { error: Error, has_written: bool },
}

type Answers = Vec<Result<Committed>>;

impl Session {
    /// Applies transactions, each all-or-nothing and answered for itself. Those that are answered `Ok` are durable.
    pub(super) fn commit(&self, transactions: &[Transaction]) -> Answers {
        self.in_transaction(|| self.batch(transactions))
            .unwrap_or_else(|error| transactions.iter().map(|_| Err(error.duplicate())).collect())
    }

    fn batch(&self, transactions: &[Transaction]) -> Result<Answers> {
        // Few batches have a transaction that is refused after its first write, and a savepoint for each would cost.
        if let Some(answers) = self.attempt(transactions, false)? {
            return Ok(answers);
        }
        self.rollback();
        self.begin()?;
        self.attempt(transactions, true)?.ok_or_else(|| Error::corrupt("a savepoint did not hold"))
    }

    /// Applies transactions; `None` if one that was refused had written and has no savepoint to go back to.
    fn attempt(&self, transactions: &[Transaction], savepoints: bool) -> Result<Option<Answers>> {
        let mut answers = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            if savepoints {
                self.run("SAVEPOINT one")?;
            }
            answers.push(match self.transaction(transaction)? {
                Outcome::Applied(committed) => Ok(committed),
                Outcome::Refused { has_written: true, .. } if !savepoints => return Ok(None),
                Outcome::Refused { error, .. } => {
                    if savepoints {
                        self.run("ROLLBACK TO one")?;
                    }
                    Err(error)
                }
            });
            if savepoints {
                self.run("RELEASE one")?;
            }
        }
        Ok(Some(answers))
    }

    fn transaction(&self, transaction: &Transaction) -> Result<Outcome> {
        if transaction.retried
            && let Some(committed) = self.applied_before(transaction)?
        {
            return Ok(Outcome::Applied(committed));
        }
        let mut has_written = false;
        let mut revisions = Vec::with_capacity(transaction.operations.len());
        for operation in transaction.operations.iter() {
            match self.operation(operation, transaction.id) {
                Ok(revision) => revisions.push(revision),
                Err(Refusal::Refused(error)) => return Ok(Outcome::Refused { error, has_written }),
                Err(Refusal::Failed(error)) => return Err(error),
            }
            has_written |= !matches!(operation, Operation::Check { .. });
        }
        Ok(Outcome::Applied(Committed { revisions }))
    }

    fn operation(&self, operation: &Operation, transaction: u64) -> Result<u64, Refusal> {
        match operation {
            Operation::Insert(record) => self.insert(record, transaction),
            Operation::Update { key, condition, set } => self.update(key, *condition, set, transaction),
            Operation::Delete { key, condition } => self.delete(key, *condition),
            Operation::Check { key, condition } => self.check(key, *condition),
        }
    }

    fn insert(&self, record: &Record, transaction: u64) -> Result<u64, Refusal> {
        let mut statement = self.prepare(&self.database.catalog.of(record.kind)?.insert)?;
        let inserted = Binder::new(&mut statement)
            .values(&record.values)
            .and_then(|binder| binder.number(transaction).map(|_| ()))
            .and_then(|()| statement.raw_execute());
        match inserted {
            Ok(_) => Ok(1),
            Err(error) => Err(self.insert_refused(record, error)),
        }
    }

    /// Changes a record; also what a claim does to those it found.
    pub(super) fn update(
        &self,
        key: &Key,
        condition: Condition,
        set: &[(usize, Value)],
        transaction: u64,
    ) -> Result<u64, Refusal> {
        let text = self.database.catalog.of(key.kind)?.update(set, condition);
        let mut statement = self.prepare(&text)?;
        let mut binder = Binder::new(&mut statement);
        let bound = binder.values(set.iter().map(|(_, value)| value)).and_then(|binder| {
            binder.number(transaction)?.values(&key.values)?;
            Ok(())
        });
        bound.map_err(|error| self.failed(error))?;
        let updated = if let Condition::Revision(before) = condition {
            binder
                .number(before)
                .map(|_| ())
                .and_then(|()| statement.raw_execute())
                .map(|count| (count > 0).then_some(before + 1))
        } else {
            let mut rows = statement.raw_query();
            rows.next().and_then(|row| row.map(|row| row.get(0).map(i64::unsigned_abs)).transpose())
        };
        match updated {
            Ok(Some(revision)) => Ok(revision),
            Ok(None) => Err(self.not_met(key, condition)),
            Err(error) => Err(self.update_refused(key, set, error)),
        }
    }

    fn delete(&self, key: &Key, condition: Condition) -> Result<u64, Refusal> {
        let statements = self.database.catalog.of(key.kind)?;
        let (text, revision) = match condition {
            Condition::Revision(revision) => (&statements.delete_at_revision, Some(revision)),
            _ => (&statements.delete, None),
        };
        let mut statement = self.prepare(text)?;
        let mut binder = Binder::new(&mut statement);
        let bound = binder.values(&key.values).and_then(|binder| match revision {
            Some(revision) => binder.number(revision).map(|_| ()),
            None => Ok(()),
        });
        match bound.and_then(|()| statement.raw_execute()) {
            Ok(0) => Err(self.not_met(key, condition)),
            Ok(_) => Ok(0),
            Err(error) => Err(self.delete_refused(key, error)),
        }
    }

    fn check(&self, key: &Key, condition: Condition) -> Result<u64, Refusal> {
        let found = self.trace(key)?.map(|found| found.revision);
        match (condition, found) {
            (Condition::Absent, None) => Ok(0),
            (Condition::Exists, Some(revision)) => Ok(revision),
            (Condition::Revision(expected), Some(revision)) if revision == expected => Ok(revision),
            _ => Err(self.not_met(key, condition)),
        }
    }

    /// What a retried transaction is answered if it was applied before.
    fn applied_before(&self, transaction: &Transaction) -> Result<Option<Committed>> {
        let found: Result<Vec<_>> =
            transaction.operations.iter().map(|operation| self.trace(&operation.key())).collect();
        Ok(transaction.applied_before(&found?))
    }
}
