//! Values as members of sorted sets, whose bytes order them as the contract does.
//!
//! A member is the values of its order's columns, each followed by a NUL, which no text holds. All stand as they are stored: text,
//! times in RFC 3339 with a fixed width, `false` and `true`. An integer's digits get a letter before them that says how many they are, from
//! `A` up; those of a negative one get a letter from `?` down and are turned around. The scripts do the same.

use std::ops::Bound;

use aquifer_core::Value;

/// Adds a value to a member.
pub(crate) fn push(member: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null | Value::Json(_) | Value::Bytes(_) => {}
        Value::Text(text) => member.extend_from_slice(text.as_bytes()),
        Value::Integer(integer) => push_integer(member, *integer),
        Value::Boolean(boolean) => member.extend_from_slice(boolean.to_string().as_bytes()),
        Value::Timestamp(time) => member.extend_from_slice(time.to_string().as_bytes()),
    }
    member.push(0);
}

fn push_integer(member: &mut Vec<u8>, integer: i64) {
    let digits = integer.unsigned_abs().to_string();
    // At most 20 digits.
    let length = digits.len() as u8;
    if integer >= 0 {
        member.push(b'@' + length);
        member.extend_from_slice(digits.as_bytes());
    } else {
        member.push(b'@' - length);
        member.extend(digits.bytes().map(|digit| b'0' + b'9' - digit));
    }
}

/// The member, or the beginning of one, that these values make.
pub(crate) fn member(values: &[Value]) -> Vec<u8> {
    let mut member = Vec::new();
    for value in values {
        push(&mut member, value);
    }
    member
}

/// A range of members, as `ZRANGEBYLEX` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) low: Vec<u8>,
    pub(crate) high: Vec<u8>,
}

impl Range {
    /// The members that begin with `prefix` and whose next value is within the bounds.
    pub(crate) fn new(prefix: &[Value], lower: &Bound<Value>, upper: &Bound<Value>) -> Self {
        let prefix = member(prefix);
        let with = |sign: u8, value: Option<&Value>, end: &[u8]| {
            let mut bound = vec![sign];
            bound.extend_from_slice(&prefix);
            if let Some(value) = value {
                push(&mut bound, value);
                // Instead of the NUL that ends the value, what comes after it.
                bound.pop();
            }
            bound.extend_from_slice(end);
            bound
        };
        let low = match lower {
            Bound::Unbounded => with(b'[', None, &[]),
            Bound::Included(value) => with(b'[', Some(value), &[0]),
            Bound::Excluded(value) => with(b'[', Some(value), &[1]),
        };
        let high = match upper {
            // No text in UTF-8 has this byte.
            Bound::Unbounded => with(b'(', None, &[0xff]),
            Bound::Included(value) => with(b'(', Some(value), &[1]),
            Bound::Excluded(value) => with(b'(', Some(value), &[0]),
        };
        Self { low, high }
    }

    /// What of it comes after a member, in the direction of the scan.
    pub(crate) fn after(self, last: &[u8], descending: bool) -> Self {
        let bound = [b"(", last].concat();
        match descending {
            false if self.low.get(1..).unwrap_or(&[]) <= last => Self { low: bound, ..self },
            true if self.high.get(1..).unwrap_or(&[]) > last => Self { high: bound, ..self },
            _ => self,
        }
    }

    /// What of it is not above a member.
    pub(crate) fn up_to(self, last: &[u8]) -> Self {
        Self { high: [b"[", last].concat(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use aquifer_core::Timestamp;

    use super::*;

    #[test]
    fn members_are_ordered_as_their_values() {
        let integers = [i64::MIN, -1_000, -999, -10, -9, -1, 0, 1, 9, 10, 99, 100, i64::MAX].map(Value::from);
        let texts = ["", " ", "a", "a\u{1}", "aa", "b", "ä", "\u{ffff}", "😀"].map(Value::from);
        let times = [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX].map(Value::from);
        for values in [&integers[..], &texts, &times, &[Value::from(false), Value::from(true)]] {
            for pair in values.windows(2) {
                let one = member(&[pair[0].clone(), Value::from("z")]);
                let other = member(&[pair[1].clone(), Value::from("a")]);
                assert!(one < other, "{pair:?}");
            }
        }
    }

    #[test]
    fn bounds_let_in_what_they_say() {
        let values = ["a", "a\u{1}", "ab", "b"];
        let inside = |lower: Bound<Value>, upper: Bound<Value>| {
            let range = Range::new(&[Value::from(1)], &lower, &upper);
            let holds = |text: &&str| {
                let member = member(&[Value::from(1), Value::from(*text), Value::from("key")]);
                member.as_slice() >= &range.low[1..] && member.as_slice() < &range.high[1..]
            };
            values.into_iter().filter(holds).collect::<Vec<_>>()
        };
        let value = |text: &str| Value::from(text);
        assert_eq!(inside(Bound::Unbounded, Bound::Unbounded), values);
        assert_eq!(inside(Bound::Included(value("a")), Bound::Included(value("ab"))), ["a", "a\u{1}", "ab"]);
        assert_eq!(inside(Bound::Excluded(value("a")), Bound::Excluded(value("ab"))), ["a\u{1}"]);
        assert_eq!(inside(Bound::Excluded(value("b")), Bound::Unbounded), Vec::<&str>::new());
    }
}
