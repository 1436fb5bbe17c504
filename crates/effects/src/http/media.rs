//! Media types: what content is, and how it becomes a value.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::Failure;

/// What a `Content-Type` says that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Form,
    Text(Charset),
    Binary,
}

/// The character sets that are decoded; text in any other is treated as binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Latin1,
}

/// Types that are text though their name does not begin with `text/`.
const TEXTUAL: &[&str] = &[
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json-seq",
    "application/jsonl",
    "application/ndjson",
    "application/sql",
    "application/toml",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
];

impl Media {
    /// Reads a `Content-Type`. None, or one that is not understood, is binary.
    pub(super) fn parse(content_type: &str) -> Self {
        let mut parts = content_type.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        if matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json") {
            return Self::Json;
        }
        if essence == "application/x-www-form-urlencoded" {
            return Self::Form;
        }
        let textual = essence.starts_with("text/")
            || essence.ends_with("+xml")
            || essence.ends_with("+yaml")
            || TEXTUAL.contains(&essence.as_str());
        let charset = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
        match charset.as_deref() {
            _ if !textual => Self::Binary,
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Self::Text(Charset::Utf8),
            Some("iso-8859-1" | "iso8859-1" | "latin1") => Self::Text(Charset::Latin1),
            Some(_) => Self::Binary,
        }
    }

    /// The value of content that is not empty. Text that is not valid in its character set is kept as base64, so
    /// that nothing is lost.
    pub(super) fn decode(&self, content: Vec<u8>) -> Result<Value, Failure> {
        match self {
            Self::Json => {
                let json = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
                serde_json::from_slice(json)
                    .map_err(|e| Failure::communication(format!("the reply is not valid json: {e}")))
            }
            Self::Text(Charset::Latin1) => Ok(Value::String(content.iter().copied().map(char::from).collect())),
            Self::Text(Charset::Utf8) | Self::Form => {
                Ok(String::from_utf8(content).map_or_else(|e| base64(e.as_bytes()), Value::String))
            }
            Self::Binary => Ok(base64(&content)),
        }
    }
}

/// The content as a base64 string.
pub(super) fn base64(content: &[u8]) -> Value {
    Value::String(BASE64_STANDARD.encode(content))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Media;
    use crate::Kind;

    fn decode(content_type: &str, content: &[u8]) -> Value {
        Media::parse(content_type).decode(content.to_vec()).expect("decodable")
    }

    #[test]
    fn json_is_deserialised_whatever_its_parameters() {
        for content_type in [
            "application/json",
            "APPLICATION/JSON; charset=utf-8",
            "application/json;odata.metadata=minimal",
            "application/problem+json",
            "application/vnd.api+json; version=1",
            "text/json",
        ] {
            assert_eq!(decode(content_type, br#"{"a":[1,null]}"#), json!({"a": [1, null]}), "{content_type}");
        }
        assert_eq!(decode("application/json", b"\xef\xbb\xbf1"), json!(1));
        assert_eq!(decode("application/json", br#"{"a":1,"a":2}"#), json!({"a": 2}));
    }

    #[test]
    fn unusable_json_is_a_communication_error() {
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        for content in [&b"{"[..], b"{} x", b"", b"\xff", b"1e999", &deep] {
            let failure = Media::Json.decode(content.to_vec()).unwrap_err();
            assert_eq!((failure.kind, failure.status), (Kind::Communication, 500));
            assert!(failure.detail.contains("not valid json"), "{}", failure.detail);
        }
    }

    #[test]
    fn text_is_a_string() {
        for content_type in [
            "text/plain",
            "text/html; charset=UTF-8",
            "text/csv; header=present; charset=\"utf-8\"",
            "application/xml",
            "application/atom+xml",
            "application/yaml",
            "application/x-www-form-urlencoded",
        ] {
            assert_eq!(decode(content_type, "é=1".as_bytes()), json!("é=1"), "{content_type}");
        }
        assert_eq!(decode("text/plain; charset=ISO-8859-1", b"caf\xe9"), json!("café"));
    }

    #[test]
    fn anything_else_is_base64() {
        for content_type in ["", "image/png", "application/octet-stream", "nonsense", "text/plain; charset=shift_jis"] {
            assert_eq!(decode(content_type, b"\x00\xff"), json!("AP8="), "{content_type}");
        }
        // not valid in the character set: kept, not mangled
        assert_eq!(decode("text/plain", b"\x00\xff"), json!("AP8="));
    }
}
