//! What a valid definition asks for and the engine of this release does not run.

use crate::{
    Authentication, Call, Diagnostic, Endpoint, FunctionTarget, Location, Process, Resource, Schema, SchemaSource,
    ScriptCode, Task, TaskKind, TaskList, Workflow,
};

impl Workflow {
    /// Returns what this release's engine does not run, each with its place and, where there is one,
    /// the alternative; nothing means that the engine runs all of it.
    ///
    /// The definition is valid all the same; whoever is about to start an execution should refuse.
    #[must_use]
    pub fn unsupported(&self) -> Vec<Diagnostic> {
        let mut finder = Finder { workflow: self, items: Vec::new() };
        finder.workflow();
        finder.items.sort_by_key(|item| item.offset);
        finder.items
    }
}

struct Finder<'a> {
    workflow: &'a Workflow,
    items: Vec<Diagnostic>,
}

impl Finder<'_> {
    fn add(&mut self, pointer: impl Into<String>, what: &str, hint: &str) {
        let pointer = pointer.into();
        let start = Location { line: 1, column: 1, offset: 0, length: 0 };
        let location = self.workflow.locate(&pointer).unwrap_or(start);
        let message = format!("{what} is not supported in this release");
        self.items.push(Diagnostic::new("unsupported", message, Some(hint.to_owned()), pointer, location));
    }

    fn workflow(&mut self) {
        let workflow = self.workflow;
        if workflow.schedule.is_some() {
            self.add("/schedule", "`schedule`", "start executions from outside, for example from cron");
        }
        if workflow.evaluate.language != "jq" {
            let what = format!("the expression language `{}`", workflow.evaluate.language);
            self.add("/evaluate/language", &what, "write the expressions in jq");
        }
        self.schema(workflow.input.schema.as_ref());
        self.schema(workflow.output.schema.as_ref());
        for name in workflow.uses.authentications.keys() {
            self.authentication(format!("/use/authentications/{}", crate::read::escape(name)));
        }
        for name in workflow.uses.catalogs.keys() {
            let pointer = format!("/use/catalogs/{}", crate::read::escape(name));
            self.add(pointer, "a catalog", "copy the functions that you need into `use.functions`");
        }
        for extension in &workflow.uses.extensions {
            self.add(&extension.pointer, "an extension", "put its tasks before and after the tasks that it extends");
        }
        for function in workflow.uses.functions.values() {
            self.task(function);
        }
        self.list(&workflow.tasks);
    }

    fn list(&mut self, list: &TaskList) {
        list.iter().for_each(|task| self.task(task));
    }

    fn task(&mut self, task: &Task) {
        for schema in [&task.input.schema, &task.output.schema, &task.export.schema] {
            self.schema(schema.as_ref());
        }
        match &task.kind {
            TaskKind::Call(call) => self.call(task, call),
            TaskKind::Do(sequence) => self.list(&sequence.tasks),
            TaskKind::For(iteration) => self.list(&iteration.tasks),
            TaskKind::Fork(fork) => self.list(&fork.branches),
            TaskKind::Listen(_) => {
                let hint = "start an execution for each event instead, or ask for the state in a loop with `wait`";
                self.add(format!("{}/listen", task.pointer), "`listen`", hint);
            }
            TaskKind::Run(run) => self.process(task, &run.process),
            TaskKind::Try(attempt) => {
                self.list(&attempt.tasks);
                attempt.catch.tasks.iter().for_each(|tasks| self.list(tasks));
            }
            TaskKind::Emit(_) | TaskKind::Raise(_) | TaskKind::Set(_) | TaskKind::Switch(_) | TaskKind::Wait(_) => {}
        }
    }

    fn call(&mut self, task: &Task, call: &Call) {
        let (what, hint) = match call {
            Call::Http(http) => return self.endpoint(&http.endpoint),
            Call::Function(function) => match function.target {
                FunctionTarget::Local(_) => return,
                FunctionTarget::Url(_) => ("a call of a function by its URL", "copy the function into `use.functions`"),
                FunctionTarget::Catalogued { .. } => {
                    ("a call of a function in a catalog", "copy the function into `use.functions`")
                }
            },
            Call::OpenApi(_) => ("`call: openapi`", "use `call: http` with the operation's method and path"),
            Call::A2a(_) => ("`call: a2a`", "use `call: http` with the agent's JSON-RPC endpoint"),
            Call::Mcp(_) => ("`call: mcp`", "use `call: http` with the server's JSON-RPC endpoint"),
            Call::Grpc(_) => ("`call: grpc`", "use `call: http` through a gateway, or `run: shell` with grpcurl"),
            Call::AsyncApi(_) => ("`call: asyncapi`", "use `call: http` with a bridge to the message broker"),
        };
        self.add(format!("{}/call", task.pointer), what, hint);
    }

    fn process(&mut self, task: &Task, process: &Process) {
        match process {
            Process::Container(_) => {
                let hint = "use `run: shell` with the command of your container tool";
                self.add(format!("{}/run/container", task.pointer), "`run: container`", hint);
            }
            Process::Script(script) => {
                if let ScriptCode::Source(source) = &script.code {
                    self.resource(source, "a script from elsewhere", "put the script into `code`");
                }
            }
            Process::Shell(_) | Process::Workflow(_) => {}
        }
    }

    fn schema(&mut self, schema: Option<&Schema>) {
        let Some(schema) = schema else { return };
        if schema.format != "json" && !schema.format.starts_with("json:") {
            let what = format!("the schema format `{}`", schema.format);
            self.add(format!("{}/format", schema.pointer), &what, "write the schema in JSON Schema, format `json`");
        }
        if let SchemaSource::Resource(resource) = &schema.source {
            self.resource(resource, "a schema from elsewhere", "put the schema into `document`");
        }
    }

    fn resource(&mut self, resource: &Resource, what: &str, hint: &str) {
        self.add(&resource.pointer, what, hint);
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        if let Some(Authentication { pointer, .. }) = &endpoint.authentication {
            self.authentication(pointer);
        }
    }

    fn authentication(&mut self, pointer: impl Into<String>) {
        let hint = r#"send the header yourself, such as Authorization: ${ "Bearer \($secrets.token)" }"#;
        self.add(pointer, "authentication", hint);
    }
}
