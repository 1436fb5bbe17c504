//! Values, keys and records, to and from BSON.

use aquifer_core::{Column, ColumnType, Error, Key, Kind, Record, Result, Timestamp, Value};
use aquifer_memory::Entry;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document};

use crate::json;
use crate::layout::{ID, REVISION, TRANSACTION_ID, date_of, name};

/// A value as it is stored; `None` for null, which is a missing field.
pub(crate) fn to_bson(value: &Value) -> Option<Bson> {
    Some(match value {
        Value::Null => return None,
        Value::Text(text) => Bson::String(text.clone()),
        Value::Integer(integer) => Bson::Int64(*integer),
        Value::Boolean(boolean) => Bson::Boolean(*boolean),
        // BSON's own dates have milliseconds.
        Value::Timestamp(time) => Bson::Int64(time.as_micros()),
        Value::Json(document) => json::to_bson(document),
        Value::Bytes(bytes) => Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.clone() }),
    })
}

/// A value that was stored. Numbers that people wrote with their own tools are taken whichever type they gave them.
fn from_bson(column: &Column, bson: Option<Bson>) -> Result<Value> {
    let wrong = || Error::corrupt(format!("the field {} does not hold {:?}", column.name, column.column_type));
    Ok(match (column.column_type, bson) {
        (_, None) => Value::Null,
        (ColumnType::Json, Some(document)) => Value::Json(json::from_bson(document)?),
        (_, Some(Bson::Null)) => Value::Null,
        (ColumnType::Text, Some(Bson::String(text))) => Value::Text(text),
        (ColumnType::Boolean, Some(Bson::Boolean(boolean))) => Value::Boolean(boolean),
        (ColumnType::Bytes, Some(Bson::Binary(binary))) => Value::Bytes(binary.bytes),
        (ColumnType::Integer, Some(number)) => Value::Integer(whole(&number).ok_or_else(wrong)?),
        (ColumnType::Timestamp, Some(number)) => {
            let micros = whole(&number).ok_or_else(wrong)?;
            Value::Timestamp(Timestamp::from_micros(micros).map_err(|_| wrong())?)
        }
        _ => return Err(wrong()),
    })
}

/// A number without a fraction.
pub(crate) fn whole(bson: &Bson) -> Option<i64> {
    match bson {
        Bson::Int64(number) => Some(*number),
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        _ => None,
    }
}

/// The `_id` of a key: its columns, in their order.
pub(crate) fn id(key: &Key) -> Document {
    id_of(key.kind, &key.values)
}

/// The beginning of an `_id`: as many columns as there are values.
pub(crate) fn id_of(kind: &'static Kind, values: &[Value]) -> Document {
    let columns = kind.key.iter().map(|column| name(kind, *column).to_owned());
    columns.zip(values).map(|(name, value)| (name, to_bson(value).unwrap_or(Bson::Null))).collect()
}

/// The values of the key that an `_id` holds.
///
/// # Errors
/// `Corrupt` if it is none of the kind's.
pub(crate) fn key_of(kind: &'static Kind, id: Document) -> Result<Key> {
    let mut id = id;
    let values = kind.key.iter().filter_map(|column| kind.columns.get(*column));
    let values = values.map(|column| from_bson(column, id.remove(column.name))).collect::<Result<_>>()?;
    Ok(Key { kind, values })
}

/// The document of a record that `transaction` inserts.
pub(crate) fn document(record: &Record, transaction: u64) -> Document {
    let mut document = Document::new();
    document.insert(ID, id(&record.key()));
    for (column, value) in record.kind.columns.iter().zip(&record.values) {
        if let Some(value) = to_bson(value) {
            document.insert(column.name, value);
        }
    }
    if let Some((field, Some(date))) = expiry(record.kind, |column| record.values.get(column)) {
        document.insert(field, date);
    }
    document.insert(REVISION, signed(record.revision.max(1)));
    document.insert(TRANSACTION_ID, signed(transaction));
    document
}

