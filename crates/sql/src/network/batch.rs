//! The operations of a batch, grouped into what one statement can write.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use aquifer_core::{Claim, Condition, Key, Kind, Operation, Schema, Transaction, Value};
use aquifer_memory::sets_unique;

use super::parameter::number_value;

/// What the operations of a group have in common: their statement but for the rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Rows of all columns, the revision and the transaction.
    Insert,
    /// Rows of the new values, the transaction, the key and, at a revision, that.
    Update { columns: Vec<usize>, at_revision: bool },
    /// Rows of the new values and the key of what a claim has locked. The record still names the transaction that wrote it.
    Claim { columns: Vec<usize> },
    /// Rows of the key and, at a revision, that. Locks what it finds, and finds what is there.
    Check { at_revision: bool },
    /// Rows of the key and, at a revision, that.
    Delete { at_revision: bool },
}

/// Operations that one statement does.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) kind: &'static Kind,
    pub(crate) shape: Shape,
    pub(crate) rows: Vec<Row<'a>>,
}

impl Group<'_> {
    /// Whether the group changes anything.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.shape, Shape::Check { .. })
    }
}

/// One operation of a group.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) values: Vec<Cow<'a, Value>>,
    /// The transaction and the operation in it.
    pub(crate) place: (usize, usize),
    /// Where the columns of the key begin in `values`; `None` if they are where the kind says.
    key: Option<usize>,
}

impl Row<'_> {
    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.values.iter().map(|value| value.size()).sum()
    }

    fn key_value(&self, kind: &Kind, number: usize) -> Option<&Value> {
        let position = match self.key {
            Some(from) => from + number,
            None => *kind.key.get(number)?,
        };
        self.values.get(position).map(AsRef::as_ref)
    }

    fn compare(&self, other: &Self, kind: &Kind) -> Ordering {
        (0..kind.key.len())
            .map(|number| match (self.key_value(kind, number), other.key_value(kind, number)) {
                (Some(a), Some(b)) => a.compare(b),
                _ => Ordering::Equal,
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

/// Whether a batch can be written without looking first: it names the revision of everything that matters, and no order of its
/// operations changes what it means.
pub(crate) fn is_simple(transactions: &[(usize, &Transaction)], returns_revisions: bool) -> bool {
    transactions.iter().all(|(_, transaction)| {
        !transaction.retried
            && transaction.operations.iter().all(|operation| match operation {
                Operation::Check { condition: Condition::Absent, .. } => false,
                Operation::Update { key, set, condition } => {
                    !sets_unique(key.kind, set) && (returns_revisions || *condition != Condition::Exists)
                }
                Operation::Insert(_) | Operation::Delete { .. } | Operation::Check { .. } => true,
            })
    }) && is_disjoint(transactions)
}

/// Whether no two transactions touch the same record. One that touches only what it reads counts as touching it.
pub(crate) fn is_disjoint(transactions: &[(usize, &Transaction)]) -> bool {
    if transactions.len() < 2 {
        return true;
    }
    let mut seen = HashSet::new();
    let operations = transactions.iter().flat_map(|(_, transaction)| transaction.operations.iter());
    operations.map(Operation::key).all(|key| seen.insert(identity(&key)))
}

/// Whether a value of a unique constraint may move from one record to another within the batch, so that the order of its statements
/// matters.
pub(crate) fn moves_uniques(transactions: &[(usize, &Transaction)]) -> bool {
    let operations = || transactions.iter().flat_map(|(_, transaction)| transaction.operations.iter());
    let gives_up = operations().any(|operation| match operation {
        Operation::Update { key, set, .. } => sets_unique(key.kind, set),
        Operation::Delete { key, .. } => !key.kind.uniques.is_empty(),
        Operation::Insert(_) | Operation::Check { .. } => false,
    });
    gives_up
        && operations().any(|operation| match operation {
            Operation::Insert(record) => !record.kind.uniques.is_empty(),
            Operation::Update { key, set, .. } => sets_unique(key.kind, set),
            Operation::Delete { .. } | Operation::Check { .. } => false,
        })
}

/// A key as something to compare and hash.
pub(crate) fn identity(key: &Key) -> (&'static str, Vec<u8>) {
    let mut bytes = Vec::with_capacity(64);
    for value in &key.values {
        match value {
            Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Value::Integer(integer) => bytes.extend_from_slice(&integer.to_be_bytes()),
            Value::Boolean(boolean) => bytes.push(u8::from(*boolean)),
            Value::Timestamp(time) => bytes.extend_from_slice(&time.as_micros().to_be_bytes()),
            Value::Null | Value::Json(_) | Value::Bytes(_) => {}
        }
        // Text holds no U+0000, and everything else has one length.
        bytes.push(0);
    }
    (key.kind.name, bytes)
}

/// The operations of transactions as groups: what is inserted in the order of the schema, so that what is referred to comes first,
/// then what is updated and checked, then what is deleted in the opposite order. Rows are in the order of the key, so that whoever
/// writes the same records at the same time waits for his turn instead of for him who waits for him.
///
/// Checks of absence are left out: they are for whoever has looked.
pub(crate) fn groups<'a>(schema: &Schema, transactions: &[(usize, &'a Transaction)]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (position, transaction) in transactions {
        for (number, operation) in transaction.operations.iter().enumerate() {
            if let Some((kind, shape, values, key)) = row(operation, transaction.id) {
                let row = Row { values, place: (*position, number), key };
                match groups.iter_mut().find(|group| group.kind == kind && group.shape == shape) {
                    Some(group) => group.rows.push(row),
                    None => groups.push(Group { kind, shape, rows: vec![row] }),
                }
            }
        }
    }
    let place = |kind: &Kind| schema.kinds.iter().position(|other| *other == kind).unwrap_or(0) as isize;
    groups.sort_by_cached_key(|group| match &group.shape {
        Shape::Insert => (0, place(group.kind), group.shape.clone()),
        Shape::Update { .. } | Shape::Claim { .. } | Shape::Check { .. } => (1, place(group.kind), group.shape.clone()),
        Shape::Delete { .. } => (2, -place(group.kind), group.shape.clone()),
    });
    for group in &mut groups {
        let kind = group.kind;
        group.rows.sort_unstable_by(|a, b| a.compare(b, kind));
    }
    groups
}

