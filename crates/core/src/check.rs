//! What every backend refuses, so that all refuse alike.

use std::ops::Bound;

use crate::backend::Capabilities;
use crate::claim::Claim;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Key, Record};
use crate::scan::{MAX_PAGE, Scan};
use crate::schema::{Kind, SHORT_TEXT_BYTES};
use crate::transaction::{Committed, Condition, Operation, Transaction};
use crate::value::Value;

/// Checks a transaction against the contract and the backend's limits.
///
/// # Errors
/// `Invalid` or `TooLarge`, naming the kind, the column and the fix.
pub fn transaction(transaction: &Transaction, capabilities: &Capabilities) -> Result<()> {
    let operations = &transaction.operations;
    if operations.is_empty() {
        return Err(Error::invalid("a transaction needs at least one operation"));
    }
    if operations.len() > capabilities.max_operations {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("a transaction takes at most {} operations, not {}", capabilities.max_operations, operations.len()),
        ));
    }
    let mut bytes = 0;
    let mut keys: Vec<Key> = Vec::with_capacity(operations.len());
    for operation in operations.iter() {
        self::operation(operation)?;
        let size = operation.size();
        if size > capabilities.max_record_bytes {
            return Err(too_large("record", size, capabilities.max_record_bytes)
                .with_key(operation.key().kind.name, operation.key().to_string()));
        }
        bytes += size;
        let key = operation.key();
        if let Some(first) = keys.first()
            && first.partition() != key.partition()
        {
            return Err(Error::invalid(format!("a transaction stays in one partition: {first:?} and {key:?} differ")));
        }
        keys.push(key);
    }
    if bytes > capabilities.max_transaction_bytes {
        return Err(too_large("transaction", bytes, capabilities.max_transaction_bytes));
    }
    match repeated(&mut keys) {
        None => Ok(()),
        Some(key) => {
            Err(Error::invalid("a transaction touches a record at most once").with_key(key.kind.name, key.to_string()))
        }
    }
}

/// The transactions of one commit, those that may go to the database apart from those that were refused before.
#[derive(Debug)]
pub struct Sifted {
    /// What was not refused, in the order given.
    pub accepted: Vec<Transaction>,
    refused: Vec<Option<Error>>,
}

/// Checks each transaction of a commit for itself.
pub fn sift(transactions: Vec<Transaction>, check: impl Fn(&Transaction) -> Result<()>) -> Sifted {
    let mut sifted = Sifted { accepted: Vec::with_capacity(transactions.len()), refused: Vec::new() };
    for transaction in transactions {
        match check(&transaction) {
            Ok(()) => {
                sifted.accepted.push(transaction);
                sifted.refused.push(None);
            }
            Err(error) => sifted.refused.push(Some(error)),
        }
    }
    sifted
}

impl Sifted {
    /// The answers to all transactions of the commit, in their order, given those to the accepted ones.
    pub fn answers(self, applied: Vec<Result<Committed>>) -> Vec<Result<Committed>> {
        let mut applied = applied.into_iter();
        let missing = || Err(Error::corrupt("a transaction got no answer"));
        let answer = |refused: Option<Error>| refused.map_or_else(|| applied.next().unwrap_or_else(missing), Err);
        self.refused.into_iter().map(answer).collect()
    }
}

/// A key that stands twice.
fn repeated(keys: &mut [Key]) -> Option<&Key> {
    keys.sort_unstable_by(|a, b| {
        let values = || a.values.iter().zip(&b.values).map(|(a, b)| a.compare(b)).find(|order| order.is_ne());
        a.kind.name.cmp(b.kind.name).then_with(|| values().unwrap_or(std::cmp::Ordering::Equal))
    });
    keys.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(a),
        _ => None,
    })
}

fn too_large(what: &str, size: usize, limit: usize) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the {what} has {size} bytes, more than the backend's {limit}"))
}

fn operation(operation: &Operation) -> Result<()> {
    match operation {
        Operation::Insert(record) => self::record(record),
        Operation::Update { key, condition, set } => {
            self::key(key)?;
            if *condition == Condition::Absent {
                return Err(Error::invalid("an update needs a record").with_record_kind(key.kind.name));
            }
            assignments(key.kind, set)
        }
        Operation::Delete { key, condition } => {
            if *condition == Condition::Absent {
                return Err(Error::invalid("a delete needs a record").with_record_kind(key.kind.name));
            }
            self::key(key)
        }
        Operation::Check { key, .. } => self::key(key),
    }
}

/// Checks that a key fits its kind.
///
/// # Errors
/// `Invalid`, naming the kind and the column.
pub fn key(key: &Key) -> Result<()> {
    if key.values.len() != key.kind.key.len() {
        return Err(Error::invalid(format!("a key has {} values, not {}", key.kind.key.len(), key.values.len()))
            .with_record_kind(key.kind.name));
    }
    key.kind.key.iter().zip(&key.values).try_for_each(|(position, value)| column(key.kind, *position, value))
}

fn record(record: &Record) -> Result<()> {
    if record.values.len() != record.kind.columns.len() {
        return Err(Error::invalid(format!(
            "a record has {} values, not {}",
            record.kind.columns.len(),
            record.values.len()
        ))
        .with_record_kind(record.kind.name));
    }
    record.values.iter().enumerate().try_for_each(|(position, value)| column(record.kind, position, value))
}

