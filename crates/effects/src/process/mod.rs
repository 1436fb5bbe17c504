//! Shell commands and scripts (`run: shell`, `run: script`).
//!
//! A program gets its data as arguments, environment variables and standard input, never as part of its text.
//!
//! **Environment.** A program does not inherit the server's environment, which holds the server's secrets. It sees
//! `PATH`, `HOME`, `LANG`, `LC_*`, `TMPDIR` and `TZ`, `AQUIFER_IDEMPOTENCY_KEY`, and what its task gives it.
//!
//! **Lifetime.** A program and all that it starts form one process group. When the program ends, or the future is
//! dropped, what is left of the group is killed.

mod command;
mod output;
mod run;

use std::path::PathBuf;

use serde_json::{Map, Value};

pub use run::{run, spawn_detached};

/// A program to run, with its data.
///
/// It has no `Debug`: arguments, environment and input may hold secrets.
pub struct ProcessCall {
    /// What to run.
    pub program: Program,
    /// Standard input: a string as it is, anything else as JSON text. `None` or null is an empty input.
    pub stdin: Option<Value>,
    /// The arguments.
    pub arguments: Arguments,
    /// Environment variables; a value that is not a string is passed as JSON text, and null is left out.
    pub environment: Map<String, Value>,
    /// Which part of the outcome to return.
    pub return_: Return,
    /// Where to run it. `None` is a private temporary directory that is removed when the program ends.
    pub working_directory: Option<PathBuf>,
    /// Names this effect, the same on every attempt; the program sees it as `AQUIFER_IDEMPOTENCY_KEY`.
    pub idempotency_key: String,
    /// Limits on what the program may do.
    pub limits: Limits,
}

/// What to run.
pub enum Program {
    /// A command for `/bin/sh`, which sees the arguments as `$1`, `$2`, ...
    Shell {
        /// The command text.
        command: String,
    },
    /// A script for an interpreter on the `PATH`.
    Script {
        /// `js` or `javascript` (run by `node` as an ES module), or `python` (run by `python3`).
        language: String,
        /// The script's text.
        code: String,
    },
}

/// The arguments of a program.
pub enum Arguments {
    /// In order, as `argv` (DSL 1.0.3 and later). A value that is not a string is passed as JSON text.
    Positional(Vec<Value>),
    /// By name, as DSL 1.0.2 and earlier had it: variables that the program can use by their name. For a shell
    /// command they are environment variables (as JSON text unless a string), for a script global variables that
    /// keep their type.
    Named(Map<String, Value>),
}

impl Default for Arguments {
    fn default() -> Self {
        Self::Positional(Vec::new())
    }
}

/// Which part of the outcome a program's task returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Return {
    /// What the program wrote to standard output, without one final line break.
    #[default]
    Stdout,
    /// What the program wrote to standard error, without one final line break.
    Stderr,
    /// The exit code; 128 plus the signal's number if a signal ended the program.
    Code,
    /// An object with `code`, `stdout` and `stderr`.
    All,
    /// Null.
    None,
}

/// Limits on what a program may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that standard output, and likewise standard error, may have where the task returns them.
    pub max_output_bytes: usize,
}

impl Default for Limits {
    /// 10 MiB of output.
    fn default() -> Self {
        Self { max_output_bytes: 10 * 1024 * 1024 }
    }
}
