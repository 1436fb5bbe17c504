//! The desk between a workflow function, its steps, and the run that carries them out: what is asked for, what has come of
//! it, and what is remembered. Everything here is in memory; the runner writes it down.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use aquifer_core::kinds::{LogLevel, Status};
use aquifer_core::{Clock, ExecutionId, Timestamp};
use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::error::StepError;
use super::options::StepOptions;
use crate::data::Data;

/// How long log lines and progress wait for the outcome of a step, to be written with it.
const LINGER: Duration = Duration::from_millis(250);

/// What a step does, once per attempt.
pub(super) type Body = Box<dyn FnMut(Context) -> BoxFuture<'static, Result<Data, StepError>> + Send>;

/// What one attempt changes in the state: names with their new values; `None` removes one.
pub(super) type Changes = BTreeMap<String, Option<String>>;

/// What an execution taken up has recorded of a step: its last attempt.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) status: Status,
    pub(super) attempt: u32,
    pub(super) output: Option<String>,
    pub(super) problem: Option<String>,
    pub(super) ended_at: Timestamp,
}

/// Something that the workflow function waits for.
pub(super) struct Request {
    pub(super) ticket: u64,
    pub(super) key: Arc<str>,
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<Data, StepError>>,
}

pub(super) enum Work {
    Step {
        body: Body,
        options: StepOptions,
        /// Counts from 1.
        attempt: u32,
        /// When the next attempt is due, if one failed before the execution was taken up.
        not_before: Option<Timestamp>,
    },
    Sleep(Duration),
}

/// The end of an attempt.
pub(super) struct Finished {
    pub(super) ticket: u64,
    pub(super) result: Result<Data, StepError>,
    /// To try again with.
    pub(super) body: Body,
    pub(super) changes: Changes,
}

/// A line for people: how much it matters, what it says, and the step that says it.
pub(super) type LogLine = (LogLevel, String, Option<String>);

pub(super) struct Shared {
    pub(super) id: ExecutionId,
    pub(super) clock: Arc<dyn Clock>,
    /// Set when this run of the execution is over.
    pub(super) over: CancellationToken,
    runner: AtomicWaker,
    function_woken: AtomicBool,
    desk: Mutex<Desk>,
}

#[derive(Default)]
pub(super) struct Desk {
    pub(super) recorded: HashMap<String, Recorded>,
    /// Whether the function is only brought to where it was when the execution was put down.
    pub(super) replaying: bool,
    pub(super) used: HashSet<Arc<str>>,
    pub(super) tickets: u64,
    pub(super) sleeps: u32,
    pub(super) requests: Vec<Request>,
    /// Tickets that nobody waits for any more.
    pub(super) dropped: Vec<u64>,
    pub(super) finished: VecDeque<Finished>,
    pub(super) state: BTreeMap<String, String>,
    /// What the function itself changed in the state.
    pub(super) changes: Changes,
    pub(super) logs: VecDeque<LogLine>,
    pub(super) progress: Option<i64>,
    /// When log lines and progress are written at the latest.
    pub(super) flush_at: Option<Timestamp>,
}

impl Shared {
    pub(super) fn new(id: ExecutionId, clock: Arc<dyn Clock>, desk: Desk) -> Arc<Self> {
        Arc::new(Self {
            id,
            clock,
            over: CancellationToken::new(),
            runner: AtomicWaker::new(),
            function_woken: AtomicBool::new(true),
            desk: Mutex::new(desk),
        })
    }

    /// Nothing of a user's may be dropped or called while this is held: it could come back here.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn finish(&self, finished: Finished) {
        self.desk().finished.push_back(finished);
        self.runner.wake();
    }

    /// Nobody waits for a request any more.
    pub(super) fn give_up(&self, ticket: u64) {
        self.desk().dropped.push(ticket);
        self.runner.wake();
    }

    pub(super) fn log(&self, line: LogLine, in_step: bool) {
        self.write_soon(in_step, |desk| desk.logs.push_back(line));
    }

    pub(super) fn set_progress(&self, progress: i64, in_step: bool) {
        self.write_soon(in_step, |desk| desk.progress = Some(progress));
    }

    /// What the function itself says while it is brought to where it was has been written before.
    fn write_soon(&self, in_step: bool, write: impl FnOnce(&mut Desk)) {
        let mut desk = self.desk();
        if desk.replaying && !in_step {
            return;
        }
        write(&mut desk);
        if desk.flush_at.is_none() {
            desk.flush_at = Some(self.clock.now().saturating_add(LINGER));
            drop(desk);
            self.runner.wake();
        }
    }

    /// Whom to wake when something is on the desk.
    pub(super) fn wakes(&self, runner: &Waker) {
        self.runner.register(runner);
    }

    /// Whether the function has something to go on with; asking takes the answer back.
    pub(super) fn take_function_woken(&self) -> bool {
        self.function_woken.swap(false, Ordering::AcqRel)
    }

    pub(super) fn function_is_woken(&self) -> bool {
        self.function_woken.load(Ordering::Acquire)
    }

    /// Empties the desk when the run is over: what lies on it refers back to it.
    pub(super) fn clear(&self) {
        self.over.cancel();
        let (requests, finished) = {
            let mut desk = self.desk();
            (std::mem::take(&mut desk.requests), std::mem::take(&mut desk.finished))
        };
        drop((requests, finished));
    }
}

/// The waker of the workflow function.
impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.function_woken.store(true, Ordering::Release);
        self.runner.wake();
    }
}
