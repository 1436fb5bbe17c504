//! Which texts and documents a record may hold.

use crate::error::{Error, ErrorKind, Result};
use crate::record::Record;
use crate::schema::SHORT_TEXT_BYTES;
use crate::value::Value;

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = SHORT_TEXT_BYTES;

/// The largest document in a column that is not declared as detail, in bytes: a record stays below the limit of every backend.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Checks what people may write into a record: names are 1 to [`MAX_NAME_BYTES`] bytes without control characters, documents at
/// most [`MAX_DOCUMENT_BYTES`].
///
/// # Errors
/// `Invalid` or `TooLarge`, naming the column.
pub(super) fn check(record: &Record) -> Result<()> {
    for (position, (column, value)) in record.kind.columns.iter().zip(&record.values).enumerate() {
        let is_name = record.kind.is_short(position) || column.name == "name";
        match value {
            Value::Text(text) if is_name => {
                name(column.name, text).map_err(|error| error.with_record_kind(record.kind.name))?;
            }
            Value::Text(_) | Value::Json(_) | Value::Bytes(_) if !column.detail => {
                let size = value.size();
                if size > MAX_DOCUMENT_BYTES {
                    let message = format!("{} takes at most {MAX_DOCUMENT_BYTES} bytes, not {size}", column.name);
                    return Err(Error::new(ErrorKind::TooLarge, message).with_record_kind(record.kind.name));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn name(column: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(format!("{column} cannot be empty")));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(Error::invalid(format!("{column} takes at most {MAX_NAME_BYTES} bytes, not {}", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(format!("{column} cannot hold control characters")));
    }
    Ok(())
}
