//! Creating and upgrading what is stored.

use std::time::Duration;

use aquifer_core::{Error, Migration, Result, Schema};
use futures_util::future::try_join_all;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use crate::connection::Connection;
use crate::error::{Effect, NAMESPACE_EXISTS, code, from_driver};
use crate::layout::{ID, META, META_ID, VERSION, indexes};
use crate::values::whole;

/// How often an index is asked for again while another process is making it too.
const TRIES: u32 = 20;

/// The version of the stored schema; `None` where nothing is stored, 0 while the first migration is under way.
///
/// # Errors
/// `Invalid` if what is stored is not Aquifer's.
pub(crate) async fn stored_version(connection: &Connection) -> Result<Option<u32>> {
    let _permit = connection.permit().await?;
    version(connection).await
}

async fn version(connection: &Connection) -> Result<Option<u32>> {
    let found = connection.call(Effect::None, meta(connection).find_one(doc! { ID: META_ID })).await?;
    let Some(found) = found else { return Ok(None) };
    let version = found.get(VERSION).and_then(whole).and_then(|version| u32::try_from(version).ok());
    version.map(Some).ok_or_else(|| not_ours(connection, META))
}

/// Creates collections and indexes, or adds those that the schema has gained.
pub(crate) async fn migrate(connection: &Connection, schema: &'static Schema) -> Result<Migration> {
    let _permit = connection.permit().await?;
    let from = match version(connection).await? {
        Some(version) => version,
        None => begin(connection, schema).await?,
    };
    if from > schema.version {
        return Err(Error::invalid(format!(
            "what is stored has schema version {from}, newer than {}: use a newer program",
            schema.version
        )));
    }
    if from < schema.version {
        // All at once would take all connections; one after the other takes long on a slow line.
        for kinds in schema.kinds.chunks(4) {
            try_join_all(kinds.iter().map(|kind| prepare(connection, kind))).await?;
        }
        let older = doc! { ID: META_ID, VERSION: { "$lt": i64::from(schema.version) } };
        let newer = doc! { "$set": { VERSION: i64::from(schema.version) } };
        connection.call(Effect::None, meta(connection).update_one(older, newer)).await?;
    }
    Ok(Migration { from, to: schema.version })
}

/// Marks an empty database as Aquifer's.
async fn begin(connection: &Connection, schema: &'static Schema) -> Result<u32> {
    let names = connection.call(Effect::None, connection.database().list_collection_names()).await?;
    if let Some(kind) = schema.kinds.iter().find(|kind| names.iter().any(|name| name == kind.name)) {
        // Another process may have begun in between.
        return match version(connection).await? {
            Some(version) => Ok(version),
            None => Err(not_ours(connection, kind.name)),
        };
    }
    let ours = doc! { ID: META_ID };
    let program = doc! { "$setOnInsert": { VERSION: 0_i64, "program": "aquifer" } };
    let collection = meta(connection);
    let marked = collection.update_one(ours, program).upsert(true);
    match connection.timed(Effect::None, marked).await? {
        Ok(_) => {}
        // Two upserts at once: the other one was first.
        Err(error) if code(&error) == Some(crate::error::DUPLICATE_KEY) => {}
        Err(error) => return Err(from_driver(&error, Effect::None, &connection.options.hosts)),
    }
    Ok(version(connection).await?.unwrap_or(0))
}

/// Makes a kind's collection and indexes, where they are missing.
async fn prepare(connection: &Connection, kind: &'static aquifer_core::Kind) -> Result<()> {
    let failed = |error: &mongodb::error::Error| {
        from_driver(error, Effect::None, &connection.options.hosts).with_record_kind(kind.name)
    };
    match connection.timed(Effect::None, connection.database().create_collection(kind.name)).await? {
        Ok(()) => {}
        Err(error) if code(&error) == Some(NAMESPACE_EXISTS) => {}
        Err(error) => return Err(failed(&error)),
    }
    let indexes = indexes(kind);
    if indexes.is_empty() {
        return Ok(());
    }
    let collection = connection.collection(kind);
    let mut tries = 0;
    loop {
        tries += 1;
        let made = collection.create_indexes(indexes.clone());
        match connection.timed(Effect::None, made).await? {
            Ok(_) => return Ok(()),
            // Another process makes the same one: it will be there.
            Err(error) if tries < TRIES && may_help(code(&error)) => {}
            Err(error) => return Err(failed(&error)),
        }
        tokio::time::sleep(Duration::from_millis(20 + fastrand::u64(..100))).await;
    }
}

/// Whether making an index again may succeed: other work on the collection was in the way.
fn may_help(code: Option<i32>) -> bool {
    // Conflicts, locks, an index build that another one stopped, a collection that was just made.
    matches!(code, Some(8 | 12587 | 24 | 46 | 112 | 117 | 276 | 26 | 48))
}

fn meta(connection: &Connection) -> Collection<Document> {
    connection.database().collection(META)
}

fn not_ours(connection: &Connection, collection: &str) -> Error {
    Error::invalid(format!(
        "the database {} has a collection {collection} that is not Aquifer's: name another database in the URL",
        connection.options.database
    ))
}
