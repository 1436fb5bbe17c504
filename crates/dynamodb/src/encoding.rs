//! Values as bytes whose order is that of the values, so that the order of a binary sort key is that of an index.

use aquifer_core::{Error, Result, Value};

/// The most bytes of a sort key.
pub(crate) const MAX_SORT_BYTES: usize = 1024;

/// The most bytes of a partition key.
pub(crate) const MAX_PARTITION_BYTES: usize = 2048;

/// Appends a value. No value's bytes begin another's of the same type, so that those of a list of values are ordered as the list is,
/// and what begins with some values is what begins with their bytes.
///
/// # Errors
/// `Corrupt` for a value that cannot stand in a key or an index.
pub(crate) fn append(bytes: &mut Vec<u8>, value: &Value) -> Result<()> {
    match value {
        Value::Text(text) => {
            // Text holds no U+0000, so that this ends it, below all that could follow.
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
        Value::Integer(integer) => append_integer(bytes, *integer),
        Value::Timestamp(time) => append_integer(bytes, time.as_micros()),
        Value::Boolean(boolean) => bytes.push(u8::from(*boolean)),
        Value::Null | Value::Json(_) | Value::Bytes(_) => {
            return Err(Error::corrupt("a key or an index holds a value that cannot stand in one"));
        }
    }
    Ok(())
}

/// The bytes of several values, one after the other.
///
/// # Errors
/// As for [`append`].
pub(crate) fn encode<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    values.into_iter().try_for_each(|value| append(&mut bytes, value))?;
    Ok(bytes)
}

/// The least bytes above all that begin with `bytes`; `None` if nothing is above.
pub(crate) fn above(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

fn append_integer(bytes: &mut Vec<u8>, integer: i64) {
    // With its sign turned, the least is all zeros.
    bytes.extend_from_slice(&(integer ^ i64::MIN).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use aquifer_core::Timestamp;

    use super::*;

    fn assert_ordered(values: Vec<Value>) {
        for a in &values {
            for b in &values {
                // Something behind them must not change their order.
                for (behind_a, behind_b) in [("", "z"), ("z", ""), ("\u{1}", "")] {
                    let bytes = |value: &Value, behind: &str| encode([value, &Value::from(behind)]).unwrap();
                    if a != b {
                        assert_eq!(bytes(a, behind_a).cmp(&bytes(b, behind_b)), a.compare(b), "{a:?} {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_are_ordered_as_the_values_are() {
        assert_ordered(["", " ", "a", "a\u{1}", "aa", "ab", "b", "é", "\u{10ffff}"].map(Value::from).into());
        assert_ordered([i64::MIN, -256, -1, 0, 1, 255, 256, i64::MAX].map(Value::from).into());
        assert_ordered([Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX].map(Value::from).into());
        assert_ordered([false, true].map(Value::from).into());
        assert!(encode([&Value::Null]).is_err());
    }

    #[test]
    fn what_is_above_is_above_all_that_begins_so() {
        assert_eq!(above(vec![1, 2]), Some(vec![1, 3]));
        assert_eq!(above(vec![1, 255, 255]), Some(vec![2]));
        assert_eq!(above(vec![255]), None);
        assert_eq!(above(vec![]), None);
    }
}
