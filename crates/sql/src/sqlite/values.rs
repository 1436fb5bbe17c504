//! Values on their way into statements and out of rows.

use std::io::Write as _;

use aquifer_core::{ColumnType, Error, Json, Kind, Record, Result, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, Statement};

/// Binds the parameters of a statement, one after another.
pub(super) struct Binder<'a, 'c> {
    statement: &'a mut Statement<'c>,
    bound: usize,
}

impl<'a, 'c> Binder<'a, 'c> {
    /// Begins with the first parameter of `statement`.
    pub(super) fn new(statement: &'a mut Statement<'c>) -> Self {
        Self { statement, bound: 0 }
    }

    /// Binds values to the next parameters.
    pub(super) fn values<'v>(&mut self, values: impl IntoIterator<Item = &'v Value>) -> rusqlite::Result<&mut Self> {
        for value in values {
            self.value(value)?;
        }
        Ok(self)
    }

    /// Binds a number of ours to the next parameter. Those beyond what SQLite holds match nothing that is stored.
    pub(super) fn number(&mut self, number: u64) -> rusqlite::Result<&mut Self> {
        self.bind(ValueRef::Integer(i64::try_from(number).unwrap_or(-1)))
    }

    fn value(&mut self, value: &Value) -> rusqlite::Result<&mut Self> {
        match value {
            Value::Null => self.bind(ValueRef::Null),
            Value::Text(text) => self.bind(ValueRef::Text(text.as_bytes())),
            Value::Integer(integer) => self.bind(ValueRef::Integer(*integer)),
            Value::Boolean(boolean) => self.bind(ValueRef::Integer(i64::from(*boolean))),
            Value::Json(json) => self.bind(ValueRef::Text(json.as_str().as_bytes())),
            Value::Bytes(bytes) => self.bind(ValueRef::Blob(bytes)),
            Value::Timestamp(time) => {
                // On the stack: a commit binds several. A timestamp always has these 27 bytes.
                let mut text = [0; 27];
                write!(text.as_mut_slice(), "{time}")
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                self.bind(ValueRef::Text(&text))
            }
        }
    }

    fn bind(&mut self, value: ValueRef<'_>) -> rusqlite::Result<&mut Self> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, ToSqlOutput::Borrowed(value))?;
        Ok(self)
    }
}

/// The record in a row that holds all columns and then the revision.
///
/// # Errors
/// `Corrupt` where the row does not hold what the schema says.
pub(super) fn record(kind: &'static Kind, row: &Row<'_>) -> Result<Record> {
    let mut values = Vec::with_capacity(kind.columns.len());
    for (position, column) in kind.columns.iter().enumerate() {
        let stored = row.get_ref(position).ok();
        values.push(stored.and_then(|stored| value(column.column_type, stored)).ok_or_else(|| {
            Error::corrupt(format!("{} does not hold what the schema says", column.name)).with_record_kind(kind.name)
        })?);
    }
    let revision = row.get_ref(kind.columns.len()).ok().and_then(number);
    let revision = revision.ok_or_else(|| Error::corrupt("a revision is not a number").with_record_kind(kind.name))?;
    Ok(Record { kind, values, revision })
}

/// A number of ours as it is stored.
pub(super) fn number(stored: ValueRef<'_>) -> Option<u64> {
    stored.as_i64().ok().and_then(|number| u64::try_from(number).ok())
}

fn value(column_type: ColumnType, stored: ValueRef<'_>) -> Option<Value> {
    if stored == ValueRef::Null {
        return Some(Value::Null);
    }
    Some(match column_type {
        ColumnType::Text => Value::from(stored.as_str().ok()?),
        ColumnType::Integer => Value::Integer(stored.as_i64().ok()?),
        ColumnType::Boolean => Value::Boolean(match stored.as_i64().ok()? {
            0 => false,
            1 => true,
            _ => return None,
        }),
        ColumnType::Timestamp => Value::Timestamp(stored.as_str().ok()?.parse().ok()?),
        ColumnType::Json => Value::Json(Json::from_text(stored.as_str().ok()?.to_owned()).ok()?),
        ColumnType::Bytes => Value::Bytes(stored.as_blob().ok()?.to_vec()),
    })
}
