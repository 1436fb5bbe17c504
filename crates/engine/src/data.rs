//! Values that flow between tasks, shared instead of copied.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// A value above this many bytes of JSON is stored once, by its hash, and referred to from wherever it stands: a commit
/// then costs the same however large the data is that lies unchanged in the workflow's hands.
pub(crate) const LARGE_BYTES: usize = 8 * 1024;

static NULL: LazyLock<Data> = LazyLock::new(|| Data::new(Value::Null));

/// A JSON value that is cheap to clone and remembers its text.
///
/// Serialises as `[value]`, or as the hash alone where the value is large and stored as a payload of the execution.
#[derive(Clone)]
pub(crate) struct Data(Arc<Inner>);

struct Inner {
    /// Read from the text when somebody looks, if the text came first.
    value: OnceLock<Value>,
    text: OnceLock<Box<RawValue>>,
    hash: OnceLock<String>,
    /// A value that was read as its hash only, and waits for [`Data::resolve`].
    pending: bool,
}

impl Data {
    pub(crate) fn new(value: Value) -> Self {
        Self(Arc::new(Inner {
            value: OnceLock::from(value),
            text: OnceLock::new(),
            hash: OnceLock::new(),
            pending: false,
        }))
    }

    /// A value that is there as text, and may never be looked at.
    pub(crate) fn from_text(text: Box<RawValue>) -> Self {
        Self(Arc::new(Inner {
            value: OnceLock::new(),
            text: OnceLock::from(text),
            hash: OnceLock::new(),
            pending: false,
        }))
    }

    pub(crate) fn null() -> Self {
        NULL.clone()
    }

    pub(crate) fn value(&self) -> &Value {
        self.0.value.get_or_init(|| {
            // There is a value or a text, and a text is JSON; null only stands in for the impossible.
            self.0.text.get().and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default()
        })
    }

    /// The value, without a copy if nobody else holds it.
    pub(crate) fn into_value(self) -> Value {
        self.value();
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.value.into_inner().unwrap_or_default(),
            Err(shared) => Self(shared).value().clone(),
        }
    }

    /// The value's JSON text, made once.
    pub(crate) fn text(&self) -> &str {
        self.0
            .text
            .get_or_init(|| {
                // A JSON value always has a text; null only stands in for the impossible.
                serde_json::value::to_raw_value(self.value()).unwrap_or_else(|_| RawValue::NULL.to_owned())
            })
            .get()
    }

    pub(crate) fn is_large(&self) -> bool {
        self.text().len() > LARGE_BYTES
    }

    /// The SHA-256 of the text, in hexadecimal.
    pub(crate) fn hash(&self) -> &str {
        self.0.hash.get_or_init(|| hex(&Sha256::digest(self.text().as_bytes())))
    }

    /// The hash of a value that was read without its content.
    pub(crate) fn pending(&self) -> Option<&str> {
        if self.0.pending { self.0.hash.get().map(String::as_str) } else { None }
    }

    /// Gives a pending value its content.
    pub(crate) fn resolve(&mut self, value: Data) {
        *self = value;
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')));
        }
    }
    text
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.value() == other.value()
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(hash) = self.pending() {
            return serializer.serialize_str(hash);
        }
        let text = self.text();
        if text.len() > LARGE_BYTES {
            return serializer.serialize_str(self.hash());
        }
        match self.0.text.get() {
            Some(raw) => serializer.collect_seq([raw]),
            None => serializer.collect_seq([self.value()]),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Inline([Value; 1]),
    Hash(String),
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Stored::deserialize(deserializer).map_err(|_| D::Error::custom("expected [value] or a hash"))? {
            Stored::Inline([value]) => Ok(Self::new(value)),
            Stored::Hash(hash) => Ok(Self(Arc::new(Inner {
                value: OnceLock::from(Value::Null),
                text: OnceLock::new(),
                hash: OnceLock::from(hash),
                pending: true,
            }))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn small_values_travel_inline_and_large_ones_by_hash() {
        let small = Data::new(json!({"a": "text", "b": ["$ref"]}));
        let text = serde_json::to_string(&small).unwrap();
        assert_eq!(text, r#"[{"a":"text","b":["$ref"]}]"#);
        assert_eq!(serde_json::from_str::<Data>(&text).unwrap(), small);

        let large = Data::new(json!("x".repeat(LARGE_BYTES)));
        let text = serde_json::to_string(&large).unwrap();
        assert_eq!(text, format!("{:?}", large.hash()));
        let mut back: Data = serde_json::from_str(&text).unwrap();
        assert_eq!(back.pending(), Some(large.hash()));
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        back.resolve(large.clone());
        assert_eq!(back, large);
        // A string that is itself data is not taken for a hash.
        assert_eq!(serde_json::to_string(&Data::new(json!("abc"))).unwrap(), r#"["abc"]"#);
    }

    #[test]
    fn a_value_that_came_as_text_is_the_same_value() {
        let data = Data::from_text(RawValue::from_string(r#"{"a": 1}"#.to_owned()).unwrap());
        assert_eq!(data.text(), r#"{"a": 1}"#);
        assert_eq!(data, Data::new(json!({"a": 1})));
        assert_eq!(data.clone().into_value(), json!({"a": 1}));
        assert_eq!(data.into_value(), json!({"a": 1}));
    }
}
