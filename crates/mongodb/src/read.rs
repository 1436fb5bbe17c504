//! Reading by key and in order.

use std::collections::HashMap;

use aquifer_core::{Key, Kind, Page, Record, Result, Scan};
use futures_util::future::try_join_all;
use futures_util::stream::TryStreamExt as _;
use mongodb::bson::{Document, doc};

use crate::connection::Connection;
use crate::error::Effect;
use crate::layout::ID;
use crate::order::query;
use crate::values::{entry, id};

/// The most keys that one request names.
const KEYS: usize = 2000;

/// Reads records by their keys: one request a kind, all at once.
pub(crate) async fn get(connection: &Connection, keys: &[Key]) -> Result<Vec<Option<Record>>> {
    let _permit = connection.permit().await?;
    let mut kinds: Vec<(&'static Kind, HashMap<Vec<u8>, Document>)> = Vec::new();
    let mut places = Vec::with_capacity(keys.len());
    for key in keys {
        let id = id(key);
        let place = (key.kind.name, bytes(&id));
        match kinds.iter_mut().find(|(kind, _)| *kind == key.kind) {
            Some((_, ids)) => drop(ids.insert(place.1.clone(), id)),
            None => kinds.push((key.kind, HashMap::from([(place.1.clone(), id)]))),
        }
        places.push(place);
    }
    let mut requests = Vec::new();
    for (kind, ids) in kinds {
        let ids: Vec<Document> = ids.into_values().collect();
        requests.extend(ids.chunks(KEYS).map(|ids| read(connection, kind, ids.to_vec())));
    }
    let found: HashMap<(&'static str, Vec<u8>), Record> = try_join_all(requests)
        .await?
        .into_iter()
        .flatten()
        .map(|record| ((record.kind.name, bytes(&id(&record.key()))), record))
        .collect();
    // A key may be asked for twice.
    Ok(places.into_iter().map(|place| found.get(&place).cloned()).collect())
}

async fn read(connection: &Connection, kind: &'static Kind, ids: Vec<Document>) -> Result<Vec<Record>> {
    let filter = if let [id] = ids.as_slice() {
        doc! { ID: id }
    } else {
        doc! { ID: { "$in": ids } }
    };
    let documents = connection
        .call(Effect::None, async {
            let cursor = connection.collection(kind).find(filter).read_concern(connection.newest()).await?;
            cursor.try_collect::<Vec<Document>>().await
        })
        .await?;
    documents.into_iter().map(|document| Ok(entry(kind, document)?.record)).collect()
}

fn bytes(id: &Document) -> Vec<u8> {
    // What cannot be written cannot be found.
    id.to_vec().unwrap_or_default()
}

/// Reads one page.
pub(crate) async fn scan(connection: &Connection, scan: &Scan) -> Result<Page> {
    let _permit = connection.permit().await?;
    let Some(query) = query(scan)? else {
        return Ok(Page { records: Vec::new(), next: None });
    };
    // One more tells whether there is a next page.
    let wanted = u32::try_from(scan.limit + 1).unwrap_or(u32::MAX);
    let details = scan.kind.columns.iter().filter(|column| column.detail && !scan.detail);
    let left_out: Document = details.map(|column| (column.name.to_owned(), 0.into())).collect();
    let collection = connection.collection(scan.kind);
    let documents = connection
        .call(Effect::None, async {
            let find = collection.find(query.filter).sort(query.sort).limit(wanted.into());
            let find = find.batch_size(wanted);
            let find = if left_out.is_empty() { find } else { find.projection(left_out) };
            find.await?.try_collect::<Vec<Document>>().await
        })
        .await?;
    let has_more = documents.len() > scan.limit;
    let records = documents.into_iter().take(scan.limit).map(|document| Ok(entry(scan.kind, document)?.record));
    let records: Vec<Record> = records.collect::<Result<_>>()?;
    let next = match records.last() {
        Some(last) if has_more => Some(scan.cursor_after(last)?),
        _ => None,
    };
    Ok(Page { records, next })
}
