//! Rewriting a transaction so that it fits the backend.

use std::collections::HashMap;
use std::sync::Arc;

use super::Chunks;
use super::marker::{MARKER_BYTES, Marker, escape};
use super::parts::{Header, Large, to_bytes};
use crate::error::Result;
use crate::record::{Key, Record};
use crate::schema::Kind;
use crate::transaction::{Condition, Operation, Transaction};
use crate::value::Value;

/// The stored records that operations change, by their key as text.
pub(super) type Found = HashMap<String, Record>;

/// A transaction that fits, with the parts that it brings and those that it makes superfluous.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) transaction: Transaction,
    pub(super) new: Vec<Large>,
    pub(super) old: Vec<Marker>,
    /// Whether a condition was narrowed to the revision that was found, so that a conflict may mean nothing to the caller.
    pub(super) narrowed: bool,
}

/// Whether the stored record must be known before the operation can be rewritten.
pub(super) fn needs_record(chunks: &Chunks, operation: &Operation) -> bool {
    let Some(shape) = chunks.layout.shape(operation.kind()) else { return false };
    match operation {
        Operation::Update { set, .. } => set.iter().any(|(column, _)| shape.columns.contains(column)),
        Operation::Delete { .. } => true,
        Operation::Insert(_) | Operation::Check { .. } => false,
    }
}

/// Rewrites a transaction, with smaller limits for values until it fits as a whole.
pub(super) fn fit(chunks: &Chunks, transaction: &Transaction, found: &Found) -> Result<Fitted> {
    let mut most = usize::MAX;
    loop {
        let fitted = fit_values(chunks, transaction, found, most)?;
        let size = fitted.transaction.size();
        if size <= chunks.layout.max_transaction_bytes() || most <= MARKER_BYTES {
            return Ok(fitted);
        }
        most = (most.min(size) / 2).max(MARKER_BYTES);
    }
}

fn fit_values(chunks: &Chunks, transaction: &Transaction, found: &Found, most: usize) -> Result<Fitted> {
    let mut fitted = Fitted { transaction: transaction.clone(), new: Vec::new(), old: Vec::new(), narrowed: false };
    let mut operations = Vec::with_capacity(transaction.operations.len());
    for (position, operation) in transaction.operations.iter().enumerate() {
        let mut rewrite = Rewrite { chunks, transaction, position, most, fitted: &mut fitted };
        operations.push(rewrite.operation(operation, found)?);
    }
    fitted.transaction.operations = Arc::from(operations);
    Ok(fitted)
}

struct Rewrite<'a> {
    chunks: &'a Chunks,
    transaction: &'a Transaction,
    position: usize,
    most: usize,
    fitted: &'a mut Fitted,
}

impl Rewrite<'_> {
    fn operation(&mut self, operation: &Operation, found: &Found) -> Result<Operation> {
        let key = operation.key();
        let stored = if needs_record(self.chunks, operation) { found.get(&format!("{key:?}")) } else { None };
        Ok(match operation {
            Operation::Insert(record) => {
                let mut record = record.clone();
                for (column, value) in record.values.iter_mut().enumerate() {
                    *value = self.value(&key, column, std::mem::replace(value, Value::Null), 0)?;
                }
                Operation::Insert(record)
            }
            Operation::Update { condition, set, .. } if needs_record(self.chunks, operation) => {
                let replaced = self.replaced(stored, |column| set.iter().any(|(other, _)| *other == column))?;
                let large = set.iter().any(|(column, value)| self.is_large(key.kind, *column, value));
                let own = stored.is_some_and(|record| self.bears_own(record));
                let condition = self.narrow(*condition, stored, large && !own || !replaced.is_empty());
                let base = match condition {
                    Condition::Revision(revision) => revision,
                    Condition::Exists | Condition::Absent => stored.map_or(0, |record| record.revision),
                };
                self.fitted.old.extend(replaced);
                let mut values = Vec::with_capacity(set.len());
                for (column, value) in set {
                    values.push((*column, self.value(&key, *column, value.clone(), base)?));
                }
                Operation::Update { key, condition, set: values }
            }
            Operation::Delete { condition, .. } if needs_record(self.chunks, operation) => {
                let replaced = self.replaced(stored, |_| true)?;
                let condition = self.narrow(*condition, stored, !replaced.is_empty());
                self.fitted.old.extend(replaced);
                Operation::Delete { key, condition }
            }
            Operation::Update { .. } | Operation::Delete { .. } | Operation::Check { .. } => operation.clone(),
        })
    }

    /// The value to store: itself, or what stands in for it.
    fn value(&mut self, key: &Key, column: usize, value: Value, base: u64) -> Result<Value> {
        let Some(shape) = self.chunks.layout.shape(key.kind).filter(|shape| shape.columns.contains(&column)) else {
            return Ok(value);
        };
        let (limit, size) = (shape.limit.min(self.most), value.size());
        if size <= limit {
            let plain = escape(value.clone())?;
            // Escaping may take a few bytes more than there are.
            if plain.size() <= limit {
                return Ok(plain);
            }
        }
        let parts = i64::try_from(size.div_ceil(self.chunks.layout.part_bytes())).unwrap_or(i64::MAX);
        let marker = Marker { id: self.id(column), parts };
        let stand_in = marker.stand_in(&value)?;
        self.fitted.new.push(Large { marker, header: Header::new(key, column, base)?, bytes: to_bytes(value) });
        Ok(stand_in)
    }

    /// The same for every try of a transaction, so that a retry finds its own parts.
    fn id(&self, column: usize) -> String {
        format!("pt_{:016x}_{}_{column}", self.transaction.id, self.position)
    }

    /// What the stored record keeps in parts in the columns that change; not what this transaction put there itself before.
    fn replaced(&self, stored: Option<&Record>, changes: impl Fn(usize) -> bool) -> Result<Vec<Marker>> {
        let markers = stored.map(|record| self.chunks.markers(record)).transpose()?.unwrap_or_default();
        let replaced = markers.into_iter().filter(|(column, marker)| changes(*column) && marker.id != self.id(*column));
        Ok(replaced.map(|(_, marker)| marker).collect())
    }

    /// Whether the stored record refers to parts that an earlier try of this transaction put there.
    fn bears_own(&self, stored: &Record) -> bool {
        let markers = self.chunks.markers(stored).unwrap_or_default();
        markers.iter().any(|(column, marker)| marker.id == self.id(*column))
    }

    fn is_large(&self, kind: &'static Kind, column: usize, value: &Value) -> bool {
        let shape = self.chunks.layout.shape(kind).filter(|shape| shape.columns.contains(&column));
        shape.is_some_and(|shape| value.size() > shape.limit.min(self.most))
    }

    /// Holds an operation on any revision to the one that was found, because it names the parts that become superfluous and is
    /// what fences the new ones.
    ///
    /// A retry must ask as the first try did, in case that was applied; `not_applied` says that the record shows it was not.
    fn narrow(&mut self, condition: Condition, stored: Option<&Record>, not_applied: bool) -> Condition {
        if condition != Condition::Exists || (self.transaction.retried && !not_applied) {
            return condition;
        }
        self.fitted.narrowed = true;
        // No record has revision 0: what is not there stays not found, and what has come meanwhile is a conflict.
        Condition::Revision(stored.map_or(0, |record| record.revision))
    }
}
