//! What is wrong with a definition, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// A place in a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Location {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in bytes.
    pub offset: usize,
    /// Length in bytes; may be 0.
    pub length: usize,
}

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable name of the kind of mistake, such as `unknown-property`.
    pub code: &'static str,
    /// What is wrong, lower-case.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
    /// JSON pointer of the property; empty for the whole definition.
    pub pointer: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in bytes.
    pub offset: usize,
    /// Length in bytes; may be 0.
    pub length: usize,
}

impl Diagnostic {
    pub(crate) fn new(
        code: &'static str,
        message: impl Into<String>,
        hint: Option<String>,
        pointer: impl Into<String>,
        location: Location,
    ) -> Self {
        let Location { line, column, offset, length } = location;
        let (message, hint, pointer) = (printable(&message.into()), hint.as_deref().map(printable), pointer.into());
        Self { code, message, hint, pointer, line, column, offset, length }
    }
}

/// Makes a message safe to print and to log, as it may quote the source: control characters are
/// escaped, so that it stays on its line, and its length is limited.
fn printable(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut printable = String::with_capacity(text.len().min(LONGEST));
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            printable.push('…');
            break;
        }
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// Everything that is wrong with a definition; there is at least one item.
///
/// `Display` writes `file:line:column: message` for each, with a `hint:` line where there is one.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    /// Name of the source, such as a file name.
    pub name: String,
    /// The text that the offsets refer to, with what is not UTF-8 replaced; empty if the source
    /// was refused for its size.
    pub source: Arc<str>,
    /// The mistakes, in the order of the source.
    pub items: Vec<Diagnostic>,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{}:{}: {}", self.name, item.line, item.column, item.message)?;
            if let Some(hint) = &item.hint {
                write!(f, "\n  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
