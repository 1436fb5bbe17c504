//! Values as the fields of hashes, and back. All are text that a person can read, but for bytes.

use aquifer_core::{Column, ColumnType, Error, Json, Kind, Record, Result, Timestamp, Value};

/// What stands in a field; `None` where the field is absent.
pub(crate) fn to_field(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(integer) => Some(integer.to_string().into_bytes()),
        Value::Boolean(boolean) => Some(boolean.to_string().into_bytes()),
        Value::Timestamp(time) => Some(time.to_string().into_bytes()),
        Value::Json(json) => Some(json.as_str().as_bytes().to_vec()),
        Value::Bytes(bytes) => Some(bytes.clone()),
    }
}

/// The value of a column.
pub(crate) fn from_field(kind: &'static Kind, column: &Column, field: Option<Vec<u8>>) -> Result<Value> {
    let Some(field) = field else {
        return if column.nullable { Ok(Value::Null) } else { Err(corrupt(kind, column)) };
    };
    if column.column_type == ColumnType::Bytes {
        return Ok(Value::Bytes(field));
    }
    let text = String::from_utf8(field).map_err(|_| corrupt(kind, column))?;
    typed(column.column_type, text).ok_or_else(|| corrupt(kind, column))
}

/// The value that a text stands for.
pub(crate) fn typed(column_type: ColumnType, text: String) -> Option<Value> {
    match column_type {
        ColumnType::Text => Some(Value::Text(text)),
        ColumnType::Integer => text.parse().ok().map(Value::Integer),
        ColumnType::Boolean => text.parse().ok().map(Value::Boolean),
        ColumnType::Timestamp => text.parse::<Timestamp>().ok().map(Value::Timestamp),
        ColumnType::Json => Json::from_text(text).ok().map(Value::Json),
        ColumnType::Bytes => Some(Value::Bytes(text.into_bytes())),
    }
}

fn corrupt(kind: &'static Kind, column: &Column) -> Error {
    Error::corrupt(format!("the field {} does not hold what the schema says", column.name)).with_record_kind(kind.name)
}

/// What a reply holds, as bytes; `None` for nil.
pub(crate) fn bytes(value: redis::Value) -> Result<Option<Vec<u8>>> {
    match value {
        redis::Value::Nil => Ok(None),
        redis::Value::BulkString(bytes) => Ok(Some(bytes)),
        redis::Value::SimpleString(text) => Ok(Some(text.into_bytes())),
        redis::Value::Int(number) => Ok(Some(number.to_string().into_bytes())),
        redis::Value::Okay => Ok(Some(b"OK".to_vec())),
        _ => Err(odd_reply()),
    }
}

/// What a reply holds, as text; empty for nil.
pub(crate) fn text(value: redis::Value) -> Result<String> {
    let bytes = bytes(value)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| odd_reply())
}

/// The elements of a reply.
pub(crate) fn array(value: redis::Value) -> Result<Vec<redis::Value>> {
    match value {
        redis::Value::Array(values) => Ok(values),
        _ => Err(odd_reply()),
    }
}

/// What is said of a reply that no server of this kind gives.
pub(crate) fn odd_reply() -> Error {
    Error::corrupt("the server gave a reply of an unexpected form: is it Redis or Valkey?")
}

/// A record from its revision and the fields of its columns, of those in detail only where `detail`; `None` where there is none.
pub(crate) fn record(kind: &'static Kind, reply: redis::Value, detail: bool) -> Result<Option<Record>> {
    let mut fields = array(reply)?.into_iter();
    let Some(revision) = bytes(fields.next().unwrap_or(redis::Value::Nil))? else { return Ok(None) };
    let revision = std::str::from_utf8(&revision)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Error::corrupt("a record has no revision").with_record_kind(kind.name))?;
    let mut values = Vec::with_capacity(kind.columns.len());
    for column in kind.columns {
        if column.detail && !detail {
            values.push(Value::Null);
            continue;
        }
        let field = bytes(fields.next().ok_or_else(odd_reply)?)?;
        values.push(from_field(kind, column, field)?);
    }
    Ok(Some(Record { kind, values, revision }))
}
