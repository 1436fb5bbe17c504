//! What a machine hands out when it has run as far as it can.

use aquifer_core::Timestamp;
use aquifer_core::kinds::Status;
use aquifer_dsl::Problem;

use super::call::EffectRequest;
use super::state::TaskFrame;
use crate::data::Data;
use crate::entry::Fact;
use crate::plan::Plan;

/// What happened since the turn before, and what is to be done next.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// What happened, for the event stream.
    pub(crate) facts: Vec<Fact>,
    /// The tasks that ended, in the order of their end.
    pub(crate) trace: Vec<Trace>,
    /// Outcomes of effects to be recorded.
    pub(crate) steps: Vec<StepRow>,
    /// Effects to start once the turn is committed.
    pub(crate) starts: Vec<EffectStart>,
    /// Steps whose effects nobody waits for any more.
    pub(crate) stops: Vec<i64>,
    /// Set once, in the last turn.
    pub(crate) outcome: Option<Outcome>,
    /// When to advance at the latest.
    pub(crate) wake_at: Option<Timestamp>,
    /// Whether there is more to run at once.
    pub(crate) more: bool,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Completed(Data),
    Faulted(Problem),
    Cancelled,
}

/// A task that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Its pointer.
    pub(crate) task: String,
    /// Its name.
    pub(crate) name: String,
    /// How it ended; `None` if it was skipped.
    pub(crate) status: Option<Status>,
}

/// An effect that is to be started.
#[derive(Debug)]
pub(crate) struct EffectStart {
    /// The number of its step.
    pub(crate) step: i64,
    /// What to do, or why it cannot be done.
    pub(crate) request: Result<EffectRequest, Problem>,
}

/// The outcome of one attempt of a task that reaches outside.
#[derive(Debug, Clone)]
pub(crate) struct StepRow {
    pub(crate) number: i64,
    pub(crate) task: String,
    pub(crate) name: String,
    pub(crate) visit: u32,
    pub(crate) attempt: u32,
    pub(crate) status: Status,
    pub(crate) output: Option<Data>,
    pub(crate) problem: Option<Problem>,
    pub(crate) started_at: Timestamp,
    pub(crate) ended_at: Timestamp,
}

impl StepRow {
    /// The row of a step that ended with an output, a problem, or neither: cancelled.
    pub(super) fn of(
        number: i64,
        frame: &TaskFrame,
        plan: &Plan,
        output: Option<Data>,
        problem: Option<Problem>,
        now: Timestamp,
    ) -> Self {
        let status = match (&output, &problem) {
            (Some(_), _) => Status::Completed,
            (None, Some(_)) => Status::Faulted,
            (None, None) => Status::Cancelled,
        };
        Self {
            number,
            task: frame.pointer(plan).to_owned(),
            name: frame.name(plan).to_owned(),
            visit: frame.visit,
            attempt: frame.attempt,
            status,
            output,
            problem,
            started_at: frame.started_at,
            ended_at: now,
        }
    }
}
