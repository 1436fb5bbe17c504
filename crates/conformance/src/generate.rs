//! Records for any declared schema.

use std::collections::HashMap;

use aquifer_core::{ColumnType, Json, Kind, Record, Schema, Timestamp, Value};

/// One record of every kind of a schema, in the order of the schema, so that each reference has its target.
///
/// Families of different `number` differ in every value; those of one `tenant` share what is called `tenant_id`, `tenant` and
/// what refers to it.
pub(crate) fn family(schema: &'static Schema, tenant: &str, number: i64) -> Vec<Record> {
    let mut records: HashMap<&'static str, Record> = HashMap::new();
    let mut family = Vec::with_capacity(schema.kinds.len());
    for kind in schema.kinds.iter().copied() {
        let mut record =
            Record::new(kind, (0..kind.columns.len()).map(|column| value(kind, column, tenant, number)).collect());
        for reference in kind.references {
            if let Some(target) = records.get(reference.target) {
                for (column, value) in reference.columns.iter().zip(target.key().values) {
                    record.values[*column] = value;
                }
            }
        }
        records.insert(kind.name, record.clone());
        family.push(record);
    }
    family
}

/// A record that differs from `record` in every value but for its tenant and what it refers to.
pub(crate) fn sibling(record: &Record, number: i64) -> Record {
    let kind = record.kind;
    let mut sibling = record.clone();
    for column in (0..kind.columns.len()).filter(|column| !is_referring(kind, *column)) {
        if is_tenant(kind, column) {
            // The tenant itself, and not what belongs to it.
            if kind.key == [column] {
                sibling.values[column] = Value::from(format!("sibling {number:06}"));
            }
        } else {
            sibling.values[column] = value(kind, column, "", number);
        }
    }
    sibling
}

/// A value for a column. The same `number` gives the same value, greater ones greater values.
pub(crate) fn value(kind: &'static Kind, column: usize, tenant: &str, number: i64) -> Value {
    let declared = &kind.columns[column];
    if is_tenant(kind, column) {
        return Value::from(tenant);
    }
    match declared.column_type {
        ColumnType::Text => Value::from(format!("{} {number:06} é", declared.name)),
        ColumnType::Integer => Value::from(number * 1000 + column as i64),
        ColumnType::Boolean => Value::from(number % 2 == 0),
        // Far enough ahead that nothing expires while a test runs.
        ColumnType::Timestamp => Value::from(
            Timestamp::from_micros(250_000_000_000_000_000 + number * 1_000_003 + column as i64).expect("in range"),
        ),
        ColumnType::Json => Value::from(
            Json::encode(
                &serde_json::json!({ "column": declared.name, "number": number, "list": [null, true, 1.5, "ü"] }),
            )
            .expect("a document"),
        ),
        ColumnType::Bytes => Value::from(number.to_be_bytes().into_iter().chain([0, 255, 10, 13]).collect::<Vec<u8>>()),
    }
}

/// Whether the column says whose the record is.
pub(crate) fn is_tenant(kind: &'static Kind, column: usize) -> bool {
    matches!(kind.columns[column].name, "tenant_id" | "tenant") || (kind.name == "tenants" && kind.key == [column])
}

/// Whether a reference holds the column.
pub(crate) fn is_referring(kind: &'static Kind, column: usize) -> bool {
    kind.references.iter().any(|reference| reference.columns.contains(&column))
}
