//! Values on their way into statements and out of rows, in PostgreSQL's binary format.

use aquifer_core::{ColumnType, Error, Json, Result, Timestamp, Value};
use aquifer_sql::network::Parameter;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo};
use sqlx::{Arguments as _, Postgres, Row as _, Type};

/// The first microsecond of the year 2000, which PostgreSQL counts from.
const EPOCH: i64 = 946_684_800_000_000;

/// The version of the binary format of `jsonb`.
const JSONB_VERSION: u8 = 1;

/// The numbers of a type and of its array, the same in every database.
fn oids(column_type: ColumnType) -> (u32, u32) {
    match column_type {
        ColumnType::Text => (25, 1009),
        ColumnType::Integer => (20, 1016),
        ColumnType::Boolean => (16, 1000),
        ColumnType::Timestamp => (1184, 1185),
        ColumnType::Json => (3802, 3807),
        ColumnType::Bytes => (17, 1001),
    }
}

/// The parameters of a statement.
///
/// # Errors
/// `TooLarge` for a value beyond what the protocol takes.
pub(crate) fn arguments(parameters: &[Parameter<'_>]) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for parameter in parameters {
        arguments.add(Bound(parameter)).map_err(|error| {
            Error::new(aquifer_core::ErrorKind::TooLarge, format!("a value cannot be sent: {error}"))
        })?;
    }
    Ok(arguments)
}

/// A parameter on its way.
struct Bound<'a>(&'a Parameter<'a>);

impl Type<Postgres> for Bound<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(oids(ColumnType::Text).0))
    }
}

impl<'q> Encode<'q, Postgres> for Bound<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self.0 {
            Parameter::One(_, value) if value.is_null() => Ok(IsNull::Yes),
            Parameter::One(_, value) => {
                write(value, buffer);
                Ok(IsNull::No)
            }
            Parameter::Many(column_type, values) => {
                let has_null = values.iter().any(|value| value.is_null());
                for number in [1, i32::from(has_null)] {
                    buffer.extend_from_slice(&number.to_be_bytes());
                }
                buffer.extend_from_slice(&oids(*column_type).0.to_be_bytes());
                for number in [i32::try_from(values.len())?, 1] {
                    buffer.extend_from_slice(&number.to_be_bytes());
                }
                for value in values {
                    element(value, buffer)?;
                }
                Ok(IsNull::No)
            }
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(match self.0 {
            Parameter::One(column_type, _) => oids(*column_type).0,
            Parameter::Many(column_type, _) => oids(*column_type).1,
        })))
    }
}

/// One element of an array: its length, -1 for null, and its bytes.
fn element(value: &Value, buffer: &mut PgArgumentBuffer) -> Result<(), BoxDynError> {
    if value.is_null() {
        buffer.extend_from_slice(&(-1_i32).to_be_bytes());
        return Ok(());
    }
    let place = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    write(value, buffer);
    let length = i32::try_from(buffer.len() - place - 4)?;
    if let Some(at) = buffer.get_mut(place..place + 4) {
        at.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn write(value: &Value, buffer: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Text(text) => buffer.extend_from_slice(text.as_bytes()),
        Value::Integer(integer) => buffer.extend_from_slice(&integer.to_be_bytes()),
        Value::Boolean(boolean) => buffer.push(u8::from(*boolean)),
        Value::Timestamp(time) => buffer.extend_from_slice(&time.as_micros().saturating_sub(EPOCH).to_be_bytes()),
        Value::Json(json) => {
            buffer.push(JSONB_VERSION);
            buffer.extend_from_slice(json.as_str().as_bytes());
        }
        Value::Bytes(bytes) => buffer.extend_from_slice(bytes),
    }
}

/// The values of a row that holds `columns`, in their order.
///
/// # Errors
/// `Corrupt` where it does not.
pub(crate) fn values(row: &PgRow, columns: &[ColumnType]) -> Result<Vec<Value>> {
    let read = |(position, column_type): (usize, &ColumnType)| {
        let stored = row.try_get_raw(position).ok()?;
        match stored.as_bytes() {
            Ok(bytes) => value(*column_type, bytes),
            Err(_) => Some(Value::Null),
        }
    };
    let wrong = || Error::corrupt("a column does not hold what the schema says");
    columns.iter().enumerate().map(|column| read(column).ok_or_else(wrong)).collect()
}

fn value(column_type: ColumnType, bytes: &[u8]) -> Option<Value> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some(match column_type {
        ColumnType::Text => Value::Text(text(bytes)?),
        ColumnType::Integer => Value::Integer(integer(bytes)?),
        ColumnType::Boolean => match bytes {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            _ => return None,
        },
        ColumnType::Timestamp => Value::Timestamp(Timestamp::from_micros(integer(bytes)?.checked_add(EPOCH)?).ok()?),
        ColumnType::Json => match bytes {
            [JSONB_VERSION, document @ ..] => Value::Json(Json::from_text(text(document)?).ok()?),
            _ => return None,
        },
        ColumnType::Bytes => Value::Bytes(bytes.to_vec()),
    })
}

fn integer(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}
