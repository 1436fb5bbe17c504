//! JSON documents, as BSON where that keeps what they mean, so that people can query them; else as text.
//!
//! A string in a column of documents is the text of a document; everything else is the document itself.

use std::collections::HashSet;
use std::fmt;

use aquifer_core::{Error, Json, Result};
use mongodb::bson::{Bson, Document};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Longer ones stay text: in BSON a long array of small numbers takes several times the bytes, and a document has a limit.
const LONGEST: usize = 128 << 10;
/// The deepest nesting that becomes BSON; the database takes 100 levels in all.
const DEEPEST: usize = 64;
/// More digits than this are more than a float keeps.
const DIGITS: usize = 15;

/// A document as it is stored.
pub(crate) fn to_bson(json: &Json) -> Bson {
    let text = json.as_str();
    native(text).unwrap_or_else(|| Bson::String(text.to_owned()))
}

/// The document that was stored; `None` for what [`to_bson`] does not write.
///
/// # Errors
/// `Corrupt` for text that is no document.
pub(crate) fn from_bson(bson: Bson) -> Result<Json> {
    match bson {
        Bson::String(text) => {
            Json::from_text(text).map_err(|error| Error::corrupt("a stored document is not JSON").with_source(error))
        }
        other => Json::encode(&to_json(other)?),
    }
}

/// The BSON that means the same; `None` where there is none.
fn native(text: &str) -> Option<Bson> {
    if text.len() > LONGEST || has_long_number(text) {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match (Level(0)).deserialize(&mut deserializer) {
        // A string would be taken for text.
        Ok(Bson::String(_)) | Err(_) => None,
        Ok(bson) => Some(bson),
    }
}

/// Whether a number has more digits than a float keeps, outside of strings. Short integers of 64 bits are not long.
fn has_long_number(text: &str) -> bool {
    let (mut is_string, mut is_escaped) = (false, false);
    let mut number = String::new();
    for byte in text.bytes().chain([b' ']) {
        if is_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' if number.len() <= 64 => number.push(char::from(byte)),
            b'"' => is_string = true,
            _ => {}
        }
        if !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
            let digits = number.bytes().filter(u8::is_ascii_digit).count();
            if digits > DIGITS && number.parse::<i64>().is_err() {
                return true;
            }
            number.clear();
        }
    }
    false
}

/// Builds BSON from JSON at a depth, and fails for what BSON does not keep.
struct Level(usize);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Bson;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Bson, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Bson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document that BSON keeps")
    }

    fn visit_unit<E>(self) -> std::result::Result<Bson, E> {
        Ok(Bson::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Bson, E> {
        Ok(Bson::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Bson, E> {
        Ok(Bson::Int64(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Bson, E> {
        i64::try_from(value).map(Bson::Int64).map_err(|_| E::custom("more than 64 bits"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Bson, E> {
        // Not every reader of BSON tells the zeros apart.
        if value == 0.0 && value.is_sign_negative() {
            return Err(E::custom("negative zero"));
        }
        Ok(Bson::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Bson, E> {
        Ok(Bson::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Bson, A::Error> {
        let below = below(self.0)?;
        let mut array = Vec::new();
        while let Some(value) = seq.next_element_seed(Level(below))? {
            array.push(value);
        }
        Ok(Bson::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Bson, A::Error> {
        let below = below(self.0)?;
        let mut document = Document::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let is_odd = key.is_empty() || key.starts_with('$') || key.contains(['.', '\0']);
            if is_odd || !seen.insert(key.clone()) {
                return Err(A::Error::custom("a name that BSON does not keep"));
            }
            let value = map.next_value_seed(Level(below))?;
            document.insert(key, value);
        }
        Ok(Bson::Document(document))
    }
}

fn below<E: serde::de::Error>(depth: usize) -> std::result::Result<usize, E> {
    if depth < DEEPEST { Ok(depth + 1) } else { Err(E::custom("too deep")) }
}

/// What people may have made of a document with their own tools is read as far as JSON goes.
fn to_json(bson: Bson) -> Result<serde_json::Value> {
    use serde_json::Value;
    let odd = || Error::corrupt("a stored document holds what JSON has not");
    Ok(match bson {
        Bson::Null => Value::Null,
        Bson::Boolean(value) => Value::from(value),
        Bson::Int32(value) => Value::from(value),
        Bson::Int64(value) => Value::from(value),
        Bson::Double(value) => serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(odd)?,
        Bson::String(value) => Value::from(value),
        Bson::Array(values) => values.into_iter().map(to_json).collect::<Result<_>>()?,
        Bson::Document(fields) => {
            let fields = fields.into_iter().map(|(name, value)| Ok((name, to_json(value)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
        _ => return Err(odd()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::from_text(text.to_owned()).unwrap()
    }

    fn is_native(text: &str) -> bool {
        !matches!(to_bson(&json(text)), Bson::String(_))
    }

    #[test]
    fn what_bson_keeps_can_be_queried() {
        for text in ["null", "true", "-1", "9223372036854775807", "1.5", "[]", "{}", r#"{"a":[1,{"b":null}],"c":"x"}"#]
        {
            assert!(is_native(text), "{text}");
            assert_eq!(from_bson(to_bson(&json(text))).unwrap(), json(text));
        }
    }

    #[test]
    fn what_bson_does_not_keep_stays_text() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        let long = format!("[{}0]", "0,".repeat(LONGEST / 2));
        let texts = [
            r#""text""#,
            r#"{"a":1,"a":2}"#,
            r#"{"$a":1}"#,
            r#"{"a.b":1}"#,
            r#"{"":1}"#,
            r#"{"a":{"\u0000":1}}"#,
            "[9223372036854775808]",
            "123456789012345678901234567890",
            "0.1000000000000000055511151231257827",
            "[-0.0]",
            "1e400",
            deep.as_str(),
            long.as_str(),
        ];
        for text in texts {
            assert!(!is_native(text), "{text:.100}");
            assert_eq!(from_bson(to_bson(&json(text))).unwrap().as_str(), text);
        }
    }

    #[test]
    fn digits_in_strings_are_no_numbers() {
        assert!(!has_long_number(r#"{"12345678901234567890.5":"\"12345678901234567890.5"}"#));
        assert!(has_long_number(r#"{"a":12345678901234567890.5}"#));
    }
}
