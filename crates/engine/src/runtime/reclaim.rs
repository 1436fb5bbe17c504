//! Finding executions that this worker owns without knowing it: the reply to the commit or the claim that gave them to it was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aquifer_core::kinds::Execution;
use aquifer_core::{BackendExt, Entity, Error, Record, Retry, Scan, Stored, Timestamp};

use super::engine::Inner;

/// How many executions are looked at at a time.
const PAGE: usize = 200;

/// Until when this worker may own more than it knows of. What the database was about to do when the connection broke may still
/// come to light a while later.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    until: AtomicI64,
}

impl Doubt {
    fn last_until(&self, time: Timestamp) {
        self.until.fetch_max(time.as_micros(), Ordering::Relaxed);
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.load(Ordering::Relaxed) < now.as_micros()
    }
}

impl Inner {
    /// Notes an error after which this worker may own something that it does not know of.
    pub(crate) fn doubt(&self, error: &Error) {
        if error.retry() == Retry::Unknown {
            self.doubt_all();
        }
    }

    /// Notes that this worker owns something that it does not run.
    pub(crate) fn doubt_all(&self) {
        let patience = self.options.lease.saturating_mul(2).max(Duration::from_secs(1));
        self.doubt.last_until(self.now().saturating_add(patience));
    }

    /// Takes up what this worker owns and does not run, if that may be. Costs nothing unless a reply was lost lately, and then
    /// grows with what this worker runs.
    pub(crate) async fn reclaim(self: &Arc<Self>) -> Result<(), Error> {
        if self.doubt.is_over(self.now()) {
            return Ok(());
        }
        let Some(worker) = self.may_own() else { return Ok(()) };
        let mut cursor = None;
        loop {
            let scan = Scan::index(Execution::KIND, "by_owner").equals(&worker).limit(PAGE).after(cursor);
            let page = self.store.backend().scan(&scan).await?;
            for record in page.records {
                self.reclaim_one(record).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn reclaim_one(self: &Arc<Self>, listed: Record) -> Result<(), Error> {
        let key = listed.key();
        if self.registry.contains(&Execution::from_record(listed)?.id) {
            return Ok(());
        }
        // The listing may be older than what is stored, and leaves out what is needed to go on.
        let Some(record) = self.store.backend().get_one(key).await? else { return Ok(()) };
        let execution = Stored::<Execution>::from_record(record.clone())?;
        if execution.owner.as_ref() == Some(&self.lease.worker()) && !execution.status.is_final() {
            tracing::info!(execution = %execution.id, "taking up an execution that was given to this worker by a lost reply");
            self.take_up_claimed(vec![record]).await;
        }
        Ok(())
    }
}
