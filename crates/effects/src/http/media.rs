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
        if matches!(essence.as_str(), "application/json" | "text/json")
            || essence.ends_with("+json")
        {
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
                serde_json::from_slice(json).map_err(|e| {
                    Failure::communication(format!("the reply is not valid json: {e}"))
                })
            }
            Self::Text(Charset::Latin1) => Ok(Value::String(
                content.iter().copied().map(char::from).collect(),
            )),
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
