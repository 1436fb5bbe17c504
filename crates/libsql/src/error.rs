//! What the server's errors mean to the contract.

use aquifer_core::{Error, ErrorKind, Key, Kind, Retry};
use reqwest::StatusCode;

use crate::hrana::{Access, StepError};

/// What a status that is not a success means. `said` is what else the server says.
pub(crate) fn of_status(status: StatusCode, said: &str, place: &str, has_token: bool, access: Access) -> Error {
    let error = match status.as_u16() {
        401 if !has_token => {
            Error::new(ErrorKind::Unauthorized, format!("{place} wants an auth token: set the option authToken"))
        }
        401 => {
            let what = if said.contains("expired") { "has expired" } else { "is not valid there" };
            let message = format!("the auth token for {place} {what}: set the option authToken to a new one");
            Error::new(ErrorKind::Unauthorized, message)
        }
        403 => Error::new(
            ErrorKind::Unauthorized,
            format!("the auth token for {place} does not permit this: it needs the rights to read and to write"),
        ),
        404 if said.contains("amespace") => Error::invalid(format!(
            "{place} has no such database: create it, or name another in the host or the option namespace"
        )),
        404 => Error::invalid(format!("{place} does not speak Hrana over HTTP: name a libSQL server")),
        413 => Error::new(ErrorKind::TooLarge, format!("{place} takes no request of this size")),
        429 => Error::unavailable(format!("{place} takes no more requests for now")),
        300..=399 => Error::invalid(format!("{place} redirects to another place: name that one")),
        400..=499 => Error::invalid(format!("{place} refuses the request with status {}", status.as_u16())),
        // What stands before the server may have passed the request on.
        code => Error::unavailable(format!("{place} answers with status {code}")).with_retry(access.without_reply()),
    };
    if said.is_empty() { error } else { error.with_source(said.to_owned()) }
}

/// What the error of a batch as a whole means.
pub(crate) fn of_batch(error: &StepError, place: &str, access: Access) -> Error {
    let translated = of_step(error, place);
    let is_settled = translated.kind() != ErrorKind::Unavailable || translated.retry() != Retry::Permanent;
    // A statement that cannot be parsed keeps the whole batch from running; what else there may be is not known.
    if is_settled || error.is("SQL_") || error.is("ARGS_") {
        translated
    } else {
        translated.with_retry(access.without_reply())
    }
}

/// What the error of a statement means, where it is not about what the caller asked.
pub(crate) fn of_step(error: &StepError, place: &str) -> Error {
    let message = error.message.as_str();
    let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    let is = |codes: &[&str]| codes.iter().any(|code| error.is(code));
    let translated = if is(&["SQLITE_BUSY", "SQLITE_LOCKED", "TRANSACTION_BUSY"]) || says(&["database is locked"]) {
        Error::unavailable(format!("another program kept {place} locked for too long"))
    } else if is(&["TRANSACTION_TIMEOUT", "TRANSACTION_CLOSED"]) {
        Error::unavailable(format!("{place} gave the transaction up because others waited for too long"))
    } else if is(&["SQLITE_FULL"]) || says(&["disk is full"]) {
        Error::unavailable(format!("no room left on {place}: nothing was stored, make room"))
    } else if is(&["SQLITE_NOMEM"]) {
        Error::unavailable(format!("{place} is out of memory"))
    } else if is(&["SQLITE_IOERR", "SQLITE_CANTOPEN"]) {
        Error::unavailable(format!("{place} cannot read or write its files: is its disk full?"))
    } else if is(&["SQLITE_CORRUPT", "SQLITE_NOTADB"]) {
        Error::corrupt(format!("the database of {place} is damaged: restore it from a backup"))
    } else if is(&["SQLITE_READONLY", "SQLITE_AUTH", "SQLITE_PERM"]) {
        let message = format!("{place} does not permit this: the auth token needs the rights to read and to write");
        Error::new(ErrorKind::Unauthorized, message)
    } else if is(&["BLOCKED"]) || says(&["blocked"]) {
        Error::unavailable(format!("{place} has blocked the database: see its limits and its console"))
    } else if is_too_big(error) {
        Error::new(ErrorKind::TooLarge, "a value is larger than the server takes")
    } else if says(&["no such table", "no such column", "no such index", "has no column named"]) {
        Error::invalid(format!("{place} lacks a table or column of this version: migrate it first"))
    } else {
        Error::unavailable(format!("a statement failed on {place}")).with_retry(Retry::Permanent)
    };
    translated.with_source(match &error.code {
        Some(code) => format!("{message} ({code})"),
        None => message.to_owned(),
    })
}

/// Whether a value or a record is larger than the server takes.
pub(crate) fn is_too_big(error: &StepError) -> bool {
    error.is("SQLITE_TOOBIG") || error.message.contains("too big")
}

/// Whether a statement stopped because a statement of ours said so: see [`crate::commit`].
pub(crate) fn is_assertion(error: &StepError) -> bool {
    error.message.contains("integer overflow")
}

/// Which constraint a statement violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The key is taken.
    Key,
    /// A value of the named unique constraint is taken.
    Unique(&'static str),
    /// A record that is referred to is not there, or one that refers is.
    Reference,
    /// Another constraint.
    Other,
}

/// Whether a statement violated a constraint.
pub(crate) fn is_violation(error: &StepError) -> bool {
    error.is("SQLITE_CONSTRAINT")
}

