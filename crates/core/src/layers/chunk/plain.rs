//! Remembering which records keep nothing in parts, so that a change of one need not read it first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::plan::{Fitted, Found, needs_record};
use super::{Chunks, Placed};
use crate::record::{Key, Record};
use crate::transaction::{Committed, Condition, Operation};

/// How many records each of the two generations holds.
const GENERATION: usize = 20_000;

/// Revisions of records at which none of their values is kept in parts. An execution is written again and again by the process that
/// owns it, each time at the revision that it wrote before: that is whom this serves.
///
/// What is forgotten costs a read. What others write has another revision. Only a record that others removed and stored anew with
/// parts, and that has come to the very revision remembered, is taken for the old one: its parts then stay without use.
#[derive(Debug, Default)]
pub(super) struct Plain(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, u64>,
    old: HashMap<String, u64>,
}

impl Plain {
    fn knows(&self, key: &Key, revision: u64) -> bool {
        let key = format!("{key:?}");
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.get(&key).or_else(|| generations.old.get(&key)) == Some(&revision)
    }

    fn learn(&self, key: &Key, revision: u64) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(format!("{key:?}"), revision);
    }

    fn forget(&self, key: &Key) {
        let key = format!("{key:?}");
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.remove(&key);
        generations.old.remove(&key);
    }
}

impl Chunks {
    /// Whether an operation of this transaction can be rewritten only once its record is read.
    pub(super) fn must_read(&self, placed: &Placed, operation: &Operation) -> bool {
        if !needs_record(self, operation) {
            return false;
        }
        match operation {
            Operation::Update { key, condition: Condition::Revision(revision), .. }
            | Operation::Delete { key, condition: Condition::Revision(revision) } => {
                placed.1.retried || !self.plain.knows(key, *revision)
            }
            _ => true,
        }
    }

    /// Learns from records that were read whole from the backend, before anything is put together.
    pub(super) fn learn_from(&self, records: &[Record]) {
        for record in records {
            if self.layout.shape(record.kind).is_some() && self.markers(record).is_ok_and(|markers| markers.is_empty())
            {
                self.plain.learn(&record.key(), record.revision);
            }
        }
    }

    /// Learns from a transaction that was applied.
    pub(super) fn learn(&self, placed: &Placed, fitted: &Fitted, found: &Found, committed: &Committed) {
        for (operation, revision) in placed.1.operations.iter().zip(&committed.revisions) {
            let key = operation.key();
            if self.layout.shape(key.kind).is_none() {
                continue;
            }
            let was_plain = match operation {
                Operation::Insert(_) => true,
                Operation::Update { .. } if !needs_record(self, operation) => match operation {
                    // It leaves what may be kept in parts as it was.
                    Operation::Update { condition: Condition::Revision(before), .. } => self.plain.knows(&key, *before),
                    _ => false,
                },
                Operation::Update { .. } => match found.get(&format!("{key:?}")) {
                    Some(record) => self.markers(record).is_ok_and(|markers| markers.is_empty()),
                    // It was not read, because it was known.
                    None => !self.must_read(placed, operation),
                },
                Operation::Check { .. } => continue,
                Operation::Delete { .. } => false,
            };
            if was_plain && fitted.new.is_empty() {
                self.plain.learn(&key, *revision);
            } else {
                self.plain.forget(&key);
            }
        }
    }
}
