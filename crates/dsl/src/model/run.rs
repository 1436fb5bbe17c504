use serde_json::{Map, Value};

use super::Resource;
use crate::Duration;

/// `run`: a process or another workflow.
#[derive(Debug, Clone)]
pub struct Run {
    /// `await`: whether the task waits for the end; without, its output is its input.
    pub wait: bool,
    /// `return`: what the output is.
    pub output: Return,
    /// What to run.
    pub process: Process,
}

/// What the output of a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Return {
    /// What it wrote to its standard output.
    #[default]
    Stdout,
    /// What it wrote to its standard error.
    Stderr,
    /// Its exit code.
    Code,
    /// An object with `code`, `stdout` and `stderr`.
    All,
    /// Null.
    None,
}

/// What `run` runs.
#[derive(Debug, Clone)]
pub enum Process {
    /// A container.
    Container(Box<Container>),
    /// A script.
    Script(Box<Script>),
    /// A shell command.
    Shell(Shell),
    /// A workflow.
    Workflow(SubWorkflow),
}

/// Arguments of a process. Strings may be `${ ... }`.
#[derive(Debug, Clone)]
pub enum Arguments {
    /// In order (DSL 1.0.3).
    List(Vec<Value>),
    /// By name (DSL up to 1.0.2): `--name value` pairs for a shell, variables for a script.
    Named(Map<String, Value>),
}

impl Default for Arguments {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// `run.shell`: a command of the operating system's shell.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The command; may be `${ ... }` as a whole.
    pub command: String,
    /// What the command reads on its standard input.
    pub stdin: Option<Value>,
    /// Its arguments, `$1` and so on.
    pub arguments: Arguments,
    /// Its environment variables.
    pub environment: Map<String, Value>,
}

/// `run.script`: a script.
#[derive(Debug, Clone)]
pub struct Script {
    /// `language`, as written: `javascript`, `js` or `python`.
    pub language: String,
    /// The script itself.
    pub code: ScriptCode,
    /// What the script reads on its standard input.
    pub stdin: Option<Value>,
    /// Its arguments.
    pub arguments: Arguments,
    /// Its environment variables.
    pub environment: Map<String, Value>,
}

/// Where a script is.
#[derive(Debug, Clone)]
pub enum ScriptCode {
    /// `code`: in the definition; may be `${ ... }` as a whole.
    Code(String),
    /// `source`: elsewhere.
    Source(Resource),
}

/// `run.container`: a container.
#[derive(Debug, Clone)]
pub struct Container {
    /// The image.
    pub image: String,
    /// The container's name.
    pub name: Option<String>,
    /// The command to run in it.
    pub command: Option<String>,
    /// Ports by host port.
    pub ports: Map<String, Value>,
    /// Volumes by host path.
    pub volumes: Map<String, Value>,
    /// Environment variables.
    pub environment: Map<String, Value>,
    /// What the command reads on its standard input.
    pub stdin: Option<Value>,
    /// The command's arguments.
    pub arguments: Arguments,
    /// When the container is removed.
    pub cleanup: Cleanup,
    /// When the image is pulled.
    pub pull_policy: PullPolicy,
}

/// `run.container.lifetime`: when a container is removed.
#[derive(Debug, Clone, Default)]
pub enum Cleanup {
    /// As soon as it ends.
    Always,
    /// Not by the engine.
    #[default]
    Never,
    /// This long after its end.
    Eventually(Duration),
}

/// When a container's image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PullPolicy {
    /// When it is not there.
    #[default]
    IfNotPresent,
    /// Each time.
    Always,
    /// Not by the engine.
    Never,
}

/// `run.workflow`: another workflow, as an execution of its own.
#[derive(Debug, Clone)]
pub struct SubWorkflow {
    /// Namespace of the workflow.
    pub namespace: String,
    /// Name of the workflow.
    pub name: String,
    /// A semantic version, or `latest`, the default.
    pub version: String,
    /// Its input: an object, or a `${ ... }` string; an empty object when absent.
    pub input: Option<Value>,
}
