//! Source text to a tree in which every key and value knows its place.

mod builder;
mod scalar;
mod syntax;
mod tree;

pub(crate) use builder::read;
pub use tree::Locations;
pub(crate) use tree::{Kind, Member, Node};

use crate::{Diagnostic, Limits, Location};

/// Decodes the source, or says why it cannot be decoded. A byte order mark is left out.
///
/// # Errors
///
/// What is wrong, with the readable part of the text for reports.
pub(crate) fn decode<'a>(source: &'a [u8], limits: &Limits) -> Result<&'a str, Diagnostic> {
    let start = Location { line: 1, column: 1, offset: 0, length: 0 };
    if source.len() > limits.max_bytes {
        let message = format!("the definition has {} bytes, the limit is {}", source.len(), limits.max_bytes);
        let hint = "move large data out of the definition into the workflow's input".to_owned();
        return Err(Diagnostic::new("too-large", message, Some(hint), "", start));
    }
    let utf16 = source.starts_with(&[0xFF, 0xFE]) || source.starts_with(&[0xFE, 0xFF]);
    if utf16 {
        let hint = Some("save the file as UTF-8".to_owned());
        return Err(Diagnostic::new("not-utf-8", "the source is UTF-16, not UTF-8", hint, "", start));
    }
    std::str::from_utf8(source).map_err(|error| {
        let valid = String::from_utf8_lossy(&source[..error.valid_up_to()]);
        let line = valid.matches('\n').count() + 1;
        let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let byte = source.get(error.valid_up_to()).copied().unwrap_or_default();
        Diagnostic::new(
            "not-utf-8",
            format!("the byte 0x{byte:02X} is not valid UTF-8"),
            Some("save the file as UTF-8".to_owned()),
            "",
            Location { line, column, offset: error.valid_up_to(), length: 1 },
        )
    })
}
