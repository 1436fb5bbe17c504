//! One operation on one record: a single write, which is atomic by itself. The driver tries it again where the answer is lost, and the
//! server knows it by its number.

use aquifer_core::{Committed, Condition, Error, Key, Operation, Record, Result};
use mongodb::bson::{Document, doc};
use mongodb::options::ReturnDocument;

use super::work::is_taken;
use crate::connection::Connection;
use crate::error::{Effect, from_driver};
use crate::layout::{ID, REVISION, TRANSACTION_ID};
use crate::values::{document, id, signed, update, whole};

/// Applies one operation as a transaction of its own.
pub(super) async fn apply(connection: &Connection, transaction: u64, operation: &Operation) -> Result<Committed> {
    let key = operation.key();
    let revision = match operation {
        Operation::Insert(record) => insert(connection, transaction, record).await,
        Operation::Update { condition, set, .. } => {
            let change = update(key.kind, set, (TRANSACTION_ID, transaction));
            self::change(connection, &key, *condition, change).await
        }
        Operation::Delete { condition, .. } => delete(connection, &key, *condition).await,
        Operation::Check { condition, .. } => check(connection, &key, *condition).await,
    };
    let revision = revision.map_err(|error| match error.record_kind() {
        None => error.with_key(key.kind.name, key.to_string()),
        Some(_) => error,
    })?;
    Ok(Committed { revisions: vec![revision] })
}

async fn insert(connection: &Connection, transaction: u64, record: &Record) -> Result<u64> {
    let record = Record { revision: 1, ..record.clone() };
    let collection = connection.collection(record.kind);
    let inserted = collection.insert_one(document(&record, transaction));
    match connection.timed(Effect::Write, inserted).await? {
        Ok(_) => Ok(1),
        Err(error) => Err(is_taken(record.kind, &error)
            .unwrap_or_else(|| from_driver(&error, Effect::Write, &connection.options.hosts))),
    }
}

async fn change(connection: &Connection, key: &Key, condition: Condition, change: Document) -> Result<u64> {
    let collection = connection.collection(key.kind);
    let failed = |error: mongodb::error::Error| {
        is_taken(key.kind, &error).unwrap_or_else(|| from_driver(&error, Effect::Write, &connection.options.hosts))
    };
    if let Condition::Revision(before) = condition {
        let at = doc! { ID: id(key), REVISION: signed(before) };
        let updated = connection.timed(Effect::Write, collection.update_one(at, change)).await?.map_err(failed)?;
        return if updated.matched_count > 0 {
            Ok(before.saturating_add(1))
        } else {
            differs(connection, key, condition).await
        };
    }
    let updated = collection
        .find_one_and_update(doc! { ID: id(key) }, change)
        .projection(doc! { REVISION: 1 })
        .return_document(ReturnDocument::After);
    match connection.timed(Effect::Write, updated).await?.map_err(failed)? {
        Some(found) => revision_of(&found),
        None => Err(missing()),
    }
}

async fn delete(connection: &Connection, key: &Key, condition: Condition) -> Result<u64> {
    let at = match condition {
        Condition::Revision(revision) => doc! { ID: id(key), REVISION: signed(revision) },
        Condition::Exists | Condition::Absent => doc! { ID: id(key) },
    };
    let deleted = connection.call(Effect::Write, connection.collection(key.kind).delete_one(at)).await?;
    if deleted.deleted_count > 0 { Ok(0) } else { differs(connection, key, condition).await }
}

async fn check(connection: &Connection, key: &Key, condition: Condition) -> Result<u64> {
    match (condition, current(connection, key).await?) {
        (Condition::Absent, None) => Ok(0),
        (Condition::Absent, Some(_)) => Err(Error::already_exists("there is such a record already")),
        (_, None) => Err(missing()),
        (Condition::Exists, Some(revision)) => Ok(revision),
        (Condition::Revision(expected), Some(found)) if found == expected => Ok(found),
        (Condition::Revision(expected), Some(found)) => Err(other(found, expected)),
    }
}

/// Why a conditional write hit nothing. If the record has come to what was expected meanwhile, somebody else was in the way.
async fn differs(connection: &Connection, key: &Key, condition: Condition) -> Result<u64> {
    match (condition, current(connection, key).await?) {
        (_, None) => Err(missing()),
        (Condition::Revision(expected), Some(found)) if found != expected => Err(other(found, expected)),
        (_, Some(_)) => Err(Error::unavailable("another write was in the way of this one")),
    }
}

/// The newest revision of a record; `None` if it is not there.
async fn current(connection: &Connection, key: &Key) -> Result<Option<u64>> {
    let collection = connection.collection(key.kind);
    let found =
        collection.find_one(doc! { ID: id(key) }).projection(doc! { REVISION: 1 }).read_concern(connection.newest());
    let found = connection.call(Effect::None, found).await?;
    found.map(|found| revision_of(&found)).transpose()
}

fn revision_of(found: &Document) -> Result<u64> {
    let revision = found.get(REVISION).and_then(whole).and_then(|revision| u64::try_from(revision).ok());
    revision.ok_or_else(|| Error::corrupt("a document without a revision is not Aquifer's"))
}

fn missing() -> Error {
    Error::not_found("there is no such record")
}

fn other(found: u64, expected: u64) -> Error {
    Error::conflict(format!("the record is at revision {found}, not {expected}"))
}
