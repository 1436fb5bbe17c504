//! Values of unique constraints, each an item of its own that names the record which has it.

use std::collections::{BTreeMap, HashMap};

use aquifer_core::{Index, Kind, Result, Value};

use crate::encoding::append;
use crate::expression::Names;
use crate::layout::{Layout, PARTITION, Place, TRANSACTION};
use crate::statement::{Statement, Write};
use crate::values::{Item, blob, bytes, number};

/// The attributes that name the record.
const OWNER_PARTITION: &str = "owner_pk";
const OWNER_SORT: &str = "owner_sk";
/// The transaction that took the value.
const TAKEN_BY: &str = TRANSACTION;

/// The key of the guard of one value.
pub(crate) type GuardKey = Vec<u8>;

/// A guard that names a record which no longer has the value: one that DynamoDB removed when it had expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stale {
    owner: Vec<u8>,
    taken_by: String,
}

/// The key of the guard of a value; `None` if a column is null, which is never taken.
///
/// # Errors
/// `Corrupt` for values that cannot stand in a constraint.
pub(crate) fn guard_key<'a>(
    kind: &Kind,
    unique: &Index,
    value: impl Fn(usize) -> &'a Value,
) -> Result<Option<GuardKey>> {
    if unique.columns.iter().any(|column| value(*column).is_null()) {
        return Ok(None);
    }
    let mut key = Vec::with_capacity(96);
    for name in [kind.name, unique.name] {
        key.extend_from_slice(name.as_bytes());
        key.push(0);
    }
    unique.columns.iter().try_for_each(|column| append(&mut key, value(*column)))?;
    Ok(Some(key))
}

/// The item's key.
pub(crate) fn item_key(guard: &[u8]) -> Item {
    HashMap::from([(PARTITION.to_owned(), bytes(guard))])
}

/// Where the record is that a guard names.
pub(crate) fn owner(table: usize, item: &Item) -> Option<Place> {
    let partition = blob(item, OWNER_PARTITION)?.to_vec();
    let sort = blob(item, OWNER_SORT)?.to_vec();
    Some(Place { table, partition, sort })
}

/// The guard as it is, for whoever has found that its record does not have the value.
pub(crate) fn stale(item: &Item) -> Option<Stale> {
    let taken_by = item.get(TAKEN_BY)?.as_n().ok()?.clone();
    Some(Stale { owner: blob(item, OWNER_SORT)?.to_vec(), taken_by })
}

/// A statement that gives a value to a record, if nobody has it.
pub(crate) fn first_take(layout: &Layout, guard: &[u8], place: &Place, transaction: u64) -> Statement {
    let mut names = Names::default();
    let condition = format!("attribute_not_exists({})", names.name(PARTITION));
    let write = Write::Put(guard_item(guard, place, transaction));
    Statement { table: layout.uniques.clone(), write, condition, names }
}

fn guard_item(guard: &[u8], place: &Place, transaction: u64) -> Item {
    let mut item = item_key(guard);
    item.insert(OWNER_PARTITION.to_owned(), bytes(&place.partition));
    item.insert(OWNER_SORT.to_owned(), bytes(&place.sort));
    item.insert(TAKEN_BY.to_owned(), number(transaction));
    item
}

/// What a transaction does to the values of unique constraints, as its operations take and give them up one after the other.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    values: BTreeMap<GuardKey, Change>,
}

#[derive(Debug)]
struct Change {
    /// Who has the value before the transaction, as far as its own records tell.
    before: Option<Place>,
    now: Option<Place>,
    /// The operation that took it last, or gave it up.
    operation: usize,
    unique: &'static Index,
}

/// What a statement on a guard is for.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// Taking a value of this constraint.
    Take(&'static Index, GuardKey),
    /// Giving a value up.
    Release,
}

impl Guards {
    /// A record that the transaction touches has this value before it.
    pub(crate) fn held(&mut self, guard: GuardKey, unique: &'static Index, place: &Place) {
        let owner = Some(place.clone());
        self.values.insert(guard, Change { before: owner.clone(), now: owner, operation: 0, unique });
    }

    /// An operation takes a value; false if another record of the transaction has it.
    pub(crate) fn take(&mut self, guard: GuardKey, unique: &'static Index, place: &Place, operation: usize) -> bool {
        let change = self.values.entry(guard).or_insert(Change { before: None, now: None, operation, unique });
        if change.now.as_ref().is_some_and(|owner| owner != place) {
            return false;
        }
        change.now = Some(place.clone());
        change.operation = operation;
        true
    }

    /// An operation gives up what its record has.
    pub(crate) fn release(&mut self, guard: &[u8], operation: usize) {
        if let Some(change) = self.values.get_mut(guard) {
            change.now = None;
            change.operation = operation;
        }
    }

    /// The statements that make it so, each with the operation that it belongs to. A value that stays with its record needs none.
    pub(crate) fn statements(
        self,
        layout: &Layout,
        transaction: u64,
        stale: &HashMap<GuardKey, Stale>,
    ) -> Vec<(usize, Purpose, Statement)> {
        let mut statements = Vec::new();
        for (guard, change) in self.values {
            let mut names = Names::default();
            let (purpose, statement) = match (&change.before, &change.now) {
                (None, Some(place)) => match stale.get(&guard) {
                    None => (true, first_take(layout, &guard, place, transaction)),
                    Some(stale) => {
                        let owner = names.equals(OWNER_SORT, bytes(&stale.owner));
                        let taken_by = names.equals(TAKEN_BY, number(&stale.taken_by));
                        let condition = format!("{owner} AND {taken_by}");
                        let write = Write::Put(guard_item(&guard, place, transaction));
                        (true, Statement { table: layout.uniques.clone(), write, condition, names })
                    }
                },
                (Some(before), Some(place)) if before != place => {
                    let condition = names.equals(OWNER_SORT, bytes(&before.sort));
                    let write = Write::Put(guard_item(&guard, place, transaction));
                    (true, Statement { table: layout.uniques.clone(), write, condition, names })
                }
                (Some(before), None) => {
                    let none = format!("attribute_not_exists({})", names.name(PARTITION));
                    let condition = format!("{none} OR {}", names.equals(OWNER_SORT, bytes(&before.sort)));
                    let write = Write::Delete(item_key(&guard));
                    (false, Statement { table: layout.uniques.clone(), write, condition, names })
                }
                (Some(_), Some(_)) | (None, None) => continue,
            };
            let purpose = if purpose { Purpose::Take(change.unique, guard) } else { Purpose::Release };
            statements.push((change.operation, purpose, statement));
        }
        statements
    }
}
