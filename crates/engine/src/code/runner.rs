//! Driving one code-first execution: advance its run, write down what that gave, begin what it asked for, and again.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use aquifer_core::kinds::{Control, Execution, ExecutionColumn, Status};
use aquifer_core::{Field, Timestamp, Value};
use aquifer_dsl::Problem;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::run::{Item, Run};
use crate::entry::Fact;
use crate::journal::{Entries, Journal, Stop};
use crate::machine::Outcome;
use crate::runtime::{Inner, ended};

/// The most operations of what one transaction writes beside the execution itself: what every backend takes, less some.
const OPERATIONS: usize = 80;

/// About the most bytes of values in one transaction, unless a single outcome has more.
const BYTES: usize = 1 << 20;

/// Where a code-first execution stands, beside its recorded steps: the same few bytes however many those are.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Continuation {
    /// The version of this format; it also tells a code-first execution from one of the DSL.
    code: u32,
    /// Whether the workflow function has never run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) fresh: bool,
    /// The waits under way, with their ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sleeps: BTreeMap<String, Timestamp>,
}

impl Continuation {
    pub(super) fn new(fresh: bool) -> Self {
        Self { code: 1, fresh, sleeps: BTreeMap::new() }
    }

    pub(super) fn of(run: &Run) -> Self {
        let sleeps = run.sleeps().iter().map(|(key, until)| (key.to_string(), *until)).collect();
        Self { sleeps, ..Self::new(false) }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whether an execution that has not ended is a code-first one.
pub(crate) fn is_code(execution: &Execution) -> bool {
    execution.continuation.as_deref().is_some_and(|text| text.starts_with("{\"code\":"))
}

/// Where the execution is when something has been written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In this process.
    Here,
    /// In the store, to be taken up at this time.
    Store(Timestamp),
    /// In the store, until somebody resumes it.
    Suspended,
}

/// A code-first execution that this process runs.
pub(super) struct Runner {
    pub(super) inner: Arc<Inner>,
    pub(super) journal: Journal,
    pub(super) run: Run,
    pub(super) nudges: mpsc::UnboundedReceiver<()>,
    /// What a person asked before the execution was taken up.
    pub(super) asked: Option<Control>,
    /// The status that is stored.
    pub(super) status: Status,
    /// Who waits for the outcome here.
    pub(super) reply: Option<oneshot::Sender<Outcome>>,
}

enum Next {
    Here(Option<Control>),
    Away,
}

enum Woken {
    Work,
    Nudged,
    Shutdown,
    /// Something is due sooner.
    Sooner,
}

impl Runner {
    /// Drives the execution until it ends, waits in the store, or belongs to somebody else.
    pub(super) async fn drive(mut self, begun: bool) {
        let id = self.journal.id.clone();
        if let Err(stop) = self.turns(begun).await {
            match stop {
                Stop::Lost => tracing::info!(execution = %id, "another worker has the execution now"),
                Stop::Refused(error) => {
                    tracing::error!(execution = %id, %error, "the backend refuses a turn of the execution");
                    self.give_up(&error.to_string()).await;
                }
            }
        }
        let inner = Arc::clone(&self.inner);
        drop(self);
        inner.registry.leave(&id);
        inner.left.notify_waiters();
    }

