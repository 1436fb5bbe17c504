use serde_json::Value;

use super::Reader;
use super::cursor::At;
use super::text::{is_name, is_semver};
use crate::{
    Arguments, Cleanup, Container, Process, PullPolicy, Return, Run, Script, ScriptCode, Shell, SubWorkflow,
    expression_in,
};

const RETURNS: [(&str, Return); 5] = [
    ("stdout", Return::Stdout),
    ("stderr", Return::Stderr),
    ("code", Return::Code),
    ("all", Return::All),
    ("none", Return::None),
];

const PULL_POLICIES: [(&str, PullPolicy); 3] =
    [("ifNotPresent", PullPolicy::IfNotPresent), ("always", PullPolicy::Always), ("never", PullPolicy::Never)];

impl Reader {
    pub(super) fn run(&mut self, main: &At<'_>) -> Option<Run> {
        let known = self.object(main, "`run`", &["await", "return", "container", "script", "shell", "workflow"]);
        if !main.is_map() {
            return None;
        }
        let wait = self.optional(main, "await", Self::boolean);
        let output = self.optional(main, "return", |reader, at| reader.choice(at, &RETURNS));
        let process = match self.one_of(main, &["container", "script", "shell", "workflow"], "`run`")? {
            ("container", at) => self.container(&at).map(|container| Process::Container(Box::new(container))),
            ("script", at) => self.script(&at).map(|script| Process::Script(Box::new(script))),
            ("shell", at) => self.shell(&at).map(Process::Shell),
            (_, at) => self.sub_workflow(&at).map(Process::Workflow),
        };
        known?;
        Some(Run { wait: wait?.unwrap_or(true), output: output?.unwrap_or_default(), process: process? })
    }

    fn shell(&mut self, at: &At<'_>) -> Option<Shell> {
        let what = "the shell process";
        let known = self.object(at, what, &["command", "stdin", "arguments", "environment"]);
        if !at.is_map() {
            return None;
        }
        let command = self.required(at, "command", what, Self::text);
        let stdin = self.optional(at, "stdin", Self::stdin);
        let arguments = self.optional(at, "arguments", Self::arguments);
        let environment = self.optional(at, "environment", Self::map);
        known?;
        Some(Shell {
            command: command?,
            stdin: stdin?,
            arguments: arguments?.unwrap_or_default(),
            environment: environment?.unwrap_or_default(),
        })
    }

    fn script(&mut self, at: &At<'_>) -> Option<Script> {
        let what = "the script process";
        let known = self.object(at, what, &["language", "code", "source", "stdin", "arguments", "environment"]);
        if !at.is_map() {
            return None;
        }
        let language = self.required(at, "language", what, Self::text);
        let stdin = self.optional(at, "stdin", Self::stdin);
        let arguments = self.optional(at, "arguments", Self::arguments);
        let environment = self.optional(at, "environment", Self::map);
        let code = match self.one_of(at, &["code", "source"], what)? {
            ("code", at) => self.text(&at).map(ScriptCode::Code),
            (_, at) => self.resource(&at).map(ScriptCode::Source),
        };
        known?;
        Some(Script {
            language: language?,
            code: code?,
            stdin: stdin?,
            arguments: arguments?.unwrap_or_default(),
            environment: environment?.unwrap_or_default(),
        })
    }

