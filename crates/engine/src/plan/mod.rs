//! A version, compiled: every expression parsed, every schema built, every task numbered.
//!
//! Tasks are numbered in the order of the definition, depth first, functions of `use` last in the order of their names. A
//! continuation refers to tasks by these numbers, so the order is part of what is stored.

mod compile;
mod schema;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aquifer_dsl::{Backoff, Definition, ErrorFilter, FlowDirective, HttpOutput, Return, Workflow};
use aquifer_expr::{Expression, Template};
use serde_json::Value;

pub(crate) use compile::Invalid;
pub(crate) use schema::Schema;

/// The number of a task in a [`Plan`].
pub(crate) type TaskNumber = u32;
/// The number of a task list in a [`Plan`].
pub(crate) type ListNumber = u32;

/// A compiled version of a workflow.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workflow: Workflow,
    pub(crate) tasks: Vec<Task>,
    pub(crate) lists: Vec<List>,
    /// The tasks of `use.functions`, in the order of their names.
    pub(crate) functions: Vec<TaskNumber>,
    pub(crate) root: ListNumber,
    pub(crate) flow: Flow,
    pub(crate) timeout: Option<Duration>,
    /// The secrets that the workflow's own expressions name.
    pub(crate) secrets: Vec<String>,
    /// The definition, as `$workflow.definition` shows it.
    pub(crate) definition: Arc<Value>,
    /// Whether its expressions have been seen to take long: it then runs where it keeps nobody waiting.
    pub(crate) slow: AtomicBool,
}

impl Plan {
    /// Compiles a definition.
    ///
    /// # Errors
    /// Everything in it that does not compile, or that this engine does not run, with its place.
    pub(crate) fn compile(workflow: Workflow) -> Result<Self, Invalid> {
        compile::plan(workflow)
    }

    pub(crate) fn task(&self, number: TaskNumber) -> Option<&Task> {
        self.tasks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn list(&self, number: ListNumber) -> Option<&List> {
        self.lists.get(usize::try_from(number).ok()?)
    }
}

/// A list of tasks that run one after the other.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) tasks: Vec<TaskNumber>,
}

/// A compiled task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) pointer: String,
    pub(crate) condition: Option<Expression>,
    pub(crate) flow: Flow,
    pub(crate) export: Option<Computed>,
    pub(crate) export_schema: Option<Schema>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) then: FlowDirective,
    pub(crate) definition: Definition,
    pub(crate) kind: Kind,
    /// The secrets that its own expressions name.
    pub(crate) secrets: Vec<String>,
    /// The tasks inside of it are those numbered after it, up to here.
    pub(crate) end: TaskNumber,
}

/// How data is checked and shaped on its way in and out.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) input_schema: Option<Schema>,
    pub(crate) input: Option<Computed>,
    pub(crate) output: Option<Computed>,
    pub(crate) output_schema: Option<Schema>,
}

/// Something to evaluate: an expression, or a value with expressions in it.
#[derive(Debug)]
pub(crate) enum Computed {
    Expression(Expression),
    Template(Template),
}

/// A length of time.
#[derive(Debug)]
pub(crate) enum Duration {
    Literal(std::time::Duration),
    Expression(Expression),
}

/// What a task does.
#[derive(Debug)]
pub(crate) enum Kind {
    Set(Template),
    Do(ListNumber),
    For(For),
    Fork { branches: Vec<TaskNumber>, compete: bool },
    Switch(Vec<Case>),
    Try(Box<Try>),
    Raise(Box<Raise>),
    Wait(Duration),
    Emit(Template),
    Http(Box<Http>),
    Process(Box<Process>),
    SubWorkflow(Box<SubWorkflow>),
    Function { with: Template, function: usize },
}

#[derive(Debug)]
pub(crate) struct For {
    pub(crate) each: String,
    pub(crate) at: String,
    pub(crate) items: Computed,
    pub(crate) condition: Option<Expression>,
    pub(crate) list: ListNumber,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) when: Option<Expression>,
    pub(crate) then: FlowDirective,
}

#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) list: ListNumber,
    pub(crate) filter: Option<ErrorFilter>,
    pub(crate) variable: String,
    pub(crate) when: Option<Expression>,
    pub(crate) except_when: Option<Expression>,
    pub(crate) retry: Option<Retry>,
    pub(crate) handler: Option<ListNumber>,
    pub(crate) then: Option<FlowDirective>,
}

#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) when: Option<Expression>,
    pub(crate) except_when: Option<Expression>,
    pub(crate) delay: Option<Duration>,
    pub(crate) backoff: Backoff,
    pub(crate) count: Option<u32>,
    pub(crate) attempt_duration: Option<Duration>,
    pub(crate) duration: Option<Duration>,
    pub(crate) jitter: Option<(Duration, Duration)>,
}

#[derive(Debug)]
pub(crate) struct Raise {
    pub(crate) type_: Template,
    pub(crate) status: u16,
    pub(crate) title: Option<Template>,
    pub(crate) detail: Option<Template>,
}

#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: Option<Template>,
    pub(crate) query: Option<Template>,
    pub(crate) body: Option<Template>,
    pub(crate) output: HttpOutput,
    pub(crate) redirect: bool,
}

#[derive(Debug)]
pub(crate) enum Endpoint {
    Template(String),
    Expression(Expression),
}

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) program: Program,
    pub(crate) stdin: Option<Template>,
    pub(crate) arguments: Template,
    pub(crate) environment: Template,
    pub(crate) output: Return,
    pub(crate) wait: bool,
}

#[derive(Debug)]
pub(crate) enum Program {
    Shell(Template),
    Script { language: String, code: Template },
}

#[derive(Debug)]
pub(crate) struct SubWorkflow {
    pub(crate) namespace: Template,
    pub(crate) name: Template,
    pub(crate) version: Template,
    pub(crate) input: Option<Template>,
    pub(crate) wait: bool,
}
