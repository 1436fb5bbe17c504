//! Reading items by their keys: a hundred in a request.

use std::collections::HashMap;

use aquifer_core::{Error, Key, Record, Result, check};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;

use crate::calls::{Calls, Pauses};
use crate::error::Access;
use crate::expression::Names;
use crate::layout::{Layout, PARTITION, Place, REVISION, SORT, TRANSACTION, Table};
use crate::values::{self, Item, blob};

/// The most keys of one request.
const BATCH: usize = 100;

/// Which attributes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    /// All.
    All,
    /// All but those declared as detail.
    WithoutDetail,
    /// What has to be known before a record is written.
    Watched,
}

/// Reads records by their keys, as [`aquifer_core::Backend::get`] says.
///
/// # Errors
/// `Invalid` for a key that does not fit its kind; `Unavailable`; `Corrupt`.
pub(crate) async fn records(calls: &Calls, layout: &Layout, keys: &[Key]) -> Result<Vec<(Place, Option<Item>)>> {
    keys.iter().try_for_each(check::key)?;
    let places = keys.iter().map(|key| layout.place(key)).collect::<Result<Vec<_>>>()?;
    let found = items(calls, layout, &places, Columns::All).await?;
    Ok(places
        .into_iter()
        .map(|place| {
            let item = found.get(&place).cloned();
            (place, item)
        })
        .collect())
}

/// Reads items, with what was acknowledged before; those that are not there are left out.
///
/// # Errors
/// `Unavailable`; `Invalid` if the tables are missing.
pub(crate) async fn items(
    calls: &Calls,
    layout: &Layout,
    places: &[Place],
    columns: Columns,
) -> Result<HashMap<Place, Item>> {
    let mut distinct: Vec<&Place> = Vec::with_capacity(places.len());
    let mut seen = std::collections::HashSet::with_capacity(places.len());
    distinct.extend(places.iter().filter(|place| seen.insert(*place)));
    let batches = distinct.chunks(BATCH).map(|batch| read_batch(calls, layout, batch, columns));
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

async fn read_batch(calls: &Calls, layout: &Layout, places: &[&Place], columns: Columns) -> Result<Vec<(Place, Item)>> {
    let mut wanted: HashMap<String, Vec<Item>> = HashMap::new();
    let mut tables: HashMap<&str, usize> = HashMap::new();
    for place in places {
        let table = layout.at(place)?;
        tables.insert(&table.name, place.table);
        wanted.entry(table.name.clone()).or_default().push(values::key(place));
    }
    let mut request = HashMap::with_capacity(wanted.len());
    for (name, keys) in wanted {
        let table = tables.get(name.as_str()).and_then(|place| layout.tables.get(*place));
        let table = table.ok_or_else(|| Error::corrupt("a place names no table"))?;
        let mut read = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
        let mut names = Names::default();
        if let Some(projection) = projection(table, columns, &mut names) {
            read = read.projection_expression(projection).set_expression_attribute_names(names.names());
        }
        let read = read.build().map_err(|error| Error::corrupt("a read is incomplete").with_source(error))?;
        request.insert(name, read);
    }
    let mut found = Vec::with_capacity(places.len());
    let mut pauses = Pauses::new();
    loop {
        let answer = calls
            .call(Access::Read, |client| client.batch_get_item().set_request_items(Some(request.clone())).send())
            .await?;
        let before = found.len();
        for (name, items) in answer.responses.unwrap_or_default() {
            let table =
                *tables.get(name.as_str()).ok_or_else(|| Error::corrupt("DynamoDB answered of another table"))?;
            for item in items {
                found.push((place_of(table, &item)?, item));
            }
        }
        request = answer.unprocessed_keys.unwrap_or_default();
        if request.is_empty() {
            return Ok(found);
        }
        if found.len() > before {
            // An answer of 16 MB ends early too: that is no refusal.
            pauses = Pauses::new();
        }
        if !pauses.pause().await {
            return Err(Error::unavailable("DynamoDB stays busy: raise the tables' read capacity if this lasts"));
        }
    }
}

/// Where an item is, as its key says.
pub(crate) fn place_of(table: usize, item: &Item) -> Result<Place> {
    match (blob(item, PARTITION), blob(item, SORT)) {
        (Some(partition), Some(sort)) => Ok(Place { table, partition: partition.into(), sort: sort.into() }),
        _ => Err(Error::corrupt("an item has no key")),
    }
}

/// The attributes to read, as an expression; `None` for all.
pub(crate) fn projection(table: &Table, columns: Columns, names: &mut Names) -> Option<String> {
    let declared = table.kind.columns.iter().enumerate();
    let attributes: Vec<&str> = match columns {
        Columns::All => return None,
        Columns::WithoutDetail if !table.kind.columns.iter().any(|column| column.detail) => return None,
        Columns::WithoutDetail => {
            let own = [PARTITION, SORT, REVISION, TRANSACTION].into_iter();
            let places = table.declared().map(|order| order.attribute.as_str());
            own.chain(places)
                .chain(declared.filter(|(_, column)| !column.detail).map(|(_, column)| column.name))
                .collect()
        }
        Columns::Watched => {
            let watched = declared.filter(|(place, _)| table.watched.contains(place)).map(|(_, column)| column.name);
            [PARTITION, SORT, REVISION, TRANSACTION].into_iter().chain(watched).collect()
        }
    };
    Some(attributes.into_iter().map(|attribute| names.name(attribute)).collect::<Vec<_>>().join(", "))
}

/// The record of an item, without what the columns leave out.
///
/// # Errors
/// `Corrupt` if it is not what the schema says.
pub(crate) fn record(table: &Table, mut item: Item, columns: Columns) -> Result<Record> {
    if columns == Columns::WithoutDetail {
        for column in table.kind.columns.iter().filter(|column| column.detail) {
            item.remove(column.name);
        }
    }
    values::record(table, item)
}
