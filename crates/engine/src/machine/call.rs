//! What tasks ask of the outside, with every expression evaluated.

use aquifer_core::Timestamp;
use aquifer_dsl::{HttpOutput, Problem, Return};
use aquifer_expr::Template;
use serde_json::{Map, Value};

use super::Machine;
use super::scope::Scope;
use super::state::FiberState;
use super::turn::EffectStart;
use crate::data::Data;
use crate::plan::{Endpoint, Kind, Program};

/// An effect, ready to be carried out. It may hold secrets: it is never stored and has no `Display`.
pub(crate) enum EffectRequest {
    Http(Box<HttpRequest>),
    Process(Box<ProcessRequest>),
    SubWorkflow(Box<SubWorkflowRequest>),
}

impl std::fmt::Debug for EffectRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http",
            Self::Process(_) => "Process",
            Self::SubWorkflow(_) => "SubWorkflow",
        })
    }
}

pub(crate) struct HttpRequest {
    pub(crate) key: String,
    pub(crate) method: String,
    pub(crate) endpoint: String,
    /// Whether the endpoint has `{variables}` to be filled from the input.
    pub(crate) is_template: bool,
    pub(crate) input: Data,
    pub(crate) headers: Option<Value>,
    pub(crate) query: Option<Value>,
    pub(crate) body: Option<Value>,
    pub(crate) output: HttpOutput,
    pub(crate) redirect: bool,
}

pub(crate) struct ProcessRequest {
    pub(crate) key: String,
    /// The language of a script; `None` for a shell command.
    pub(crate) language: Option<String>,
    pub(crate) code: String,
    pub(crate) stdin: Option<Value>,
    pub(crate) arguments: Value,
    pub(crate) environment: Map<String, Value>,
    pub(crate) output: Return,
    /// Whether to wait for its end; otherwise the task gives `input`.
    pub(crate) wait: bool,
    pub(crate) input: Data,
}

pub(crate) struct SubWorkflowRequest {
    pub(crate) key: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// A version's label, or `latest`.
    pub(crate) version: String,
    pub(crate) workflow_input: Value,
    /// Whether to wait for its end; otherwise the task gives `input`.
    pub(crate) wait: bool,
    pub(crate) input: Data,
}

impl Machine {
    /// The effects under way, to be started again after a pause or in another process.
    pub(crate) fn restart_effects(&self, now: Timestamp) -> Vec<EffectStart> {
        self.state
            .fibers
            .iter()
            .filter_map(|(number, fiber)| match fiber.state {
                FiberState::Effect { step } => Some(EffectStart { step, request: self.effect_request(*number, now) }),
                _ => None,
            })
            .collect()
    }

    /// Evaluates what the innermost task of a fiber asks of the outside. Never stored: evaluated again when it is asked for again.
    pub(super) fn effect_request(&self, number: u32, now: Timestamp) -> Result<EffectRequest, Problem> {
        let lost = || Problem::runtime("the task is no longer there");
        let frame = self.innermost(number).ok_or_else(lost)?;
        let task = self.plan.task(frame.task).ok_or_else(lost)?;
        let scope = Scope::within(self, number, frame);
        let input = frame.input.value();
        let fill = |template: &Template| self.fill(template, input, &scope, now);
        let optional = |template: &Option<Template>| template.as_ref().map(fill).transpose();
        let text = |template: &Template, what: &str| match fill(template)? {
            Value::String(text) => Ok(text),
            other => Err(Problem::expression(format!("{what} must be a text, not {other}"))),
        };
        match &task.kind {
            Kind::Http(http) => {
                let (endpoint, is_template) = match &http.endpoint {
                    Endpoint::Template(template) => (template.clone(), true),
                    Endpoint::Expression(expression) => match self.evaluate(expression, input, &scope, now)? {
                        Value::String(uri) => (uri, false),
                        other => {
                            return Err(Problem::expression(format!("the endpoint must be a URI, not {other}")));
                        }
                    },
                };
                Ok(EffectRequest::Http(Box::new(HttpRequest {
                    key: self.key(frame),
                    method: http.method.clone(),
                    endpoint,
                    is_template,
                    input: frame.input.clone(),
                    headers: optional(&http.headers)?,
                    query: optional(&http.query)?,
                    body: optional(&http.body)?,
                    output: http.output,
                    redirect: http.redirect,
                })))
            }
            Kind::Process(process) => {
                let (language, code) = match &process.program {
                    Program::Shell(command) => (None, text(command, "the command")?),
                    Program::Script { language, code } => (Some(language.clone()), text(code, "the script")?),
                };
                let Value::Object(environment) = fill(&process.environment)? else {
                    return Err(Problem::expression("the environment must be an object"));
                };
                Ok(EffectRequest::Process(Box::new(ProcessRequest {
                    key: self.key(frame),
                    language,
                    code,
                    stdin: optional(&process.stdin)?,
                    arguments: fill(&process.arguments)?,
                    environment,
                    output: process.output,
                    wait: process.wait,
                    input: frame.input.clone(),
                })))
            }
            Kind::SubWorkflow(workflow) => Ok(EffectRequest::SubWorkflow(Box::new(SubWorkflowRequest {
                key: self.key(frame),
                namespace: text(&workflow.namespace, "the workflow's namespace")?,
                name: text(&workflow.name, "the workflow's name")?,
                version: text(&workflow.version, "the workflow's version")?,
                workflow_input: optional(&workflow.input)?.unwrap_or_else(|| Value::Object(Map::new())),
                wait: workflow.wait,
                input: frame.input.clone(),
            }))),
            _ => Err(lost()),
        }
    }
}
