//! What a machine has to remember.

use std::collections::BTreeMap;

use aquifer_core::Timestamp;
use aquifer_dsl::{FlowDirective, Problem};
use serde::{Deserialize, Serialize};

use crate::data::Data;
use crate::plan::{ListNumber, Plan, TaskNumber};

/// The continuation of an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The workflow's input as it was given.
    #[serde(skip, default = "Data::null")]
    pub(crate) raw_input: Data,
    /// The workflow's input after `input.from`.
    pub(crate) input: Data,
    /// `$context`.
    pub(crate) context: Data,
    pub(crate) started_at: Timestamp,
    /// When the workflow's timeout strikes.
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) fibers: BTreeMap<u32, Fiber>,
    pub(crate) next_fiber: u32,
    /// The number of the last step asked for.
    pub(crate) last_step: i64,
    /// How often the flow came to each task: loops and jumps count, retries do not.
    pub(crate) visits: BTreeMap<TaskNumber, u32>,
}

/// One line of control.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fiber {
    /// The fiber that forked, and which branch this is.
    pub(crate) parent: Option<(u32, usize)>,
    /// From the outermost to the innermost.
    pub(crate) frames: Vec<Frame>,
    pub(crate) state: FiberState,
}

/// What a fiber is about to do, or waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum FiberState {
    Ready(Signal),
    /// The outcome of an effect.
    Effect {
        step: i64,
    },
    /// A time: the end of a `wait`, or the next attempt of a `try`.
    Sleeping {
        until: Timestamp,
    },
    /// Its branches.
    Joining,
}

/// What happens next in a fiber.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Signal {
    /// A list begins.
    List { list: ListNumber, input: Data },
    /// A task begins.
    Task { task: TaskNumber, input: Data },
    /// The innermost task has its raw output. `flow` overrides its `then`.
    Output { raw: Data, flow: Option<Goto> },
    /// A task of the innermost list, or the whole branch, is done.
    Next { output: Data, flow: Goto },
    /// The list of the innermost task is done.
    ListDone { output: Data },
    /// Something failed in the innermost frame.
    Raise(Problem),
}

/// [`FlowDirective`], as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Goto {
    Continue,
    Exit,
    End,
    Task(usize),
}

impl From<FlowDirective> for Goto {
    fn from(flow: FlowDirective) -> Self {
        match flow {
            FlowDirective::Continue => Self::Continue,
            FlowDirective::Exit => Self::Exit,
            FlowDirective::End => Self::End,
            FlowDirective::Task(index) => Self::Task(index),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Frame {
    List(ListFrame),
    Task(Box<TaskFrame>),
}

/// A list that is being run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ListFrame {
    pub(crate) list: ListNumber,
    /// The position of the task under way.
    pub(crate) index: usize,
}

/// A task that is being run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskFrame {
    pub(crate) task: TaskNumber,
    /// The task that calls this one as a function, whose place it takes in events and errors.
    pub(crate) caller: Option<TaskNumber>,
    /// Counts how often the flow came to the task, from 1.
    pub(crate) visit: u32,
    /// Counts the attempts of this visit, from 1: every retry of a `try` around it is one more.
    pub(crate) attempt: u32,
    pub(crate) raw_input: Data,
    pub(crate) input: Data,
    pub(crate) started_at: Timestamp,
    /// When the task's timeout strikes.
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) work: Work,
}

impl TaskFrame {
    /// The pointer under which the task shows: that of the caller for a function.
    pub(crate) fn pointer<'p>(&self, plan: &'p Plan) -> &'p str {
        plan.task(self.caller.unwrap_or(self.task)).map_or("/", |task| task.pointer.as_str())
    }

    /// The name under which the task shows.
    pub(crate) fn name<'p>(&self, plan: &'p Plan) -> &'p str {
        plan.task(self.caller.unwrap_or(self.task)).map_or("", |task| task.name.as_str())
    }
}

/// What a task under way remembers beyond its input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Nothing.
    Plain,
    /// A `for`: what it runs through, and where it is.
    For { items: Data, index: usize },
    /// A `try`.
    Try(TryWork),
    /// A `fork`: its branches that are under way, and the outputs of the others by position.
    Fork { fibers: BTreeMap<usize, u32>, outputs: BTreeMap<usize, Data> },
}

/// How far a `try` is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TryWork {
    /// How often it was tried again.
    pub(crate) retries: u32,
    /// When the attempt under way is to be given up.
    pub(crate) attempt_deadline: Option<Timestamp>,
    /// The error that was caught: while it waits for the next attempt, and while it is handled.
    pub(crate) caught: Option<Data>,
    /// Whether `catch.do` is under way.
    pub(crate) handling: bool,
    /// The visits of the tasks inside, as they were before the first attempt.
    pub(crate) visits: BTreeMap<TaskNumber, u32>,
}

impl Fiber {
    pub(crate) fn new(parent: Option<(u32, usize)>, signal: Signal) -> Self {
        Self { parent, frames: Vec::new(), state: FiberState::Ready(signal) }
    }
}

impl State {
    pub(crate) fn new(raw_input: Data, now: Timestamp) -> Self {
        Self {
            input: raw_input.clone(),
            raw_input,
            context: Data::from(serde_json::Value::Object(serde_json::Map::new())),
            started_at: now,
            deadline: None,
            fibers: BTreeMap::new(),
            next_fiber: 0,
            last_step: 0,
            visits: BTreeMap::new(),
        }
    }

    /// Shows every value that the state holds.
    pub(crate) fn each_data(&mut self, visit: &mut dyn FnMut(&mut Data)) {
        visit(&mut self.input);
        visit(&mut self.context);
        for fiber in self.fibers.values_mut() {
            if let FiberState::Ready(signal) = &mut fiber.state {
                match signal {
                    Signal::List { input, .. } | Signal::Task { input, .. } => visit(input),
                    Signal::Output { raw, .. } => visit(raw),
                    Signal::Next { output, .. } | Signal::ListDone { output } => visit(output),
                    Signal::Raise(_) => {}
                }
            }
            for frame in &mut fiber.frames {
                let Frame::Task(task) = frame else { continue };
                visit(&mut task.raw_input);
                visit(&mut task.input);
                match &mut task.work {
                    Work::Plain => {}
                    Work::For { items, .. } => visit(items),
                    Work::Try(work) => work.caught.iter_mut().for_each(&mut *visit),
                    Work::Fork { outputs, .. } => outputs.values_mut().for_each(&mut *visit),
                }
            }
        }
    }
}
