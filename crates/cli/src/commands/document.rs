//! Printing the documents of the REST interface.

use serde_json::Value;

use crate::failure::Result;
use crate::output::{Format, cell, note, print, print_json, table};

/// A column of a listing: its heading and the member that it shows.
pub(crate) type Column = (&'static str, &'static str);

/// Prints a page of a listing.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn list(page: &Value, columns: &[Column], format: Format) -> Result<()> {
    if format == Format::Json {
        return print_json(page);
    }
    let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let row = |item: &Value| columns.iter().map(|(_, member)| cell(item, member)).collect();
    let heading: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    print(&table(&heading, &items.iter().map(row).collect::<Vec<Vec<String>>>()))?;
    if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
        note(&format!("there is more: add --cursor {cursor}"));
    }
    Ok(())
}

/// Prints a document, one member a line; what is nested is laid out beneath its name.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn show(document: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return print_json(document);
    }
    let mut text = String::new();
    for (name, value) in document.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match value {
            Value::Object(_) | Value::Array(_) => text.push_str(&format!("{name}:\n{value:#}\n")),
            Value::String(lines) if lines.trim_end().contains('\n') => {
                let clean = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
                let lines: Vec<String> = lines.lines().map(clean).collect();
                text.push_str(&format!("{name}:\n{}\n", lines.join("\n")));
            }
            _ => text.push_str(&format!("{name}: {}\n", cell(document, name))),
        }
    }
    print(&text)
}
