//! A transaction of the contract as statements of DynamoDB.

use std::collections::HashMap;

use aquifer_core::{
    Committed, Condition, Error, ErrorKind, Index, Kind, Operation, Record, Result, Trace, Transaction, Value,
};
use sha2::{Digest, Sha256};

use crate::cache::Known;
use crate::expression::Names;
use crate::guards::{GuardKey, Guards, Purpose, Stale, guard_key, item_key};
use crate::layout::{EXPIRY, Layout, PARTITION, Place, REVISION, TRANSACTION, Table};
use crate::statement::{Statement, Write};
use crate::values;

/// The most statements of a transaction of DynamoDB.
pub(crate) const MAX_STATEMENTS: usize = 100;

/// The key of a guard that nobody ever writes.
const NEVER: &[u8] = b"never";

/// What a statement is for.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// The operation's own record.
    Own,
    /// A value of a unique constraint.
    Guard(Purpose),
    /// Nothing of the transaction may be applied; see [`Stop`].
    Stop,
}

/// Why a plan is only there to be refused, so that what DynamoDB says of the statements before tells what is wrong first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// The operation takes a value that another record of its own transaction has.
    Taken(&'static Index),
    /// What had to be known of the operation's record was not there.
    Unknown,
}

/// Statements with what they mean.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) statements: Vec<Statement>,
    /// For each statement the operation it belongs to, and what it is for.
    pub(crate) origins: Vec<(usize, Part)>,
    pub(crate) stop: Option<Stop>,
    pub(crate) committed: Committed,
    /// What is known of the records afterwards; `None` is nothing.
    pub(crate) learned: Vec<(Place, Option<Known>)>,
}

/// What a plan is made from.
pub(crate) struct Planner<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) transaction: &'a Transaction,
    /// Where the record of each operation is.
    pub(crate) places: &'a [Place],
    /// What is known of the record of each operation.
    pub(crate) bases: &'a [Option<Known>],
    /// Guards that were found to name nobody.
    pub(crate) stale: &'a HashMap<GuardKey, Stale>,
    /// Makes another token of the same request; 0 unless one is of no use any more.
    pub(crate) salt: u64,
}

/// Whether an operation cannot be written without knowing its record.
pub(crate) fn needs_basis(table: &Table, operation: &Operation) -> bool {
    match operation {
        Operation::Insert(_) | Operation::Check { condition: Condition::Absent | Condition::Revision(_), .. } => false,
        Operation::Check { condition: Condition::Exists, .. } => true,
        Operation::Update { condition: Condition::Exists, .. }
        | Operation::Delete { condition: Condition::Exists, .. } => true,
        Operation::Delete { .. } => !table.kind.uniques.is_empty(),
        Operation::Update { set, .. } => {
            let sets = |column: &usize| set.iter().any(|(other, _)| other == column);
            let unknown = |column: &usize| !sets(column) && !table.kind.key.contains(column);
            let unique = table.kind.uniques.iter().any(|unique| unique.columns.iter().any(sets));
            // Without a value in one of its columns a record is not in an index, whatever the others hold.
            let leaves = |column: &usize| set.iter().any(|(other, value)| other == column && value.is_null());
            unique
                || table.declared().any(|order| {
                    let columns = &order.columns;
                    columns.iter().any(sets) && columns.iter().any(unknown) && !columns.iter().any(leaves)
                })
        }
    }
}

/// What is known, if it is of the version that the operation is about.
pub(crate) fn fitting<'a>(operation: &Operation, known: Option<&'a Known>) -> Option<&'a Known> {
    let known = known?;
    match operation {
        Operation::Update { condition: Condition::Revision(revision), .. }
        | Operation::Delete { condition: Condition::Revision(revision), .. } => {
            (known.trace.revision == *revision).then_some(known)
        }
        _ => Some(known),
    }
}

