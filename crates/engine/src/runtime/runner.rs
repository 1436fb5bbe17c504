//! Driving one execution: advance the machine, commit the turn, carry out its effects, and again.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::kinds::{Control, ExecutionColumn, Status};
use aquifer_core::{Field, Timestamp, Value};
use aquifer_dsl::Problem;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;

use super::effects::{Effects, Parent};
use super::engine::Inner;
use crate::data::Data;
use crate::journal::{Entries, Journal, Stop};
use crate::machine::{EffectStart, Machine, Outcome, Turn};

/// The most outcomes that one turn takes in, so that its transaction stays within what every backend takes.
const OUTCOMES_PER_TURN: usize = 40;

/// An execution that this process runs.
pub(crate) struct Runner {
    inner: Arc<Inner>,
    journal: Journal,
    machine: Machine,
    effects: Effects,
    parent: Parent,
    nudges: mpsc::UnboundedReceiver<()>,
    wake_at: Option<Timestamp>,
    more: bool,
    /// What a person asked before the execution was taken up.
    asked: Option<Control>,
}

/// Where a turn leaves the execution.
enum Next {
    /// In this process.
    Here,
    /// Out of this process: it waits in the store, or has ended.
    Away,
}

impl Runner {
    pub(crate) fn new(
        inner: Arc<Inner>,
        journal: Journal,
        machine: Machine,
        nudges: mpsc::UnboundedReceiver<()>,
    ) -> Self {
        let parent = Parent { tenant: journal.tenant.clone(), id: journal.id.clone() };
        Self {
            inner,
            journal,
            machine,
            effects: Effects::default(),
            parent,
            nudges,
            wake_at: None,
            more: true,
            asked: None,
        }
    }

    /// Takes up a turn that was committed with the start.
    pub(crate) fn take_up(&mut self, starts: Vec<EffectStart>, wake_at: Option<Timestamp>, more: bool) {
        self.wake_at = wake_at;
        self.more = more;
        for start in starts {
            self.effects.start(&self.inner, &self.parent, start);
        }
    }

    /// Starts the effects again that were under way when the execution was last put down.
    pub(crate) fn restart(&mut self) {
        for start in self.machine.restart_effects(self.inner.now()) {
            self.effects.start(&self.inner, &self.parent, start);
        }
    }

    /// Does what a person asked before anything else.
    pub(crate) fn obey_first(&mut self, control: Control) {
        self.asked = Some(control);
    }