    /// `begun` says that a turn was taken and written with the start.
    async fn turns(&mut self, mut begun: bool) -> Result<(), Stop> {
        let mut asked = self.asked.take();
        loop {
            if let Some(control) = asked.take() {
                return self.obey(control).await;
            }
            if !std::mem::take(&mut begun) {
                let now = self.inner.now();
                self.run.advance(now);
            }
            let now = self.inner.now();
            match self.write(now).await? {
                Next::Away => return Ok(()),
                Next::Here(Some(control)) => {
                    asked = Some(control);
                    continue;
                }
                Next::Here(None) => {}
            }
            if !self.inner.stop.is_cancelled() {
                self.run.begin();
            } else if !self.run.is_running() {
                return self.hand_back().await;
            }
            loop {
                match self.wait().await {
                    Woken::Work => break,
                    Woken::Sooner => {}
                    Woken::Nudged => {
                        asked = self.inner.asked(&self.journal.tenant, &self.journal.id).await;
                        if asked.is_some() {
                            break;
                        }
                    }
                    Woken::Shutdown => return self.hand_back().await,
                }
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let Self { inner, run, nudges, .. } = self;
        let wake_at = run.wake_at();
        let mut timer = pin!(async {
            match wake_at {
                Some(time) => inner.store.clock().sleep_until(time).await,
                None => std::future::pending().await,
            }
        });
        let mut stopping = pin!(inner.stopping(run.is_idle()));
        std::future::poll_fn(move |context| {
            run.shared.wakes(context.waker());
            if let Poll::Ready(Some(())) = nudges.poll_recv(context) {
                return Poll::Ready(Woken::Nudged);
            }
            if run.has_work() {
                return Poll::Ready(Woken::Work);
            }
            if run.wake_at() != wake_at {
                return Poll::Ready(Woken::Sooner);
            }
            if timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Woken::Work);
            }
            stopping.as_mut().poll(context).map(|()| Woken::Shutdown)
        })
        .await
    }

    /// Writes what the turn gave, in as few transactions as it takes.
    async fn write(&mut self, now: Timestamp) -> Result<Next, Stop> {
        let ended = self.run.outcome.is_some();
        let parked = self.parks(now);
        let nothing = self.run.items.is_empty() && self.run.progress.is_none() && !self.run.sleeps_changed;
        if nothing && !ended && parked.is_none() {
            // A function that wakes itself must not keep others from running.
            tokio::task::coop::consume_budget().await;
            return Ok(Next::Here(None));
        }
        let asked = self.write_to(parked.map_or(Place::Here, Place::Store), now).await?;
        if ended {
            self.tell_outcome();
            return Ok(Next::Away);
        }
        if let Some(time) = parked {
            self.inner.due_at(time);
            return Ok(Next::Away);
        }
        Ok(Next::Here(asked))
    }

    async fn write_to(&mut self, place: Place, now: Timestamp) -> Result<Option<Control>, Stop> {
        let mut asked = None;
        loop {
            let entries = entries(&mut self.run, &mut self.status, place);
            let control = self.journal.commit(&entries, now).await?;
            tell(&self.inner, &self.journal, &entries);
            asked = control.or(asked);
            if self.run.items.is_empty() {
                return Ok(asked);
            }
        }
    }

    /// When the execution is to be taken up again, if it has nothing to do for so long that it leaves memory.
    fn parks(&self, now: Timestamp) -> Option<Timestamp> {
        if self.run.outcome.is_some() || !self.run.is_idle() || self.run.has_work() {
            return None;
        }
        self.run.next_due().filter(|time| time.duration_since(now) > self.inner.options.park_after)
    }

    async fn obey(&mut self, control: Control) -> Result<(), Stop> {
        let now = self.inner.now();
        if control == Control::Suspend {
            self.run.suspend();
            if self.write_to(Place::Suspended, now).await? != Some(Control::Cancel) {
                return Ok(());
            }
        }
        self.run.cancel(now);
        self.write_to(Place::Here, now).await?;
        self.tell_outcome();
        Ok(())
    }

    /// Puts the execution down for any worker to take up at once.
    async fn hand_back(&mut self) -> Result<(), Stop> {
        let now = self.inner.now();
        self.write_to(Place::Store(now), now).await.map(|_| ())
    }

    /// Faults an execution whose turn cannot be stored, such as one that is too large.
    async fn give_up(&mut self, reason: &str) {
        let now = self.inner.now();
        self.run.give_up(Problem::runtime(format!("the execution's state cannot be stored: {reason}")).at("/"));
        match self.write_to(Place::Here, now).await {
            Ok(_) => self.tell_outcome(),
            Err(stop) => {
                self.inner.doubt_all();
                tracing::error!(execution = %self.journal.id, ?stop, "the execution cannot be ended either");
            }
        }
    }