impl Planner<'_> {
    /// Makes the plan.
    ///
    /// # Errors
    /// `TooLarge` if the operations and their unique values are more than DynamoDB takes at once.
    pub(crate) fn plan(&self) -> Result<Plan> {
        let mut plan = Plan {
            statements: Vec::with_capacity(self.transaction.operations.len()),
            origins: Vec::with_capacity(self.transaction.operations.len()),
            stop: None,
            committed: Committed { revisions: Vec::with_capacity(self.transaction.operations.len()) },
            learned: Vec::new(),
        };
        let mut guards = self.held()?;
        for (place, operation) in self.transaction.operations.iter().enumerate() {
            if let Err(stop) = self.operation(&mut plan, &mut guards, place, operation)? {
                plan.stop = Some(stop);
                plan.statements.push(self.never());
                plan.origins.push((place, Part::Stop));
                break;
            }
        }
        for (operation, purpose, statement) in guards.statements(self.layout, self.transaction.id, self.stale) {
            plan.statements.push(statement);
            plan.origins.push((operation, Part::Guard(purpose)));
        }
        if plan.statements.len() > MAX_STATEMENTS {
            let message = format!(
                "a transaction with {} operations and {} values of unique constraints is more than the {MAX_STATEMENTS} items \
                 that DynamoDB takes",
                self.transaction.operations.len(),
                plan.statements.len() - self.transaction.operations.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(plan)
    }

    /// A token that DynamoDB recognises the very same request by, for ten minutes: a first try that arrives after its repetition changes
    /// nothing.
    pub(crate) fn token(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.transaction.id.to_be_bytes());
        for ((operation, place), basis) in self.transaction.operations.iter().zip(self.places).zip(self.bases) {
            let mut feed = |bytes: &[u8]| {
                hash.update(bytes.len().to_be_bytes());
                hash.update(bytes);
            };
            feed(&place.sort);
            if let Some(known) = basis {
                feed(&known.trace.revision.to_be_bytes());
                feed(&known.trace.transaction.to_be_bytes());
            }
            let (name, condition) = match operation {
                Operation::Insert(_) => (b'i', Condition::Absent),
                Operation::Update { condition, .. } => (b'u', *condition),
                Operation::Delete { condition, .. } => (b'd', *condition),
                Operation::Check { condition, .. } => (b'c', *condition),
            };
            feed(&[name, u8::try_from(place.table).unwrap_or(u8::MAX)]);
            feed(format!("{condition:?}").as_bytes());
            let mut value = |column: usize, value: &Value| {
                feed(&column.to_be_bytes());
                match value {
                    Value::Bytes(bytes) => feed(bytes),
                    other => feed(format!("{other:?}").as_bytes()),
                }
            };
            match operation {
                Operation::Insert(record) => {
                    record.values.iter().enumerate().for_each(|(column, new)| value(column, new))
                }
                Operation::Update { set, .. } => set.iter().for_each(|(column, new)| value(*column, new)),
                Operation::Delete { .. } | Operation::Check { .. } => {}
            }
        }
        let mut stale: Vec<_> = self.stale.iter().collect();
        stale.sort_by_key(|(guard, _)| *guard);
        hash.update(format!("{stale:?} {}", self.salt).as_bytes());
        // 32 of the 36 characters that a token may have.
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The values of unique constraints that the records of the transaction have before it.
    fn held(&self) -> Result<Guards> {
        let mut guards = Guards::default();
        for ((operation, place), known) in self.transaction.operations.iter().zip(self.places).zip(self.bases) {
            let table = self.layout.at(place)?;
            let Some(known) = fitting(operation, known.as_ref()).filter(|_| !table.kind.uniques.is_empty()) else {
                continue;
            };
            let key = operation.key().values;
            for unique in table.kind.uniques {
                if let Some(guard) = guard_key(table.kind, unique, |column| before(table, &key, known, column))? {
                    guards.held(guard, unique, place);
                }
            }
        }
        Ok(guards)
    }

    fn operation(
        &self,
        plan: &mut Plan,
        guards: &mut Guards,
        number: usize,
        operation: &Operation,
    ) -> Result<Result<(), Stop>> {
        let place = self.places.get(number).ok_or_else(|| Error::corrupt("an operation has no place"))?;
        let table = self.layout.at(place)?;
        let known = fitting(operation, self.bases.get(number).and_then(Option::as_ref));
        let mut names = Names::default();
        let mut own = |write: Write, condition: String, names: Names| {
            plan.statements.push(Statement { table: table.name.clone(), write, condition, names });
            plan.origins.push((number, Part::Own));
        };
        if known.is_none() && needs_basis(table, operation) {
            let condition = match operation {
                Operation::Update { condition, .. }
                | Operation::Delete { condition, .. }
                | Operation::Check { condition, .. } => *condition,
                Operation::Insert(_) => Condition::Absent,
            };
            let condition = holds(&mut names, condition, None);
            own(Write::Check(values::key(place)), condition, names);
            return Ok(Err(Stop::Unknown));
        }
        let (revision, learned) = match operation {
            Operation::Insert(record) => {
                let condition = holds(&mut names, Condition::Absent, None);
                own(Write::Put(values::item(table, place, record, self.transaction.id)?), condition, names);
                if let Err(stop) = take_all(guards, table.kind, place, number, None, |column| value_of(record, column))?
                {
                    return Ok(Err(stop));
                }
                (1, Some(self.known(table, 1, |column| value_of(record, column).clone())))
            }
            Operation::Update { key, condition, set } => {
                let revision = revision_after(*condition, known);
                let condition = holds(&mut names, *condition, known);
                let after = |column: usize| -> Option<&Value> {
                    let new = set.iter().find(|(other, _)| *other == column).map(|(_, value)| value);
                    new.or_else(|| known.map(|known| before(table, &key.values, known, column)))
                        .or_else(|| in_key(table.kind, &key.values, column))
                };
                let update = self.update(table, set, revision, &mut names, after)?;
                own(Write::Update(values::key(place), update), condition, names);
                let Some(known) = known else {
                    plan.learned.push((place.clone(), None));
                    plan.committed.revisions.push(revision);
                    return Ok(Ok(()));
                };
                let old = |column: usize| before(table, &key.values, known, column);
                let new = |column: usize| after(column).unwrap_or(&Value::Null);
                if let Err(stop) = take_all(guards, table.kind, place, number, Some(&old), new)? {
                    return Ok(Err(stop));
                }
                (revision, Some(self.known(table, revision, |column| new(column).clone())))
            }
            Operation::Delete { key, condition } => {
                let condition = holds(&mut names, *condition, known);
                own(Write::Delete(values::key(place)), condition, names);
                if let Some(known) = known {
                    for unique in table.kind.uniques {
                        if let Some(guard) =
                            guard_key(table.kind, unique, |column| before(table, &key.values, known, column))?
                        {
                            guards.release(&guard, number);
                        }
                    }
                }
                (0, None)
            }
            Operation::Check { condition, .. } => {
                let revision = match (condition, known) {
                    (Condition::Absent, _) => 0,
                    (Condition::Revision(revision), _) => *revision,
                    (Condition::Exists, known) => known.map_or(0, |known| known.trace.revision),
                };
                let known = known.filter(|_| *condition == Condition::Exists);
                let condition = holds(&mut names, *condition, known);
                own(Write::Check(values::key(place)), condition, names);
                plan.committed.revisions.push(revision);
                return Ok(Ok(()));
            }
        };
        plan.committed.revisions.push(revision);
        plan.learned.push((place.clone(), learned));
        Ok(Ok(()))
    }

    /// The expression that sets columns, with the places in the orders that they move the record to.
    fn update<'v>(
        &self,
        table: &Table,
        set: &'v [(usize, Value)],
        revision: u64,
        names: &mut Names,
        after: impl Fn(usize) -> Option<&'v Value>,
    ) -> Result<String> {
        let transaction = names.equals(TRANSACTION, values::number(self.transaction.id));
        assignments(table, set, revision, vec![transaction], names, after)
    }

    fn known(&self, table: &Table, revision: u64, value: impl Fn(usize) -> Value) -> Known {
        let trace = Trace { revision, transaction: self.transaction.id };
        Known { trace, watched: table.watched.iter().map(|column| value(*column)).collect() }
    }

    /// A statement that DynamoDB always refuses.
    fn never(&self) -> Statement {
        let mut names = Names::default();
        let condition = format!("attribute_exists({})", names.name(PARTITION));
        Statement { table: self.layout.uniques.clone(), write: Write::Check(item_key(NEVER)), condition, names }
    }
}

