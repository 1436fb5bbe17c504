//! Statements of SQLite over many rows at once, which take the rows as one JSON text.
//!
//! The text of a statement does not depend on how many rows there are, and SQLite prepares it several times faster than a list of as
//! many parameters.

use std::fmt::Write as _;

use aquifer_core::{Claim, ColumnType, Kind, Value};

use crate::dialect::SQLITE;
use crate::tables::{REVISION, TRANSACTION_ID};
use crate::text::{Query, Sql};

/// The rows of a statement: an array of arrays.
#[derive(Debug, Default)]
pub struct JsonRows {
    text: String,
    count: usize,
}

impl JsonRows {
    /// Adds a row of values and, after them, of numbers. Numbers beyond what SQLite holds match nothing that is stored.
    pub fn push<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>, numbers: &[u64]) {
        self.text.push_str(if self.count == 0 { "[[" } else { ",[" });
        self.count += 1;
        for value in values {
            self.separate();
            self.value(value);
        }
        for number in numbers {
            self.separate();
            self.text.push_str(&i64::try_from(*number).unwrap_or(-1).to_string());
        }
        self.text.push(']');
    }

    /// Adds a comma unless the row begins here.
    fn separate(&mut self) {
        if !self.text.ends_with('[') {
            self.text.push(',');
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Integer(integer) => self.text.push_str(&integer.to_string()),
            Value::Boolean(boolean) => self.text.push(if *boolean { '1' } else { '0' }),
            Value::Text(text) => self.string(text),
            Value::Json(json) => self.string(json.as_str()),
            Value::Timestamp(time) => self.string(&time.to_string()),
            Value::Bytes(bytes) => {
                self.text.push('"');
                for byte in bytes {
                    // Writing to a string does not fail.
                    let _ = write!(self.text, "{byte:02x}");
                }
                self.text.push('"');
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\u{0}'..='\u{1f}' => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(character));
                }
                _ => self.text.push(character),
            }
        }
        self.text.push('"');
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many bytes the text has so far.
    pub fn size(&self) -> usize {
        self.text.len()
    }

    /// The statement's parameter.
    pub fn finish(mut self) -> String {
        self.text.push_str(if self.count == 0 { "[]" } else { "]" });
        self.text
    }
}

/// The statements over many rows of one kind. Each takes [`JsonRows`] whose columns it names.
#[derive(Debug, Clone, Copy)]
pub struct JsonStatements {
    kind: &'static Kind,
}

impl JsonStatements {
    /// The statements over `kind`.
    pub fn of(kind: &'static Kind) -> Self {
        Self { kind }
    }

    /// Stores records. Rows: all columns, the transaction.
    pub fn insert(&self) -> String {
        let all: Vec<usize> = (0..self.kind.columns.len()).collect();
        let mut sql = Sql::new(&SQLITE, "INSERT INTO ");
        sql.name(self.kind.name).push(" (").columns(self.kind, &all).push(", ").name(REVISION).push(", ");
        sql.name(TRANSACTION_ID).push(") SELECT ").list(", ", &all, |sql, column| {
            sql.push(&self.given(*column, *column));
        });
        sql.push(", 1, ").push(&field(all.len())).push(" FROM json_each(").parameter().push(") AS u");
        sql.finish()
    }

    /// Changes `columns` of records. Rows: the new values, the transaction, the key and, if `at_revision`, the revision.
    pub fn update(&self, columns: &[usize], at_revision: bool) -> String {
        let mut sql = Sql::new(&SQLITE, "UPDATE ");
        sql.name(self.kind.name).push(" SET ");
        for (place, column) in columns.iter().enumerate() {
            sql.column(self.kind, *column).push(" = ").push(&self.given(*column, place)).push(", ");
        }
        sql.name(REVISION).push(" = ").name(self.kind.name).push(".").name(REVISION).push(" + 1, ");
        sql.name(TRANSACTION_ID).push(" = ").push(&field(columns.len()));
        sql.push(" FROM json_each(").parameter().push(") AS u WHERE ");
        self.meets(&mut sql, columns.len() + 1, at_revision);
        sql.finish()
    }

