//! Counting what is stored.

use aquifer_core::{Result, Schema, Stats};
use mongodb::bson::doc;

use crate::connection::Connection;
use crate::error::Effect;
use crate::values::whole;

/// Counts every kind, one after the other.
pub(crate) async fn stats(connection: &Connection, schema: &'static Schema) -> Result<Stats> {
    let _permit = connection.permit().await?;
    let mut records = Vec::with_capacity(schema.kinds.len());
    for kind in schema.kinds {
        let count = connection.call(Effect::None, connection.collection(kind).count_documents(doc! {})).await?;
        records.push((kind.name, count));
    }
    // The right to ask for the size is not needed for anything else, and not everybody has it.
    let asked = connection.call(Effect::None, connection.database().run_command(doc! { "dbStats": 1 })).await.ok();
    let bytes = asked.and_then(|answer| {
        let part = |name: &str| answer.get(name).and_then(size).unwrap_or(0);
        u64::try_from(part("storageSize") + part("indexSize")).ok().filter(|bytes| *bytes > 0)
    });
    let facts = vec![
        ("server", connection.server.clone()),
        ("database", connection.options.database.clone()),
        ("change streams", if connection.has_changes { "yes" } else { "no" }.to_owned()),
    ];
    Ok(Stats { records, bytes, facts })
}

/// A size, which the server gives as a float.
fn size(bson: &mongodb::bson::Bson) -> Option<i64> {
    whole(bson).or_else(|| bson.as_f64().map(|size| size as i64))
}
