use serde_json::{Map, Value};

use super::{FlowDirective, TaskList};
use crate::{Duration, ErrorFilter, Expression};

/// `raise`: an error to fail with.
#[derive(Debug, Clone)]
pub struct Raise {
    /// The error, with a reference to `use.errors` already resolved.
    pub error: ErrorTemplate,
}

/// The definition of an error. Strings may be `${ ... }` as a whole.
#[derive(Debug, Clone)]
pub struct ErrorTemplate {
    /// Its name in `use.errors`, if it was referred to by name.
    pub name: Option<String>,
    /// `type`: a URI.
    pub type_: String,
    /// `status`: an HTTP status code.
    pub status: u16,
    /// `instance`: a JSON pointer; the engine sets the raising task's instead.
    pub instance: Option<String>,
    /// `title`: a short summary.
    pub title: Option<String>,
    /// `detail`: an explanation.
    pub detail: Option<String>,
    /// JSON pointer of the error's definition.
    pub pointer: String,
}

/// `try`: tasks whose errors are handled.
#[derive(Debug, Clone)]
pub struct Try {
    /// The tasks.
    pub tasks: TaskList,
    /// How errors are handled.
    pub catch: Catch,
}

/// `catch`: which errors are handled, and how.
#[derive(Debug, Clone)]
pub struct Catch {
    /// `errors.with`: members that an error must have; without, every error passes.
    pub errors: Option<ErrorFilter>,
    /// `as`: name of the variable with the error, `error` by default.
    pub variable: String,
    /// `when`: the error is caught only if this is true.
    pub when: Option<Expression>,
    /// `exceptWhen`: the error is not caught if this is true.
    pub except_when: Option<Expression>,
    /// `retry`, with a reference to `use.retries` already resolved.
    pub retry: Option<RetryPolicy>,
    /// `do`: tasks that handle the error.
    pub tasks: Option<TaskList>,
    /// `then`: where the try task goes after it caught an error.
    pub then: Option<FlowDirective>,
}

/// How failed tasks are tried again.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Its name in `use.retries`, if it was referred to by name.
    pub name: Option<String>,
    /// There is a retry only if this is true.
    pub when: Option<Expression>,
    /// There is no retry if this is true.
    pub except_when: Option<Expression>,
    /// Pause before a retry; none when absent.
    pub delay: Option<Duration>,
    /// How the pause grows.
    pub backoff: Backoff,
    /// When to give up; never when nothing is set.
    pub limit: RetryLimit,
    /// Random addition to each pause.
    pub jitter: Option<Jitter>,
    /// JSON pointer of the policy's definition.
    pub pointer: String,
}

/// How the pause before retries grows. The parameters are kept, but have no meaning in DSL 1.0.
#[derive(Debug, Clone, PartialEq)]
pub enum Backoff {
    /// Always `delay`.
    Constant(Map<String, Value>),
    /// `delay * 2^(n-1)` before the n-th retry.
    Exponential(Map<String, Value>),
    /// `delay * n` before the n-th retry.
    Linear(Map<String, Value>),
}

impl Default for Backoff {
    fn default() -> Self {
        Self::Constant(Map::new())
    }
}

/// When retries end.
#[derive(Debug, Clone, Default)]
pub struct RetryLimit {
    /// `attempt.count`: how many retries at most, the first run not counted.
    pub count: Option<u32>,
    /// `attempt.duration`: how long each attempt may take.
    pub attempt_duration: Option<Duration>,
    /// `duration`: how long all attempts together may take.
    pub duration: Option<Duration>,
}

/// The range of a random addition.
#[derive(Debug, Clone)]
pub struct Jitter {
    /// The least.
    pub from: Duration,
    /// The most.
    pub to: Duration,
}
