//! `cargo xtask backends`: the page that compares the databases, made of what was measured and of what is written here.

mod measure;
mod page;
mod results;
mod texts;

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::command::{Failure, Result, root};
use results::Results;

/// The page, from the root of the project.
const PAGE: &str = "docs/backends.md";

/// What was measured, from the root of the project.
const RESULTS: &str = "docs/backends.json";

/// Whether to measure, and how.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Measures first, on servers of its own that wait for the disk; nothing else should use the machine meanwhile
    #[arg(long)]
    measure: bool,
    /// A backend to measure; all of them by default
    #[arg(long = "backend", value_name = "NAME", requires = "measure")]
    backends: Vec<String>,
    /// The program that measures, instead of the release build
    #[arg(long, value_name = "PATH", requires = "measure")]
    binary: Option<PathBuf>,
    /// How long each measurement takes
    #[arg(long, value_name = "N", requires = "measure", default_value_t = 5)]
    seconds: u64,
}

/// Measures if asked to, and writes the page.
///
/// # Errors
/// If something cannot be measured; what could be is written all the same.
pub(crate) fn run(arguments: &Arguments) -> Result {
    let mut failed = Ok(());
    if arguments.measure {
        failed = measure::run(&arguments.backends, arguments.binary.as_deref(), arguments.seconds);
    }
    let path = root().join(RESULTS);
    match read(&path)? {
        Some(text) => write(PAGE, &page::of(&Results::parse(&text)?))?,
        None if failed.is_ok() => return Err(Failure(format!("there is no {RESULTS}: measure with --measure"))),
        None => {}
    }
    failed
}

/// Checks that the page is what would be written. Both it and the results may be absent, but not one of them.
///
/// # Errors
/// If it is not.
pub(crate) fn check() -> Result {
    let (page, results) = (read(&root().join(PAGE))?, read(&root().join(RESULTS))?);
    let written = results.map(|text| Results::parse(&text).map(|results| page::of(&results))).transpose()?;
    if page == written {
        return Ok(());
    }
    Err(Failure(format!("{PAGE} is not what {RESULTS} and the program make of it: run cargo xtask backends")))
}

fn read(path: &std::path::Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure(format!("{}: {error}", path.display()))),
    }
}

fn write(file: &str, text: &str) -> Result {
    fs::write(root().join(file), text).map_err(|error| Failure(format!("{file}: {error}")))
}
