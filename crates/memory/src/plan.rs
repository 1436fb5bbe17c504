//! Deciding what transactions change before anything does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use aquifer_core::{
    Capabilities, Claim, Committed, Condition, Error, ErrorKind, Key, Kind, Operation, Record, Result, Trace,
    Transaction, Value,
};

use crate::order::Place;
use crate::state::State;
use crate::table::Entry;

/// An answer with the changes that make it true; see [`crate::MemoryBackend::prepare`].
#[derive(Debug)]
pub struct Plan<A> {
    pub(crate) answer: A,
    /// The positions of the transactions that the plan applies.
    pub(crate) applied: Vec<usize>,
    pub(crate) changes: Changes,
}

impl<A> Plan<A> {
    /// What the caller will be told once the plan is applied.
    pub fn answer(&self) -> &A {
        &self.answer
    }

    /// The positions of those transactions that hold and are applied now, in order: not those that are refused, and not those
    /// that were applied before.
    pub fn applied(&self) -> &[usize] {
        &self.applied
    }

    /// Whether applying the plan changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.records.is_empty()
    }

    /// What each record that changes will be: `None` where it will be gone. No record comes twice.
    pub fn changes(&self) -> impl Iterator<Item = (&Key, Option<&Entry>)> {
        self.changes.records.values().map(|change| (&change.key, change.entry.as_deref()))
    }
}

#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) entry: Option<Arc<Entry>>,
}

/// Changes laid over the stored records, each a later word on its record.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) records: BTreeMap<(&'static str, Place), Change>,
    /// For every value of a unique constraint that was taken or given up: whether it is taken now.
    uniques: BTreeMap<(&'static str, &'static str, Place), bool>,
}

