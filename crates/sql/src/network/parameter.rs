//! Parameters of statements.

use std::borrow::Cow;

use aquifer_core::{ColumnType, Value};

/// One parameter of a statement, with the type that a null has too.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter<'a> {
    /// One value.
    One(ColumnType, Cow<'a, Value>),
    /// An array of values, for databases whose dialect writes [`crate::Bulk::Arrays`].
    Many(ColumnType, Vec<Cow<'a, Value>>),
}

impl<'a> Parameter<'a> {
    /// A value of a column.
    pub fn of(column_type: ColumnType, value: &'a Value) -> Self {
        Self::One(column_type, Cow::Borrowed(value))
    }

    /// A number of ours: a revision, a transaction, a limit. Those beyond what the database holds match nothing that is stored.
    pub fn number(number: u64) -> Self {
        Self::One(ColumnType::Integer, Cow::Owned(number_value(number)))
    }
}

/// A number of ours as a value.
pub(crate) fn number_value(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(-1))
}
