//! `aquifer validate`.

use std::path::PathBuf;

use aquifer::dsl::Diagnostic;
use clap::Args;
use serde::Serialize;

use super::Context;
use crate::definitions::{Refused, Source, read};
use crate::diagnostics::render;
use crate::failure::{Exit, Result};
use crate::input::name_of;
use crate::output::{Format, note, print, print_json};

/// Checks definitions without running them
#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 0 if all are valid and with 2 if any is not. What is wrong is on standard error; with
--output json all of it is in one document on standard output.

Examples:
  aquifer validate hello.yaml
  aquifer validate --output json workflows/*.yaml")]
pub(crate) struct ValidateArgs {
    /// The definitions, in YAML or JSON; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
}

/// What is printed with `--output json`.
#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    files: Vec<File>,
}

#[derive(Debug, Serialize)]
struct File {
    file: String,
    valid: bool,
    workflow: Option<Workflow>,
    diagnostics: Vec<Mistake>,
}

#[derive(Debug, Serialize)]
struct Workflow {
    namespace: String,
    name: String,
    version: String,
}

#[derive(Debug, Serialize)]
struct Mistake {
    code: String,
    message: String,
    hint: Option<String>,
    pointer: String,
    line: usize,
    column: usize,
    offset: usize,
    length: usize,
}

/// Checks all files, whatever is wrong with any.
///
/// # Errors
/// If the result cannot be printed.
pub(crate) fn run(arguments: &ValidateArgs, context: &Context) -> Result<Exit> {
    let mut files = Vec::with_capacity(arguments.files.len());
    for path in &arguments.files {
        let name = name_of(path);
        let checked = read(path);
        if arguments.output == Format::Pretty {
            show(&name, &checked, context.colored)?;
        }
        files.push(file(name, checked));
    }
    let wrong = files.iter().filter(|file| !file.valid).count();
    let valid = wrong == 0;
    match arguments.output {
        Format::Json => print_json(&Report { valid, files })?,
        Format::Pretty if wrong > 0 => note(&format!("{wrong} of {} not valid", count(files.len()))),
        Format::Pretty => {}
    }
    Ok(if valid { Exit::Done } else { Exit::Unusable })
}

fn show(name: &str, checked: &Result<Source, Refused>, colored: bool) -> Result<()> {
    match checked {
        Ok(source) => {
            let document = &source.workflow.document;
            print(&format!("{name}: valid ({}/{} {})\n", document.namespace, document.name, document.version))?;
        }
        Err(Refused::Unreadable(failure)) => note(failure.text().trim_end()),
        Err(Refused::Invalid(diagnostics)) => note(render(diagnostics, colored).trim_end()),
    }
    Ok(())
}

fn file(name: String, checked: Result<Source, Refused>) -> File {
    match checked {
        Ok(source) => {
            let document = source.workflow.document;
            let workflow = Workflow { namespace: document.namespace, name: document.name, version: document.version };
            File { file: name, valid: true, workflow: Some(workflow), diagnostics: Vec::new() }
        }
        Err(Refused::Unreadable(failure)) => {
            let message = failure.text().trim_start_matches("error: ").trim_end().to_owned();
            File { file: name, valid: false, workflow: None, diagnostics: vec![unreadable(message)] }
        }
        Err(Refused::Invalid(diagnostics)) => {
            let mistakes = diagnostics.items.into_iter().map(Mistake::from).collect();
            File { file: name, valid: false, workflow: None, diagnostics: mistakes }
        }
    }
}

impl From<Diagnostic> for Mistake {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            code: diagnostic.code.to_owned(),
            message: diagnostic.message,
            hint: diagnostic.hint,
            pointer: diagnostic.pointer,
            line: diagnostic.line,
            column: diagnostic.column,
            offset: diagnostic.offset,
            length: diagnostic.length,
        }
    }
}

/// A file that cannot be read, as a mistake at its beginning.
fn unreadable(message: String) -> Mistake {
    let (code, pointer) = ("unreadable".to_owned(), String::new());
    Mistake { code, message, hint: None, pointer, line: 1, column: 1, offset: 0, length: 0 }
}

fn count(files: usize) -> String {
    if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") }
}
