//! The content of a request.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{media::Media, request::scalars};
use crate::Failure;

/// The bytes to send; sets `Content-Type` where the author does not.
pub(super) fn encode(body: Option<Value>, headers: &mut HeaderMap) -> Result<Option<Vec<u8>>, Failure> {
    let Some(body) = body.filter(|body| !body.is_null()) else {
        return Ok(None);
    };
    let media = match headers.get(CONTENT_TYPE) {
        Some(value) => Media::parse(&String::from_utf8_lossy(value.as_bytes())),
        None => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Media::Json
        }
    };
    let bytes = match (media, body) {
        (Media::Form, Value::Object(fields)) => form(&fields)?,
        (Media::Form | Media::Text(_) | Media::Binary, Value::String(text)) => text.into_bytes(),
        (_, value) => serde_json::to_vec(&value)
            .map_err(|e| Failure::configuration(format!("the body cannot be written as json: {e}")))?,
    };
    Ok(Some(bytes))
}

fn form(fields: &serde_json::Map<String, Value>) -> Result<Vec<u8>, Failure> {
    let mut form = Serializer::new(String::new());
    for (name, value) in fields {
        for text in scalars("form field", name, value)? {
            form.append_pair(name, &text);
        }
    }
    Ok(form.finish().into_bytes())
}
