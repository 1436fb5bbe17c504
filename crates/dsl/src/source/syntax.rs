use granit_parser::{ErrorKind, ScanError};

use super::builder::Origin;
use crate::Diagnostic;

/// Turns an error of the YAML parser into a diagnostic, with a hint for the common mistakes.
pub(super) fn diagnose(error: &ScanError, origin: &Origin, max_depth: usize) -> Diagnostic {
    let location = origin.point(error.marker());
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(location, max_depth);
    }
    let hint = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => Some("indent with spaces; YAML does not allow tabs here"),
        ErrorKind::UnknownAnchor => Some("define the anchor with & before the alias, or quote the text"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidSimpleKey | ErrorKind::SimpleKeyExpected => {
            Some("check the indentation, and quote text that contains `: `")
        }
        ErrorKind::InvalidIndentation | ErrorKind::ExpectedBlockMappingKey => {
            Some("align the properties of one object on the same column")
        }
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator => Some("check that every bracket is closed, and every comma there"),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            Some("close the quotation mark")
        }
        ErrorKind::ExpectedDocumentStart => Some("remove what stands after the end of the definition"),
        ErrorKind::UnexpectedCharacter { .. } => Some("quote text that begins with a special character"),
        ErrorKind::UnknownQuotedScalarEscape => Some(r"write \\ for a backslash, or use single quotation marks"),
        _ => None,
    };
    let message = match error.info() {
        info if info.is_empty() => "the source is not valid YAML or JSON".to_owned(),
        info => format!("the source is not valid YAML or JSON: {}", lower_first(&info)),
    };
    Diagnostic::new("syntax", message, hint.map(str::to_owned), "", location)
}

pub(super) fn too_deep(location: crate::Location, max_depth: usize) -> Diagnostic {
    let message = format!("objects and arrays are nested deeper than {max_depth} levels");
    let hint = "move inner tasks to a function under `use.functions` or to a workflow of their own";
    Diagnostic::new("too-deep", message, Some(hint.to_owned()), "", location)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