    /// Drives the execution until it ends, waits in the store, or belongs to somebody else.
    pub(crate) async fn drive(mut self) {
        let id = self.parent.id.clone();
        if let Err(stop) = self.turns().await {
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

    async fn turns(&mut self) -> Result<(), Stop> {
        let mut asked = self.asked.take();
        loop {
            if let Some(control) = asked.take() {
                return self.obey(control).await;
            }
            if !self.more {
                match self.wait().await? {
                    Woken::Work => {}
                    Woken::Asked(control) => {
                        asked = Some(control);
                        continue;
                    }
                    Woken::Shutdown => return self.hand_back().await,
                }
            } else {
                // A long run of pure tasks lets others at the processor between turns.
                tokio::task::yield_now().await;
            }
            let now = self.inner.now();
            let turn = advance(&mut self.machine, now);
            let (next, control) = self.commit(turn, now).await?;
            if let Next::Away = next {
                return Ok(());
            }
            asked = control;
        }
    }

    async fn wait(&mut self) -> Result<Woken, Stop> {
        let inner = Arc::clone(&self.inner);
        let timer = async {
            match self.wake_at {
                Some(time) => inner.store.clock().sleep_until(time).await,
                None => std::future::pending().await,
            }
        };
        let idle = self.effects.is_empty();
        tokio::select! {
            biased;
            Some(()) = self.nudges.recv() => Ok(match inner.asked(&self.parent.tenant, &self.parent.id).await {
                Some(control) => Woken::Asked(control),
                None => Woken::Work,
            }),
            (step, result) = self.effects.next() => {
                let now = inner.now();
                self.machine.complete(step, result, now);
                for _ in 1..OUTCOMES_PER_TURN {
                    let Some((step, result)) = self.effects.ready() else { break };
                    self.machine.complete(step, result, now);
                }
                Ok(Woken::Work)
            }
            () = timer => Ok(Woken::Work),
            () = inner.stopping(idle) => Ok(Woken::Shutdown),
        }
    }

    /// Commits a turn, then starts and stops what it says.
    async fn commit(&mut self, turn: Turn, now: Timestamp) -> Result<(Next, Option<Control>), Stop> {
        self.inner.tell(&self.parent.id, &turn);
        let nothing = turn.facts.is_empty() && turn.steps.is_empty() && turn.outcome.is_none();
        for step in &turn.stops {
            if let Some(child) = self.effects.stop(*step) {
                self.inner.cancel_in_background(&self.parent.tenant, child);
            }
        }
        let ended = turn.outcome.is_some();
        let parked = self.effects.is_empty() && parks(&self.machine, &turn, now, self.inner.options.park_after);
        let mut asked = None;
        if !nothing || parked {
            let place = if parked { Place::Store(turn.wake_at) } else { Place::Here };
            let entries = entries(&mut self.machine, &turn, place, now);
            asked = self.journal.commit(&entries, now).await?;
        }
        if ended {
            self.inner.ended(&self.parent.id, turn.outcome.as_ref());
        }
        if ended || parked {
            if let (true, Some(time)) = (parked, turn.wake_at) {
                self.inner.due_at(time);
            }
            return Ok((Next::Away, None));
        }
        self.take_up(turn.starts, turn.wake_at, turn.more);
        Ok((Next::Here, asked))
    }

    async fn obey(&mut self, control: Control) -> Result<(), Stop> {
        let now = self.inner.now();
        match control {
            Control::Cancel => {
                for child in self.effects.stop_all() {
                    self.inner.cancel_in_background(&self.parent.tenant, child);
                }
                let turn = self.machine.cancel(now);
                self.commit(turn, now).await?;
            }
            Control::Suspend => {
                self.effects = Effects::default();
                let turn = self.machine.suspend();
                let entries = entries(&mut self.machine, &turn, Place::Suspended, now);
                if let Some(Control::Cancel) = self.journal.commit(&entries, now).await? {
                    let turn = self.machine.cancel(now);
                    self.commit(turn, now).await?;
                }
            }
        }
        Ok(())
    }

    /// Puts the execution down for any worker to take up at once.
    async fn hand_back(&mut self) -> Result<(), Stop> {
        self.effects = Effects::default();
        let now = self.inner.now();
        let entries = entries(&mut self.machine, &Turn::default(), Place::Store(Some(now)), now);
        self.journal.commit(&entries, now).await.map(|_| ())
    }

    /// Faults an execution whose turn cannot be stored, such as one that is too large.
    async fn give_up(&mut self, reason: &str) {
        let now = self.inner.now();
        let problem = Problem::runtime(format!("the execution's state cannot be stored: {reason}")).at("/");
        let turn = Turn {
            facts: vec![crate::entry::Fact::WorkflowFaulted(problem.clone())],
            outcome: Some(Outcome::Faulted(problem)),
            ..Turn::default()
        };
        let entries = entries(&mut self.machine, &turn, Place::Here, now);
        match self.journal.commit(&entries, now).await {
            Ok(_) => self.inner.ended(&self.parent.id, turn.outcome.as_ref()),
            Err(stop) => {
                self.inner.doubt_all();
                tracing::error!(execution = %self.parent.id, ?stop, "the execution cannot be ended either");
            }
        }
    }
}

/// Runs a machine until it waits. One whose expressions take long keeps no other task of the runtime waiting.
pub(crate) fn advance(machine: &mut Machine, now: Timestamp) -> Turn {
    let several = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if several && machine.is_slow() {
        tokio::task::block_in_place(|| machine.advance(now))
    } else {
        machine.advance(now)
    }
}

/// Whether an execution without effects under way has nothing to do for so long that it leaves memory.
pub(crate) fn parks(machine: &Machine, turn: &Turn, now: Timestamp, park_after: Duration) -> bool {
    turn.outcome.is_none()
        && !turn.more
        && turn.starts.is_empty()
        && machine.is_waiting()
        && turn.wake_at.is_some_and(|time| time.duration_since(now) > park_after)
}

enum Woken {
    Work,
    Asked(Control),
    Shutdown,
}

/// Where an execution is after a turn.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In this process.
    Here,
    /// In the store, to be taken up at this time.
    Store(Option<Timestamp>),
    /// In the store, until somebody resumes it.
    Suspended,
}

/// What a turn writes.
pub(crate) fn entries(machine: &mut Machine, turn: &Turn, place: Place, now: Timestamp) -> Entries {
    let mut payloads: Vec<Data> =
        turn.facts.iter().filter_map(|fact| fact.data()).filter(|data| data.is_large()).cloned().collect();
    let mut set = Vec::with_capacity(8);
    match &turn.outcome {
        Some(outcome) => ended(outcome, now, &mut set),
        None => {
            machine.state_mut().each_data(&mut |data| {
                if data.pending().is_none() && data.is_large() {
                    payloads.push(data.clone());
                }
            });
            let continuation = serde_json::to_string(machine.state()).unwrap_or_default();
            set.push((ExecutionColumn::continuation, Value::Text(continuation)));
            let status = match place {
                Place::Suspended => Status::Suspended,
                _ if machine.is_waiting() => Status::Waiting,
                _ => Status::Running,
            };
            set.push((ExecutionColumn::status, status.to_value()));
            match place {
                Place::Here => {}
                Place::Store(wake_at) => {
                    set.push((ExecutionColumn::owner, Value::Null));
                    set.push((ExecutionColumn::wake_at, wake_at.to_value()));
                }
                Place::Suspended => {
                    set.push((ExecutionColumn::owner, Value::Null));
                    set.push((ExecutionColumn::wake_at, Value::Null));
                    set.push((ExecutionColumn::control, Value::Null));
                }
            }
        }
    }
    Entries { facts: turn.facts.clone(), steps: turn.steps.clone(), payloads, set, ..Entries::default() }
}

/// The columns of an execution that has ended.
pub(crate) fn ended(outcome: &Outcome, now: Timestamp, set: &mut Vec<(ExecutionColumn, Value)>) {
    let status = match outcome {
        Outcome::Completed(output) => {
            set.push((ExecutionColumn::output, Value::Text(output.text().to_owned())));
            Status::Completed
        }
        Outcome::Faulted(problem) => {
            let error = serde_json::to_string(problem).unwrap_or_default();
            set.push((ExecutionColumn::error, Value::Text(error)));
            Status::Faulted
        }
        Outcome::Cancelled => Status::Cancelled,
    };
    set.push((ExecutionColumn::status, status.to_value()));
    for column in
        [ExecutionColumn::continuation, ExecutionColumn::owner, ExecutionColumn::wake_at, ExecutionColumn::control]
    {
        set.push((column, Value::Null));
    }
    set.push((ExecutionColumn::ended_at, Value::from(now)));
}
