//! `cargo xtask test`: the whole suite.

use std::process::Command;

use aquifer_testkit::Server;

use crate::command::{Failure, Result, cargo, succeeds, watch};
use crate::summary::Summary;
use crate::{interpreters, servers};

/// Builds everything, examples included, and runs every test; a failing one does not keep the others from running. The
/// database servers that the tests need are there meanwhile.
pub(crate) fn run() -> Result {
    interpreters::ensure()?;
    let (summary, all_well) = servers::during(&Server::ALL, || {
        let mut summary = Summary::default();
        let mut all_well = true;
        for mut command in commands() {
            let (lines, succeeded) = watch(&mut command)?;
            summary += Summary::of(lines.iter().map(String::as_str));
            all_well &= succeeded;
        }
        Ok((summary, all_well))
    })?;
    println!("all tests: {summary}");
    if all_well { Ok(()) } else { Err(Failure(String::from("the suite failed; see above"))) }
}

/// Cargo's own runner covers doctests too; nextest is quicker and leaves them to cargo.
fn commands() -> Vec<Command> {
    if succeeds(&mut cargo(&["nextest", "--version"])) {
        vec![
            cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]),
            cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]),
        ]
    } else {
        vec![cargo(&["test", "--workspace", "--no-fail-fast"])]
    }
}
