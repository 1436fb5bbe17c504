//! One request.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What need not be escaped in a path or a query (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One request to the REST interface.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads.
    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new("GET", segments)
    }

    /// Creates, or asks for something to be done.
    pub(crate) fn post(segments: &[&str]) -> Self {
        Self::new("POST", segments)
    }

    /// Removes.
    pub(crate) fn delete(segments: &[&str]) -> Self {
        Self::new("DELETE", segments)
    }

    /// A request to the path under `/api/v1` with these segments.
    fn new(method: &'static str, segments: &[&str]) -> Self {
        let mut path = "/api/v1".to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, RESERVED));
        }
        Self { method, path, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a parameter, if there is a value.
    pub(crate) fn query(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(name);
            self.path.push('=');
            self.path.extend(utf8_percent_encode(value, RESERVED));
        }
        self
    }

    /// Adds a header, if there is a value.
    pub(crate) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.headers.push((name, value.to_owned()));
        }
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, media_type: &'static str, body: Vec<u8>) -> Self {
        self.headers.push(("content-type", media_type.to_owned()));
        self.body = body;
        self
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, document: &Value) -> Self {
        self.body("application/json", document.to_string().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_stays_within_its_place() {
        let request = Request::get(&["workflows", "a/b?c"]).query("cursor", Some("x&y=z")).query("limit", None);
        assert_eq!(request.path, "/api/v1/workflows/a%2Fb%3Fc?cursor=x%26y%3Dz");
        assert_eq!(request.query("limit", Some("5")).path, "/api/v1/workflows/a%2Fb%3Fc?cursor=x%26y%3Dz&limit=5");
    }
}