/// What a claim writes to the records that it found and locked.
pub(crate) fn claimed<'a>(claim: &'a Claim, keys: &'a [Key]) -> Group<'a> {
    let columns = claim.set.iter().map(|(column, _)| *column).collect();
    let row = |(number, key): (usize, &'a Key)| {
        let set = claim.set.iter().map(|(_, value)| Cow::Borrowed(value));
        let values = set.chain(key.values.iter().map(Cow::Borrowed)).collect();
        Row { values, place: (number, 0), key: Some(claim.set.len()) }
    };
    Group { kind: claim.kind, shape: Shape::Claim { columns }, rows: keys.iter().enumerate().map(row).collect() }
}

type Values<'a> = Vec<Cow<'a, Value>>;

fn row(operation: &Operation, transaction: u64) -> Option<(&'static Kind, Shape, Values<'_>, Option<usize>)> {
    let number = |number| Cow::Owned(number_value(number));
    Some(match operation {
        Operation::Insert(record) => {
            let mut values: Values<'_> = Vec::with_capacity(record.values.len() + 2);
            values.extend(record.values.iter().map(Cow::Borrowed));
            values.extend([number(1), number(transaction)]);
            (record.kind, Shape::Insert, values, None)
        }
        Operation::Update { key, condition, set } => {
            let mut values: Values<'_> = Vec::with_capacity(set.len() + key.values.len() + 2);
            values.extend(set.iter().map(|(_, value)| Cow::Borrowed(value)));
            values.push(number(transaction));
            let columns = set.iter().map(|(column, _)| *column).collect();
            let from = values.len();
            let at_revision = condition_of(key, *condition, &mut values);
            (key.kind, Shape::Update { columns, at_revision }, values, Some(from))
        }
        Operation::Check { condition: Condition::Absent, .. } => return None,
        Operation::Check { key, condition } => {
            let mut values: Values<'_> = Vec::with_capacity(key.values.len() + 1);
            let at_revision = condition_of(key, *condition, &mut values);
            (key.kind, Shape::Check { at_revision }, values, Some(0))
        }
        Operation::Delete { key, condition } => {
            let mut values: Values<'_> = Vec::with_capacity(key.values.len() + 1);
            let at_revision = condition_of(key, *condition, &mut values);
            (key.kind, Shape::Delete { at_revision }, values, Some(0))
        }
    })
}

/// Adds the key and the revision, and says whether there is one.
fn condition_of<'a>(key: &'a Key, condition: Condition, values: &mut Values<'a>) -> bool {
    values.extend(key.values.iter().map(Cow::Borrowed));
    match condition {
        Condition::Revision(revision) => {
            values.push(Cow::Owned(number_value(revision)));
            true
        }
        Condition::Exists | Condition::Absent => false,
    }
}
