use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    AuthenticationPolicy, Consumption, Endpoint, ErrorTemplate, ReadAs, Resource, RetryPolicy, Task, TaskList,
};
use crate::{Duration, Expression, Location, Locations};

/// A definition that was parsed and found valid.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// `document`: what the workflow is called.
    pub document: Document,
    /// `input`: validation and transformation of the workflow's input.
    pub input: Input,
    /// `use`: reusable components by name.
    pub uses: Use,
    /// `do`: the tasks.
    pub tasks: TaskList,
    /// `timeout`, with a reference to `use.timeouts` already resolved.
    pub timeout: Option<Timeout>,
    /// `output`: transformation and validation of the workflow's output.
    pub output: Output,
    /// `schedule`: when the workflow starts by itself.
    pub schedule: Option<Schedule>,
    /// `evaluate`: how expressions are evaluated.
    pub evaluate: Evaluate,
    /// The whole definition as JSON, members in the order of the source.
    pub definition: Arc<Value>,
    /// Where each property stands in the source.
    pub locations: Locations,
}

impl Workflow {
    /// Returns where the property with this JSON pointer stands in the source.
    ///
    /// For a member that holds an object or an array this is its key, else its value.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> Option<Location> {
        self.locations.locate(pointer)
    }

    /// Returns the function of `use.functions` with this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Task> {
        self.uses.functions.get(name)
    }

    /// Returns the error of `use.errors` with this name.
    #[must_use]
    pub fn error(&self, name: &str) -> Option<&ErrorTemplate> {
        self.uses.errors.get(name)
    }

    /// Returns the retry policy of `use.retries` with this name.
    #[must_use]
    pub fn retry(&self, name: &str) -> Option<&RetryPolicy> {
        self.uses.retries.get(name)
    }

    /// Returns the timeout of `use.timeouts` with this name.
    #[must_use]
    pub fn timeout(&self, name: &str) -> Option<&Timeout> {
        self.uses.timeouts.get(name)
    }
}

/// `document`: identity and description of a workflow.
#[derive(Debug, Clone)]
pub struct Document {
    /// Version of the DSL, always `1.0.x`.
    pub dsl: String,
    /// Namespace: letters, digits and inner hyphens, at most 63.
    pub namespace: String,
    /// Name: letters, digits and inner hyphens, at most 63.
    pub name: String,
    /// Semantic version of the workflow.
    pub version: String,
    /// Title for people.
    pub title: Option<String>,
    /// Summary in Markdown.
    pub summary: Option<String>,
    /// Tags for search.
    pub tags: Map<String, Value>,
    /// Anything else; of no meaning to the engine.
    pub metadata: Map<String, Value>,
}

/// `use`: components that tasks refer to by name.
#[derive(Debug, Clone, Default)]
pub struct Use {
    /// Authentication policies.
    pub authentications: BTreeMap<String, AuthenticationPolicy>,
    /// Catalogs of functions.
    pub catalogs: BTreeMap<String, Catalog>,
    /// Errors to raise.
    pub errors: BTreeMap<String, ErrorTemplate>,
    /// Extensions, in the order in which they apply.
    pub extensions: Vec<Extension>,
    /// Functions: tasks that `call` runs by name.
    pub functions: BTreeMap<String, Task>,
    /// Retry policies.
    pub retries: BTreeMap<String, RetryPolicy>,
    /// Names of the secrets that the workflow may read.
    pub secrets: Vec<String>,
    /// Timeouts.
    pub timeouts: BTreeMap<String, Timeout>,
}

/// A catalog of functions that others publish.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Root URL.
    pub endpoint: Endpoint,
}

/// An extension: tasks around every task of a kind.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The name.
    pub name: String,
    /// The keyword of the extended tasks, or `composite` or `all`.
    pub extend: String,
    /// Whether it applies.
    pub when: Option<Expression>,
    /// Tasks to perform before the extended one.
    pub before: Option<TaskList>,
    /// Tasks to perform after the extended one.
    pub after: Option<TaskList>,
    /// JSON pointer of the extension.
    pub pointer: String,
}

/// `evaluate`: how expressions are evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluate {
    /// The expression language, `jq` by default.
    pub language: String,
    /// Which strings are expressions.
    pub mode: EvaluateMode,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self { language: "jq".to_owned(), mode: EvaluateMode::Strict }
    }
}

/// Which strings of a value are expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EvaluateMode {
    /// Those that are `${ ... }` as a whole.
    #[default]
    Strict,
    /// All; a string that is no valid expression stands for itself.
    Loose,
}

/// `schedule`: when a workflow starts by itself.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Interval between starts.
    pub every: Option<Duration>,
    /// Cron expression of five fields.
    pub cron: Option<String>,
    /// Pause between the end of one execution and the start of the next.
    pub after: Option<Duration>,
    /// Events that start the workflow.
    pub on: Option<Consumption>,
    /// What the started workflow gets of those events; [`ReadAs::Data`] by default.
    pub read: ReadAs,
}

/// `timeout`: a limit on how long a task or workflow may run.
#[derive(Debug, Clone)]
pub struct Timeout {
    /// Its name in `use.timeouts`, if it was referred to by name.
    pub name: Option<String>,
    /// How long it may run.
    pub after: Duration,
    /// JSON pointer of the timeout's definition.
    pub pointer: String,
}

/// `input` of a workflow or task. The schema applies to the raw input, before `from`.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// What the raw input must look like.
    pub schema: Option<Schema>,
    /// What the transformed input is; the raw input when absent.
    pub from: Option<Transform>,
}

/// `output` of a workflow or task. The schema applies to the transformed output, after `as`.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// What the transformed output must look like.
    pub schema: Option<Schema>,
    /// `as`: what the transformed output is; the raw output when absent.
    pub transform: Option<Transform>,
}

/// `export` of a task. The schema applies to the new context.
#[derive(Debug, Clone, Default)]
pub struct Export {
    /// What the new context must look like.
    pub schema: Option<Schema>,
    /// `as`: what the new context is; the context stays as it is when absent.
    pub transform: Option<Transform>,
}

/// `input.from`, `output.as` or `export.as`.
#[derive(Debug, Clone)]
pub enum Transform {
    /// String form: an expression, with or without `${ }`.
    Expression(Expression),
    /// Object form: a value whose `${ ... }` strings are evaluated, at any depth.
    Value {
        /// The object.
        value: Value,
        /// JSON pointer of the property.
        pointer: String,
    },
}

impl Transform {
    /// Returns the JSON pointer of the property.
    #[must_use]
    pub fn pointer(&self) -> &str {
        match self {
            Self::Expression(expression) => &expression.pointer,
            Self::Value { pointer, .. } => pointer,
        }
    }
}

/// A schema that data must satisfy.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The format, `json` by default, possibly with a version as in `json:2020-12`.
    pub format: String,
    /// Where the schema is.
    pub source: SchemaSource,
    /// JSON pointer of the schema.
    pub pointer: String,
}

/// Where a schema is.
#[derive(Debug, Clone)]
pub enum SchemaSource {
    /// `document`: in the definition.
    Document(Value),
    /// `resource`: elsewhere.
    Resource(Box<Resource>),
}
