//! Judging transactions over the few stored records that they concern, for backends whose database cannot.
//!
//! A backend that has to answer a batch in which something does not hold reads (and locks) the records that the batch
//! concerns, asks [`judge`] what the contract answers, and writes what changes. The memory backend is the reference, so
//! that all of them answer alike.

use std::collections::BTreeSet;

use aquifer_core::{Capabilities, Committed, Index, Key, Kind, Operation, Record, Result, Schema, Transaction, Value};

use crate::backend::MemoryBackend;
use crate::order::Place;
use crate::plan::Plan;
use crate::table::Entry;

/// A value of a unique constraint that a transaction wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The kind that has the constraint.
    pub kind: &'static Kind,
    /// The constraint.
    pub unique: &'static Index,
    /// The value of each of its columns; none is null.
    pub values: Vec<Value>,
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.unique.name == other.unique.name && self.values == other.values
    }
}

/// The keys of all records that the transactions touch, each once, in one order for everybody: whoever locks them in this
/// order waits for nobody who waits for him.
pub fn touched(transactions: &[Transaction]) -> Vec<Key> {
    let keys = transactions.iter().flat_map(|transaction| transaction.operations.iter().map(Operation::key));
    let mut seen = BTreeSet::new();
    let mut keys: Vec<Key> = keys.filter(|key| seen.insert((key.kind.name, Place::at(key.values.clone())))).collect();
    keys.sort_by_cached_key(|key| (key.kind.name, Place::at(key.values.clone())));
    keys
}

/// The values of unique constraints that the transactions want, given the records that they touch. Whoever has such a value now
/// must be among the entries that [`judge`] is given.
pub fn wanted(transactions: &[Transaction], stored: &[Entry]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for operation in transactions.iter().flat_map(|transaction| transaction.operations.iter()) {
        let after: Vec<Record> = match operation {
            Operation::Insert(record) => vec![record.clone()],
            Operation::Update { key, set, .. } if sets_unique(key.kind, set) => after_update(key, stored, transactions),
            Operation::Update { .. } | Operation::Delete { .. } | Operation::Check { .. } => Vec::new(),
        };
        for record in &after {
            for unique in record.kind.uniques {
                let values = record.pick(unique.columns);
                let want = Wanted { kind: record.kind, unique, values };
                if !want.values.iter().any(Value::is_null) && !wanted.contains(&want) {
                    wanted.push(want);
                }
            }
        }
    }
    wanted
}

/// Whether an update sets a column of a unique constraint.
pub fn sets_unique(kind: &Kind, set: &[(usize, Value)]) -> bool {
    set.iter().any(|(column, _)| kind.uniques.iter().any(|unique| unique.columns.contains(column)))
}

/// What the record with `key` may be after each of the operations of the batch that write it, one after the other.
fn after_update(key: &Key, stored: &[Entry], transactions: &[Transaction]) -> Vec<Record> {
    let mut versions: Vec<Record> =
        stored.iter().filter(|entry| entry.record.key() == *key).map(|entry| entry.record.clone()).collect();
    for operation in transactions.iter().flat_map(|transaction| transaction.operations.iter()) {
        match operation {
            Operation::Insert(record) if record.key() == *key => versions.push(record.clone()),
            Operation::Update { key: other, set, .. } if other == key => {
                // Any of the operations before may be refused, so that each version is a possible start.
                let changed: Vec<Record> = versions.iter().map(|record| with(record, set)).collect();
                for record in changed {
                    if !versions.iter().any(|version| wants_alike(version, &record)) {
                        versions.push(record);
                    }
                }
            }
            _ => {}
        }
    }
    versions
}

/// Whether two versions of a record want the same values, whatever else they hold.
fn wants_alike(a: &Record, b: &Record) -> bool {
    a.kind.uniques.iter().all(|unique| a.pick(unique.columns) == b.pick(unique.columns))
}

fn with(record: &Record, set: &[(usize, Value)]) -> Record {
    let mut record = record.clone();
    for (column, value) in set {
        if let Some(place) = record.values.get_mut(*column) {
            place.clone_from(value);
        }
    }
    record
}

