//! The interpreter: a state machine over a [`Plan`], without I/O and without clocks of its own.
//!
//! A machine holds *fibers*, each a stack of *frames*; a fork makes a fiber of every branch. [`Machine::advance`] runs pure
//! tasks until every fiber waits for something outside, and returns a [`Turn`]: what happened, what is to be done outside, and
//! when to come back. What a machine needs to go on elsewhere is its [`State`], the continuation, which does not grow with the
//! history.

mod call;
mod fault;
mod finish;
mod scope;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aquifer_core::Timestamp;
use aquifer_dsl::Problem;
use serde_json::Value;

use crate::data::Data;
use crate::depth::{is_too_deep, too_deep};
use crate::entry::Fact;
use crate::plan::Plan;

pub(crate) use call::{EffectRequest, HttpRequest, ProcessRequest, SubWorkflowRequest};
pub(crate) use state::State;
use state::{Fiber, FiberState, Frame, Signal};
pub(crate) use turn::{EffectStart, Outcome, StepRow, Turn};

/// How many tasks one call of [`Machine::advance`] runs, and about how long, before it returns to let others at the processor.
const TASKS_PER_ADVANCE: usize = 256;
const TIME_PER_ADVANCE: Duration = Duration::from_millis(10);

/// How deep task lists and function calls may nest in a running workflow.
const MAX_FRAMES: usize = 400;

/// Facts about an execution that its expressions can see.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The execution's id.
    pub(crate) id: String,
    /// What `$runtime` shows.
    pub(crate) runtime: Arc<Value>,
    /// The values of the secrets that the definition declares; those that are missing are not in it.
    pub(crate) secrets: Value,
    /// The limits of one evaluation.
    pub(crate) evaluation_time: Duration,
    /// The most bytes that one evaluation may make.
    pub(crate) evaluation_memory: usize,
}

/// A running execution of a plan.
#[derive(Debug)]
pub(crate) struct Machine {
    plan: Arc<Plan>,
    identity: Identity,
    state: State,
    /// Fibers that have something to do.
    ready: BTreeSet<u32>,
    turn: Turn,
    /// What `$workflow` shows, made when first asked for.
    workflow: OnceLock<Value>,
}

impl Machine {
    /// A machine at the start of `plan`, with the workflow's raw input.
    pub(crate) fn new(plan: Arc<Plan>, identity: Identity, input: Data, now: Timestamp) -> Self {
        let mut machine = Self::with_state(plan, identity, State::new(input, now));
        machine.begin(now);
        machine
    }

    /// A machine that goes on where `state` stands. Effects that were under way start again: [`Machine::restart_effects`].
    pub(crate) fn resume(plan: Arc<Plan>, identity: Identity, state: State) -> Self {
        let mut machine = Self::with_state(plan, identity, state);
        for (number, fiber) in &machine.state.fibers {
            if matches!(fiber.state, FiberState::Ready(_)) {
                machine.ready.insert(*number);
            }
        }
        machine
    }

    fn with_state(plan: Arc<Plan>, identity: Identity, state: State) -> Self {
        Self { plan, identity, state, ready: BTreeSet::new(), turn: Turn::default(), workflow: OnceLock::new() }
    }

    /// Whether this machine's expressions take long.
    pub(crate) fn is_slow(&self) -> bool {
        self.plan.slow.load(Ordering::Relaxed)
    }

    /// What has to be stored for this machine to go on elsewhere.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Gives the state's large values that are not stored yet, by reference.
    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Whether every fiber waits for a time, so that the execution is `waiting`.
    pub(crate) fn is_waiting(&self) -> bool {
        self.ready.is_empty()
            && self
                .state
                .fibers
                .values()
                .all(|fiber| matches!(fiber.state, FiberState::Sleeping { .. } | FiberState::Joining))
    }

    fn begin(&mut self, now: Timestamp) {
        self.turn.facts.push(Fact::WorkflowStarted);
        match self.enter(now) {
            Ok(input) => {
                if let Some(timeout) = &self.plan.timeout {
                    match self.duration(timeout, input.value(), &self.workflow_scope(), now) {
                        Ok(after) => self.state.deadline = Some(now.saturating_add(after)),
                        Err(problem) => return self.fault(problem.at("/")),
                    }
                }
                self.state.input = input.clone();
                let root = self.plan.root;
                let fiber = Fiber::new(None, Signal::List { list: root, input });
                let number = self.add(fiber);
                debug_assert_eq!(number, 0, "the main fiber is the first");
            }
            Err(problem) => self.fault(problem.at("/")),
        }
    }

    /// Checks and shapes the workflow's raw input.
    fn enter(&self, now: Timestamp) -> Result<Data, Problem> {
        let flow = &self.plan.flow;
        let raw = &self.state.raw_input;
        if let Some(problem) = self.missing_secret(&self.plan.secrets) {
            return Err(problem);
        }
        if let Some(violation) = flow.input_schema.as_ref().and_then(|schema| schema.violation(raw.value())) {
            return Err(Problem::validation(format!("the workflow's input: {violation}")));
        }
        match &flow.input {
            None => Ok(raw.clone()),
            Some(from) => self.compute(from, raw.value(), &self.workflow_scope(), now).map(Data::from),
        }
    }

