//! What stands in a column instead of a value that is kept in parts, and how other values are told from it.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::value::{Json, Value};

/// What a marker in text or bytes begins with.
const PARTS: &[u8] = b"\x01parts ";
/// What is put before text or bytes that begin as a marker might.
const LITERAL: &[u8] = b"\x01plain ";
/// The one member of a document that is a marker.
const PARTS_MEMBER: &str = "$parts";
/// The one member of a document that holds another, which might be taken for a marker.
const LITERAL_MEMBER: &str = "$literal";

/// More than any marker takes.
pub(super) const MARKER_BYTES: usize = 128;

/// Names the parts of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// The id of the parts.
    pub(super) id: String,
    /// How many there are, besides the header.
    pub(super) parts: i64,
}

impl Marker {
    /// The marker as a value of the type of `value`.
    pub(super) fn stand_in(&self, value: &Value) -> Result<Value> {
        let text = format!("\x01parts {} {}", self.id, self.parts);
        Ok(match value {
            Value::Json(_) => Value::Json(Json::encode(&HashMap::from([(PARTS_MEMBER, (&self.id, self.parts))]))?),
            Value::Bytes(_) => Value::Bytes(text.into_bytes()),
            _ => Value::Text(text),
        })
    }

    /// The marker that a stored value is, if it is one.
    ///
    /// # Errors
    /// `Corrupt` for a marker that cannot be read.
    pub(super) fn of(value: &Value) -> Result<Option<Self>> {
        let text = match value {
            Value::Text(text) => text.as_bytes().strip_prefix(PARTS),
            Value::Bytes(bytes) => bytes.strip_prefix(PARTS),
            Value::Json(json) => {
                let marker = only_member(json).filter(|(name, _)| name == PARTS_MEMBER);
                return marker.map(|(_, marker)| marker.decode().map(|(id, parts)| Self { id, parts })).transpose();
            }
            Value::Null | Value::Integer(_) | Value::Boolean(_) | Value::Timestamp(_) => None,
        };
        text.map(Self::read).transpose()
    }

    fn read(text: &[u8]) -> Result<Self> {
        let marker = std::str::from_utf8(text).ok().and_then(|text| text.split_once(' '));
        match marker.map(|(id, parts)| (id, parts.parse())) {
            Some((id, Ok(parts))) => Ok(Self { id: id.to_owned(), parts }),
            _ => Err(Error::corrupt("a reference to the parts of a large value cannot be read")),
        }
    }
}

/// The form in which a value is stored that stands for itself.
pub(super) fn escape(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Text(text) if text.starts_with('\x01') => Value::Text(format!("\x01plain {text}")),
        Value::Bytes(bytes) if bytes.starts_with(b"\x01") => Value::Bytes([LITERAL, &bytes].concat()),
        Value::Json(json) if only_member(&json).is_some() => {
            Value::Json(Json::encode(&HashMap::from([(LITERAL_MEMBER, json)]))?)
        }
        value => value,
    })
}

/// The value that a stored one stands for that is no marker.
pub(super) fn unescape(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(match text.strip_prefix("\x01plain ") {
            Some(literal) => literal.to_owned(),
            None => text,
        }),
        Value::Bytes(bytes) => Value::Bytes(match bytes.strip_prefix(LITERAL) {
            Some(literal) => literal.to_vec(),
            None => bytes,
        }),
        Value::Json(json) => Value::Json(match only_member(&json) {
            Some((name, literal)) if name == LITERAL_MEMBER => literal,
            _ => json,
        }),
        value => value,
    }
}

/// The only member of a document, if it is one that means something here.
fn only_member(json: &Json) -> Option<(String, Json)> {
    let text = json.as_str();
    // Most documents have no dollar sign anywhere, plain or escaped, and need not be parsed.
    if !text.contains('$') && !text.contains("\\u0024") {
        return None;
    }
    let members: HashMap<String, Json> = json.decode().ok()?;
    let [(name, member)] = <[_; 1]>::try_from(members.into_iter().collect::<Vec<_>>()).ok()?;
    (name == PARTS_MEMBER || name == LITERAL_MEMBER).then_some((name, member))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::Json(Json::from_text(text.to_owned()).unwrap())
    }

    #[test]
    fn a_marker_is_read_from_every_type() {
        let marker = Marker { id: "pt_1_2_3".to_owned(), parts: 17 };
        for value in [Value::from("text"), json("{}"), Value::from(vec![1])] {
            let stored = marker.stand_in(&value).unwrap();
            assert!(stored.size() <= MARKER_BYTES);
            assert_eq!(stored.column_type(), value.column_type());
            assert_eq!(Marker::of(&stored).unwrap().as_ref(), Some(&marker));
        }
    }

    #[test]
    fn what_looks_like_a_marker_stands_for_itself() {
        let values = [
            Value::from("\x01parts pt_1 2"),
            Value::from("\x01plain \x01parts pt_1 2"),
            Value::from("\x01"),
            Value::from("plain"),
            Value::from(b"\x01parts pt_1 2".to_vec()),
            Value::from(b"\x01plain x".to_vec()),
            json(r#"{"$parts":["pt_1",2]}"#),
            json(r#"{"\u0024p\u0061rts":["pt_1",2]}"#),
            json(r#"{"$parts":1,"$parts":2}"#),
            json(r#"{"$literal":{"$parts":["pt_1",2]}}"#),
            json(r#"{"$parts":1,"more":2}"#),
            json(r#"["$parts"]"#),
            Value::Null,
        ];
        for value in values {
            let stored = escape(value.clone()).unwrap();
            assert_eq!(Marker::of(&stored).unwrap(), None, "{value:?}");
            assert_eq!(unescape(stored), value);
        }
    }
}