/// Decides transactions one after the other over the stored records that they concern: those they touch, and those that have
/// a value they want. Answers each for itself, and tells what each record that changes will be.
///
/// # Errors
/// `Invalid` for an entry of a kind that the schema does not have.
pub fn judge(
    schema: &'static Schema,
    capabilities: Capabilities,
    stored: impl IntoIterator<Item = Entry>,
    transactions: &[Transaction],
) -> Result<Plan<Vec<Result<Committed>>>> {
    let scratch = MemoryBackend::new(schema).with_capabilities(capabilities);
    scratch.load(stored)?;
    Ok(scratch.prepare(transactions))
}

#[cfg(test)]
mod tests {
    use aquifer_core::{Condition, SCHEMA};

    use super::*;

    fn tenant(id: &str) -> Record {
        let kind = SCHEMA.kind("tenants").unwrap();
        let now = aquifer_core::Timestamp::EPOCH;
        Record::new(kind, vec![id.into(), id.into(), Value::Null, now.into(), now.into()])
    }

    fn capabilities() -> Capabilities {
        aquifer_core::Backend::capabilities(&MemoryBackend::new(&SCHEMA))
    }

    #[test]
    fn each_transaction_is_answered_over_what_those_before_it_did() {
        let stored = Entry { record: Record { revision: 3, ..tenant("a") }, transaction: 1 };
        let key = stored.record.key();
        let update = |revision| {
            let condition = Condition::Revision(revision);
            Transaction::new(vec![Operation::Update { key: key.clone(), condition, set: vec![(1, "new".into())] }])
        };
        let transactions = [update(2), update(3), update(4), Transaction::new(vec![Operation::Insert(tenant("b"))])];
        assert_eq!(touched(&transactions).len(), 2);
        let plan = judge(&SCHEMA, capabilities(), [stored], &transactions).unwrap();
        let answers: Vec<_> = plan.answer().iter().map(|answer| answer.as_ref().ok().cloned()).collect();
        let committed = |revision| Some(Committed { revisions: vec![revision] });
        assert_eq!(answers, [None, committed(4), committed(5), committed(1)]);
        assert_eq!(plan.applied(), [1, 2, 3]);
        let revisions: Vec<_> = plan.changes().map(|(_, entry)| entry.map(|entry| entry.record.revision)).collect();
        assert_eq!(revisions, [Some(5), Some(1)]);
    }

    #[test]
    fn what_was_applied_before_is_not_applied_again() {
        let insert = Transaction::new(vec![Operation::Insert(tenant("a"))]);
        let stored = Entry { record: Record { revision: 1, ..tenant("a") }, transaction: insert.id };
        let transactions = [insert.retry(), Transaction::new(vec![Operation::Insert(tenant("b"))])];
        let plan = judge(&SCHEMA, capabilities(), [stored], &transactions).unwrap();
        assert!(plan.answer().iter().all(Result::is_ok));
        assert_eq!(plan.applied(), [1]);
    }

    #[test]
    fn every_value_that_a_batch_may_want_is_named() {
        let kind = SCHEMA.kind("executions").unwrap();
        let unique = &kind.uniques[0];
        let column = kind.column("idempotency_key").unwrap();
        let mut values = vec![Value::Null; kind.columns.len()];
        values[kind.column("tenant_id").unwrap()] = "tn_a".into();
        values[kind.column("id").unwrap()] = "ex_a".into();
        let record = Record { kind, values, revision: 1 };
        let update = |value: &str| {
            let set = vec![(column, value.into())];
            Transaction::new(vec![Operation::Update { key: record.key(), condition: Condition::Exists, set }])
        };
        let stored = [Entry { record: record.clone(), transaction: 1 }];
        let found = wanted(&[update("x"), update("y")], &stored);
        let want = |value: &str| Wanted { kind, unique, values: vec!["tn_a".into(), value.into()] };
        assert_eq!(found, [want("x"), want("y")]);
        assert!(wanted(&[Transaction::new(vec![Operation::Insert(record)])], &[]).is_empty());
    }
}
