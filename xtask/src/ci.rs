//! `cargo xtask ci`: all that has to pass before a change is merged.

use crate::command::{Failure, Result, cargo, run};
use crate::{audit, backends, docs, test};

/// What a check is called, and how it runs.
type Step = (&'static str, fn() -> Result);

/// Runs every check, also after one that failed, and the tests last, so that their closing lines end the output.
///
/// The flags of the compiler are the same throughout: what one step built serves the next.
pub(crate) fn run_all() -> Result {
    let steps: [Step; 6] = [
        ("format", || run(&mut cargo(&["fmt", "--all", "--check"]))),
        ("audit", audit::check),
        ("lints", || run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
        ("pages", || docs::check().and_then(|()| backends::check())),
        ("docs", || run(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))),
        ("tests", test::run),
    ];
    let mut failures = Vec::new();
    for (name, step) in steps {
        println!("== {name}");
        if let Err(Failure(message)) = step() {
            eprintln!("xtask: {message}");
            failures.push(name);
        }
    }
    if failures.is_empty() {
        println!("ci: format, audit, lints, pages, docs and tests passed");
        return Ok(());
    }
    Err(Failure(format!("failed: {}", failures.join(", "))))
}
