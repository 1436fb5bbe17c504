//! Records as items, and items as records.

use std::collections::HashMap;

use aquifer_core::{Column, ColumnType, Error, Json, Record, Result, Timestamp, Trace, Value};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::cache::Known;
use crate::layout::{EXPIRY, PARTITION, Place, REVISION, SHARD, SORT, TRANSACTION, Table, shard};

/// An item, as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A number as an attribute.
pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Bytes as an attribute.
pub(crate) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// A value as an attribute; `None` for null, which is no attribute.
pub(crate) fn attribute(value: &Value) -> Option<AttributeValue> {
    Some(match value {
        Value::Null => return None,
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Integer(integer) => number(integer),
        Value::Boolean(boolean) => AttributeValue::Bool(*boolean),
        Value::Timestamp(time) => AttributeValue::S(time.to_string()),
        Value::Json(json) => AttributeValue::S(json.as_str().to_owned()),
        Value::Bytes(data) => bytes(data),
    })
}

/// When DynamoDB may remove a record that expires then: not a moment earlier.
pub(crate) fn expiry(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::Timestamp(time) => Some(number(time.as_micros().div_euclid(1_000_000).saturating_add(1).max(0))),
        _ => None,
    }
}

/// The key of an item.
pub(crate) fn key(place: &Place) -> Item {
    HashMap::from([(PARTITION.to_owned(), bytes(&place.partition)), (SORT.to_owned(), bytes(&place.sort))])
}

/// A new record as an item, with its places in the orders.
///
/// # Errors
/// `Corrupt` for values that cannot stand in an index.
pub(crate) fn item(table: &Table, place: &Place, record: &Record, transaction: u64) -> Result<Item> {
    let mut item = key(place);
    item.insert(SHARD.to_owned(), number(shard(&place.sort)));
    item.insert(REVISION.to_owned(), number(1));
    item.insert(TRANSACTION.to_owned(), number(transaction));
    for (column, value) in table.kind.columns.iter().zip(&record.values) {
        if let Some(attribute) = attribute(value) {
            item.insert(column.name.to_owned(), attribute);
        }
    }
    let value = |column: usize| record.values.get(column).unwrap_or(&Value::Null);
    for order in table.declared() {
        if let Some(sort) = order.sort_key(value)? {
            item.insert(order.attribute.clone(), bytes(&sort));
        }
    }
    if let Some(expiry) = table.kind.expiry.and_then(|column| expiry(value(column))) {
        item.insert(EXPIRY.to_owned(), expiry);
    }
    Ok(item)
}

/// An item as a record; a column without an attribute is null.
///
/// # Errors
/// `Corrupt` if it is not what the schema says.
pub(crate) fn record(table: &Table, mut item: Item) -> Result<Record> {
    let revision = trace(table, &item)?.revision;
    let values = table
        .kind
        .columns
        .iter()
        .map(|column| match item.remove(column.name) {
            None => Ok(Value::Null),
            Some(attribute) => value(column, attribute)
                .ok_or_else(|| corrupt(table, &format!("the attribute {} is not what the schema says", column.name))),
        })
        .collect::<Result<_>>()?;
    Ok(Record { kind: table.kind, values, revision })
}

/// What an item tells of the transaction that wrote it last.
///
/// # Errors
/// `Corrupt` if it tells nothing.
pub(crate) fn trace(table: &Table, item: &Item) -> Result<Trace> {
    let number = |name: &str| -> Result<u64> {
        let text = item.get(name).and_then(|attribute| attribute.as_n().ok());
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| corrupt(table, &format!("the attribute {name} is missing")))
    };
    Ok(Trace { revision: number(REVISION)?, transaction: number(TRANSACTION)? })
}

/// What an item tells that must be known before the record is written.
///
/// # Errors
/// `Corrupt` if it is not what the schema says.
pub(crate) fn known(table: &Table, item: &Item) -> Result<Known> {
    let watched = table.watched.iter().map(|column| {
        let Some(column) = table.kind.columns.get(*column) else { return Ok(Value::Null) };
        match item.get(column.name) {
            None => Ok(Value::Null),
            Some(attribute) => value(column, attribute.clone())
                .ok_or_else(|| corrupt(table, &format!("the attribute {} is not what the schema says", column.name))),
        }
    });
    Ok(Known { trace: trace(table, item)?, watched: watched.collect::<Result<_>>()? })
}

