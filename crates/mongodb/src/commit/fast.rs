//! The common case: everything holds, so everything is written without reading it first.

use std::collections::HashMap;

use aquifer_core::{Committed, Condition, Key, Kind, Operation, Transaction};
use mongodb::ClientSession;
use mongodb::bson::{Document, doc};

use super::work::{Batch, Trouble, Verb, Work};
use crate::connection::Connection;
use crate::layout::{CHECKED_BY, ID, REVISION, TRANSACTION_ID};
use crate::values::{document, id, signed, update, whole};

/// Applies all transactions, or none where anything does not hold. They touch each record once and write something.
///
/// Values of unique constraints are taken before any is given up, so that nothing passes here that the order of the operations
/// forbids; what it allows and this does not, is left to judge.
pub(super) async fn apply(
    connection: &Connection,
    session: &mut ClientSession,
    transactions: &[Transaction],
) -> Result<Vec<Committed>, Trouble> {
    let mut work = Work::begin(connection, session).await?;
    match write(&mut work, transactions).await {
        Ok(answers) => work.commit().await.map(|()| answers),
        Err(trouble) => {
            work.abort().await;
            Err(trouble)
        }
    }
}

async fn write(work: &mut Work<'_>, transactions: &[Transaction]) -> Result<Vec<Committed>, Trouble> {
    let (mut absent, mut batch) = (Batch::default(), Batch::default());
    let mut unknown: Vec<Key> = Vec::new();
    for transaction in transactions {
        for operation in transaction.operations.iter() {
            let key = operation.key();
            match operation {
                Operation::Insert(record) => batch.add(key.kind, Verb::Insert, document(record, transaction.id)),
                Operation::Update { condition, set, .. } => {
                    let change = update(key.kind, set, (TRANSACTION_ID, transaction.id));
                    batch.add(key.kind, Verb::Update, doc! { "q": at(&key, *condition), "u": change });
                }
                Operation::Delete { condition, .. } => {
                    batch.add(key.kind, Verb::Delete, doc! { "q": at(&key, *condition), "limit": 1 });
                }
                Operation::Check { condition: Condition::Absent, .. } => hold_absent(&mut absent, &key),
                Operation::Check { condition, .. } => {
                    let touch = doc! { "$set": { CHECKED_BY: signed(transaction.id) } };
                    batch.add(key.kind, Verb::Update, doc! { "q": at(&key, *condition), "u": touch });
                }
            }
            if is_unknown(operation) {
                unknown.push(key);
            }
        }
    }
    for verb in [Verb::Insert, Verb::Delete] {
        work.run(&mut absent, verb).await?;
    }
    for verb in [Verb::Insert, Verb::Update, Verb::Delete] {
        work.run(&mut batch, verb).await?;
    }
    let revisions = revisions(work, &unknown).await?;
    Ok(transactions.iter().map(|transaction| committed(transaction, &revisions)).collect())
}

/// Holds the place of a record that must not be there: whoever inserts it meanwhile gets into conflict.
pub(super) fn hold_absent(batch: &mut Batch, key: &Key) {
    batch.add(key.kind, Verb::Insert, doc! { ID: id(key) });
    batch.add(key.kind, Verb::Delete, doc! { "q": { ID: id(key) }, "limit": 1 });
}

/// The filter of an operation's record and its condition.
fn at(key: &Key, condition: Condition) -> Document {
    match condition {
        Condition::Revision(revision) => doc! { ID: id(key), REVISION: signed(revision) },
        Condition::Exists | Condition::Absent => doc! { ID: id(key) },
    }
}

/// Whether the operation does not say itself which revision it leaves.
fn is_unknown(operation: &Operation) -> bool {
    match operation {
        Operation::Update { condition, .. } | Operation::Check { condition, .. } => *condition == Condition::Exists,
        Operation::Insert(_) | Operation::Delete { .. } => false,
    }
}

type Revisions = HashMap<(&'static str, Vec<u8>), u64>;

async fn revisions(work: &mut Work<'_>, keys: &[Key]) -> Result<Revisions, Trouble> {
    let mut kinds: Vec<(&'static Kind, Vec<&Key>)> = Vec::new();
    for key in keys {
        match kinds.iter_mut().find(|(kind, _)| *kind == key.kind) {
            Some((_, keys)) => keys.push(key),
            None => kinds.push((key.kind, vec![key])),
        }
    }
    let mut revisions = Revisions::new();
    for (kind, keys) in kinds {
        for found in work.find_keys(kind, &keys, Some(doc! { REVISION: 1 })).await? {
            let id = found.get_document(ID).ok().and_then(|id| id.to_vec().ok());
            let revision = found.get(REVISION).and_then(whole).and_then(|revision| u64::try_from(revision).ok());
            if let (Some(id), Some(revision)) = (id, revision) {
                revisions.insert((kind.name, id), revision);
            }
        }
    }
    Ok(revisions)
}

fn committed(transaction: &Transaction, found: &Revisions) -> Committed {
    let revisions = transaction.operations.iter().map(|operation| match operation {
        Operation::Insert(_) => 1,
        Operation::Update { condition: Condition::Revision(before), .. } => before.saturating_add(1),
        Operation::Check { condition: Condition::Revision(now), .. } => *now,
        Operation::Delete { .. } | Operation::Check { condition: Condition::Absent, .. } => 0,
        Operation::Update { key, .. } | Operation::Check { key, .. } => {
            let id = id(key).to_vec().unwrap_or_default();
            found.get(&(key.kind.name, id)).copied().unwrap_or(0)
        }
    });
    Committed { revisions: revisions.collect() }
}
