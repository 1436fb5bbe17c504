//! Finding executions that this worker owns without knowing it: the reply to the commit or the claim that gave them to it was lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aquifer_core::kinds::Execution;
use aquifer_core::{BackendExt, Entity, Error, Record, Retry, Scan, Stored, Timestamp, WorkerId};

use super::engine::Inner;

/// How many executions are looked at at a time.
const PAGE: usize = 200;

/// Whether this worker may own more than it knows of, and from when on a look settles it: what the database was about to do when the
/// connection broke may still come to light a while later.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    settles: Mutex<Option<Timestamp>>,
}

impl Doubt {
    fn set(&self, settles: Timestamp) {
        let mut current = self.settles.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some(current.map_or(settles, |current| current.max(settles)));
    }

    fn is_set(&self) -> bool {
        self.settles.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// A look that began at `began` has found everything.
    fn settle(&self, began: Timestamp) {
        let mut current = self.settles.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_some_and(|settles| settles <= began) {
            *current = None;
        }
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
        self.doubt.set(self.now().saturating_add(patience));
    }

    /// Takes up what this worker owns and does not run, if that may be. Costs nothing unless a reply was lost lately, and then
    /// grows with what this worker runs.
    pub(crate) async fn reclaim(self: &Arc<Self>) -> Result<(), Error> {
        if !self.doubt.is_set() {
            return Ok(());
        }
        let Some(worker) = self.may_own() else { return Ok(()) };
        let (began, mut all_run) = (self.now(), true);
        let mut cursor = None;
        loop {
            let scan = Scan::index(Execution::KIND, "by_owner").equals(&worker).limit(PAGE).after(cursor);
            let page = self.store.backend().scan(&scan).await?;
            for record in page.records {
                all_run &= self.reclaim_one(record, &worker).await?;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if all_run {
            self.doubt.settle(began);
        }
        Ok(())
    }

    /// False if the execution has to be looked at again: this process still runs it as the worker that it was before.
    async fn reclaim_one(self: &Arc<Self>, listed: Record, worker: &WorkerId) -> Result<bool, Error> {
        let key = listed.key();
        if let Some(running) = self.registry.runs_as(&Execution::from_record(listed)?.id) {
            return Ok(running == *worker);
        }
        // The listing may be older than what is stored, and leaves out what is needed to go on.
        let Some(record) = self.store.backend().get_one(key).await? else { return Ok(true) };
        let execution = Stored::<Execution>::from_record(record.clone())?;
        if execution.owner.as_ref() == Some(worker) && !execution.status.is_final() {
            tracing::info!(execution = %execution.id, "taking up an execution that was given to this worker by a lost reply");
            self.take_up_claimed(vec![record]).await;
        }
        Ok(true)
    }
}
