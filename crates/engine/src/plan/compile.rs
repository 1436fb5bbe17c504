//! From the model of a definition to a plan.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aquifer_dsl::{self as dsl, Diagnostic, FlowDirective, Workflow};
use aquifer_expr::{Expression, Mode, Template};
use serde_json::{Map, Value};

use super::{
    Case, Computed, Duration, Endpoint, Flow, For, Http, Kind, List, ListNumber, Plan, Process, Program, Raise, Retry,
    Schema, SubWorkflow, Task, TaskNumber, Try,
};

/// The variables that every expression may mention (DSL, "Runtime expression arguments").
const ARGUMENTS: [&str; 8] = ["authorization", "context", "input", "output", "runtime", "secrets", "task", "workflow"];

/// Why a definition cannot be run, each with its place.
#[derive(Debug, Clone)]
pub(crate) struct Invalid(pub(crate) Vec<Diagnostic>);

pub(super) fn plan(workflow: Workflow) -> Result<Plan, Invalid> {
    let mut found = workflow.unsupported();
    let null = Template::compile(&Value::Null, &[], Mode::Strict).map_err(|_| Invalid(Vec::new()))?;
    let mut compiler = Compiler {
        workflow: &workflow,
        null,
        tasks: Vec::new(),
        lists: Vec::new(),
        scope: ARGUMENTS.iter().map(|name| (*name).to_owned()).collect(),
        mode: match workflow.evaluate.mode {
            dsl::EvaluateMode::Strict => Mode::Strict,
            dsl::EvaluateMode::Loose => Mode::Loose,
        },
        secrets: Vec::new(),
        found: Vec::new(),
    };
    let flow = compiler.flow(&workflow.input, &workflow.output);
    let timeout = workflow.timeout.as_ref().map(|timeout| compiler.duration(&timeout.after, &timeout.pointer));
    let secrets = std::mem::take(&mut compiler.secrets);
    let root = compiler.list(&workflow.tasks);
    let functions = workflow.uses.functions.values().map(|task| compiler.task(task)).collect();
    let Compiler { tasks, lists, found: more, .. } = compiler;
    found.extend(more);
    if !found.is_empty() {
        return Err(Invalid(found));
    }
    let definition = Arc::clone(&workflow.definition);
    let tasks = tasks.into_iter().flatten().collect();
    let lists = lists.into_iter().flatten().collect();
    Ok(Plan {
        workflow,
        tasks,
        lists,
        functions,
        root,
        flow,
        timeout,
        secrets,
        definition,
        slow: AtomicBool::new(false),
    })
}

