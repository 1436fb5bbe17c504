//! Applying a batch of transactions: at once where nothing stands against it, with a look first where something may.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aquifer_core::{Committed, Condition, Error, Operation, Result, Transaction};
use aquifer_memory::{Entry, judge, touched, wanted};

use super::backend::Shared;
use super::batch::{groups, identity, is_disjoint, is_simple, moves_uniques};
use super::driver::{Driver, Purpose};
use super::fault::Fault;
use super::lookup::{column_type, find};
use super::parameter::Parameter;
use super::session::Session;

/// How often a batch that others came in the way of is tried again before it is given back.
const ATTEMPTS: u32 = 12;

type Batch<'a> = [(usize, &'a Transaction)];

impl<D: Driver> Shared<D> {
    /// Applies transactions that were checked, each all-or-nothing, and answers each for itself.
    pub(super) async fn apply(&self, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        let batch: Vec<(usize, &Transaction)> = transactions.iter().enumerate().collect();
        if batch.is_empty() {
            return Vec::new();
        }
        if is_simple(&batch, self.writer.returns_revisions()) {
            match self.write_at_once(&batch).await {
                Ok(Some(answers)) => return answers.into_iter().map(Ok).collect(),
                // Something does not hold; a look tells what.
                Ok(None) | Err(Fault::Unique(_) | Fault::Reference(_) | Fault::Contention(_) | Fault::Refused(_)) => {}
                Err(Fault::Failed(error)) => return batch.iter().map(|_| Err(error.duplicate())).collect(),
            }
        }
        self.write_with_care(transactions).await
    }

    /// Writes a batch without looking first; `None` if something in it does not hold.
    async fn write_at_once(&self, batch: &Batch<'_>) -> Result<Option<Vec<Committed>>, Fault> {
        let groups = groups(self.schema, batch);
        let (mut steps, mut rows) = (Vec::new(), Vec::new());
        if inserts(batch)
            && let Some(guard) = self.driver.guard_insert()
        {
            steps.push(guard);
            rows.push(&[][..]);
        }
        for group in &groups {
            for (step, written) in self.writer.steps(group) {
                steps.push(step);
                rows.push(written);
            }
        }
        let mut session = self.driver.session(Purpose::Write).await?;
        let Some(written) = session.write(&steps).await? else { return Ok(None) };
        let mut revisions = HashMap::new();
        for (rows, written) in rows.into_iter().zip(written) {
            for (place, revision) in written {
                if let Some(row) = place.checked_sub(1).and_then(|place| rows.get(place)) {
                    revisions.insert(row.place, revision);
                }
            }
        }
        let answer = |(position, transaction): &(usize, &Transaction)| {
            let operations = transaction.operations.iter().enumerate();
            let revision = |(number, operation): (usize, &Operation)| match operation {
                Operation::Insert(_) => 1,
                Operation::Delete { .. } => 0,
                Operation::Update { condition: Condition::Revision(before), .. } => before.saturating_add(1),
                Operation::Check { condition: Condition::Revision(found), .. } => *found,
                Operation::Update { .. } | Operation::Check { .. } => {
                    revisions.get(&(*position, number)).copied().unwrap_or(0)
                }
            };
            Committed { revisions: operations.map(revision).collect() }
        };
        Ok(Some(batch.iter().map(answer).collect()))
    }

