//! What to send: method, URI, headers and content, checked before anything goes out.

use std::borrow::Cow;

use reqwest::{
    Method, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};

use super::{HttpCall, body, template};
use crate::Failure;

/// The header that carries an effect's key.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers that say how a message is framed, which only the client can know.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One request, ready to be sent, and to be sent again elsewhere after a redirect.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) uri: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl Request {
    /// Checks a call and puts it together.
    pub(super) fn new(call: HttpCall<'_>) -> Result<Self, Failure> {
        let method = method(&call.method)?;
        let mut uri = if call.is_template {
            parse(&template::expand(&call.endpoint, call.variables)?)?
        } else {
            parse(&call.endpoint)?
        };
        add_query(&mut uri, object("query", call.query)?)?;
        let mut headers = headers(&object("headers", call.headers)?)?;
        if !headers.contains_key(IDEMPOTENCY_KEY) {
            let key = HeaderValue::from_str(&call.idempotency_key)
                .map_err(|_| Failure::configuration("the idempotency key cannot be sent as a header"))?;
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        let body = body::encode(call.body, &mut headers)?;
        Ok(Self { method, uri, headers, body })
    }

    /// The method and URI for an error message: no password and no query, which may hold secrets.
    pub(super) fn describe(&self) -> String {
        let mut uri = without_userinfo(&self.uri);
        let query = if uri.query().is_some() { "?..." } else { "" };
        uri.set_query(None);
        uri.set_fragment(None);
        format!("{} {uri}{query}", self.method)
    }
}

/// The URI with `***` in place of a user name and password.
pub(super) fn without_userinfo(uri: &Url) -> Url {
    let mut uri = uri.clone();
    // Both fail only for a URI without a host, which has no user either.
    if uri.password().is_some() {
        let _ = uri.set_password(Some("***"));
    }
    if !uri.username().is_empty() {
        let _ = uri.set_username("***");
    }
    uri
}

/// Whether a header carries credentials, by its name.
pub(super) fn is_sensitive(name: &HeaderName) -> bool {
    const WORDS: &[&str] = &[
        "access-key",
        "api-key",
        "apikey",
        "authorization",
        "cookie",
        "credential",
        "password",
        "secret",
        "subscription-key",
        "token",
    ];
    WORDS.iter().any(|word| name.as_str().contains(word))
}

/// The texts of a value that may be a scalar, null (none) or an array of these (several).
pub(super) fn scalars<'v>(what: &str, name: &str, value: &'v Value) -> Result<Vec<Cow<'v, str>>, Failure> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    items.iter().filter(|item| !item.is_null()).map(|item| scalar(what, name, item)).collect()
}

fn scalar<'v>(what: &str, name: &str, value: &'v Value) -> Result<Cow<'v, str>, Failure> {
    match value {
        Value::String(text) => Ok(Cow::Borrowed(text)),
        Value::Bool(_) | Value::Number(_) => Ok(Cow::Owned(value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Failure::configuration(format!("{what} {name:?} must be a string, number or boolean")))
        }
    }
}

fn method(text: &str) -> Result<Method, Failure> {
    let method = Method::from_bytes(text.trim().to_ascii_uppercase().as_bytes())
        .map_err(|_| Failure::configuration(format!("{text:?} is not an http method")))?;
    if method == Method::CONNECT {
        return Err(Failure::configuration("the method CONNECT asks for a tunnel, which a call cannot use"));
    }
    Ok(method)
}

fn parse(text: &str) -> Result<Url, Failure> {
    let uri = Url::parse(text.trim())
        .map_err(|e| Failure::configuration(format!("the endpoint is not an absolute uri: {e}")))?;
    match uri.scheme() {
        "http" | "https" => Ok(uri),
        other => Err(Failure::configuration(format!(
            "the endpoint's scheme is {other:?}: only http and https can be called"
        ))),
    }
}

fn object(what: &str, value: Option<Value>) -> Result<Map<String, Value>, Failure> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(Failure::configuration(format!("{what} must be an object of names and values"))),
    }
}

fn add_query(uri: &mut Url, query: Map<String, Value>) -> Result<(), Failure> {
    let mut pairs = Vec::new();
    for (name, value) in &query {
        pairs.extend(scalars("query parameter", name, value)?.into_iter().map(|text| (name, text)));
    }
    // Opening the query for writing would add a bare "?".
    if !pairs.is_empty() {
        uri.query_pairs_mut().extend_pairs(pairs);
    }
    Ok(())
}

fn headers(members: &Map<String, Value>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::configuration(format!("{name:?} is not a header name")))?;
        if FRAMING.contains(&key.as_str()) {
            return Err(Failure::configuration(format!(
                "header {name:?} is computed from the request and cannot be set"
            )));
        }
        let value = HeaderValue::from_bytes(scalar("header", name, value)?.as_bytes())
            .map_err(|_| Failure::configuration(format!("header {name:?} has a value with a control character")))?;
        headers.insert(key, value);
    }
    Ok(headers)
}