struct Compiler<'a> {
    workflow: &'a Workflow,
    /// Stands where a template did not compile, until the report stops the plan.
    null: Template,
    tasks: Vec<Option<Task>>,
    lists: Vec<Option<List>>,
    /// The variables in scope, outermost first.
    scope: Vec<String>,
    mode: Mode,
    /// The secrets that the task being compiled names.
    secrets: Vec<String>,
    found: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn report(&mut self, pointer: &str, message: String) {
        let (line, column, offset, length) = self
            .workflow
            .locate(pointer)
            .map_or((1, 1, 0, 0), |place| (place.line, place.column, place.offset, place.length));
        let pointer = pointer.to_owned();
        self.found.push(Diagnostic { code: "expression", message, hint: None, pointer, line, column, offset, length });
    }

    fn list(&mut self, list: &dsl::TaskList) -> ListNumber {
        let number = self.lists.len();
        self.lists.push(None);
        let tasks = list.iter().map(|task| self.task(task)).collect();
        if let Some(place) = self.lists.get_mut(number) {
            *place = Some(List { tasks });
        }
        count(number)
    }

    fn task(&mut self, task: &dsl::Task) -> TaskNumber {
        let number = self.tasks.len();
        self.tasks.push(None);
        let outer_secrets = std::mem::take(&mut self.secrets);
        let condition = task.condition.as_ref().and_then(|condition| self.expression(condition));
        let flow = self.flow(&task.input, &task.output);
        let export = task.export.transform.as_ref().and_then(|transform| self.transform(transform));
        let export_schema = task.export.schema.as_ref().and_then(|schema| self.schema(schema));
        let timeout = task.timeout.as_ref().map(|timeout| self.duration(&timeout.after, &timeout.pointer));
        let kind = self.kind(task);
        let compiled = Task {
            name: task.name.clone(),
            pointer: task.pointer.clone(),
            condition,
            flow,
            export,
            export_schema,
            timeout,
            then: task.then.unwrap_or(FlowDirective::Continue),
            definition: task.definition.clone(),
            kind,
            secrets: std::mem::replace(&mut self.secrets, outer_secrets),
            end: count(self.tasks.len()),
        };
        if let Some(place) = self.tasks.get_mut(number) {
            *place = Some(compiled);
        }
        count(number)
    }

    fn kind(&mut self, task: &dsl::Task) -> Kind {
        let at = |member: &str| format!("{}/{member}", task.pointer);
        match &task.kind {
            dsl::TaskKind::Set(set) => Kind::Set(self.template(&set.value, &at("set"))),
            dsl::TaskKind::Do(r#do) => Kind::Do(self.list(&r#do.tasks)),
            dsl::TaskKind::For(r#for) => self.r#for(r#for, &at("for/in")),
            dsl::TaskKind::Fork(fork) => Kind::Fork {
                branches: fork.branches.iter().map(|branch| self.task(branch)).collect(),
                compete: fork.compete,
            },
            dsl::TaskKind::Switch(switch) => Kind::Switch(
                switch
                    .cases
                    .iter()
                    .map(|case| Case {
                        when: case.when.as_ref().and_then(|when| self.expression(when)),
                        then: case.then,
                    })
                    .collect(),
            ),
            dsl::TaskKind::Try(r#try) => Kind::Try(Box::new(self.r#try(r#try))),
            dsl::TaskKind::Raise(raise) => {
                let error = &raise.error;
                let text = |text: &str| Value::String(text.to_owned());
                Kind::Raise(Box::new(Raise {
                    type_: self.template(&text(&error.type_), &error.pointer),
                    status: error.status,
                    title: error.title.as_ref().map(|title| self.template(&text(title), &error.pointer)),
                    detail: error.detail.as_ref().map(|detail| self.template(&text(detail), &error.pointer)),
                }))
            }
            dsl::TaskKind::Wait(wait) => Kind::Wait(self.duration(&wait.duration, &at("wait"))),
            dsl::TaskKind::Emit(emit) => Kind::Emit(self.template(&Value::Object(emit.with.clone()), &emit.pointer)),
            dsl::TaskKind::Call(dsl::Call::Http(call)) => Kind::Http(Box::new(self.http(call, &at("with")))),
            dsl::TaskKind::Call(dsl::Call::Function(call)) => self.function(call),
            dsl::TaskKind::Run(run) => self.run(run, &at("run")),
            // Everything else was reported by `Workflow::unsupported`, so that no plan comes of it.
            dsl::TaskKind::Call(_) | dsl::TaskKind::Listen(_) => Kind::Set(self.null.clone()),
        }
    }

    fn r#for(&mut self, r#for: &dsl::For, pointer: &str) -> Kind {
        let items = match &r#for.items {
            dsl::ForItems::Expression(expression) => self.required(expression),
            dsl::ForItems::Values(values) => Computed::Template(self.template(&Value::Array(values.clone()), pointer)),
        };
        let outer = self.scope.len();
        self.scope.extend([r#for.each.clone(), r#for.at.clone()]);
        let condition = r#for.condition.as_ref().and_then(|condition| self.expression(condition));
        let list = self.list(&r#for.tasks);
        self.scope.truncate(outer);
        Kind::For(For { each: r#for.each.clone(), at: r#for.at.clone(), items, condition, list })
    }

    fn r#try(&mut self, r#try: &dsl::Try) -> Try {
        let catch = &r#try.catch;
        let list = self.list(&r#try.tasks);
        let outer = self.scope.len();
        self.scope.push(catch.variable.clone());
        let when = catch.when.as_ref().and_then(|when| self.expression(when));
        let except_when = catch.except_when.as_ref().and_then(|when| self.expression(when));
        let retry = catch.retry.as_ref().map(|policy| self.retry(policy));
        let handler = catch.tasks.as_ref().map(|tasks| self.list(tasks));
        self.scope.truncate(outer);
        Try {
            list,
            filter: catch.errors.clone(),
            variable: catch.variable.clone(),
            when,
            except_when,
            retry,
            handler,
            then: catch.then,
        }
    }

    fn retry(&mut self, policy: &dsl::RetryPolicy) -> Retry {
        let at = |member: &str| format!("{}/{member}", policy.pointer);
        Retry {
            when: policy.when.as_ref().and_then(|when| self.expression(when)),
            except_when: policy.except_when.as_ref().and_then(|when| self.expression(when)),
            delay: policy.delay.as_ref().map(|delay| self.duration(delay, &at("delay"))),
            backoff: policy.backoff.clone(),
            count: policy.limit.count,
            attempt_duration: policy
                .limit
                .attempt_duration
                .as_ref()
                .map(|limit| self.duration(limit, &at("limit/attempt/duration"))),
            duration: policy.limit.duration.as_ref().map(|limit| self.duration(limit, &at("limit/duration"))),
            jitter: policy.jitter.as_ref().map(|jitter| {
                (self.duration(&jitter.from, &at("jitter/from")), self.duration(&jitter.to, &at("jitter/to")))
            }),
        }
    }

    fn http(&mut self, call: &dsl::HttpCall, pointer: &str) -> Http {
        let endpoint = match &call.endpoint.uri {
            dsl::Uri::Template(template) => Endpoint::Template(template.clone()),
            dsl::Uri::Expression(expression) => match self.expression(expression) {
                Some(expression) => Endpoint::Expression(expression),
                None => Endpoint::Template(String::new()),
            },
        };
        let mut member = |value: &Option<Value>, name: &str| {
            value.as_ref().map(|value| self.template(value, &format!("{pointer}/{name}")))
        };
        Http {
            method: call.method.clone(),
            endpoint,
            headers: member(&call.headers, "headers"),
            query: member(&call.query, "query"),
            body: member(&call.body, "body"),
            output: call.output,
            redirect: call.redirect,
        }
    }

    fn function(&mut self, call: &dsl::FunctionCall) -> Kind {
        let with = self.template(&Value::Object(call.with.clone()), &call.pointer);
        let function = match &call.target {
            dsl::FunctionTarget::Local(name) => self.workflow.uses.functions.keys().position(|known| known == name),
            dsl::FunctionTarget::Url(_) | dsl::FunctionTarget::Catalogued { .. } => None,
        };
        Kind::Function { with, function: function.unwrap_or(usize::MAX) }
    }

    fn run(&mut self, run: &dsl::Run, pointer: &str) -> Kind {
        let text = |text: &str| Value::String(text.to_owned());
        match &run.process {
            dsl::Process::Shell(shell) => {
                let at = format!("{pointer}/shell");
                let program = Program::Shell(self.template(&text(&shell.command), &format!("{at}/command")));
                self.process(run, program, &shell.stdin, &shell.arguments, &shell.environment, &at)
            }
            dsl::Process::Script(script) => {
                let at = format!("{pointer}/script");
                let code = match &script.code {
                    dsl::ScriptCode::Code(code) => text(code),
                    dsl::ScriptCode::Source(_) => Value::Null,
                };
                let code = self.template(&code, &format!("{at}/code"));
                let program = Program::Script { language: script.language.clone(), code };
                self.process(run, program, &script.stdin, &script.arguments, &script.environment, &at)
            }
            dsl::Process::Workflow(workflow) => {
                let at = format!("{pointer}/workflow");
                Kind::SubWorkflow(Box::new(SubWorkflow {
                    namespace: self.template(&text(&workflow.namespace), &format!("{at}/namespace")),
                    name: self.template(&text(&workflow.name), &format!("{at}/name")),
                    version: self.template(&text(&workflow.version), &format!("{at}/version")),
                    input: workflow.input.as_ref().map(|input| self.template(input, &format!("{at}/input"))),
                    wait: run.wait,
                }))
            }
            // Reported by `Workflow::unsupported`.
            dsl::Process::Container(_) => Kind::Set(self.null.clone()),
        }
    }

    fn process(
        &mut self,
        run: &dsl::Run,
        program: Program,
        stdin: &Option<Value>,
        arguments: &dsl::Arguments,
        environment: &Map<String, Value>,
        pointer: &str,
    ) -> Kind {
        let arguments = match arguments {
            dsl::Arguments::List(list) => Value::Array(list.clone()),
            dsl::Arguments::Named(named) => Value::Object(named.clone()),
        };
        Kind::Process(Box::new(Process {
            program,
            stdin: stdin.as_ref().map(|stdin| self.template(stdin, &format!("{pointer}/stdin"))),
            arguments: self.template(&arguments, &format!("{pointer}/arguments")),
            environment: self.template(&Value::Object(environment.clone()), &format!("{pointer}/environment")),
            output: run.output,
            wait: run.wait,
        }))
    }

    fn flow(&mut self, input: &dsl::Input, output: &dsl::Output) -> Flow {
        Flow {
            input_schema: input.schema.as_ref().and_then(|schema| self.schema(schema)),
            input: input.from.as_ref().and_then(|from| self.transform(from)),
            output: output.transform.as_ref().and_then(|transform| self.transform(transform)),
            output_schema: output.schema.as_ref().and_then(|schema| self.schema(schema)),
        }
    }

    fn schema(&mut self, schema: &dsl::Schema) -> Option<Schema> {
        let dsl::SchemaSource::Document(document) = &schema.source else {
            // Reported by `Workflow::unsupported`.
            return None;
        };
        match Schema::compile(&schema.format, document) {
            Ok(compiled) => Some(compiled),
            Err(message) => {
                self.report(&schema.pointer, message);
                None
            }
        }
    }

    fn transform(&mut self, transform: &dsl::Transform) -> Option<Computed> {
        match transform {
            dsl::Transform::Expression(expression) => self.expression(expression).map(Computed::Expression),
            dsl::Transform::Value { value, pointer } => Some(Computed::Template(self.template(value, pointer))),
        }
    }

    fn duration(&mut self, duration: &dsl::Duration, pointer: &str) -> Duration {
        match duration {
            dsl::Duration::Literal(duration) => Duration::Literal(*duration),
            dsl::Duration::Expression(source) => match self.expression(&dsl::Expression::new(source, pointer)) {
                Some(expression) => Duration::Expression(expression),
                None => Duration::Literal(std::time::Duration::ZERO),
            },
        }
    }

    fn required(&mut self, expression: &dsl::Expression) -> Computed {
        match self.expression(expression) {
            Some(compiled) => Computed::Expression(compiled),
            None => Computed::Template(self.null.clone()),
        }
    }

    fn expression(&mut self, expression: &dsl::Expression) -> Option<Expression> {
        secret_names(&expression.source, &mut self.secrets);
        let scope: Vec<&str> = self.scope.iter().map(String::as_str).collect();
        match Expression::compile(&expression.source, &scope) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.report(
                    &expression.pointer,
                    format!("{error} in the expression {:?}", excerpt(&expression.source)),
                );
                None
            }
        }
    }

    fn template(&mut self, value: &Value, pointer: &str) -> Template {
        each_string(value, &mut |text| {
            if let Some(source) = dsl::expression_in(text) {
                secret_names(source, &mut self.secrets);
            }
        });
        let scope: Vec<&str> = self.scope.iter().map(String::as_str).collect();
        match Template::compile(value, &scope, self.mode) {
            Ok(template) => template,
            Err(error) => {
                let source = value.pointer(&error.pointer).and_then(Value::as_str).unwrap_or_default();
                let message = format!("{} in the expression {:?}", error.error, excerpt(source));
                self.report(&format!("{pointer}{}", error.pointer), message);
                self.null.clone()
            }
        }
    }
}

/// Definitions are limited to far less than what a `u32` counts.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn excerpt(source: &str) -> String {
    const LENGTH: usize = 80;
    let mut text: String = source.trim().chars().take(LENGTH).collect();
    if source.trim().chars().count() > LENGTH {
        text.push('…');
    }
    text
}

/// Collects the names behind `$secrets.` in a source.
fn secret_names(source: &str, names: &mut Vec<String>) {
    for after in source.split("$secrets").skip(1) {
        let (path, quoted) = match after.strip_prefix(".\"").or_else(|| after.strip_prefix("[\"")) {
            Some(path) => (path, true),
            None => (after.strip_prefix('.').unwrap_or_default(), false),
        };
        let ends = |c: char| if quoted { c == '"' } else { !(c.is_ascii_alphanumeric() || c == '_') };
        let name = path.split(ends).next().unwrap_or_default();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
}

fn each_string(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_string(item, visit)),
        Value::Object(members) => members.values().for_each(|member| each_string(member, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