    /// Locks what the batch concerns, decides over it, and writes what holds. Where one transaction keeps the whole from being
    /// written, the batch is halved until it stands alone.
    async fn write_with_care(&self, transactions: &[Transaction]) -> Vec<Result<Committed>> {
        let mut answers = Vec::with_capacity(transactions.len());
        let mut parts = vec![transactions];
        while let Some(part) = parts.pop() {
            match self.write_part(part).await {
                Ok(answered) => answers.extend(answered),
                Err(Fault::Unique(_) | Fault::Reference(_) | Fault::Refused(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(fault) => {
                    let error = fault.into_error();
                    answers.extend(part.iter().map(|_| Err(error.duplicate())));
                }
            }
        }
        answers
    }

    async fn write_part(&self, transactions: &[Transaction]) -> Result<Vec<Result<Committed>>, Fault> {
        let mut attempt = 0;
        loop {
            let mut session = self.driver.session(Purpose::Write).await?;
            let fault = match self.look_and_write(&mut *session, transactions).await {
                Ok(answers) => return Ok(answers),
                Err(fault) => fault,
            };
            if !matches!(fault, Fault::Failed(_)) {
                session.rollback().await?;
            }
            drop(session);
            // Somebody else was faster: what is stored now is another matter.
            attempt += 1;
            if attempt >= ATTEMPTS || !matches!(fault, Fault::Unique(_) | Fault::Contention(_)) {
                return Err(fault);
            }
            tokio::time::sleep(pause(attempt)).await;
        }
    }

    async fn look_and_write(
        &self,
        session: &mut dyn Session,
        transactions: &[Transaction],
    ) -> Result<Vec<Result<Committed>>, Fault> {
        session.begin().await?;
        let batch: Vec<(usize, &Transaction)> = transactions.iter().enumerate().collect();
        if checks_absence(&batch) {
            self.driver.guard_absence(session).await?;
        } else if inserts(&batch)
            && let Some(guard) = self.driver.guard_insert()
        {
            session.step(&guard).await?;
        }
        let stored = self.concerned(session, transactions).await?;
        let plan = judge(self.schema, self.driver.capabilities(), stored, transactions)?;
        let applied: Vec<(usize, &Transaction)> =
            plan.applied().iter().filter_map(|position| batch.get(*position).copied()).collect();
        if is_disjoint(&applied) && !moves_uniques(&applied) {
            self.write_groups(session, &applied).await?;
        } else {
            self.write_in_order(session, &applied).await?;
        }
        if plan.is_empty() {
            session.rollback().await?;
        } else {
            session.commit().await?;
        }
        Ok(plan.answer().iter().map(duplicate).collect())
    }

    /// The records that the transactions touch, locked, and those that have a unique value that they want.
    async fn concerned(&self, session: &mut dyn Session, transactions: &[Transaction]) -> Result<Vec<Entry>, Fault> {
        let dialect = self.driver.dialect();
        let keys = touched(transactions);
        let mut stored = Vec::with_capacity(keys.len());
        for keys in keys.chunk_by(|a, b| a.kind == b.kind) {
            let Some(kind) = keys.first().map(|key| key.kind) else { continue };
            let values: Vec<_> = keys.iter().map(|key| key.values.as_slice()).collect();
            stored.extend(find(session, dialect, kind, kind.key, &values, true).await?);
        }
        let mut known: HashSet<_> = stored.iter().map(|entry| identity(&entry.record.key())).collect();
        let mut wanted = wanted(transactions, &stored);
        wanted.sort_by_key(|wanted| (wanted.kind.name, wanted.unique.name));
        for wanted in wanted.chunk_by(|a, b| a.kind == b.kind && a.unique.name == b.unique.name) {
            let Some((kind, unique)) = wanted.first().map(|wanted| (wanted.kind, wanted.unique)) else { continue };
            let values: Vec<_> = wanted.iter().map(|wanted| wanted.values.as_slice()).collect();
            let holders = find(session, dialect, kind, unique.columns, &values, false).await?;
            stored.extend(holders.into_iter().filter(|entry| known.insert(identity(&entry.record.key()))));
        }
        Ok(stored)
    }

    /// Writes what was found to hold, many rows at a time. What is checked is locked and needs no second look.
    async fn write_groups(&self, session: &mut dyn Session, applied: &Batch<'_>) -> Result<(), Fault> {
        for group in groups(self.schema, applied).iter().filter(|group| group.writes()) {
            for (step, _) in self.writer.steps(group) {
                if session.step(&step).await?.is_none() {
                    return Err(changed_meanwhile());
                }
            }
        }
        Ok(())
    }

    /// Writes what was found to hold one by one, because each operation depends on those before it.
    async fn write_in_order(&self, session: &mut dyn Session, applied: &Batch<'_>) -> Result<(), Fault> {
        for (_, transaction) in applied {
            for operation in transaction.operations.iter() {
                self.write_one(session, operation, transaction.id).await?;
            }
        }
        Ok(())
    }

    async fn write_one(&self, session: &mut dyn Session, operation: &Operation, transaction: u64) -> Result<(), Fault> {
        let key = operation.key();
        let statements = self.catalog.of(key.kind)?;
        let keys = || key.kind.key.iter().zip(&key.values);
        let keyed = || keys().map(|(column, value)| Parameter::of(column_type(key.kind, *column), value));
        let affected = match operation {
            Operation::Check { .. } => return Ok(()),
            Operation::Insert(record) => {
                let columns = record.kind.columns.iter().zip(&record.values);
                let mut parameters: Vec<_> =
                    columns.map(|(column, value)| Parameter::of(column.column_type, value)).collect();
                parameters.push(Parameter::number(transaction));
                session.execute(&statements.insert, &parameters).await?
            }
            Operation::Update { condition, set, .. } => {
                let columns = set.iter().map(|(column, value)| (column_type(key.kind, *column), value));
                let mut parameters: Vec<_> = columns.map(|(of, value)| Parameter::of(of, value)).collect();
                parameters.push(Parameter::number(transaction));
                parameters.extend(keyed());
                if let Condition::Revision(revision) = condition {
                    parameters.push(Parameter::number(*revision));
                }
                session.execute(&statements.update(set, *condition), &parameters).await?
            }
            Operation::Delete { .. } => session.execute(&statements.delete, &keyed().collect::<Vec<_>>()).await?,
        };
        if affected == 1 { Ok(()) } else { Err(changed_meanwhile()) }
    }
}

fn checks_absence(batch: &Batch<'_>) -> bool {
    let absent = |operation: &Operation| matches!(operation, Operation::Check { condition: Condition::Absent, .. });
    batch.iter().any(|(_, transaction)| transaction.operations.iter().any(absent))
}

fn inserts(batch: &Batch<'_>) -> bool {
    let insert = |operation: &Operation| matches!(operation, Operation::Insert(_));
    batch.iter().any(|(_, transaction)| transaction.operations.iter().any(insert))
}

fn duplicate(answer: &Result<Committed>) -> Result<Committed> {
    match answer {
        Ok(committed) => Ok(committed.clone()),
        Err(error) => Err(error.duplicate()),
    }
}

pub(super) fn changed_meanwhile() -> Fault {
    Fault::Contention(Error::unavailable("records changed while they were written"))
}

/// A pause before another attempt, different for everybody.
pub(super) fn pause(attempt: u32) -> Duration {
    let most = 1000 << attempt.min(7);
    Duration::from_micros(fastrand::u64(500..=most))
}