    fn container(&mut self, at: &At<'_>) -> Option<Container> {
        let what = "the container";
        let properties = [
            "image",
            "name",
            "command",
            "ports",
            "volumes",
            "environment",
            "stdin",
            "arguments",
            "lifetime",
            "pullPolicy",
        ];
        let known = self.object(at, what, &properties);
        if !at.is_map() {
            return None;
        }
        let image = self.required(at, "image", what, Self::text);
        let name = self.optional(at, "name", Self::text);
        let command = self.optional(at, "command", Self::string);
        let ports = self.optional(at, "ports", Self::map);
        let volumes = self.optional(at, "volumes", Self::map);
        let environment = self.optional(at, "environment", Self::map);
        let stdin = self.optional(at, "stdin", Self::stdin);
        let arguments = self.optional(at, "arguments", Self::arguments);
        let cleanup = self.optional(at, "lifetime", Self::lifetime);
        let pull_policy = self.optional(at, "pullPolicy", |reader, at| reader.choice(at, &PULL_POLICIES));
        known?;
        Some(Container {
            image: image?,
            name: name?,
            command: command?,
            ports: ports?.unwrap_or_default(),
            volumes: volumes?.unwrap_or_default(),
            environment: environment?.unwrap_or_default(),
            stdin: stdin?,
            arguments: arguments?.unwrap_or_default(),
            cleanup: cleanup?.unwrap_or_default(),
            pull_policy: pull_policy?.unwrap_or_default(),
        })
    }

    fn lifetime(&mut self, at: &At<'_>) -> Option<Cleanup> {
        let what = "the container's lifetime";
        self.object(at, what, &["cleanup", "after"])?;
        let cleanup = self.require(at, "cleanup", what)?;
        let after = self.optional(at, "after", Self::duration)?;
        let word = self.choice(&cleanup, &[("always", "always"), ("never", "never"), ("eventually", "eventually")])?;
        match (word, after) {
            ("eventually", Some(after)) => Some(Cleanup::Eventually(after)),
            ("eventually", None) => {
                let message = "`cleanup: eventually` needs the property `after`";
                self.wrong("missing-property", &cleanup, message, None);
                None
            }
            (word, Some(_)) => {
                let after = at.get("after")?;
                let hint = "remove it, or write `cleanup: eventually`".to_owned();
                let message = format!("`after` does not go together with `cleanup: {word}`");
                self.wrong_key("conflicting-properties", &after, message, Some(hint));
                None
            }
            ("always", None) => Some(Cleanup::Always),
            _ => Some(Cleanup::Never),
        }
    }

    fn stdin(&mut self, at: &At<'_>) -> Option<Value> {
        self.string(at).map(Value::String)
    }

    /// Reads arguments in order, or by name as in the DSL up to 1.0.2.
    fn arguments(&mut self, at: &At<'_>) -> Option<Arguments> {
        if at.is_map() {
            return self.map(at).map(Arguments::Named);
        }
        let items = self.strings(at)?;
        Some(Arguments::List(items.into_iter().map(Value::String).collect()))
    }

    fn sub_workflow(&mut self, at: &At<'_>) -> Option<SubWorkflow> {
        let what = "the workflow to run";
        let known = self.object(at, what, &["namespace", "name", "version", "input"]);
        if !at.is_map() {
            return None;
        }
        let namespace = self.required(at, "namespace", what, Self::name_or_expression);
        let name = self.required(at, "name", what, Self::name_or_expression);
        let version = self.optional(at, "version", |reader, at| {
            let version = reader.text(at)?;
            if version == "latest" || is_semver(&version) || expression_in(&version).is_some() || reader.loose {
                return Some(version);
            }
            let hint = "write latest or a version such as 1.0.0".to_owned();
            reader.wrong("invalid-value", at, format!("`{version}` is not a semantic version"), Some(hint));
            None
        });
        let input = self.optional(at, "input", Self::object_or_expression);
        known?;
        Some(SubWorkflow {
            namespace: namespace?,
            name: name?,
            version: version?.unwrap_or_else(|| "latest".to_owned()),
            input: input?,
        })
    }

    fn name_or_expression(&mut self, at: &At<'_>) -> Option<String> {
        let name = self.text(at)?;
        if is_name(&name) || expression_in(&name).is_some() || self.loose {
            return Some(name);
        }
        let hint = "use at most 63 letters, digits and inner hyphens".to_owned();
        self.wrong("invalid-value", at, format!("`{name}` is not a valid {}", at.name), Some(hint));
        None
    }
}
