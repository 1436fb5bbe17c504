//! Records and their keys.

use std::fmt;

use crate::schema::Kind;
use crate::value::Value;

/// One stored record of a kind.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// What kind of record this is.
    pub kind: &'static Kind,
    /// One value for each of [`Kind::columns`], in their order.
    pub values: Vec<Value>,
    /// Counts the writes of this record: 1 after the insert. Ignored by [`crate::Operation::Insert`].
    pub revision: u64,
}

impl Record {
    /// A record that is not stored yet.
    pub fn new(kind: &'static Kind, values: Vec<Value>) -> Self {
        Self { kind, values, revision: 0 }
    }

    /// The record's key.
    pub fn key(&self) -> Key {
        Key { kind: self.kind, values: self.pick(self.kind.key) }
    }

    /// The values of `columns`, in that order; null for a column that the record does not have.
    pub fn pick(&self, columns: &[usize]) -> Vec<Value> {
        columns.iter().map(|column| self.values.get(*column).cloned().unwrap_or(Value::Null)).collect()
    }

    /// About how many bytes the record takes in a backend.
    pub fn size(&self) -> usize {
        self.values.iter().map(Value::size).sum()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(self.kind.name);
        debug.field("revision", &self.revision);
        for (column, value) in self.kind.columns.iter().zip(&self.values) {
            if value.is_null() {
                continue;
            }
            if column.secret {
                debug.field(column.name, &format_args!("<secret>"));
            } else {
                debug.field(column.name, value);
            }
        }
        debug.finish()
    }
}

/// The key of one record.
#[derive(Clone, PartialEq)]
pub struct Key {
    /// What kind of record it names.
    pub kind: &'static Kind,
    /// One value for each of [`Kind::key`], in their order.
    pub values: Vec<Value>,
}

impl Key {
    /// The key of `kind` with these values.
    pub fn new(kind: &'static Kind, values: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        Self { kind, values: values.into_iter().map(Into::into).collect() }
    }

    /// The values that name the partition.
    pub fn partition(&self) -> &[Value] {
        self.values.get(..self.kind.partition).unwrap_or(&self.values)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, value) in self.values.iter().enumerate() {
            if position > 0 {
                f.write_str("/")?;
            }
            match value {
                Value::Text(text) => f.write_str(text)?,
                other => fmt::Debug::fmt(other, f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.kind.name)
    }
}
