//! Values on their way into statements and out of rows.

use aquifer_core::{ColumnType, Error, Json, Kind, Record, Result, Value};

use crate::hrana::{Argument, Cell};

/// A value as an argument of a statement, as the SQLite backend stores it too.
pub(crate) fn argument(value: &Value) -> Argument {
    match value {
        Value::Null => Argument::Null,
        Value::Text(text) => Argument::text(text.clone()),
        Value::Integer(integer) => Argument::integer(*integer),
        Value::Boolean(boolean) => Argument::integer(i64::from(*boolean)),
        Value::Timestamp(time) => Argument::text(time.to_string()),
        Value::Json(json) => Argument::text(json.as_str().to_owned()),
        Value::Bytes(bytes) => Argument::blob(bytes),
    }
}

/// Values as arguments.
pub(crate) fn arguments<'v>(values: impl IntoIterator<Item = &'v Value>) -> Vec<Argument> {
    values.into_iter().map(argument).collect()
}

/// A number of ours as an argument. Those beyond what SQLite holds match nothing that is stored.
pub(crate) fn number(number: u64) -> Argument {
    Argument::integer(i64::try_from(number).unwrap_or(-1))
}

/// The record in a row that holds all columns and then the revision.
///
/// # Errors
/// `Corrupt` where the row does not hold what the schema says.
pub(crate) fn record(kind: &'static Kind, mut row: impl Iterator<Item = Cell>) -> Result<Record> {
    let mut values = Vec::with_capacity(kind.columns.len());
    for column in kind.columns {
        values.push(row.next().and_then(|cell| value(column.column_type, cell)).ok_or_else(|| {
            Error::corrupt(format!("{} does not hold what the schema says", column.name)).with_record_kind(kind.name)
        })?);
    }
    let revision = row.next().as_ref().and_then(Cell::number);
    let revision = revision.ok_or_else(|| Error::corrupt("a revision is not a number").with_record_kind(kind.name))?;
    Ok(Record { kind, values, revision })
}

fn value(column_type: ColumnType, cell: Cell) -> Option<Value> {
    Some(match (column_type, cell) {
        (_, Cell::Null) => Value::Null,
        (ColumnType::Text, Cell::Text(text)) => Value::Text(text),
        (ColumnType::Integer, Cell::Integer(integer)) => Value::Integer(integer),
        (ColumnType::Boolean, Cell::Integer(0)) => Value::Boolean(false),
        (ColumnType::Boolean, Cell::Integer(1)) => Value::Boolean(true),
        (ColumnType::Timestamp, Cell::Text(text)) => Value::Timestamp(text.parse().ok()?),
        (ColumnType::Json, Cell::Text(text)) => Value::Json(Json::from_text(text).ok()?),
        (ColumnType::Bytes, Cell::Blob(bytes)) => Value::Bytes(bytes),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_by_the_type_of_their_column() {
        let cell = |cell| cell;
        assert_eq!(value(ColumnType::Boolean, Cell::Integer(1)), Some(Value::Boolean(true)));
        assert_eq!(value(ColumnType::Bytes, Cell::Null), Some(Value::Null));
        for (column_type, wrong) in [
            (ColumnType::Boolean, cell(Cell::Integer(2))),
            (ColumnType::Integer, cell(Cell::Text("1".to_owned()))),
            (ColumnType::Integer, cell(Cell::Float(1.0))),
            (ColumnType::Json, cell(Cell::Text("{".to_owned()))),
            (ColumnType::Timestamp, cell(Cell::Text("yesterday".to_owned()))),
        ] {
            assert_eq!(value(column_type, wrong), None, "{column_type:?}");
        }
    }
}
