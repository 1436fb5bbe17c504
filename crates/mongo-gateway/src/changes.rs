//! Change streams: what was written through this gateway, told to who listens.
//!
//! The engine has none, so this is an account of the commands that went well: a write that names the `_id` of its document counts as a
//! change of it, whether or not it hit it. The stages after `$changeStream` are not looked at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use tokio::sync::Notify;

use crate::commands::Command;
use crate::failure::Failure;

/// How many changes are kept; who is slower than that misses some.
const KEPT: usize = 20_000;
/// How many changes one answer holds.
const BATCH: usize = 1000;
/// The ids of streams begin here, far from those of the engine's cursors.
const FIRST_ID: i64 = 1 << 61;

/// One change of one document.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    operation: &'static str,
    database: String,
    collection: String,
    id: Bson,
}

/// The changes of late, and who listens.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    told: Mutex<Told>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Told {
    /// The number of the first change that is kept.
    first: u64,
    kept: VecDeque<Change>,
    streams: HashMap<i64, Stream>,
    opened: i64,
}

#[derive(Debug)]
struct Stream {
    database: String,
    next: u64,
}

/// What a command changes if it goes well.
pub(crate) fn of(command: &Command<'_>) -> Vec<Change> {
    let (operation, list) = match command.name {
        "insert" => ("insert", "documents"),
        "update" => ("update", "updates"),
        "delete" => ("delete", "deletes"),
        "findAndModify" => {
            return change(command, "update", command.body.get_document("query").ok()).into_iter().collect();
        }
        _ => return Vec::new(),
    };
    let mut statements: Vec<RawDocumentBuf> = Vec::new();
    if let Ok(array) = command.body.get_array(list) {
        let documents = array.into_iter().flatten().filter_map(|statement| statement.as_document());
        statements.extend(documents.map(RawDocument::to_owned));
    }
    let mut rest = command.sequence.unwrap_or_default();
    while let Some(length) = rest.first_chunk().and_then(|length| usize::try_from(i32::from_le_bytes(*length)).ok()) {
        let Some((this, after)) = rest.split_at_checked(length.max(4)) else { break };
        statements.extend(RawDocumentBuf::from_bytes(this.to_vec()));
        rest = after;
    }
    let named = |statement: &RawDocumentBuf| match operation {
        "insert" => change(command, operation, Some(statement)),
        _ => change(command, operation, statement.get_document("q").ok()),
    };
    statements.iter().filter_map(named).collect()
}

fn change(command: &Command<'_>, operation: &'static str, named: Option<&RawDocument>) -> Option<Change> {
    let id = Bson::try_from(named?.get("_id").ok()??).ok()?;
    let collection = command.body.get_str(command.name).ok()?.to_owned();
    Some(Change { operation, database: command.database.to_owned(), collection, id })
}

impl Changes {
    /// Tells who listens.
    pub(crate) fn tell(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut told = self.told();
        told.kept.extend(changes);
        while told.kept.len() > KEPT {
            told.kept.pop_front();
            told.first += 1;
        }
        drop(told);
        self.news.notify_waiters();
    }

    /// Opens a stream if an `aggregate` asks for one.
    ///
    /// # Errors
    /// If the answer cannot be written.
    pub(crate) fn open(&self, command: &Command<'_>) -> Result<Option<RawDocumentBuf>, Failure> {
        let stage = command.body.get_array("pipeline").ok().and_then(|pipeline| pipeline.into_iter().next()?.ok());
        let Some(stage) = stage.as_ref().and_then(|stage| stage.as_document()) else { return Ok(None) };
        let Ok(options) = stage.get_document("$changeStream") else { return Ok(None) };
        let token = |name: &str| options.get_document(name).and_then(|token| token.get_str("_data")).ok()?.parse().ok();
        let mut told = self.told();
        let now = told.first + told.kept.len() as u64;
        let next = token("resumeAfter").or_else(|| token("startAfter")).unwrap_or(now);
        told.opened += 1;
        let id = FIRST_ID + told.opened;
        told.streams.insert(id, Stream { database: command.database.to_owned(), next });
        drop(told);
        batch(command.database, id, "firstBatch", Vec::new(), next).map(Some)
    }