    fn add(&mut self, fiber: Fiber) -> u32 {
        let number = self.state.next_fiber;
        self.state.next_fiber += 1;
        self.state.fibers.insert(number, fiber);
        self.ready.insert(number);
        number
    }

    /// Runs until every fiber waits, the execution has ended, or others should have the processor.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Turn {
        let began = Instant::now();
        self.fire(now);
        let mut tasks = 0;
        while self.turn.outcome.is_none() {
            let Some(number) = self.ready.pop_first() else { break };
            while self.turn.outcome.is_none() && self.step(number, now) {
                tasks += 1;
                if tasks >= TASKS_PER_ADVANCE || began.elapsed() >= TIME_PER_ADVANCE {
                    self.plan.slow.fetch_or(began.elapsed() >= TIME_PER_ADVANCE, Ordering::Relaxed);
                    self.ready.insert(number);
                    return self.hand_over(true);
                }
            }
        }
        self.hand_over(false)
    }

    fn hand_over(&mut self, more: bool) -> Turn {
        let mut turn = std::mem::take(&mut self.turn);
        if turn.outcome.is_none() {
            turn.more = more;
            turn.wake_at = self.next_time();
        } else {
            self.state.fibers.clear();
            self.ready.clear();
        }
        turn
    }

    /// Does one thing in a fiber; whether there is more to do in it.
    fn step(&mut self, number: u32, now: Timestamp) -> bool {
        let Some(fiber) = self.state.fibers.get_mut(&number) else { return false };
        let FiberState::Ready(signal) = std::mem::replace(&mut fiber.state, FiberState::Joining) else { return false };
        let next = match signal {
            Signal::List { list, input } => self.begin_list(number, list, input),
            Signal::Task { task, input } => self.begin_task(number, task, input, now),
            Signal::Output { raw, flow } => self.finish_task(number, raw, flow, now),
            Signal::Next { output, flow } => self.after_task(number, output, flow, now),
            Signal::ListDone { output } => self.after_list(number, output, now),
            Signal::Raise(problem) => self.unwind(number, problem, now),
        };
        match (next, self.state.fibers.get_mut(&number)) {
            (Some(state), Some(fiber)) => {
                let runs = matches!(state, FiberState::Ready(_));
                fiber.state = state;
                runs
            }
            _ => false,
        }
    }

    /// Hands in the outcome of an effect that a turn asked for. Outcomes nobody waits for any more are dropped.
    pub(crate) fn complete(&mut self, step: i64, result: Result<Data, Problem>, now: Timestamp) {
        let found = self.state.fibers.iter().find_map(|(number, fiber)| match fiber.state {
            FiberState::Effect { step: waiting } if waiting == step => Some(*number),
            _ => None,
        });
        let Some(number) = found else { return };
        let result = result.and_then(|output| if is_too_deep(output.value()) { Err(too_deep()) } else { Ok(output) });
        let Some(fiber) = self.state.fibers.get_mut(&number) else { return };
        if let Some(Frame::Task(frame)) = fiber.frames.last() {
            let (output, problem) = match &result {
                Ok(output) => (Some(output.clone()), None),
                Err(problem) => (None, Some(problem.clone().at(frame.pointer(&self.plan)))),
            };
            self.turn.steps.push(StepRow::of(step, frame, &self.plan, output, problem, now));
        }
        fiber.state = FiberState::Ready(match result {
            Ok(raw) => Signal::Output { raw, flow: None },
            Err(problem) => Signal::Raise(problem),
        });
        self.ready.insert(number);
    }

    /// Ends the execution because a person asked for it.
    pub(crate) fn cancel(&mut self, now: Timestamp) -> Turn {
        let fibers: Vec<u32> = self.state.fibers.keys().copied().collect();
        for number in fibers {
            self.cancel_fiber(number, now);
        }
        self.turn.facts.push(Fact::WorkflowCancelled);
        self.turn.outcome = Some(Outcome::Cancelled);
        self.hand_over(false)
    }

    /// Pauses the execution: says so of it and of every task under way. What was asked for outside is asked for again
    /// when it resumes.
    pub(crate) fn suspend(&mut self) -> Turn {
        let tasks = self.active_tasks();
        self.turn.facts.extend(tasks.into_iter().map(Fact::TaskSuspended));
        self.turn.facts.push(Fact::WorkflowSuspended);
        self.hand_over(false)
    }

    /// Says that the execution and its tasks go on after a suspension.
    pub(crate) fn note_resumed(&mut self) {
        self.turn.facts.push(Fact::WorkflowResumed);
        let tasks = self.active_tasks();
        self.turn.facts.extend(tasks.into_iter().map(Fact::TaskResumed));
    }

    fn active_tasks(&self) -> Vec<String> {
        self.state
            .fibers
            .values()
            .flat_map(|fiber| &fiber.frames)
            .filter_map(|frame| match frame {
                Frame::Task(task) => Some(task.pointer(&self.plan).to_owned()),
                Frame::List(_) => None,
            })
            .collect()
    }

    fn fault(&mut self, problem: Problem) {
        self.turn.facts.push(Fact::WorkflowFaulted(problem.clone()));
        self.turn.outcome = Some(Outcome::Faulted(problem));
    }
}