/// The update that sets columns, adds 1 to the revision, and marks the record as `transaction`'s.
pub(crate) fn update(kind: &'static Kind, set: &[(usize, Value)], mark: (&str, u64)) -> Document {
    let (mut sets, mut unsets) = (Document::new(), Document::new());
    for (column, value) in set {
        match to_bson(value) {
            Some(value) => sets.insert(name(kind, *column), value),
            None => unsets.insert(name(kind, *column), ""),
        };
    }
    let given = |wanted: usize| set.iter().find(|(column, _)| *column == wanted).map(|(_, value)| value);
    match expiry(kind, given) {
        Some((field, Some(date))) => drop(sets.insert(field, date)),
        Some((field, None)) => drop(unsets.insert(field, "")),
        None => {}
    }
    let (field, id) = mark;
    sets.insert(field, signed(id));
    let mut update = Document::new();
    update.insert("$set", sets);
    if !unsets.is_empty() {
        update.insert("$unset", unsets);
    }
    update.insert("$inc", mongodb::bson::doc! { REVISION: 1_i64 });
    update
}

/// The field that the database expires by with its value, if the expiry column is given.
fn expiry<'a>(
    kind: &'static Kind,
    value: impl FnOnce(usize) -> Option<&'a Value>,
) -> Option<(String, Option<DateTime>)> {
    let column = kind.expiry?;
    let date = match value(column)? {
        // Rounded up, so that nothing goes before its time.
        Value::Timestamp(time) => {
            let millis = time.as_millis() + i64::from(time.as_micros().rem_euclid(1000) != 0);
            Some(DateTime::from_millis(millis))
        }
        _ => None,
    };
    Some((date_of(name(kind, column)), date))
}

/// The record in a document, with the transaction that wrote it last.
///
/// # Errors
/// `Corrupt` if it is not as [`document`] writes it.
pub(crate) fn entry(kind: &'static Kind, mut document: Document) -> Result<Entry> {
    let values = kind.columns.iter().map(|column| from_bson(column, document.remove(column.name)));
    let named = |error: Error| error.with_record_kind(kind.name);
    let values = values.collect::<Result<_>>().map_err(named)?;
    let counter = |field: &str| document.get(field).and_then(whole).and_then(|number| u64::try_from(number).ok());
    let revision =
        counter(REVISION).ok_or_else(|| named(Error::corrupt("a document without a revision is not Aquifer's")))?;
    let transaction = counter(TRANSACTION_ID).unwrap_or(0);
    Ok(Entry { record: Record { kind, values, revision }, transaction })
}

/// BSON's integers are signed; revisions and ids have 63 bits.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use aquifer_core::SCHEMA;
    use mongodb::bson::doc;

    use super::*;

    fn tenant() -> Record {
        let kind = SCHEMA.kind("tenants").unwrap();
        let time = Timestamp::from_micros(1_700_000_000_123_456).unwrap();
        Record { kind, values: vec!["acme".into(), "Acme".into(), Value::Null, time.into(), time.into()], revision: 3 }
    }

    #[test]
    fn a_record_is_a_document_of_its_columns() {
        let stored = document(&tenant(), 7);
        assert_eq!(stored.get("_id"), Some(&Bson::Document(doc! { "id": "acme" })));
        assert_eq!(stored.get_str("name").unwrap(), "Acme");
        assert_eq!(stored.get_i64("revision").unwrap(), 3);
        let read = entry(tenant().kind, stored).unwrap();
        assert_eq!((read.record, read.transaction), (tenant(), 7));
    }

    #[test]
    fn numbers_of_other_types_are_read() {
        assert_eq!(whole(&Bson::Int32(5)), Some(5));
        assert_eq!(whole(&Bson::Double(5.0)), Some(5));
        assert_eq!(whole(&Bson::Double(5.5)), None);
        assert_eq!(whole(&Bson::String("5".to_owned())), None);
    }

    #[test]
    fn what_is_not_ours_is_corrupt() {
        let mut stored = document(&tenant(), 7);
        stored.remove("revision");
        assert_eq!(entry(tenant().kind, stored).unwrap_err().kind(), aquifer_core::ErrorKind::Corrupt);
        let mut stored = document(&tenant(), 7);
        stored.insert("name", 5);
        assert_eq!(entry(tenant().kind, stored).unwrap_err().kind(), aquifer_core::ErrorKind::Corrupt);
    }
}