fn assignments(kind: &'static Kind, set: &[(usize, Value)]) -> Result<()> {
    for (count, (position, value)) in set.iter().enumerate() {
        if kind.key.contains(position) {
            return Err(Error::invalid("a column of the key cannot be set").with_record_kind(kind.name));
        }
        if set.iter().take(count).any(|(other, _)| other == position) {
            return Err(Error::invalid("a column is set at most once").with_record_kind(kind.name));
        }
        column(kind, *position, value)?;
    }
    Ok(())
}

fn column(kind: &'static Kind, position: usize, value: &Value) -> Result<()> {
    let refuse = |message: String| Err(Error::invalid(message).with_record_kind(kind.name));
    let Some(column) = kind.columns.get(position) else {
        return refuse(format!("there is no column {position}"));
    };
    match value.column_type() {
        None if column.nullable => return Ok(()),
        None => return refuse(format!("{} cannot be null", column.name)),
        Some(given) if given != column.column_type => {
            return refuse(format!("{} takes {:?}, not {given:?}", column.name, column.column_type));
        }
        Some(_) => {}
    }
    if let Value::Text(text) = value {
        if kind.is_short(position) && text.len() > SHORT_TEXT_BYTES {
            return refuse(format!("{} takes at most {SHORT_TEXT_BYTES} bytes, not {}", column.name, text.len()));
        }
        if text.contains('\0') {
            return refuse(format!("{} cannot hold the character U+0000", column.name));
        }
    }
    Ok(())
}

/// Checks a scan against the schema.
///
/// # Errors
/// `Invalid`, naming what does not fit.
pub fn scan(scan: &Scan) -> Result<()> {
    limit(scan.limit)?;
    let order = scan.kind.order(scan.declared_index()?);
    prefix(scan.kind, &order, &scan.prefix)?;
    for bound in [&scan.lower, &scan.upper] {
        if let Bound::Included(value) | Bound::Excluded(value) = bound {
            ranged(scan.kind, &order, scan.prefix.len(), value)?;
        }
    }
    scan.resume_after().map(|_| ())
}

/// Checks a claim against the schema.
///
/// # Errors
/// `Invalid`, naming what does not fit.
pub fn claim(claim: &Claim) -> Result<()> {
    limit(claim.limit)?;
    let index = claim
        .kind
        .index(claim.index)
        .ok_or_else(|| Error::invalid(format!("{} has no index {:?}", claim.kind.name, claim.index)))?;
    prefix(claim.kind, index.columns, &claim.prefix)?;
    if let Some(value) = &claim.up_to {
        ranged(claim.kind, index.columns, claim.prefix.len(), value)?;
    }
    assignments(claim.kind, &claim.set)?;
    let leaves = claim.set.iter().any(|(column, value)| match index.columns.iter().position(|other| other == column) {
        None => false,
        Some(_) if value.is_null() => true,
        Some(place) if place < claim.prefix.len() => claim.prefix.get(place) != Some(value),
        Some(place) if place == claim.prefix.len() => {
            claim.up_to.as_ref().is_some_and(|limit| value.compare(limit).is_gt())
        }
        Some(_) => false,
    });
    if leaves { Ok(()) } else { Err(Error::invalid("a claim must move the records out of its range")) }
}

fn limit(limit: usize) -> Result<()> {
    if (1..=MAX_PAGE).contains(&limit) {
        Ok(())
    } else {
        Err(Error::invalid(format!("a page takes 1 to {MAX_PAGE} records, not {limit}")))
    }
}

fn prefix(kind: &'static Kind, order: &[usize], prefix: &[Value]) -> Result<()> {
    if prefix.len() > order.len() {
        return Err(Error::invalid("the prefix has more values than the index has columns").with_record_kind(kind.name));
    }
    order.iter().zip(prefix).try_for_each(|(position, value)| {
        if value.is_null() {
            return Err(Error::invalid("an index holds no nulls to look for").with_record_kind(kind.name));
        }
        column(kind, *position, value)
    })
}

fn ranged(kind: &'static Kind, order: &[usize], place: usize, value: &Value) -> Result<()> {
    match order.get(place) {
        Some(position) if !value.is_null() => column(kind, *position, value),
        _ => Err(Error::invalid("the range has no column of the index to bound").with_record_kind(kind.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Capabilities;
    use crate::kinds::SCHEMA;

    #[test]
    fn each_of_a_commit_is_answered_in_its_place() {
        let key = |id: &str| Key::new(SCHEMA.kinds.iter().copied().find(|kind| kind.name == "tenants").unwrap(), [id]);
        let delete =
            |id: &str| Transaction::new(vec![Operation::Delete { key: key(id), condition: Condition::Exists }]);
        let transactions = vec![delete("a"), Transaction::new(vec![]), delete("b"), delete("c")];
        let limits = Capabilities {
            max_record_bytes: 1000,
            max_operations: 10,
            max_transaction_bytes: 1000,
            concurrent_commits: 1,
            scans_may_lag: false,
            native_expiry: false,
            push: false,
            durable: false,
        };
        let sifted = sift(transactions, |it| transaction(it, &limits));
        assert_eq!(sifted.accepted.len(), 3);
        // The last of them gets no answer, which is the backend's fault.
        let applied = vec![Ok(Committed { revisions: vec![0] }), Err(Error::not_found("b"))];
        let answers = sifted.answers(applied);
        let kinds: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(Error::kind)).collect();
        assert_eq!(kinds, [None, Some(ErrorKind::Invalid), Some(ErrorKind::NotFound), Some(ErrorKind::Corrupt)]);
    }
}