/// The bytes of an attribute.
pub(crate) fn blob<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name).and_then(|attribute| attribute.as_b().ok()).map(AsRef::as_ref)
}

fn value(column: &Column, attribute: AttributeValue) -> Option<Value> {
    Some(match (column.column_type, attribute) {
        (ColumnType::Text, AttributeValue::S(text)) => Value::Text(text),
        (ColumnType::Integer, AttributeValue::N(number)) => Value::Integer(number.parse().ok()?),
        (ColumnType::Boolean, AttributeValue::Bool(boolean)) => Value::Boolean(boolean),
        (ColumnType::Timestamp, AttributeValue::S(text)) => Value::Timestamp(text.parse::<Timestamp>().ok()?),
        (ColumnType::Json, AttributeValue::S(text)) => Value::Json(Json::from_text(text).ok()?),
        (ColumnType::Bytes, AttributeValue::B(blob)) => Value::Bytes(blob.into_inner()),
        _ => return None,
    })
}

fn corrupt(table: &Table, message: &str) -> Error {
    Error::corrupt(format!("an item of the table {} cannot be read: {message}", table.name))
        .with_record_kind(table.kind.name)
}

#[cfg(test)]
mod tests {
    use aquifer_core::SCHEMA;

    use super::*;
    use crate::layout::Layout;
    use crate::options::DynamoOptions;

    /// An item's size as DynamoDB counts it, about.
    fn size(item: &Item) -> usize {
        let bytes = |attribute: &AttributeValue| match attribute {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.len() / 2 + 1,
            AttributeValue::B(blob) => blob.as_ref().len(),
            _ => 1,
        };
        item.iter().map(|(name, attribute)| name.len() + bytes(attribute)).sum()
    }

    /// A record with what Aquifer writes in its columns: ids of 29 characters, hashes of 64, short names, no payloads.
    fn typical(kind: &'static str) -> Item {
        let kind = SCHEMA.kind(kind).unwrap();
        let value = |column: &Column| match column.column_type {
            ColumnType::Text if column.name.ends_with("hash") => Value::from("0".repeat(64)),
            ColumnType::Text if column.name == "id" || column.name.ends_with("_id") || column.name == "owner" => {
                Value::from("x".repeat(29))
            }
            ColumnType::Text => Value::from("x".repeat(12)),
            ColumnType::Integer => Value::from(12),
            ColumnType::Boolean => Value::from(true),
            ColumnType::Timestamp => Value::from(Timestamp::EPOCH),
            ColumnType::Json => Value::from(Json::from_text("{}".to_owned()).unwrap()),
            ColumnType::Bytes => Value::from(vec![0; 64]),
        };
        let record = Record::new(kind, kind.columns.iter().map(value).collect());
        let layout = Layout::new(&DynamoOptions::default(), &SCHEMA).unwrap();
        let place = layout.place(&record.key()).unwrap();
        let item = item(layout.at(&place).unwrap(), &place, &record, u64::MAX >> 1).unwrap();
        assert_eq!(super::record(layout.at(&place).unwrap(), item.clone()).unwrap(), Record { revision: 1, ..record });
        item
    }

    #[test]
    fn items_take_what_the_documentation_says() {
        let execution = size(&typical("executions"));
        assert!((1024..2048).contains(&execution), "{execution}");
        for kind in ["steps", "events", "execution_logs"] {
            let size = size(&typical(kind));
            assert!(size < 700, "{kind} {size}");
        }
    }

    #[test]
    fn an_item_has_its_places_and_its_expiry() {
        let message = typical("messages");
        assert_eq!(message.get(EXPIRY), Some(&number(1)));
        assert!(message.contains_key("_by_expiry") && message.contains_key("_by_type"));
        assert!(!typical("executions").contains_key(EXPIRY));
    }
}