    /// Answers a `getMore` on a stream, after a while even without news; `None` for another cursor.
    ///
    /// # Errors
    /// If the answer cannot be written.
    pub(crate) async fn more(&self, id: i64, patience: Duration) -> Result<Option<RawDocumentBuf>, Failure> {
        let until = tokio::time::Instant::now() + patience;
        loop {
            // Asked for before looking, so that nothing comes in between.
            let news = self.news.notified();
            let Some((database, found, next)) = self.take(id) else { return Ok(None) };
            let is_late = tokio::time::Instant::now() >= until;
            if !found.is_empty() || is_late {
                return batch(&database, id, "nextBatch", found, next).map(Some);
            }
            // Either way it looks again.
            let _ = tokio::time::timeout_at(until, news).await;
        }
    }

    /// Closes a stream; whether it was one.
    pub(crate) fn close(&self, id: i64) -> bool {
        self.told().streams.remove(&id).is_some()
    }

    fn take(&self, id: i64) -> Option<(String, Vec<Document>, u64)> {
        let mut told = self.told();
        let told = &mut *told;
        let stream = told.streams.get_mut(&id)?;
        let skipped = usize::try_from(stream.next.saturating_sub(told.first)).unwrap_or(usize::MAX);
        stream.next = stream.next.max(told.first);
        let mut events = Vec::new();
        for change in told.kept.iter().skip(skipped) {
            if events.len() >= BATCH {
                break;
            }
            stream.next += 1;
            if change.database == stream.database {
                events.push(doc! {
                    "_id": { "_data": stream.next.to_string() },
                    "operationType": change.operation,
                    "ns": { "db": &change.database, "coll": &change.collection },
                    "documentKey": { "_id": change.id.clone() },
                });
            }
        }
        Some((stream.database.clone(), events, stream.next))
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn batch(database: &str, id: i64, name: &str, events: Vec<Document>, next: u64) -> Result<RawDocumentBuf, Failure> {
    let mut cursor = doc! { "id": id, "ns": format!("{database}.$cmd.aggregate") };
    cursor.insert(name, events);
    cursor.insert("postBatchResumeToken", doc! { "_data": next.to_string() });
    Ok(RawDocumentBuf::try_from(&doc! { "cursor": cursor, "ok": 1.0 })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command<'a>(name: &'a str, body: &'a RawDocument) -> Command<'a> {
        Command { name, database: "d", body, sequence: None }
    }

    #[tokio::test]
    async fn what_was_written_is_told_once() {
        let changes = Changes::default();
        let open = bson::rawdoc! { "aggregate": 1, "pipeline": [{ "$changeStream": {} }] };
        let opened = changes.open(&command("aggregate", &open)).unwrap().unwrap();
        let id = opened.get_document("cursor").unwrap().get_i64("id").unwrap();
        let insert = bson::rawdoc! { "insert": "c", "documents": [{ "_id": 1 }, { "_id": 2 }] };
        changes.tell(of(&command("insert", &insert)));
        let update = bson::rawdoc! { "update": "c", "updates": [{ "q": { "_id": 3 } }, { "q": { "x": 1 } }] };
        changes.tell(of(&command("update", &update)));
        let more = changes.more(id, Duration::ZERO).await.unwrap().unwrap();
        let events = more.get_document("cursor").unwrap().get_array("nextBatch").unwrap().into_iter().count();
        assert_eq!(events, 3);
        let more = changes.more(id, Duration::from_millis(5)).await.unwrap().unwrap();
        assert_eq!(more.get_document("cursor").unwrap().get_array("nextBatch").unwrap().into_iter().count(), 0);
        assert!(changes.close(id) && !changes.close(id));
        assert!(changes.more(id, Duration::ZERO).await.unwrap().is_none());
    }
}