/// The expression that sets columns and the revision beside what `sets` has already, with the places in the orders that the columns
/// move the record to. `after` tells the value of a column afterwards, if it is known.
///
/// # Errors
/// `Corrupt` if the place in an order is not known.
pub(crate) fn assignments<'v>(
    table: &Table,
    set: &[(usize, Value)],
    revision: u64,
    mut sets: Vec<String>,
    names: &mut Names,
    after: impl Fn(usize) -> Option<&'v Value>,
) -> Result<String> {
    let mut removes = Vec::new();
    sets.push(names.equals(REVISION, values::number(revision)));
    let mut assign = |attribute: &str, value: Option<aws_sdk_dynamodb::types::AttributeValue>| match value {
        Some(value) => sets.push(names.equals(attribute, value)),
        None => removes.push(names.name(attribute)),
    };
    for (column, value) in set {
        let Some(declared) = table.kind.columns.get(*column) else { continue };
        assign(declared.name, values::attribute(value));
        if table.kind.expiry == Some(*column) {
            assign(EXPIRY, values::expiry(value));
        }
    }
    for order in table.declared() {
        if !order.columns.iter().any(|column| set.iter().any(|(other, _)| other == column)) {
            continue;
        }
        let leaves = order.columns.iter().any(|column| after(*column).is_some_and(Value::is_null));
        if !leaves && order.columns.iter().any(|column| after(*column).is_none()) {
            return Err(Error::corrupt(format!("a record's place in {} is not known", order.name)));
        }
        let sort = order.sort_key(|column| after(column).unwrap_or(&Value::Null))?;
        assign(&order.attribute, sort.map(|sort| values::bytes(&sort)));
    }
    let mut expression = format!("SET {}", sets.join(", "));
    if !removes.is_empty() {
        expression.push_str(" REMOVE ");
        expression.push_str(&removes.join(", "));
    }
    Ok(expression)
}

