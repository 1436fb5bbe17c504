//! The project's own tools, run as `cargo xtask`.

mod audit;
mod backends;
mod ci;
mod command;
mod conformance;
mod docs;
mod interpreters;
mod nearest;
mod servers;
mod summary;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::Failure;

/// The project's own tools.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds everything and runs the whole suite, doctests included
    Test,
    /// Runs the store contract's conformance suite and prints a line for each backend
    Conformance {
        /// A backend to test; all of them by default
        #[arg(long = "backend", value_name = "NAME")]
        backends: Vec<String>,
    },
    /// Starts, stops or lists the database servers that the tests use
    Servers {
        #[command(subcommand)]
        task: servers::Task,
    },
    /// Writes the page that compares the databases
    Backends(backends::Arguments),
    /// Checks the dependencies against deny.toml
    Audit,
    /// Checks that what the pages refer to exists, and that those that are written are up to date
    Docs,
    /// Does all that has to pass before a change is merged
    Ci,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test => test::run(),
        Task::Conformance { backends } => conformance::run(&backends),
        Task::Servers { task } => servers::run(&task),
        Task::Backends(arguments) => backends::run(&arguments),
        Task::Audit => audit::check(),
        Task::Docs => docs::check().and_then(|()| backends::check()),
        Task::Ci => ci::run_all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
