//! Values on their way to the driver and back.

use aquifer_core::{ColumnType, Error, Json, Result, Timestamp, Value};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::{Arguments, Decode, MySql, Row, ValueRef};

/// Adds one parameter. Null has the type of its column, because a server prepares a statement for the types it is given.
///
/// # Errors
/// `Invalid` for a value that the driver cannot send.
pub(crate) fn bind(arguments: &mut MySqlArguments, column_type: ColumnType, value: &Value) -> Result<()> {
    let added = match value {
        Value::Null => match column_type {
            ColumnType::Text | ColumnType::Json | ColumnType::Timestamp => arguments.add(None::<&str>),
            ColumnType::Integer => arguments.add(None::<i64>),
            ColumnType::Boolean => arguments.add(None::<bool>),
            ColumnType::Bytes => arguments.add(None::<&[u8]>),
        },
        Value::Text(text) => arguments.add(text.as_str()),
        Value::Integer(integer) => arguments.add(*integer),
        Value::Boolean(boolean) => arguments.add(*boolean),
        Value::Timestamp(time) => arguments.add(date_time(*time)),
        Value::Json(json) => arguments.add(json.as_str()),
        Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
    };
    added.map_err(|error| Error::invalid("a value cannot be sent to the server").with_source(error))
}

/// The values of a row whose columns are of these types.
///
/// # Errors
/// `Corrupt` where the row does not hold that.
pub(crate) fn read(row: &MySqlRow, columns: &[ColumnType]) -> Result<Vec<Value>> {
    columns.iter().enumerate().map(|(position, column_type)| value(row, position, *column_type)).collect()
}

fn value(row: &MySqlRow, position: usize, column_type: ColumnType) -> Result<Value> {
    let unreadable = || Error::corrupt(format!("column {position} of a row does not hold what the schema says"));
    let stored = row.try_get_raw(position).map_err(|error| unreadable().with_source(error))?;
    if stored.is_null() {
        return Ok(Value::Null);
    }
    let unread = |error| unreadable().with_source(error);
    Ok(match column_type {
        ColumnType::Text => Value::Text(<String as Decode<MySql>>::decode(stored).map_err(unread)?),
        ColumnType::Integer => Value::Integer(<i64 as Decode<MySql>>::decode(stored).map_err(unread)?),
        ColumnType::Boolean => match <i64 as Decode<MySql>>::decode(stored).map_err(unread)? {
            0 => Value::Boolean(false),
            1 => Value::Boolean(true),
            _ => return Err(unreadable()),
        },
        ColumnType::Timestamp => {
            let bytes = <&[u8] as Decode<MySql>>::decode(stored).map_err(unread)?;
            Value::Timestamp(timestamp(bytes).ok_or_else(unreadable)?)
        }
        ColumnType::Json => Value::Json(Json::from_text(<String as Decode<MySql>>::decode(stored).map_err(unread)?)?),
        ColumnType::Bytes => Value::Bytes(<Vec<u8> as Decode<MySql>>::decode(stored).map_err(unread)?),
    })
}

/// A time as the text of a `DATETIME(6)` in UTC. Such a column counts the calendar and knows no time zone, so that the
/// years 1 to 9999 fit as they are.
fn date_time(time: Timestamp) -> String {
    time.to_string().replace('T', " ").replace('Z', "")
}

/// The time in a `DATETIME` as the binary protocol sends it: its length, the year in two bytes, month, day, hour, minute and
/// second in one each, and microseconds in four; zeros at the end are left out.
fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let (length, rest) = bytes.split_first()?;
    if rest.len() != usize::from(*length) || !matches!(length, 4 | 7 | 11) {
        return None;
    }
    let mut sent = [0; 11];
    sent.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    let [year, century, month, day, hour, minute, second, micros @ ..] = sent;
    let year = u16::from_le_bytes([year, century]);
    let micros = u32::from_le_bytes(micros);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_without_a_zone() {
        assert_eq!(date_time(Timestamp::MIN), "0001-01-01 00:00:00.000000");
        assert_eq!(date_time(Timestamp::from_micros(-1).unwrap()), "1969-12-31 23:59:59.999999");
    }

    #[test]
    fn times_are_read_with_the_zeros_that_are_left_out() {
        for (bytes, text) in [
            (&[4, 0xe8, 0x07, 2, 29][..], "2024-02-29T00:00:00.000000Z"),
            (&[7, 1, 0, 1, 1, 23, 59, 58], "0001-01-01T23:59:58.000000Z"),
            (&[11, 0x0f, 0x27, 12, 30, 21, 0, 0, 0x3f, 0x42, 0x0f, 0], "9999-12-30T21:00:00.999999Z"),
        ] {
            assert_eq!(timestamp(bytes).map(|time| time.to_string()).as_deref(), Some(text));
        }
        for wrong in [&[][..], &[0], &[4, 1, 0, 1], &[4, 1, 0, 13, 1], &[5, 1, 0, 1, 1, 1]] {
            assert_eq!(timestamp(wrong), None, "{wrong:?}");
        }
    }
}
