//! The hash chain of an execution's events.

use aquifer_core::kinds::{EventBatch, Execution};
use aquifer_core::{BackendExt, Entity, Error, ExecutionId, Result, Scan, Store, TenantId};
use sha2::{Digest, Sha256};

use crate::data::hex;
use crate::entry;
use crate::journal::execution_key;

/// How many batches one page of a check reads.
const PAGE: usize = 200;

/// The hash of a batch: that of the batch before, and its own entries.
pub(crate) fn link(before: Option<&str>, entries: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(before.unwrap_or_default().as_bytes());
    hasher.update(entries.as_bytes());
    hex(&hasher.finalize())
}

/// Checks that an execution's events are complete and as they were written, and returns how many there are.
///
/// # Errors
/// `Corrupt`, naming the first event that is missing or altered; `NotFound` if there is no such execution.
pub async fn verify_events(store: &Store, tenant: &TenantId, id: &ExecutionId) -> Result<i64> {
    let record = store.backend().get_one(execution_key(tenant, id)).await?;
    let record = record.ok_or_else(|| Error::not_found(format!("there is no execution {id}")))?;
    let execution = Execution::from_record(record)?;
    let mut last = 0;
    let mut hash: Option<String> = None;
    let mut cursor = None;
    loop {
        let scan = Scan::key(EventBatch::KIND).equals(tenant).equals(id).limit(PAGE).after(cursor).with_detail();
        let page = store.backend().scan(&scan).await?;
        for record in page.records {
            let batch = EventBatch::from_record(record)?;
            let next = last + 1;
            if batch.first != next {
                return Err(Error::corrupt(format!("event {next} of execution {id} is missing")));
            }
            if link(hash.as_deref(), &batch.entries) != batch.hash {
                return Err(Error::corrupt(format!("events {next} to {} of execution {id} were altered", batch.last)));
            }
            entry::events(&execution, "", &batch, last)?;
            last = batch.last;
            hash = Some(batch.hash);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if last != execution.last_event || hash != execution.event_hash {
        return Err(Error::corrupt(format!(
            "the last events of execution {id} are missing: it has had {}",
            execution.last_event
        )));
    }
    Ok(last)
}