/// Decides transactions one after the other, each over what those before it changed.
pub(crate) struct Planner<'a> {
    state: &'a State,
    capabilities: &'a Capabilities,
    done: Changes,
    applied: Vec<usize>,
    /// What the transaction at hand has changed so far.
    staged: Changes,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(state: &'a State, capabilities: &'a Capabilities) -> Self {
        Self { state, capabilities, done: Changes::default(), applied: Vec::new(), staged: Changes::default() }
    }

    pub(crate) fn finish<A>(self, answer: A) -> Plan<A> {
        Plan { answer, applied: self.applied, changes: self.done }
    }

    /// Decides the transaction at `position`; where it fails, nothing of it remains.
    pub(crate) fn transaction(&mut self, position: usize, transaction: &Transaction) -> Result<Committed> {
        if transaction.retried
            && let Some(committed) = self.applied_before(transaction)?
        {
            return Ok(committed);
        }
        let answer = transaction
            .operations
            .iter()
            .map(|operation| self.operation(operation, transaction.id))
            .collect::<Result<_>>()
            .map(|revisions| Committed { revisions });
        self.settle(answer.is_ok());
        if answer.is_ok() {
            self.applied.push(position);
        }
        answer
    }

    /// Takes up to the claim's limit of records, lowest first.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Result<Vec<Record>> {
        let upper = claim.up_to.clone().map_or(Bound::Unbounded, Bound::Included);
        let (from, to) = Place::range(&claim.prefix, &Bound::Unbounded, &upper);
        let table = self.state.table(claim.kind)?;
        let due: Vec<_> = table
            .range(Some(claim.index), Bound::Included(from), Bound::Excluded(to))
            .take(claim.limit)
            .map(Arc::clone)
            .collect();
        let taken = due.iter().map(|entry| self.update(entry, &claim.set, entry.transaction)).collect::<Result<_>>();
        self.settle(taken.is_ok());
        taken
    }

    fn settle(&mut self, keep: bool) {
        let staged = std::mem::take(&mut self.staged);
        if keep {
            self.done.records.extend(staged.records);
            self.done.uniques.extend(staged.uniques);
        }
    }

    fn applied_before(&self, transaction: &Transaction) -> Result<Option<Committed>> {
        let found = transaction.operations.iter().map(|operation| {
            let entry = self.current(&operation.key())?;
            Ok(entry.map(|entry| Trace { revision: entry.record.revision, transaction: entry.transaction }))
        });
        Ok(transaction.applied_before(&found.collect::<Result<Vec<_>>>()?))
    }

    fn operation(&mut self, operation: &Operation, transaction: u64) -> Result<u64> {
        let key = operation.key();
        let current = self.current(&key)?;
        match operation {
            Operation::Insert(record) => {
                if current.is_some() {
                    return Err(named(Error::already_exists("there is such a record already"), &key));
                }
                let record = Record { revision: 1, ..record.clone() };
                self.write(&key, None, Entry { record, transaction })?;
                Ok(1)
            }
            Operation::Update { condition, set, .. } => {
                let current = holds(&key, *condition, current)?;
                Ok(self.update(&current, set, transaction)?.revision)
            }
            Operation::Delete { condition, .. } => {
                let current = holds(&key, *condition, current)?;
                for unique in key.kind.uniques {
                    if let Some(place) = unique_place(unique.columns, &current.record) {
                        self.staged.uniques.insert((key.kind.name, unique.name, place), false);
                    }
                }
                self.stage(key, None);
                Ok(0)
            }
            Operation::Check { condition: Condition::Absent, .. } => match current {
                None => Ok(0),
                Some(_) => Err(named(Error::already_exists("there is such a record already"), &key)),
            },
            Operation::Check { condition, .. } => Ok(holds(&key, *condition, current)?.record.revision),
        }
    }

    fn update(&mut self, current: &Entry, set: &[(usize, Value)], transaction: u64) -> Result<Record> {
        let mut record = current.record.clone();
        for (column, value) in set {
            if let Some(place) = record.values.get_mut(*column) {
                place.clone_from(value);
            }
        }
        record.revision += 1;
        let key = record.key();
        if record.size() > self.capabilities.max_record_bytes {
            let (size, limit) = (record.size(), self.capabilities.max_record_bytes);
            let message = format!("the record would have {size} bytes, more than the backend's {limit}");
            return Err(named(Error::new(ErrorKind::TooLarge, message), &key));
        }
        self.write(&key, Some(&current.record), Entry { record: record.clone(), transaction })?;
        Ok(record)
    }

    /// Stages a record that replaces `before`, and the values of unique constraints that it takes and gives up.
    fn write(&mut self, key: &Key, before: Option<&Record>, entry: Entry) -> Result<()> {
        for unique in key.kind.uniques {
            let old = before.and_then(|before| unique_place(unique.columns, before));
            let new = unique_place(unique.columns, &entry.record);
            if old == new {
                continue;
            }
            if let Some(place) = new {
                if self.is_taken(key.kind, unique.name, &place)? {
                    let message = format!("another record has this value of {}", unique.name);
                    return Err(named(Error::already_exists(message), key));
                }
                self.staged.uniques.insert((key.kind.name, unique.name, place), true);
            }
            if let Some(place) = old {
                self.staged.uniques.insert((key.kind.name, unique.name, place), false);
            }
        }
        self.stage(key.clone(), Some(Arc::new(entry)));
        Ok(())
    }

    fn stage(&mut self, key: Key, entry: Option<Arc<Entry>>) {
        let address = (key.kind.name, Place::at(key.values.clone()));
        self.staged.records.insert(address, Change { key, entry });
    }

    fn current(&self, key: &Key) -> Result<Option<Arc<Entry>>> {
        let table = self.state.table(key.kind)?;
        let address = (key.kind.name, Place::at(key.values.clone()));
        Ok(match self.staged.records.get(&address).or_else(|| self.done.records.get(&address)) {
            Some(change) => change.entry.clone(),
            None => table.get(&address.1).map(Arc::clone),
        })
    }

    fn is_taken(&self, kind: &'static Kind, unique: &'static str, place: &Place) -> Result<bool> {
        let address = (kind.name, unique, place.clone());
        let changed = self.staged.uniques.get(&address).or_else(|| self.done.uniques.get(&address));
        Ok(match changed {
            Some(taken) => *taken,
            None => {
                let to = place.clone().into_after();
                let table = self.state.table(kind)?;
                table.range(Some(unique), Bound::Included(address.2), Bound::Excluded(to)).next().is_some()
            }
        })
    }
}

/// The place of the record's value of a unique constraint; `None` where a column is null, which is never taken.
fn unique_place(columns: &[usize], record: &Record) -> Option<Place> {
    let values = record.pick(columns);
    (!values.iter().any(Value::is_null)).then(|| Place::at(values))
}

fn holds(key: &Key, condition: Condition, current: Option<Arc<Entry>>) -> Result<Arc<Entry>> {
    let Some(current) = current else {
        return Err(named(Error::not_found("there is no such record"), key));
    };
    match condition {
        Condition::Revision(expected) if current.record.revision != expected => {
            let found = current.record.revision;
            Err(named(Error::conflict(format!("the record is at revision {found}, not {expected}")), key))
        }
        _ => Ok(current),
    }
}

fn named(error: Error, key: &Key) -> Error {
    error.with_key(key.kind.name, key.to_string())
}
