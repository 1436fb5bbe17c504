//! Writing results to standard output, and everything else to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::Value;

use crate::failure::{Exit, Failure, Result};

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One line of JSON, for programs.
    Json,
    /// For people.
    Pretty,
}

/// Writes text to standard output.
///
/// # Errors
/// If it cannot be written. Whoever closed the pipe knows, and is told nothing.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::reported(Exit::Failed),
        _ => Failure::failed("cannot write to standard output").with_source(&error),
    })
}

/// Writes a document to standard output as one line of JSON.
///
/// # Errors
/// As for [`print()`].
pub(crate) fn print_json(document: &impl Serialize) -> Result<()> {
    print(&format!("{}\n", serialized(serde_json::to_string(document))?))
}

/// Writes a document to standard output as indented JSON.
///
/// # Errors
/// As for [`print()`].
pub(crate) fn print_indented(document: &impl Serialize) -> Result<()> {
    print(&format!("{}\n", serialized(serde_json::to_string_pretty(document))?))
}

fn serialized(text: serde_json::Result<String>) -> Result<String> {
    text.map_err(|error| Failure::failed("the result cannot be written as JSON").with_source(&error))
}

/// Writes a line to standard error for a person. There is nobody to tell if that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a person looks at standard error and wants colours.
pub(crate) fn is_colored(no_color: bool) -> bool {
    !no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && io::stderr().is_terminal()
}

/// Lays rows out as columns under a heading; nothing for no rows.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|name| name.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(&format!("{cell:<width$}  "));
        }
        format!("{}\n", text.trim_end())
    };
    let mut text = line(&mut heading.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// A member of a document as text for a cell; empty if it is not there.
pub(crate) fn cell(document: &Value, name: &str) -> String {
    match document.get(name) {
        None | Some(Value::Null) => String::new(),
        // What somebody else wrote must not move the cursor of a terminal.
        Some(Value::String(text)) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_line_up() {
        let rows = [vec!["1".to_owned(), "ä".to_owned()], vec!["200".to_owned(), String::new()]];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID   NAME\n1    ä\n200\n");
    }

    #[test]
    fn cells_are_one_line_of_text() {
        let document = json!({"a": "x\u{1b}[2J\n", "b": 1, "c": null});
        assert_eq!((cell(&document, "a"), cell(&document, "b")), ("x [2J ".to_owned(), "1".to_owned()));
        assert_eq!((cell(&document, "c"), cell(&document, "d")), (String::new(), String::new()));
    }
}
