//! Evaluating expressions: what they can see, and what becomes of their failures.

use std::borrow::Cow;
use std::time::Duration as StdDuration;

use aquifer_core::Timestamp;
use aquifer_dsl::{Problem, parse_iso_duration};
use aquifer_expr::{Arguments, Bounds, EvaluateError, Expression, Template, truthy};
use serde_json::{Value, json};

use super::Machine;
use super::state::{Frame, TaskFrame, Work};
use crate::data::Data;
use crate::depth::checked;
use crate::plan::{Computed, Duration, Kind};

/// What the expressions of one place can see.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    machine: &'a Machine,
    /// The fiber whose loops and handlers bind variables.
    fiber: Option<u32>,
    /// The task, if it is one's.
    task: Option<&'a TaskFrame>,
    /// Whether the task's input is ready: not for `if` and `input.from`.
    has_input: bool,
    raw_output: Option<&'a Value>,
    output: Option<&'a Value>,
    /// A variable that is bound here only.
    bound: Option<(&'a str, &'a Value)>,
}

impl<'a> Scope<'a> {
    /// For `if` and `input.from`.
    pub(super) fn before(machine: &'a Machine, fiber: u32, task: &'a TaskFrame) -> Self {
        Self { task: Some(task), fiber: Some(fiber), ..machine.workflow_scope() }
    }

    /// For what the task does.
    pub(super) fn within(machine: &'a Machine, fiber: u32, task: &'a TaskFrame) -> Self {
        Self { has_input: true, ..Self::before(machine, fiber, task) }
    }

    /// Adds the task's raw output: for `output.as`.
    pub(super) fn with_raw_output(self, raw_output: &'a Value) -> Self {
        Self { raw_output: Some(raw_output), ..self }
    }

    /// Adds the task's output: for `export.as`.
    pub(super) fn with_output(self, output: &'a Value) -> Self {
        Self { output: Some(output), ..self }
    }

    /// Binds a variable.
    pub(super) fn bind(self, name: &'a str, value: &'a Value) -> Self {
        Self { bound: Some((name, value)), ..self }
    }

    /// The variable of a loop or a handler around the task.
    fn variable(&self, name: &str) -> Option<Cow<'a, Value>> {
        if let Some((bound, value)) = self.bound
            && bound == name
        {
            return Some(Cow::Borrowed(value));
        }
        let inner = self.task.and_then(|task| self.binding(task, name));
        inner.or_else(|| self.outer_variable(name))
    }

    fn outer_variable(&self, name: &str) -> Option<Cow<'a, Value>> {
        let mut next = self.fiber;
        while let Some(fiber) = next.and_then(|number| self.machine.state.fibers.get(&number)) {
            for frame in fiber.frames.iter().rev() {
                if let Frame::Task(task) = frame
                    && let Some(value) = self.binding(task, name)
                {
                    return Some(value);
                }
            }
            // A branch sees what its fork sees.
            next = fiber.parent.map(|(parent, _)| parent);
        }
        None
    }

    fn binding(&self, frame: &'a TaskFrame, name: &str) -> Option<Cow<'a, Value>> {
        match (&self.machine.plan.task(frame.task)?.kind, &frame.work) {
            (Kind::For(r#for), Work::For { items, index }) => {
                if r#for.each == name {
                    return items.value().get(*index).map(Cow::Borrowed);
                }
                (r#for.at == name).then(|| Cow::Owned(json!(index)))
            }
            (Kind::Try(r#try), Work::Try(work)) if r#try.variable == name => {
                work.caught.as_ref().map(|caught| Cow::Borrowed(caught.value()))
            }
            _ => None,
        }
    }

    fn descriptor(&self, task: &TaskFrame) -> Value {
        let plan = &self.machine.plan;
        let mut descriptor = json!({
            "name": task.name(plan),
            "reference": task.pointer(plan),
            "definition": plan.task(task.task).map(|task| (*task.definition).clone()),
            "input": task.raw_input.value(),
            "startedAt": date_time(task.started_at),
        });
        if let (Some(raw_output), Some(members)) = (self.raw_output, descriptor.as_object_mut()) {
            members.insert("output".to_owned(), raw_output.clone());
        }
        descriptor
    }
}

impl Arguments for Scope<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        if let Some(value) = self.variable(name) {
            return Some(value);
        }
        match name {
            "context" => Some(Cow::Borrowed(self.machine.state.context.value())),
            "input" if self.has_input => self.task.map(|task| Cow::Borrowed(task.input.value())),
            "output" => self.output.map(Cow::Borrowed),
            "secrets" => Some(Cow::Borrowed(&self.machine.identity.secrets)),
            "task" => self.task.map(|task| Cow::Owned(self.descriptor(task))),
            "workflow" => Some(Cow::Borrowed(self.machine.workflow_descriptor())),
            "runtime" => Some(Cow::Borrowed(&*self.machine.identity.runtime)),
            // No task of this release authenticates.
            "authorization" => Some(Cow::Owned(Value::Null)),
            _ => None,
        }
    }
}

