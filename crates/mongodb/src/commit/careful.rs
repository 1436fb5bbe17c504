//! Where something does not hold, or may have been applied before: reads what the transactions concern, judges each as the contract
//! has it, and writes what changes, in one transaction of the database.

use std::collections::HashMap;

use aquifer_core::{Committed, Condition, Key, Kind, Operation, Record, Result, Transaction, Value};
use aquifer_memory::{Entry, Plan, Wanted, judge, touched, wanted};
use mongodb::ClientSession;
use mongodb::bson::{Document, doc};

use super::Committer;
use super::fast::hold_absent;
use super::work::{Batch, Trouble, Verb, Work};
use crate::layout::{CHECKED_BY, ID, REVISION, TRANSACTION_ID, name};
use crate::values::{document, entry, id, signed, to_bson, update};

/// The most values of unique constraints that one request asks for.
const VALUES: usize = 200;

type Answers = Vec<Result<Committed>>;
/// Records by the name of their kind and the bytes of their `_id`.
type Stored = HashMap<(&'static str, Vec<u8>), Entry>;

/// Answers each transaction for itself.
pub(super) async fn apply(
    committer: &Committer<'_>,
    session: &mut ClientSession,
    transactions: &[Transaction],
) -> Result<Answers, Trouble> {
    let mut work = Work::begin(committer.connection, session).await?;
    let judged = async {
        let stored = read(&mut work, transactions).await?;
        let plan = judge(committer.schema, committer.capabilities, stored.values().cloned(), transactions)?;
        write(&mut work, transactions, &stored, &plan).await?;
        Ok(plan.answer().iter().map(copied).collect())
    };
    match judged.await {
        // A commit of nothing tells too whether this was the primary all the while.
        Ok(answers) => match work.commit().await {
            Ok(()) => Ok(answers),
            Err(trouble) => Err(trouble),
        },
        Err(trouble) => {
            work.abort().await;
            Err(match trouble {
                // Somebody was faster since the snapshot.
                Trouble::Refused => Trouble::Conflict {
                    error: aquifer_core::Error::unavailable("another write was in the way of this one"),
                    doubtful: false,
                },
                other => other,
            })
        }
    }
}

fn copied(answer: &Result<Committed>) -> Result<Committed> {
    match answer {
        Ok(committed) => Ok(committed.clone()),
        Err(error) => Err(error.duplicate()),
    }
}

/// The records that the transactions touch, and those that have a value they want.
async fn read(work: &mut Work<'_>, transactions: &[Transaction]) -> Result<Stored, Trouble> {
    let mut stored = Stored::new();
    let keys = touched(transactions);
    for keys in keys.chunk_by(|a, b| a.kind == b.kind) {
        let Some(kind) = keys.first().map(|key| key.kind) else { continue };
        let found = work.find_keys(kind, &keys.iter().collect::<Vec<_>>(), None).await?;
        add(&mut stored, kind, found)?;
    }
    let entries: Vec<Entry> = stored.values().cloned().collect();
    let wanted = wanted(transactions, &entries);
    let mut kinds: Vec<&'static Kind> = Vec::new();
    for want in &wanted {
        if !kinds.contains(&want.kind) {
            kinds.push(want.kind);
        }
    }
    for kind in kinds {
        let filters: Vec<Document> = wanted.iter().filter(|want| want.kind == kind).map(holder).collect();
        for filters in filters.chunks(VALUES) {
            let found = work.find(kind, doc! { "$or": filters.to_vec() }, None).await?;
            add(&mut stored, kind, found)?;
        }
    }
    Ok(stored)
}

/// Who has a value of a unique constraint.
fn holder(want: &Wanted) -> Document {
    let columns = want.unique.columns.iter().map(|column| name(want.kind, *column).to_owned());
    columns.zip(&want.values).filter_map(|(column, value)| Some((column, to_bson(value)?))).collect()
}

fn add(stored: &mut Stored, kind: &'static Kind, found: Vec<Document>) -> Result<(), Trouble> {
    for document in found {
        let entry = entry(kind, document)?;
        stored.insert(address(&entry.record.key()), entry);
    }
    Ok(())
}

fn address(key: &Key) -> (&'static str, Vec<u8>) {
    (key.kind.name, id(key).to_vec().unwrap_or_default())
}

/// Writes what the plan changes, and holds on to what it relies on.
async fn write(
    work: &mut Work<'_>,
    transactions: &[Transaction],
    stored: &Stored,
    plan: &Plan<Answers>,
) -> Result<(), Trouble> {
    if plan.is_empty() {
        return Ok(());
    }
    let (mut absent, mut freed, mut batch) = (Batch::default(), Batch::default(), Batch::default());
    let mut changed = Vec::new();
    for (key, after) in plan.changes() {
        let address = address(key);
        let before = stored.get(&address);
        changed.push(address);
        let at = |entry: &Entry| doc! { ID: id(key), REVISION: signed(entry.record.revision) };
        match (before, after) {
            (None, None) => {}
            (None, Some(after)) => batch.add(key.kind, Verb::Insert, document(&after.record, after.transaction)),
            (Some(before), None) => batch.add(key.kind, Verb::Delete, doc! { "q": at(before), "limit": 1 }),
            (Some(before), Some(after)) => {
                let given_up = given_up(&before.record, &after.record);
                if !given_up.is_empty() {
                    freed.add(key.kind, Verb::Update, doc! { "q": at(before), "u": { "$unset": given_up } });
                }
                batch.add(key.kind, Verb::Update, doc! { "q": at(before), "u": replacing(after) });
            }
        }
    }
    for (transaction, _) in transactions.iter().zip(plan.answer()).filter(|(_, answer)| answer.is_ok()) {
        for operation in transaction.operations.iter() {
            let Operation::Check { key, condition } = operation else { continue };
            let address = address(key);
            // What this call writes is held anyway, and what it checks twice need not be held twice.
            if changed.contains(&address) {
                continue;
            }
            match (condition, stored.get(&address)) {
                (Condition::Absent, _) | (_, None) => hold_absent(&mut absent, key),
                (_, Some(before)) => {
                    let at = doc! { ID: id(key), REVISION: signed(before.record.revision) };
                    let touch = doc! { "$set": { CHECKED_BY: signed(transaction.id) } };
                    batch.add(key.kind, Verb::Update, doc! { "q": at, "u": touch });
                }
            }
            changed.push(address);
        }
    }
    // Values are given up before any is taken: the order in which transactions pass them on has been judged already.
    for verb in [Verb::Insert, Verb::Delete] {
        work.run(&mut absent, verb).await?;
    }
    work.run(&mut freed, Verb::Update).await?;
    for verb in [Verb::Delete, Verb::Update, Verb::Insert] {
        work.run(&mut batch, verb).await?;
    }
    Ok(())
}

/// The columns of unique constraints whose values change, for a moment without a value.
fn given_up(before: &Record, after: &Record) -> Document {
    let uniques = before.kind.uniques.iter().filter(|unique| before.pick(unique.columns) != after.pick(unique.columns));
    let columns = uniques.flat_map(|unique| unique.columns).filter(|column| !before.kind.key.contains(column));
    let columns = columns.filter(|column| before.values.get(**column).is_some_and(|value| !value.is_null()));
    columns.map(|column| (name(before.kind, *column).to_owned(), "".into())).collect()
}

/// The update to a whole record. Fields that are none of its columns stay.
fn replacing(after: &Entry) -> Document {
    let record = &after.record;
    let columns = record.values.iter().cloned().enumerate();
    let set: Vec<(usize, Value)> = columns.filter(|(column, _)| !record.kind.key.contains(column)).collect();
    let mut update = update(record.kind, &set, (TRANSACTION_ID, after.transaction));
    // Several transactions of the call may have written it.
    update.remove("$inc");
    if let Ok(sets) = update.get_document_mut("$set") {
        sets.insert(REVISION, signed(record.revision));
    }
    update
}