/// Takes the values of unique constraints that a record gets, and gives up those that it loses.
fn take_all<'v>(
    guards: &mut Guards,
    kind: &'static Kind,
    place: &Place,
    number: usize,
    old: Option<&dyn Fn(usize) -> &'v Value>,
    new: impl Fn(usize) -> &'v Value,
) -> Result<Result<(), Stop>> {
    for unique in kind.uniques {
        let before = old.map(|old| guard_key(kind, unique, old)).transpose()?.flatten();
        let after = guard_key(kind, unique, &new)?;
        if before == after {
            continue;
        }
        if let Some(guard) = after
            && !guards.take(guard, unique, place, number)
        {
            return Ok(Err(Stop::Taken(unique)));
        }
        if let Some(guard) = before {
            guards.release(&guard, number);
        }
    }
    Ok(Ok(()))
}

/// A condition as an expression. What is known of the record pins the version: it applies to that one or to none.
fn holds(names: &mut Names, condition: Condition, known: Option<&Known>) -> String {
    match (known, condition) {
        (Some(known), Condition::Exists | Condition::Revision(_)) => version(names, known.trace),
        (None, Condition::Revision(revision)) => names.equals(REVISION, values::number(revision)),
        (None, Condition::Exists) => format!("attribute_exists({})", names.name(PARTITION)),
        (_, Condition::Absent) => format!("attribute_not_exists({})", names.name(PARTITION)),
    }
}

/// The condition that a record is at exactly this version.
pub(crate) fn version(names: &mut Names, trace: Trace) -> String {
    let revision = names.equals(REVISION, values::number(trace.revision));
    format!("{revision} AND {}", names.equals(TRANSACTION, values::number(trace.transaction)))
}

fn revision_after(condition: Condition, known: Option<&Known>) -> u64 {
    let before = match (condition, known) {
        (Condition::Revision(revision), _) => revision,
        (_, known) => known.map_or(0, |known| known.trace.revision),
    };
    before.saturating_add(1)
}

fn value_of(record: &Record, column: usize) -> &Value {
    record.values.get(column).unwrap_or(&Value::Null)
}

/// The value of a column of the key.
fn in_key<'v>(kind: &Kind, key: &'v [Value], column: usize) -> Option<&'v Value> {
    kind.key.iter().position(|other| *other == column).and_then(|place| key.get(place))
}

/// The value of a column that stands in the key, an index or a unique constraint, before the transaction.
fn before<'v>(table: &Table, key: &'v [Value], known: &'v Known, column: usize) -> &'v Value {
    in_key(table.kind, key, column)
        .or_else(|| table.watched.iter().position(|other| *other == column).and_then(|place| known.watched.get(place)))
        .unwrap_or(&Value::Null)
}
