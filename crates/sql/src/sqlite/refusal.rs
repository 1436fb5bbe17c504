//! Finding out, after a statement was refused, what the contract answers. Costs reads, but only then.

use aquifer_core::{Condition, Error, Key, Record, Result, Value};
use rusqlite::{ErrorCode, ffi};

use super::commit::Refusal;
use super::session::Session;

impl Session {
    /// Why `record` could not be stored: its key is judged first, then its unique constraints.
    pub(super) fn insert_refused(&self, record: &Record, error: rusqlite::Error) -> Refusal {
        let key = record.key();
        match constraint(&error) {
            None => self.gave_up(error),
            Some(_) => self.first_taken(&key, record, true).unwrap_or_else(|| violated(&key, error)),
        }
    }

    /// Why the record with this key could not be given these values.
    pub(super) fn update_refused(&self, key: &Key, set: &[(usize, Value)], error: rusqlite::Error) -> Refusal {
        if constraint(&error).is_none() {
            return self.gave_up(error);
        }
        let mut record = match self.get_one(key) {
            Ok(Some(record)) => record,
            Ok(None) => return self.not_met(key, Condition::Exists),
            Err(error) => return Refusal::Failed(error),
        };
        for (column, value) in set {
            if let Some(place) = record.values.get_mut(*column) {
                place.clone_from(value);
            }
        }
        self.first_taken(key, &record, false).unwrap_or_else(|| violated(key, error))
    }

    /// Why the record with this key could not be removed.
    pub(super) fn delete_refused(&self, key: &Key, error: rusqlite::Error) -> Refusal {
        if constraint(&error).is_none() {
            return self.gave_up(error);
        }
        let message = "other records refer to the record: remove them first";
        Refusal::Refused(named(Error::invalid(message).with_source(error), key))
    }

    /// What is answered where the record does not meet `condition`.
    pub(super) fn not_met(&self, key: &Key, condition: Condition) -> Refusal {
        let error = match (condition, self.trace(key)) {
            (_, Err(error)) => return Refusal::Failed(error),
            (Condition::Absent, _) => Error::already_exists("there is such a record already"),
            (_, Ok(None)) => Error::not_found("there is no such record"),
            (Condition::Revision(expected), Ok(Some(found))) => {
                Error::conflict(format!("the record is at revision {}, not {expected}", found.revision))
            }
            (Condition::Exists, Ok(Some(_))) => Error::corrupt("a record was found only the second time"),
        };
        Refusal::Refused(named(error, key))
    }

    fn first_taken(&self, key: &Key, record: &Record, is_new: bool) -> Option<Refusal> {
        match self.taken(key, record, is_new) {
            Ok(None) => None,
            Ok(Some(message)) => Some(Refusal::Refused(named(Error::already_exists(message), key))),
            Err(error) => Some(Refusal::Failed(error)),
        }
    }

    fn taken(&self, key: &Key, record: &Record, is_new: bool) -> Result<Option<String>> {
        if is_new && self.trace(key)?.is_some() {
            return Ok(Some("there is such a record already".to_owned()));
        }
        let statements = self.database.catalog.of(key.kind)?;
        for unique in key.kind.uniques {
            let Some(query) = statements.taken(unique, record.pick(unique.columns), &key.values) else { continue };
            if !self.rows(&query, |_| Ok(()))?.is_empty() {
                return Ok(Some(format!("another record has this value of {}", unique.name)));
            }
        }
        Ok(None)
    }

    /// An error that is not about a constraint: only a value that is too large is the transaction's own fault.
    fn gave_up(&self, error: rusqlite::Error) -> Refusal {
        let too_big = error.sqlite_error_code() == Some(ErrorCode::TooBig);
        let error = self.failed(error);
        if too_big { Refusal::Refused(error) } else { Refusal::Failed(error) }
    }
}

/// The extended code of a violated constraint.
fn constraint(error: &rusqlite::Error) -> Option<i32> {
    let code = error.sqlite_error()?;
    (code.code == ErrorCode::ConstraintViolation).then_some(code.extended_code)
}

fn violated(key: &Key, error: rusqlite::Error) -> Refusal {
    let message = match constraint(&error) {
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => "the record refers to one that does not exist: store that one first",
        _ => "the record violates a constraint of its table",
    };
    Refusal::Refused(named(Error::invalid(message).with_source(error), key))
}

fn named(error: Error, key: &Key) -> Error {
    error.with_key(key.kind.name, key.to_string())
}