/// The constraint of `kind` that a statement violated; `None` if it failed for another reason.
pub(crate) fn violation(error: &StepError, kind: &Kind) -> Option<Violation> {
    if !is_violation(error) {
        return None;
    }
    if error.message.contains("FOREIGN KEY") {
        return Some(Violation::Reference);
    }
    // "UNIQUE constraint failed: things.tenant, things.email"
    let Some((_, columns)) = error.message.split_once("UNIQUE constraint failed: ") else {
        return Some(Violation::Other);
    };
    let names: Vec<&str> =
        columns.split(", ").map(|column| column.rsplit('.').next().unwrap_or(column).trim()).collect();
    let are = |columns: &[usize]| {
        columns.len() == names.len()
            && columns
                .iter()
                .zip(&names)
                .all(|(column, name)| kind.columns.get(*column).is_some_and(|column| column.name == *name))
    };
    if are(kind.key) {
        return Some(Violation::Key);
    }
    let unique = kind.uniques.iter().find(|unique| are(unique.columns));
    Some(unique.map_or(Violation::Other, |unique| Violation::Unique(unique.name)))
}

/// Names the record that an error is about.
pub(crate) fn named(error: Error, key: &Key) -> Error {
    error.with_key(key.kind.name, key.to_string())
}

#[cfg(test)]
mod tests {
    use aquifer_core::SCHEMA;

    use super::*;

    fn step(message: &str, code: &str) -> StepError {
        StepError { message: message.to_owned(), code: Some(code.to_owned()) }
    }

    #[test]
    fn statuses_are_told_apart() {
        let of = |code: u16, said: &str, has_token| {
            let status = StatusCode::from_u16(code).unwrap();
            let error = of_status(status, said, "https://db", has_token, Access::Write);
            (error.kind(), error.retry(), error.message().to_owned())
        };
        use ErrorKind::{Invalid, TooLarge, Unauthorized, Unavailable};
        use Retry::{Permanent, Transient, Unknown};
        for (code, said, has_token, kind, retry, message) in [
            (401, "", false, Unauthorized, Permanent, "https://db wants an auth token: set the option authToken"),
            (401, "The JWT is invalid", true, Unauthorized, Permanent, "is not valid there: set the option authToken"),
            (401, "The JWT has expired", true, Unauthorized, Permanent, "has expired: set the option authToken"),
            (403, "no", true, Unauthorized, Permanent, "does not permit this"),
            (404, "Namespace `x` doesn't exist", true, Invalid, Permanent, "has no such database"),
            (404, "", true, Invalid, Permanent, "does not speak Hrana over HTTP"),
            (413, "", true, TooLarge, Permanent, "takes no request of this size"),
            (429, "", true, Unavailable, Transient, "takes no more requests for now"),
            (302, "", true, Invalid, Permanent, "redirects to another place"),
            (500, "", true, Unavailable, Unknown, "answers with status 500"),
            (503, "", true, Unavailable, Unknown, "answers with status 503"),
        ] {
            let (found, found_retry, found_message) = of(code, said, has_token);
            assert_eq!((found, found_retry), (kind, retry), "{code}");
            assert!(found_message.contains(message), "{code}: {found_message}");
        }
        let read = of_status(StatusCode::BAD_GATEWAY, "", "https://db", true, Access::Read);
        assert_eq!(read.retry(), Transient);
    }

    #[test]
    fn errors_of_statements_are_told_apart() {
        for (message, code, kind, retry) in [
            ("SQLite error: database is locked", "SQLITE_BUSY", ErrorKind::Unavailable, Retry::Transient),
            ("Transaction timed out", "TRANSACTION_TIMEOUT", ErrorKind::Unavailable, Retry::Transient),
            ("database or disk is full", "SQLITE_FULL", ErrorKind::Unavailable, Retry::Transient),
            ("attempt to write a readonly database", "SQLITE_READONLY", ErrorKind::Unauthorized, Retry::Permanent),
            ("string or blob too big", "ARGS_INVALID", ErrorKind::TooLarge, Retry::Permanent),
            ("no such table: things", "SQLITE_UNKNOWN", ErrorKind::Invalid, Retry::Permanent),
            ("malformed", "SQLITE_CORRUPT", ErrorKind::Corrupt, Retry::Permanent),
            ("near x: syntax error", "SQL_INPUT_ERROR", ErrorKind::Unavailable, Retry::Permanent),
        ] {
            let error = of_step(&step(message, code), "https://db");
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{message}");
        }
    }

    #[test]
    fn constraints_are_recognised_by_their_columns() {
        let kind = SCHEMA.kind("users").unwrap();
        let of = |message: &str| violation(&step(message, "SQLITE_CONSTRAINT"), kind);
        assert_eq!(of("UNIQUE constraint failed: users.tenant_id, users.id"), Some(Violation::Key));
        let email = of("SQLite error: UNIQUE constraint failed: users.tenant_id, users.email");
        assert_eq!(email, Some(Violation::Unique("by_email")));
        assert_eq!(of("FOREIGN KEY constraint failed"), Some(Violation::Reference));
        assert_eq!(of("CHECK constraint failed: admin IN (0, 1)"), Some(Violation::Other));
        assert_eq!(violation(&step("integer overflow", "SQLITE_UNKNOWN"), kind), None);
    }
}