    fn tell_outcome(&mut self) {
        let outcome = self.run.outcome.take();
        self.inner.ended(&self.journal.id, outcome.as_ref());
        if let (Some(reply), Some(outcome)) = (self.reply.take(), outcome) {
            // Whoever stopped waiting does not need it.
            let _ = reply.send(outcome);
        }
    }
}

/// Tells the observer of the tasks that ended.
pub(super) fn tell(inner: &Inner, journal: &Journal, entries: &Entries) {
    for step in &entries.steps {
        let again = |fact: &Fact| matches!(fact, Fact::TaskRetried(task) if *task == step.task);
        if step.status != Status::Faulted || !entries.facts.iter().any(again) {
            let status = step.status.as_str();
            inner.options.observer.task_ended(&journal.id, &step.task, &step.name, status);
        }
    }
}

/// Takes the next part of what a run has to be written; the last part says where the execution is.
pub(super) fn entries(run: &mut Run, status: &mut Status, place: Place) -> Entries {
    let mut entries = Entries::default();
    let mut state = BTreeMap::new();
    let (mut operations, mut bytes) = (0, 0);
    while let Some(item) = run.items.front() {
        let (more, size) = cost(item);
        if operations > 0 && (operations + more > OPERATIONS || bytes + size > BYTES) {
            break;
        }
        operations += more;
        bytes += size;
        let Some(item) = run.items.pop_front() else { break };
        entries.payloads.extend(item.facts.iter().filter_map(Fact::data).filter(|data| data.is_large()).cloned());
        entries.facts.extend(item.facts);
        entries.steps.extend(item.row);
        entries.logs.extend(item.log);
        state.extend(item.changes);
    }
    entries.state = state.into_iter().collect();
    if let Some(progress) = run.progress.take() {
        entries.set.push((ExecutionColumn::progress, Value::Integer(progress)));
    }
    if run.items.is_empty() {
        place_columns(run, status, place, &mut entries);
    }
    entries
}

/// How many operations an item takes, and about how many bytes.
fn cost(item: &Item) -> (usize, usize) {
    let large = item.facts.iter().filter_map(Fact::data).filter(|data| data.is_large());
    let operations = usize::from(item.row.is_some()) + usize::from(item.log.is_some()) + item.changes.len();
    let output = item.row.as_ref().and_then(|row| row.output.as_ref()).map_or(0, |data| data.text().len());
    let changes: usize = item.changes.values().flatten().map(String::len).sum();
    let log = item.log.as_ref().map_or(0, |(_, text, _)| text.len());
    (operations + large.count(), output * 2 + changes + log)
}

fn place_columns(run: &mut Run, status: &mut Status, place: Place, entries: &mut Entries) {
    let set = &mut entries.set;
    if let Some(outcome) = &run.outcome {
        return ended(outcome, run.shared.clock.now(), set);
    }
    if std::mem::take(&mut run.sleeps_changed) {
        set.push((ExecutionColumn::continuation, Value::Text(Continuation::of(run).text())));
    }
    let now = match place {
        Place::Suspended => Status::Suspended,
        _ if run.is_idle() && run.next_due().is_some() => Status::Waiting,
        _ => Status::Running,
    };
    if std::mem::replace(status, now) != now {
        set.push((ExecutionColumn::status, now.to_value()));
    }
    if place != Place::Here {
        let wake_at = match place {
            Place::Store(time) => Some(time),
            _ => None,
        };
        set.push((ExecutionColumn::owner, Value::Null));
        set.push((ExecutionColumn::wake_at, wake_at.to_value()));
    }
    if place == Place::Suspended {
        set.push((ExecutionColumn::control, Value::Null));
    }
}
