//! One run of a code-first execution, without I/O: polls the workflow function, takes in what its steps gave, and says what is
//! to be written and begun.
//!
//! What a step gave is shown to the function before it is durable, so that one transaction holds an outcome together with what
//! follows from it: the next steps asked for, or the end of the workflow. This is sound because the function can only act through
//! steps, and a step begins only after that transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use aquifer_core::Timestamp;
use aquifer_core::kinds::Status;
use aquifer_dsl::Problem;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::attempt::{Attempt, begin, panicked};
use super::context::pointer;
use super::desk::{Body, Changes, Finished, LogLine, Request, Shared, Work};
use super::error::StepError;
use super::options::StepOptions;
use crate::data::Data;
use crate::entry::Fact;
use crate::machine::{Outcome, StepRow};

/// The most outcomes that one turn takes in, so that one transaction mostly holds it.
const OUTCOMES_PER_TURN: usize = 40;

/// How often the function is polled in one turn, should it wake itself without end.
const POLLS_PER_TURN: usize = 10_000;

/// What a workflow function gives in the end.
pub(super) type Function = BoxFuture<'static, Result<Data, StepError>>;

/// Something to be written as a whole: with the row of a step, what happened around it.
#[derive(Default)]
pub(super) struct Item {
    pub(super) row: Option<StepRow>,
    pub(super) facts: Vec<Fact>,
    pub(super) changes: Changes,
    pub(super) log: Option<LogLine>,
}

/// A step or a wait that the function waits for.
struct Active {
    key: Arc<str>,
    task: String,
    work: ActiveWork,
    /// Counts from 1.
    attempt: u32,
    started_at: Timestamp,
    reply: oneshot::Sender<Result<Data, StepError>>,
}

enum ActiveWork {
    Step {
        options: StepOptions,
        /// Here between attempts, with the task during one.
        body: Option<Body>,
        running: Option<AbortHandle>,
        due: Option<Timestamp>,
    },
    Sleep {
        until: Timestamp,
    },
}

pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    function: Option<Function>,
    waker: Waker,
    active: HashMap<u64, Active>,
    /// When something is due: the next attempt of a step, or the end of a wait.
    due: BTreeSet<(Timestamp, u64)>,
    running: usize,
    starts: Vec<u64>,
    last_step: i64,
    /// The waits under way with their ends: what is not a step's outcome and has to be remembered.
    sleeps: BTreeMap<Arc<str>, Timestamp>,
    known_sleeps: BTreeMap<String, Timestamp>,
    pub(super) sleeps_changed: bool,
    /// What is to be written, in order.
    pub(super) items: VecDeque<Item>,
    pub(super) progress: Option<i64>,
    pub(super) outcome: Option<Outcome>,
    /// Whether the execution was suspended before, and its tasks resume.
    pub(super) resuming: bool,
}

impl Run {
    pub(super) fn new(
        shared: Arc<Shared>,
        function: Option<Function>,
        last_step: i64,
        known_sleeps: BTreeMap<String, Timestamp>,
    ) -> Self {
        let waker = Waker::from(Arc::clone(&shared));
        Self {
            shared,
            function,
            waker,
            active: HashMap::new(),
            due: BTreeSet::new(),
            running: 0,
            starts: Vec::new(),
            last_step,
            sleeps: BTreeMap::new(),
            known_sleeps,
            sleeps_changed: false,
            items: VecDeque::new(),
            progress: None,
            outcome: None,
            resuming: false,
        }
    }

