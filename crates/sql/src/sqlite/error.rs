//! What SQLite's errors mean to the contract.

use std::path::{Display, Path};

use aquifer_core::{Error, ErrorKind, Retry};
use rusqlite::{Error as SqliteError, ErrorCode};

/// An error of SQLite on the database in `file`, where it is not about what the caller asked.
pub(super) fn failed(error: SqliteError, file: &Path) -> Error {
    let file = file.display();
    let translated = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::unavailable(format!("another process kept {file} locked for too long"))
        }
        Some(ErrorCode::DiskFull) => {
            Error::unavailable(format!("no room left on the disk of {file}: nothing was stored, make room"))
        }
        Some(ErrorCode::OutOfMemory) => Error::unavailable("out of memory"),
        Some(ErrorCode::SystemIoFailure) => Error::unavailable(format!("{file} cannot be read or written")),
        // Mostly a matter of rights; SQLite does not tell.
        Some(ErrorCode::CannotOpen) => Error::new(
            ErrorKind::Unauthorized,
            format!(
                "{file} cannot be opened: grant the right to read and write the file and its directory, \
                 or raise the limit of open files"
            ),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            read_only(&file)
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            Error::corrupt(format!("{file} is damaged: restore it from a backup, or salvage it with sqlite3 .recover"))
        }
        Some(ErrorCode::NotADatabase) => Error::invalid(format!("{file} is not a SQLite database: name another file")),
        Some(ErrorCode::TooBig) => Error::new(ErrorKind::TooLarge, "a value is larger than SQLite takes"),
        _ if is_missing_table(&error) => {
            Error::invalid(format!("{file} lacks a table or column of this version: migrate it first"))
        }
        _ => Error::unavailable(format!("SQLite failed on {file}")).with_retry(Retry::Permanent),
    };
    translated.with_source(error)
}

/// A file that cannot be written.
pub(super) fn read_only(file: &Display<'_>) -> Error {
    let message = format!("{file} is read-only: grant the right to write the file and its directory");
    Error::new(ErrorKind::Unauthorized, message)
}

/// Whether a statement names something that only `migrate` creates.
fn is_missing_table(error: &SqliteError) -> bool {
    let message = match error {
        SqliteError::SqliteFailure(_, Some(message)) => message,
        SqliteError::SqlInputError { msg, .. } => msg,
        _ => return false,
    };
    ["no such table", "no such column", "no such index", "has no column named"]
        .iter()
        .any(|part| message.contains(part))
}
