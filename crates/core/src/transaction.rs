//! What a commit writes, with its conditions as data.

use std::fmt;
use std::sync::Arc;

use crate::record::{Key, Record};
use crate::schema::Kind;
use crate::value::Value;

/// What must hold of a record for an operation to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// No record has this key; otherwise `AlreadyExists`. For [`Operation::Check`] only.
    Absent,
    /// A record has this key; otherwise `NotFound`.
    Exists,
    /// A record has this key (otherwise `NotFound`) at this revision (otherwise `Conflict`).
    Revision(u64),
}

/// One operation of a transaction.
#[derive(Clone, PartialEq)]
pub enum Operation {
    /// Stores a new record at revision 1. `AlreadyExists` if its key, or its value of a unique constraint, is taken.
    Insert(Record),
    /// Replaces the given columns and adds 1 to the revision. Columns of the key cannot be set. `AlreadyExists` if a new
    /// value of a unique constraint is taken.
    Update {
        /// The record to change.
        key: Key,
        /// [`Condition::Exists`] or [`Condition::Revision`].
        condition: Condition,
        /// Column positions with their new values; no position twice.
        set: Vec<(usize, Value)>,
    },
    /// Removes a record.
    Delete {
        /// The record to remove.
        key: Key,
        /// [`Condition::Exists`] or [`Condition::Revision`].
        condition: Condition,
    },
    /// Writes nothing; fails the transaction if the condition does not hold.
    Check {
        /// The record to look at.
        key: Key,
        /// Any condition.
        condition: Condition,
    },
}

impl Operation {
    /// The kind of the record that the operation is about.
    pub fn kind(&self) -> &'static Kind {
        match self {
            Self::Insert(record) => record.kind,
            Self::Update { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key.kind,
        }
    }

    /// The key of the record that the operation is about.
    pub fn key(&self) -> Key {
        match self {
            Self::Insert(record) => record.key(),
            Self::Update { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key.clone(),
        }
    }

    /// About how many bytes of values the operation carries.
    pub fn size(&self) -> usize {
        match self {
            Self::Insert(record) => record.size(),
            Self::Update { set, .. } => set.iter().map(|(_, value)| value.size()).sum(),
            Self::Delete { .. } | Self::Check { .. } => 0,
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert(record) => f.debug_tuple("Insert").field(record).finish(),
            Self::Update { key, condition, set } => {
                let mut debug = f.debug_struct("Update");
                debug.field("key", key).field("condition", condition);
                for (position, value) in set {
                    match key.kind.columns.get(*position) {
                        Some(column) if column.secret => debug.field(column.name, &format_args!("<secret>")),
                        Some(column) => debug.field(column.name, value),
                        None => debug.field("?", &position),
                    };
                }
                debug.finish()
            }
            Self::Delete { key, condition } => {
                f.debug_struct("Delete").field("key", key).field("condition", condition).finish()
            }
            Self::Check { key, condition } => {
                f.debug_struct("Check").field("key", key).field("condition", condition).finish()
            }
        }
    }
}

/// Operations on the records of one partition that apply together or not at all.
///
/// Cheap to clone, so that layers can keep one for a retry.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Names this transaction. A backend keeps it with the records that the transaction wrote, so that a
    /// second commit of the same transaction after a lost reply is answered as the first was.
    pub id: u64,
    /// Whether this may have been applied before: the backend then looks for [`Transaction::id`] first.
    pub retried: bool,
    /// The operations, at most one a record, applied in this order.
    pub operations: Arc<[Operation]>,
}

impl Transaction {
    /// A new transaction of these operations.
    pub fn new(operations: Vec<Operation>) -> Self {
        // 63 bits, because SQL integers are signed.
        Self { id: fastrand::u64(1..=i64::MAX as u64), retried: false, operations: operations.into() }
    }

    /// The same transaction, marked as possibly applied already.
    pub fn retry(&self) -> Self {
        Self { id: self.id, retried: true, operations: Arc::clone(&self.operations) }
    }

    /// The answer to a retried transaction that was applied before; `None` if it has to be applied now. `found` tells for
    /// each operation's record what is stored.
    ///
    /// A transaction was applied if a record that it inserts or updates bears its id. One that only deletes leaves no record to
    /// tell: it counts as applied where all that it deletes is gone, since it has nothing more to do.
    pub fn applied_before(&self, found: &[Option<Trace>]) -> Option<Committed> {
        let (mut bears_id, mut writes, mut deletes, mut all_gone) = (false, false, false, true);
        let mut revisions = Vec::with_capacity(self.operations.len());
        for (operation, found) in self.operations.iter().zip(found) {
            let revision = found.map_or(0, |found| found.revision);
            match operation {
                Operation::Insert(_) | Operation::Update { .. } => {
                    writes = true;
                    bears_id |= found.is_some_and(|found| found.transaction == self.id);
                }
                Operation::Delete { .. } => {
                    deletes = true;
                    all_gone &= found.is_none();
                }
                Operation::Check { .. } => {}
            }
            revisions.push(match operation {
                Operation::Insert(_) => 1,
                Operation::Update { condition: Condition::Revision(before), .. } => before.saturating_add(1),
                Operation::Check { condition: Condition::Revision(then), .. } => *then,
                Operation::Delete { .. } | Operation::Check { condition: Condition::Absent, .. } => 0,
                Operation::Update { .. } | Operation::Check { .. } => revision,
            });
        }
        let applied = if writes { bears_id } else { deletes && all_gone };
        applied.then_some(Committed { revisions })
    }

    /// A key of each kind that the transaction writes: its partition is that of all the others.
    pub fn written(&self) -> impl Iterator<Item = Key> {
        let mut told: Vec<&'static Kind> = Vec::new();
        self.operations.iter().filter_map(move |operation| {
            if matches!(operation, Operation::Check { .. }) || told.contains(&operation.kind()) {
                return None;
            }
            told.push(operation.kind());
            Some(operation.key())
        })
    }

    /// About how many bytes of values the transaction carries.
    pub fn size(&self) -> usize {
        self.operations.iter().map(Operation::size).sum()
    }
}

/// What a stored record tells of the transaction that wrote it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// The record's revision.
    pub revision: u64,
    /// The [`Transaction::id`] that it bears.
    pub transaction: u64,
}

/// The answer to a transaction that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// For each operation the record's revision after it; 0 for a delete, the current revision or 0 for a check.
    pub revisions: Vec<u64>,
}
