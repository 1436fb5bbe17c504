//! Programs, run for real. `/bin/sh`, `python3` and `node` must be installed.

#![expect(clippy::expect_used, clippy::panic, reason = "these are tests, helpers included")]

mod data;
mod lifetime;
mod outcome;

use std::time::Duration;

use aquifer_effects::{
    Failure,
    process::{self, Arguments, Limits, ProcessCall, Program, Return},
};
use serde_json::{Map, Value};

/// A shell command without any data.
fn shell(command: &str) -> ProcessCall {
    program(Program::Shell { command: command.to_owned() })
}

/// A script without any data. Says so if its interpreter is missing, rather than failing in a puzzling way.
fn script(language: &str, code: &str) -> ProcessCall {
    let interpreter = if language == "python" { "python3" } else { "node" };
    let found = std::process::Command::new(interpreter).arg("--version").output();
    assert!(found.is_ok(), "these tests need {interpreter} on the PATH: install it");
    program(Program::Script { language: language.to_owned(), code: code.to_owned() })
}

fn program(program: Program) -> ProcessCall {
    ProcessCall {
        program,
        stdin: None,
        arguments: Arguments::default(),
        environment: Map::new(),
        return_: Return::Stdout,
        working_directory: None,
        idempotency_key: "key-1".to_owned(),
        limits: Limits::default(),
    }
}

/// The members of a JSON object.
fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is not an object"),
    }
}

/// A test fails, rather than hangs, after this long.
const PATIENCE: Duration = Duration::from_secs(60);

async fn run(call: ProcessCall) -> Result<Value, Failure> {
    tokio::time::timeout(PATIENCE, process::run(call)).await.expect("an outcome")
}

async fn failure(call: ProcessCall) -> Failure {
    run(call).await.expect_err("a failure")
}