    /// Removes records. Rows: the key and, if `at_revision`, the revision.
    pub fn delete(&self, at_revision: bool) -> String {
        let mut sql = Sql::new(&SQLITE, "DELETE FROM ");
        sql.name(self.kind.name).push(" WHERE rowid IN (SELECT ").name(self.kind.name).push(".rowid");
        self.join(&mut sql, at_revision);
        sql.push(")");
        sql.finish()
    }

    /// Counts the records that are there. Rows: the key and, if `at_revision`, the revision.
    pub fn count(&self, at_revision: bool) -> String {
        let mut sql = Sql::new(&SQLITE, "SELECT count(*)");
        self.join(&mut sql, at_revision);
        sql.finish()
    }

    /// Reads the records that are there: the number of the row from 0, all columns, the revision. Rows: the key.
    pub fn get(&self) -> String {
        let mut sql = Sql::new(&SQLITE, "SELECT u.key, ");
        for column in self.kind.columns {
            sql.name(self.kind.name).push(".").name(column.name).push(", ");
        }
        sql.name(self.kind.name).push(".").name(REVISION);
        self.join(&mut sql, false);
        sql.finish()
    }

    /// Reads the revisions of records that are there: the number of the row from 0, the revision. Rows: the key.
    pub fn revisions(&self) -> String {
        let mut sql = Sql::new(&SQLITE, "SELECT u.key, ");
        sql.name(self.kind.name).push(".").name(REVISION);
        self.join(&mut sql, false);
        sql.finish()
    }

    /// Changes the records that `found` reads, which [`crate::Statements::claim`] made, as the claim says. Their transaction stays.
    pub fn claim(&self, claim: &Claim, found: &Query) -> Query {
        let mut sql = Sql::new(&SQLITE, "UPDATE ");
        sql.name(self.kind.name).push(" SET ");
        for (column, _) in &claim.set {
            sql.column(self.kind, *column).push(" = ").parameter().push(", ");
        }
        sql.name(REVISION).push(" = ").name(REVISION).push(" + 1 WHERE (").columns(self.kind, self.kind.key);
        sql.push(") IN (SELECT ").columns(self.kind, self.kind.key).push(" FROM (").push(&found.text).push("))");
        let set = claim.set.iter().map(|(_, value)| value.clone());
        Query { text: sql.finish(), values: set.chain(found.values.iter().cloned()).collect() }
    }

    /// ` FROM` the rows given, and for each the record that it names.
    fn join(&self, sql: &mut Sql, at_revision: bool) {
        // A cross join, because SQLite takes its tables in the order in which they stand.
        sql.push(" FROM json_each(").parameter().push(") AS u CROSS JOIN ").name(self.kind.name).push(" ON ");
        self.meets(sql, 0, at_revision);
    }

    /// Whether a record has the key, and the revision, that stand in the row from `place` on.
    fn meets(&self, sql: &mut Sql, place: usize, at_revision: bool) {
        sql.list(" AND ", self.kind.key.iter().enumerate(), |sql, (offset, column)| {
            sql.name(self.kind.name).push(".").column(self.kind, *column).push(" = ").push(&field(place + offset));
        });
        if at_revision {
            sql.push(" AND ").name(self.kind.name).push(".").name(REVISION).push(" = ");
            sql.push(&field(place + self.kind.key.len()));
        }
    }

    /// What a row gives for a column.
    fn given(&self, column: usize, place: usize) -> String {
        match self.kind.columns.get(column).map(|column| column.column_type) {
            Some(ColumnType::Bytes) => format!("unhex({})", field(place)),
            _ => field(place),
        }
    }
}

/// One place of a row.
fn field(place: usize) -> String {
    format!("u.value ->> {place}")
}

#[cfg(test)]
mod tests;