    /// Takes in what is there, and goes as far as that leads.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.take_finished(now);
        self.take_due(now);
        self.poll_function();
        self.take_requests(now);
        if self.outcome.is_some() {
            self.stop_all(now);
        }
    }

    /// Begins what the turn asked for. To be called when everything in [`Run::items`] is durable.
    pub(super) fn begin(&mut self) {
        for ticket in std::mem::take(&mut self.starts) {
            let Some(active) = self.active.get_mut(&ticket) else { continue };
            let ActiveWork::Step { options, body, running, .. } = &mut active.work else { continue };
            let Some(body) = body.take() else { continue };
            let attempt = Attempt {
                ticket,
                key: Arc::clone(&active.key),
                number: active.attempt,
                timeout: options.timeout,
                body,
            };
            active.started_at = self.shared.clock.now();
            *running = Some(begin(&self.shared, attempt));
            self.running += 1;
        }
    }

    /// Whether nothing is under way or about to begin in this process.
    pub(super) fn is_idle(&self) -> bool {
        self.running == 0 && self.starts.is_empty()
    }

    /// Whether attempts are under way.
    pub(super) fn is_running(&self) -> bool {
        self.running > 0
    }

    /// Whether there is something to advance with.
    pub(super) fn has_work(&self) -> bool {
        self.shared.function_is_woken() || {
            let desk = self.shared.desk();
            !desk.finished.is_empty() || !desk.dropped.is_empty() || !desk.requests.is_empty()
        }
    }

    /// When to advance at the latest.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let due = self.next_due();
        match self.shared.desk().flush_at {
            Some(flush) => Some(due.map_or(flush, |due| due.min(flush))),
            None => due,
        }
    }

    /// When the next attempt or the end of a wait is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(time, _)| *time)
    }

    /// The waits under way, as they are remembered.
    pub(super) fn sleeps(&self) -> &BTreeMap<Arc<str>, Timestamp> {
        &self.sleeps
    }

    /// Ends everything for good.
    pub(super) fn cancel(&mut self, now: Timestamp) {
        self.function = None;
        self.stop_all(now);
        self.item(Fact::WorkflowCancelled);
        self.outcome = Some(Outcome::Cancelled);
    }

    /// Says that the execution and its tasks pause. Whatever is under way is begun again when it resumes.
    pub(super) fn suspend(&mut self) {
        let mut facts: Vec<Fact> = self.tasks().into_iter().map(Fact::TaskSuspended).collect();
        facts.push(Fact::WorkflowSuspended);
        self.items.push_back(Item { facts, ..Item::default() });
    }

    /// Faults the workflow for a reason of the engine's.
    pub(super) fn give_up(&mut self, problem: Problem) {
        self.function = None;
        self.items.clear();
        self.fault(problem);
    }

    fn fault(&mut self, problem: Problem) {
        self.item(Fact::WorkflowFaulted(problem.clone()));
        self.outcome = Some(Outcome::Faulted(problem));
    }

    fn item(&mut self, fact: Fact) {
        self.items.push_back(Item { facts: vec![fact], ..Item::default() });
    }

    fn tasks(&self) -> Vec<String> {
        let mut tickets: Vec<(&u64, &Active)> = self.active.iter().collect();
        tickets.sort_unstable_by_key(|(ticket, _)| **ticket);
        tickets.into_iter().map(|(_, active)| active.task.clone()).collect()
    }

    fn take_finished(&mut self, now: Timestamp) {
        for _ in 0..OUTCOMES_PER_TURN {
            let Some(finished) = self.shared.desk().finished.pop_front() else { return };
            // The attempt of a step that nobody waits for any more has been recorded as cancelled.
            let Some(active) = self.active.remove(&finished.ticket) else { continue };
            self.running = self.running.saturating_sub(1);
            self.attempted(active, finished, now);
        }
    }

    fn attempted(&mut self, active: Active, finished: Finished, now: Timestamp) {
        let Finished { ticket, result, body, changes } = finished;
        match result {
            Ok(data) => {
                let row = self.row(&active, Status::Completed, now);
                let row = StepRow { output: Some(data.clone()), ..row };
                let facts = vec![Fact::TaskCompleted(active.task, data.clone())];
                if !changes.is_empty() {
                    let mut desk = self.shared.desk();
                    for (name, value) in &changes {
                        match value {
                            Some(value) => desk.state.insert(name.clone(), value.clone()),
                            None => desk.state.remove(name),
                        };
                    }
                }
                self.items.push_back(Item { row: Some(row), facts, changes, log: None });
                // If the function stopped waiting just now, the outcome is recorded all the same.
                let _ = active.reply.send(Ok(data));
            }
            Err(error) => self.failed(ticket, active, error, body, now),
        }
    }

    fn failed(&mut self, ticket: u64, mut active: Active, error: StepError, again: Body, now: Timestamp) {
        let permanent = error.is_permanent();
        let problem = error.into_problem_at(&active.task);
        let row = self.row(&active, Status::Faulted, now);
        let row = Some(StepRow { problem: Some(problem.clone()), ..row });
        if let ActiveWork::Step { options, body, running, due } = &mut active.work
            && !permanent
            && active.attempt < options.attempts()
        {
            let time = now.saturating_add(options.delay(active.attempt, (self.shared.id.as_str(), &active.key)));
            (*body, *running, *due) = (Some(again), None, Some(time));
            active.attempt = active.attempt.saturating_add(1);
            self.due.insert((time, ticket));
            let facts = vec![Fact::TaskRetried(active.task.clone())];
            self.items.push_back(Item { row, facts, ..Item::default() });
            self.active.insert(ticket, active);
            return;
        }
        let facts = vec![Fact::TaskFaulted(active.task, problem.clone())];
        self.items.push_back(Item { row, facts, ..Item::default() });
        let _ = active.reply.send(Err(StepError::problem(problem)));
    }

    fn take_due(&mut self, now: Timestamp) {
        for _ in 0..OUTCOMES_PER_TURN {
            let Some((time, ticket)) = self.due.first().copied() else { return };
            if time > now {
                return;
            }
            self.due.remove(&(time, ticket));
            let Some(active) = self.active.get_mut(&ticket) else { continue };
            match &mut active.work {
                ActiveWork::Step { due, .. } => {
                    *due = None;
                    self.starts.push(ticket);
                }
                ActiveWork::Sleep { .. } => self.awake(ticket, now),
            }
        }
    }

    fn awake(&mut self, ticket: u64, now: Timestamp) {
        let Some(active) = self.active.remove(&ticket) else { return };
        self.sleeps.remove(&active.key);
        self.sleeps_changed = true;
        let row = StepRow { output: Some(Data::null()), ..self.row(&active, Status::Completed, now) };
        let facts = vec![Fact::TaskCompleted(active.task, Data::null())];
        self.items.push_back(Item { row: Some(row), facts, ..Item::default() });
        let _ = active.reply.send(Ok(Data::null()));
    }

    fn poll_function(&mut self) {
        for _ in 0..POLLS_PER_TURN {
            let Some(function) = &mut self.function else { return };
            if !self.shared.take_function_woken() {
                return;
            }
            let mut context = TaskContext::from_waker(&self.waker);
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| function.as_mut().poll(&mut context)));
            let result = match polled {
                Ok(Poll::Pending) => continue,
                Ok(Poll::Ready(result)) => result,
                Err(panic) => Err(panicked("workflow function", &*panic)),
            };
            self.function = None;
            self.outcome = Some(match result {
                Ok(output) => Outcome::Completed(output),
                Err(error) => Outcome::Faulted(error.into_problem_at("/")),
            });
        }
    }

    /// Takes what the function asked for, said, and no longer waits for.
    fn take_requests(&mut self, now: Timestamp) {
        let (requests, dropped, changes, logs, replaying) = {
            let mut desk = self.shared.desk();
            desk.flush_at = None;
            if let Some(progress) = desk.progress.take() {
                self.progress = Some(progress);
            }
            (
                std::mem::take(&mut desk.requests),
                std::mem::take(&mut desk.dropped),
                std::mem::take(&mut desk.changes),
                std::mem::take(&mut desk.logs),
                std::mem::replace(&mut desk.replaying, false),
            )
        };
        for log in logs {
            self.items.push_back(Item { log: Some(log), ..Item::default() });
        }
        if !changes.is_empty() {
            self.items.push_back(Item { changes, ..Item::default() });
        }
        let resumed = std::mem::take(&mut self.resuming);
        if resumed {
            self.item(Fact::WorkflowResumed);
        }
        for request in requests {
            self.request(request, replaying, resumed, now);
        }
        for ticket in dropped {
            if let Some(active) = self.active.remove(&ticket) {
                self.stop(ticket, active, now);
            }
        }
        // What was remembered of waits that the function no longer asks for is forgotten.
        if replaying && !self.known_sleeps.is_empty() {
            self.known_sleeps.clear();
            self.sleeps_changed = true;
        }
    }

    /// Notes what the function asks for. What it asks for again, because it was brought to where it was, has been told before.
    fn request(&mut self, request: Request, replaying: bool, resumed: bool, now: Timestamp) {
        let Request { ticket, key, work, reply } = request;
        let task = pointer(&key);
        let mut active =
            Active { key, task, work: ActiveWork::Sleep { until: now }, attempt: 1, started_at: now, reply };
        match work {
            Work::Step { body, options, attempt, not_before } => {
                active.attempt = attempt;
                let due = not_before.filter(|time| *time > now);
                match due {
                    Some(time) => {
                        self.due.insert((time, ticket));
                    }
                    None => self.starts.push(ticket),
                }
                active.work = ActiveWork::Step { options, body: Some(body), running: None, due };
            }
            Work::Sleep(duration) => active.started_at = self.sleep(ticket, &mut active, duration, now),
        }
        if !replaying {
            let facts = vec![Fact::TaskCreated(active.task.clone()), Fact::TaskStarted(active.task.clone())];
            self.items.push_back(Item { facts, ..Item::default() });
        } else if resumed {
            self.item(Fact::TaskResumed(active.task.clone()));
        }
        self.active.insert(ticket, active);
    }

    /// Begins a wait, or goes on with one that was under way. Gives the time when it began.
    fn sleep(&mut self, ticket: u64, active: &mut Active, duration: Duration, now: Timestamp) -> Timestamp {
        let until = match self.known_sleeps.remove(&*active.key) {
            Some(until) => until,
            None => {
                self.sleeps_changed = true;
                now.saturating_add(duration)
            }
        };
        self.sleeps.insert(Arc::clone(&active.key), until);
        self.due.insert((until, ticket));
        active.work = ActiveWork::Sleep { until };
        until.saturating_sub(duration).min(now)
    }

    fn stop_all(&mut self, now: Timestamp) {
        self.starts.clear();
        let mut all: Vec<(u64, Active)> = self.active.drain().collect();
        all.sort_unstable_by_key(|(ticket, _)| *ticket);
        let end = self.outcome.take();
        for (ticket, active) in all {
            self.stop(ticket, active, now);
        }
        match end {
            Some(Outcome::Completed(output)) => {
                self.item(Fact::WorkflowCompleted(output.clone()));
                self.outcome = Some(Outcome::Completed(output));
            }
            Some(Outcome::Faulted(problem)) => self.fault(problem),
            other => self.outcome = other,
        }
    }

    /// Stops a step or a wait for good.
    fn stop(&mut self, ticket: u64, active: Active, now: Timestamp) {
        match &active.work {
            ActiveWork::Step { running, due, .. } => {
                if let Some(running) = running {
                    running.abort();
                    self.running = self.running.saturating_sub(1);
                }
                if let Some(due) = due {
                    self.due.remove(&(*due, ticket));
                }
                self.starts.retain(|start| *start != ticket);
            }
            ActiveWork::Sleep { until } => {
                self.due.remove(&(*until, ticket));
                self.sleeps.remove(&active.key);
                self.sleeps_changed = true;
            }
        }
        let row = Some(self.row(&active, Status::Cancelled, now));
        let facts = vec![Fact::TaskCancelled(active.task)];
        self.items.push_back(Item { row, facts, ..Item::default() });
    }

    /// The row of an attempt that ended.
    fn row(&mut self, active: &Active, status: Status, now: Timestamp) -> StepRow {
        self.last_step = self.last_step.saturating_add(1);
        StepRow {
            number: self.last_step,
            task: active.task.clone(),
            name: active.key.to_string(),
            visit: 1,
            attempt: active.attempt,
            status,
            output: None,
            problem: None,
            started_at: active.started_at,
            ended_at: now,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        for active in self.active.values() {
            if let ActiveWork::Step { running: Some(running), .. } = &active.work {
                running.abort();
            }
        }
        self.function = None;
        self.shared.clear();
    }
}
