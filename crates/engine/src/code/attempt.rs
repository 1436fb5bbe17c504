//! Carrying out one attempt of a step, in a task of its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aquifer_dsl::Problem;
use futures_util::FutureExt;
use tokio::task::AbortHandle;

use super::context::{Context, Scope, changes};
use super::desk::{Body, Changes, Finished, Shared};
use super::error::StepError;

/// An attempt to be carried out.
pub(super) struct Attempt {
    pub(super) ticket: u64,
    pub(super) key: Arc<str>,
    pub(super) number: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) body: Body,
}

/// Begins an attempt. Its end comes to the desk, unless it is aborted.
pub(super) fn begin(shared: &Arc<Shared>, attempt: Attempt) -> AbortHandle {
    let Attempt { ticket, key, number, timeout, mut body } = attempt;
    let scope =
        Arc::new(Scope { key, attempt: number, over: shared.over.child_token(), changes: Mutex::new(Changes::new()) });
    let shared = Arc::clone(shared);
    let task = tokio::spawn(async move {
        let _over = scope.over.clone().drop_guard();
        let context = Context { shared: Arc::clone(&shared), scope: Some(Arc::clone(&scope)) };
        // A body that panicked is called again only for another attempt, as it would be after a restart.
        let work = AssertUnwindSafe(async { body(context).await }).catch_unwind();
        let result = match timeout {
            None => work.await,
            Some(limit) => {
                let late = shared.clock.sleep_until(shared.clock.now().saturating_add(limit));
                tokio::select! {
                    biased;
                    result = work => result,
                    () = late => Ok(Err(StepError::problem(Problem::timeout(format!("the attempt took longer than {limit:?}"))))),
                }
            }
        };
        let result = result.unwrap_or_else(|panic| Err(panicked("step", &*panic)));
        let changes = std::mem::take(&mut *changes(&scope));
        shared.finish(Finished { ticket, result, body, changes });
    });
    task.abort_handle()
}

/// What is said of a panic.
pub(super) fn panicked(what: &str, panic: &(dyn Any + Send)) -> StepError {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    StepError::new(format!("the {what} panicked: {message}"))
}
