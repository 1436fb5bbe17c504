//! Typed values of columns.

use std::cmp::Ordering;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, Result};
use crate::timestamp::Timestamp;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text without U+0000, kept byte for byte, ordered by its bytes.
    Text,
    /// A signed 64-bit integer.
    Integer,
    /// True or false; false orders first.
    Boolean,
    /// A [`Timestamp`].
    Timestamp,
    /// A JSON document that people query. A backend may normalise white space, the order of members and
    /// the spelling of numbers; text that must come back byte for byte is [`ColumnType::Text`].
    Json,
    /// Bytes.
    Bytes,
}

/// One value of a record.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value; only in nullable columns.
    Null,
    /// A [`ColumnType::Text`].
    Text(String),
    /// A [`ColumnType::Integer`].
    Integer(i64),
    /// A [`ColumnType::Boolean`].
    Boolean(bool),
    /// A [`ColumnType::Timestamp`].
    Timestamp(Timestamp),
    /// A [`ColumnType::Json`].
    Json(Json),
    /// A [`ColumnType::Bytes`].
    Bytes(Vec<u8>),
}

impl Value {
    /// The column type this value belongs in; `None` for null.
    pub fn column_type(&self) -> Option<ColumnType> {
        match self {
            Self::Null => None,
            Self::Text(_) => Some(ColumnType::Text),
            Self::Integer(_) => Some(ColumnType::Integer),
            Self::Boolean(_) => Some(ColumnType::Boolean),
            Self::Timestamp(_) => Some(ColumnType::Timestamp),
            Self::Json(_) => Some(ColumnType::Json),
            Self::Bytes(_) => Some(ColumnType::Bytes),
        }
    }

    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes this takes in a backend; used for limits, never for billing.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 1,
            Self::Text(text) => text.len(),
            Self::Integer(_) | Self::Timestamp(_) => 8,
            Self::Json(json) => json.as_str().len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// The order that every backend's indexes follow, for two values of one column. Null orders first;
    /// JSON and bytes never stand in an index and compare by their bytes.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (Self::Timestamp(a), Self::Timestamp(b)) => a.cmp(b),
            (Self::Json(a), Self::Json(b)) => a.as_str().cmp(b.as_str()),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Text(_) => 1,
            Self::Integer(_) => 2,
            Self::Boolean(_) => 3,
            Self::Timestamp(_) => 4,
            Self::Json(_) => 5,
            Self::Bytes(_) => 6,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => fmt::Debug::fmt(text, f),
            Self::Integer(integer) => fmt::Display::fmt(integer, f),
            Self::Boolean(boolean) => fmt::Display::fmt(boolean, f),
            Self::Timestamp(time) => fmt::Display::fmt(time, f),
            Self::Json(json) => f.write_str(json.as_str()),
            Self::Bytes(bytes) => write!(f, "<{} bytes>", bytes.len()),
        }
    }
}

macro_rules! value_from {
    ($($variant:ident($type:ty)),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

value_from!(Text(String), Text(&str), Integer(i64), Boolean(bool), Timestamp(Timestamp), Json(Json), Bytes(Vec<u8>));

/// A JSON document as text: parsed where somebody looks into it, not on the way through.
///
/// Two documents are equal if they mean the same, whatever their white space and order of members.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Serialises `value`.
    ///
    /// # Errors
    /// `Invalid` if it cannot be represented, such as a map with keys that are not text.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        serde_json::value::to_raw_value(value)
            .map(Self)
            .map_err(|error| Error::invalid("value cannot be written as JSON").with_source(error))
    }

    /// Takes text that must be one JSON document.
    ///
    /// # Errors
    /// `Invalid` if it is not.
    pub fn from_text(text: String) -> Result<Self> {
        RawValue::from_string(text)
            .map(Self)
            .map_err(|error| Error::invalid("text is not a JSON document").with_source(error))
    }

    /// Reads the document into `T`.
    ///
    /// # Errors
    /// `Corrupt` if it does not have that shape.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.as_str())
            .map_err(|error| Error::corrupt("stored JSON does not have the expected shape").with_source(error))
    }

    /// The document's text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        if self.as_str() == other.as_str() {
            return true;
        }
        match (self.decode::<serde_json::Value>(), other.decode::<serde_json::Value>()) {
            (Ok(a), Ok(b)) => mean_the_same(&a, &b),
            _ => false,
        }
    }
}

/// Whether two documents differ in nothing but spelling: `1e3` is `1000`.
fn mean_the_same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.is_f64() || b.is_f64()) && a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| mean_the_same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let other = |name: &String, value: &Value| b.get(name).is_some_and(|other| mean_the_same(value, other));
            a.len() == b.len() && a.iter().all(|(name, value)| other(name, value))
        }
        _ => a == b,
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_equal_whatever_their_spelling() {
        let json = |text: &str| Json::from_text(text.to_owned()).unwrap();
        for (a, b) in [("1e3", "1000"), ("1.50", "1.5"), (r#"{"a":1,"b":[1e0]}"#, r#"{"b": [1.0], "a": 1.0}"#)] {
            assert_eq!(json(a), json(b));
        }
        for (a, b) in [
            ("1", "2"),
            ("1", "\"1\""),
            ("[1]", "[1,1]"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            ("9007199254740993", "9007199254740992"),
        ] {
            assert_ne!(json(a), json(b));
        }
    }
}
