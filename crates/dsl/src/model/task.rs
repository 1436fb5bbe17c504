use serde_json::{Map, Value};

use super::{Call, Emit, Export, Input, Listen, Output, Raise, Run, Timeout, Try};
use crate::{Definition, Duration, Expression};

/// An ordered list of named tasks: one scope for `then`. Names are unique within it.
#[derive(Debug, Clone, Default)]
pub struct TaskList {
    /// The tasks in the order of the definition.
    pub tasks: Vec<Task>,
    /// JSON pointer of the list, for example `/do` or `/do/0/loop/do`.
    pub pointer: String,
}

impl TaskList {
    /// Returns how many tasks the list has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Tells whether the list has no task at all; such a list passes its input through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Returns the task at a position, as named by [`FlowDirective::Task`].
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Task> {
        self.tasks.get(index)
    }

    /// Goes through the tasks in the order of the definition.
    pub fn iter(&self) -> std::slice::Iter<'_, Task> {
        self.tasks.iter()
    }
}

impl<'a> IntoIterator for &'a TaskList {
    type Item = &'a Task;
    type IntoIter = std::slice::Iter<'a, Task>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One task: what every task has, and its kind.
#[derive(Debug, Clone)]
pub struct Task {
    /// The name, unique within its list (not within the workflow).
    pub name: String,
    /// JSON pointer into the definition, for example `/do/0/a/do/1/b`, with `~` and `/` in names
    /// escaped as `~0` and `~1`. A function of `use.functions` has `/use/functions/NAME`.
    pub pointer: String,
    /// `if`: the task is skipped when this is false on its raw input.
    pub condition: Option<Expression>,
    /// `input`: validation and transformation of the raw input.
    pub input: Input,
    /// `output`: transformation and validation of the raw output.
    pub output: Output,
    /// `export`: what replaces the context afterwards.
    pub export: Export,
    /// `timeout`, with a reference to `use.timeouts` already resolved.
    pub timeout: Option<Timeout>,
    /// `then`: where to go afterwards; absent means [`FlowDirective::Continue`].
    pub then: Option<FlowDirective>,
    /// `metadata`, of no meaning to the engine.
    pub metadata: Map<String, Value>,
    /// What the task does.
    pub kind: TaskKind,
    /// The task's definition as JSON, a view into [`Workflow::definition`](super::Workflow).
    pub definition: Definition,
}

/// What a task does: one variant for each keyword of the DSL.
#[derive(Debug, Clone)]
pub enum TaskKind {
    /// `call`: calls a service or a function.
    Call(Call),
    /// `do`: performs tasks in sequence.
    Do(Do),
    /// `emit`: publishes an event.
    Emit(Emit),
    /// `for`: performs tasks for each item of a collection.
    For(For),
    /// `fork`: performs tasks concurrently.
    Fork(Fork),
    /// `listen`: waits for events.
    Listen(Box<Listen>),
    /// `raise`: fails with an error.
    Raise(Raise),
    /// `run`: runs a process or another workflow.
    Run(Box<Run>),
    /// `set`: replaces the data.
    Set(Set),
    /// `switch`: chooses where to go.
    Switch(Switch),
    /// `try`: performs tasks and handles their errors.
    Try(Box<Try>),
    /// `wait`: pauses.
    Wait(Wait),
}

impl TaskKind {
    /// Returns the keyword that makes a task of this kind, such as `call`.
    #[must_use]
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Do(_) => "do",
            Self::Emit(_) => "emit",
            Self::For(_) => "for",
            Self::Fork(_) => "fork",
            Self::Listen(_) => "listen",
            Self::Raise(_) => "raise",
            Self::Run(_) => "run",
            Self::Set(_) => "set",
            Self::Switch(_) => "switch",
            Self::Try(_) => "try",
            Self::Wait(_) => "wait",
        }
    }
}

/// Where the flow goes next (DSL, "Flow Directive").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowDirective {
    /// The next task of the list, or the list's end.
    #[default]
    Continue,
    /// Leaves the current list; its parent completes normally.
    Exit,
    /// Completes the workflow.
    End,
    /// Goes to the task at this position of the list that the directive's task is in.
    Task(usize),
}

/// `do`: tasks in sequence.
#[derive(Debug, Clone)]
pub struct Do {
    /// The tasks.
    pub tasks: TaskList,
}

/// `for`: a loop over a collection.
#[derive(Debug, Clone)]
pub struct For {
    /// `for.each`: name of the variable with the current item, `item` by default.
    pub each: String,
    /// `for.at`: name of the variable with the current position from 0, `index` by default.
    pub at: String,
    /// `for.in`: the collection.
    pub items: ForItems,
    /// `while`: checked before each iteration; the loop ends when it is false.
    pub condition: Option<Expression>,
    /// `do`: the body.
    pub tasks: TaskList,
}

/// The collection of a `for`.
#[derive(Debug, Clone)]
pub enum ForItems {
    /// An expression that yields an array.
    Expression(Expression),
    /// An array written in the definition; strings in it may be `${ ... }`.
    Values(Vec<Value>),
}

/// `fork`: branches that run concurrently.
#[derive(Debug, Clone)]
pub struct Fork {
    /// The branches, each one task.
    pub branches: TaskList,
    /// Whether the first branch that completes wins and the others are cancelled.
    pub compete: bool,
}

/// `set`: new data.
#[derive(Debug, Clone)]
pub struct Set {
    /// An object, or a `${ ... }` string that yields any value.
    pub value: Value,
}

/// `switch`: the first case that matches decides where to go.
#[derive(Debug, Clone)]
pub struct Switch {
    /// The cases in order; at most one has no `when`.
    pub cases: Vec<Case>,
}

/// One case of a `switch`.
#[derive(Debug, Clone)]
pub struct Case {
    /// The name.
    pub name: String,
    /// When the case matches; the case without it is the default, wherever it stands.
    pub when: Option<Expression>,
    /// Where to go when it matches.
    pub then: FlowDirective,
    /// JSON pointer of the case.
    pub pointer: String,
}

/// `wait`: a pause.
#[derive(Debug, Clone)]
pub struct Wait {
    /// How long.
    pub duration: Duration,
}
