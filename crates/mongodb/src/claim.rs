//! Taking due records, each for one caller.

use std::collections::HashSet;
use std::time::Duration;

use aquifer_core::{Claim, Error, Record, Result, Retry};
use futures_util::stream::TryStreamExt as _;
use mongodb::bson::{Document, doc};

use crate::connection::Connection;
use crate::error::{DUPLICATE_KEY, Effect, from_code, from_driver, taken};
use crate::layout::{CLAIM_ID, ID, REVISION};
use crate::order::due;
use crate::values::{entry, id, signed, update, whole};

/// How often to look again when others have taken everything that was found.
const TRIES: u32 = 4;

/// Finds the lowest records that are due and takes those that nobody else has taken in between.
pub(crate) async fn claim(connection: &Connection, claim: &Claim) -> Result<Vec<Record>> {
    let _permit = connection.permit().await?;
    for tries in 1..=TRIES {
        let found = candidates(connection, claim).await?;
        if found.is_empty() {
            return Ok(found);
        }
        let taken = take(connection, claim, found).await?;
        if !taken.is_empty() {
            return Ok(taken);
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..10 * u64::from(tries)))).await;
    }
    Ok(Vec::new())
}

async fn candidates(connection: &Connection, claim: &Claim) -> Result<Vec<Record>> {
    let index = claim.kind.index(claim.index).ok_or_else(|| Error::invalid("there is no such index"))?;
    let query = due(claim.kind, index, &claim.prefix, claim.up_to.as_ref());
    let limit = u32::try_from(claim.limit).unwrap_or(u32::MAX);
    let collection = connection.collection(claim.kind);
    let documents = connection
        .call(Effect::None, async {
            let find = collection.find(query.filter).sort(query.sort);
            find.limit(limit.into()).batch_size(limit).await?.try_collect::<Vec<Document>>().await
        })
        .await?;
    documents.into_iter().map(|document| Ok(entry(claim.kind, document)?.record)).collect()
}

/// One command updates each record that still has the revision that was seen, and marks it with the claim.
async fn take(connection: &Connection, claim: &Claim, found: Vec<Record>) -> Result<Vec<Record>> {
    let mark = fastrand::u64(1..=i64::MAX as u64);
    let change = update(claim.kind, &claim.set, (CLAIM_ID, mark));
    let statements: Vec<Document> = found
        .iter()
        .map(|record| {
            let filter = doc! { ID: id(&record.key()), REVISION: signed(record.revision) };
            doc! { "q": filter, "u": change.clone() }
        })
        .collect();
    let concern = connection.durable();
    let concern = mongodb::bson::serialize_to_bson(&concern)
        .map_err(|error| Error::corrupt("the write concern cannot be written").with_source(error))?;
    let command = doc! { "update": claim.kind.name, "updates": statements, "ordered": false, "writeConcern": concern };
    let taken = match connection.timed(Effect::Write, connection.database().run_command(command.clone())).await? {
        Ok(answer) => answered(claim, &answer)?,
        Err(error) => {
            let error = from_driver(&error, Effect::Write, &connection.options.hosts);
            if error.retry() != Retry::Unknown {
                return Err(error);
            }
            // Whether the command was done shows in the records, and doing it twice changes nothing more: each has a new revision then.
            tracing::debug!("the answer to a claim was lost, asking again");
            let again = connection.call(Effect::Write, connection.database().run_command(command)).await;
            again.and_then(|again| answered(claim, &again)).map_err(unknown)?;
            None
        }
    };
    let mine = match taken {
        Some(count) if count == found.len() => None,
        Some(0) => return Ok(Vec::new()),
        _ => Some(marked(connection, claim, &found, mark).await.map_err(unknown)?),
    };
    let after = found.into_iter().filter(|record| {
        mine.as_ref().is_none_or(|mine| id(&record.key()).to_vec().is_ok_and(|id| mine.contains(&id)))
    });
    Ok(after.map(|record| changed(record, claim)).collect())
}

/// An error after which records may have been taken that the caller is not told of, whatever the error itself was.
fn unknown(error: Error) -> Error {
    error.with_retry(Retry::Unknown)
}

/// How many records the command has changed.
fn answered(claim: &Claim, answer: &Document) -> Result<Option<usize>> {
    let errors = answer.get_array("writeErrors").into_iter().flatten().filter_map(|error| error.as_document());
    for error in errors {
        let code = error.get("code").and_then(whole).and_then(|code| i32::try_from(code).ok()).unwrap_or(0);
        let message = error.get_str("errmsg").unwrap_or_default();
        let error = from_code(code, message, Effect::Write);
        if code == DUPLICATE_KEY {
            return Err(taken(claim.kind, message));
        }
        // Somebody else was faster with this one record; the others are ours.
        if error.retry() != Retry::Transient {
            return Err(error);
        }
    }
    if let Ok(concern) = answer.get_document("writeConcernError") {
        let code = concern.get("code").and_then(whole).and_then(|code| i32::try_from(code).ok()).unwrap_or(64);
        return Err(from_code(code, "", Effect::Write));
    }
    Ok(answer.get("n").and_then(whole).and_then(|count| usize::try_from(count).ok()))
}

/// The ids of those records that bear the mark of the claim. Nothing but a later claim takes it away.
async fn marked(connection: &Connection, claim: &Claim, found: &[Record], mark: u64) -> Result<HashSet<Vec<u8>>> {
    let ids: Vec<Document> = found.iter().map(|record| id(&record.key())).collect();
    let filter = doc! { ID: { "$in": ids }, CLAIM_ID: signed(mark) };
    let collection = connection.collection(claim.kind);
    let documents = connection
        .call(Effect::None, async {
            let find = collection.find(filter).projection(doc! { ID: 1 });
            find.await?.try_collect::<Vec<Document>>().await
        })
        .await?;
    Ok(documents.iter().filter_map(|found| found.get_document(ID).ok()?.to_vec().ok()).collect())
}

/// The record as the claim has left it.
fn changed(mut record: Record, claim: &Claim) -> Record {
    for (column, value) in &claim.set {
        if let Some(place) = record.values.get_mut(*column) {
            place.clone_from(value);
        }
    }
    record.revision += 1;
    record
}
