//! Records as JSON objects: column names as keys, nulls left out, the revision and the transaction last.

use std::collections::BTreeMap;

use aquifer_core::{Column, ColumnType, Json, Kind, Record, Timestamp, Value};
use aquifer_memory::Entry;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The member that holds a record's revision.
pub(crate) const REVISION: &str = "revision";
/// The member that names the transaction that wrote a record last.
pub(crate) const TRANSACTION: &str = "transaction";

/// The members of a JSON object, each as its text.
pub(crate) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// A value as JSON on one line. Null is for the caller to leave out, because a JSON column can hold the document `null`.
pub(crate) struct Cell<'a>(pub(crate) &'a Value);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Integer(integer) => serializer.serialize_i64(*integer),
            Value::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Value::Timestamp(time) => time.serialize(serializer),
            // Line ends stand between the tokens of a document only; in a text they are escaped.
            Value::Json(json) if json.as_str().contains(['\n', '\r']) => {
                let line = json.as_str().replace(['\n', '\r'], " ");
                Json::from_text(line).map_err(S::Error::custom)?.serialize(serializer)
            }
            Value::Json(json) => json.serialize(serializer),
            Value::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
        }
    }
}

/// Some columns of an entry as an object.
pub(crate) struct Columns<'a> {
    pub(crate) entry: &'a Entry,
    /// Which columns to write; nulls are left out in any case.
    pub(crate) written: &'a dyn Fn(usize) -> bool,
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = &self.entry.record;
        let mut map = serializer.serialize_map(None)?;
        for (position, (column, value)) in record.kind.columns.iter().zip(&record.values).enumerate() {
            if !value.is_null() && (self.written)(position) {
                map.serialize_entry(column.name, &Cell(value))?;
            }
        }
        map.serialize_entry(REVISION, &record.revision)?;
        map.serialize_entry(TRANSACTION, &self.entry.transaction)?;
        map.end()
    }
}

/// Splits an object into its members.
pub(crate) fn members(text: &str) -> Result<Members<'_>, String> {
    serde_json::from_str(text).map_err(|error| format!("not an object: {error}"))
}

/// Reads a whole record. The error says what does not fit, without the place.
pub(crate) fn entry(kind: &'static Kind, mut members: Members<'_>) -> Result<Entry, String> {
    let mut values = Vec::with_capacity(kind.columns.len());
    for column in kind.columns {
        values.push(match members.remove(column.name) {
            Some(text) => cell(column, text)?,
            None if column.nullable => Value::Null,
            None => return Err(format!("{} is missing", column.name)),
        });
    }
    let (revision, transaction) = marks(&mut members)?;
    refuse_rest(kind, &members)?;
    Ok(Entry { record: Record { kind, values, revision }, transaction })
}

/// Takes the revision and the transaction out of a record's members. A record that a person wrote has no transaction.
pub(crate) fn marks(members: &mut Members<'_>) -> Result<(u64, u64), String> {
    let mut number = |name: &str| match members.remove(name) {
        Some(text) => serde_json::from_str(text.get()).map(Some).map_err(|_| format!("{name} is not a whole number")),
        None => Ok(None),
    };
    match number(REVISION)? {
        Some(revision) if revision > 0 => Ok((revision, number(TRANSACTION)?.unwrap_or(0))),
        _ => Err(format!("{REVISION} is missing or 0")),
    }
}

/// Refuses members that the schema does not know, rather than losing them.
pub(crate) fn refuse_rest(kind: &Kind, members: &Members<'_>) -> Result<(), String> {
    match members.keys().next() {
        None => Ok(()),
        Some(name) => Err(format!("{} has no column {name:?}", kind.name)),
    }
}

/// Reads one column's value.
pub(crate) fn cell(column: &Column, text: &RawValue) -> Result<Value, String> {
    fn read<'a, T: serde::Deserialize<'a>>(column: &Column, text: &'a RawValue) -> Result<T, String> {
        serde_json::from_str(text.get()).map_err(|error| format!("{} is wrong: {error}", column.name))
    }
    if column.column_type == ColumnType::Json {
        return read::<Json>(column, text).map(Value::Json);
    }
    if column.nullable && text.get() == "null" {
        return Ok(Value::Null);
    }
    Ok(match column.column_type {
        ColumnType::Text => Value::Text(read(column, text)?),
        ColumnType::Integer => Value::Integer(read(column, text)?),
        ColumnType::Boolean => Value::Boolean(read(column, text)?),
        ColumnType::Timestamp => Value::Timestamp(read::<Timestamp>(column, text)?),
        ColumnType::Json | ColumnType::Bytes => {
            let text: String = read(column, text)?;
            Value::Bytes(STANDARD.decode(text).map_err(|error| format!("{} is not base64: {error}", column.name))?)
        }
    })
}
