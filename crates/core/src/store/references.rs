//! Keeping references: what a record refers to is there when it is written.

use super::Store;
use crate::error::{Error, Result};
use crate::kinds::SCHEMA;
use crate::record::{Key, Record};
use crate::transaction::{Condition, Operation};

/// Checks that the records that `record` refers to exist. Those in its own partition are checked by the operations that are
/// returned, in the transaction that writes the record; the others are read now.
///
/// # Errors
/// `NotFound`, naming what is missing.
pub(super) async fn check(store: &Store, record: &Record) -> Result<Vec<Operation>> {
    let own = record.key();
    let mut operations = Vec::new();
    let mut elsewhere = Vec::new();
    for reference in record.kind.references {
        let values = record.pick(reference.columns);
        if values.iter().any(crate::Value::is_null) {
            continue;
        }
        let target = SCHEMA.kind(reference.target).ok_or_else(|| {
            Error::corrupt(format!("{} refers to {}, which is not declared", record.kind, reference.target))
        })?;
        let key = Key::new(target, values);
        if key.partition() == own.partition() {
            operations.push(Operation::Check { key, condition: Condition::Exists });
        } else {
            elsewhere.push(key);
        }
    }
    if elsewhere.is_empty() {
        return Ok(operations);
    }
    let found = store.backend().get(&elsewhere).await?;
    match elsewhere.iter().zip(&found).find(|(_, found)| found.is_none()) {
        Some((missing, _)) => Err(self::missing(missing)),
        None => Ok(operations),
    }
}

fn missing(key: &Key) -> Error {
    Error::not_found("what this refers to does not exist").with_key(key.kind.name, key.to_string())
}