impl Machine {
    /// The scope of the workflow's own expressions.
    pub(super) fn workflow_scope(&self) -> Scope<'_> {
        Scope { machine: self, fiber: None, task: None, has_input: false, raw_output: None, output: None, bound: None }
    }

    fn workflow_descriptor(&self) -> &Value {
        self.workflow.get_or_init(|| {
            json!({
                "id": self.identity.id,
                "definition": *self.plan.definition,
                "input": self.state.raw_input.value(),
                "startedAt": date_time(self.state.started_at),
            })
        })
    }

    fn bounds(&self, now: Timestamp) -> Bounds {
        Bounds {
            time: self.identity.evaluation_time,
            memory: self.identity.evaluation_memory,
            now: jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or_default(),
        }
    }

    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<Value, Problem> {
        expression.evaluate(input, scope, &self.bounds(now)).map_err(failed).and_then(checked)
    }

    pub(super) fn fill(
        &self,
        template: &Template,
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<Value, Problem> {
        template.evaluate(input, scope, &self.bounds(now)).map_err(failed).and_then(checked)
    }

    pub(super) fn compute(
        &self,
        computed: &Computed,
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<Value, Problem> {
        match computed {
            Computed::Expression(expression) => self.evaluate(expression, input, scope, now),
            Computed::Template(template) => self.fill(template, input, scope, now),
        }
    }

    /// Whether a condition holds, as jq sees truth; `default` where there is none.
    pub(super) fn holds(
        &self,
        condition: Option<&Expression>,
        default: bool,
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        match condition {
            None => Ok(default),
            Some(condition) => self.evaluate(condition, input, scope, now).map(|value| truthy(&value)),
        }
    }

    /// A length of time.
    pub(super) fn duration(
        &self,
        duration: &Duration,
        input: &Value,
        scope: &Scope<'_>,
        now: Timestamp,
    ) -> Result<StdDuration, Problem> {
        match duration {
            Duration::Literal(duration) => Ok(*duration),
            Duration::Expression(expression) => {
                let value = self.evaluate(expression, input, scope, now)?;
                let text = value.as_str().ok_or_else(|| {
                    Problem::expression("a duration expression must yield an ISO 8601 text such as \"PT30S\"")
                })?;
                parse_iso_duration(text).map_err(|error| Problem::expression(format!("{text:?} {error}")))
            }
        }
    }

    /// The first of the named secrets that is not available.
    pub(super) fn missing_secret(&self, names: &[String]) -> Option<Problem> {
        names.iter().find(|name| self.identity.secrets.get(name.as_str()).is_none()).map(|name| {
            Problem::authorization(format!(
                "the secret {name:?} is not available: declare it under use.secrets and give it a value"
            ))
        })
    }
}

fn failed(error: EvaluateError) -> Problem {
    Problem::expression(error.message)
}

/// A point in time as expressions see it (DSL, "DateTime Descriptor").
fn date_time(time: Timestamp) -> Value {
    json!({
        "iso8601": time.to_string(),
        "epoch": { "seconds": time.as_millis().div_euclid(1000), "milliseconds": time.as_millis() },
    })
}

/// The `Data` of a problem, as handlers see it.
pub(super) fn problem_data(problem: &Problem) -> Data {
    Data::new(serde_json::to_value(problem).unwrap_or_default())
}
