//! HTTP calls (`call: http`).

mod body;
mod client;
mod media;
mod redirect;
mod request;
mod response;
mod template;

use std::time::Duration;

use serde_json::Value;

pub use client::Client;

/// How the client behaves, for all calls alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// The `User-Agent` of calls whose author sets none.
    pub user_agent: String,
    /// The longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest that a whole call may take, redirects and the reply's content included.
    pub request_timeout: Duration,
    /// The most bytes that a reply's content may have.
    pub max_response_bytes: usize,
    /// The most idle connections that are kept open to one host.
    pub max_idle_per_host: usize,
    /// How long an idle connection is kept open.
    pub idle_timeout: Duration,
    /// Whether the proxies that `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name are used.
    pub use_environment_proxy: bool,
}

impl Default for HttpOptions {
    /// 10 s to connect, 5 minutes for a call, 100 MiB, 32 idle connections per host for 90 s, proxies as the
    /// environment says.
    fn default() -> Self {
        Self {
            user_agent: concat!("aquifer/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(300),
            max_response_bytes: 100 * 1024 * 1024,
            max_idle_per_host: 32,
            idle_timeout: Duration::from_secs(90),
            use_environment_proxy: true,
        }
    }
}

/// One HTTP call, all expressions evaluated.
///
/// It has no `Debug`: headers, query and body may hold secrets.
pub struct HttpCall<'a> {
    /// The request's method, in any case; a custom one is allowed.
    pub method: String,
    /// An absolute `http` or `https` URI.
    pub endpoint: String,
    /// Whether `endpoint` is the author's text, in which `{name}` is expanded. The result of an expression is data
    /// and must not be.
    pub is_template: bool,
    /// The task's input, whose top-level members are the template's variables.
    pub variables: &'a Value,
    /// An object of strings, numbers and booleans; null members are left out.
    pub headers: Option<Value>,
    /// As `headers`; an array repeats its parameter.
    pub query: Option<Value>,
    /// The content. It is sent as JSON unless the `Content-Type` header says otherwise: then a string is sent as it
    /// is, and an object as a form if the type is `application/x-www-form-urlencoded`. Null is no content.
    pub body: Option<Value>,
    /// What the call returns.
    pub output: Output,
    /// Whether redirects are followed (at most 10), and a reply of 300-399 that cannot be followed is a success.
    pub redirect: bool,
    /// Sent as `Idempotency-Key` unless the author sets that header.
    pub idempotency_key: String,
}

/// What an HTTP call returns. A reply without content counts as null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// The content in base64.
    Raw,
    /// The content: JSON deserialised, text as a string, anything else in base64.
    #[default]
    Content,
    /// `{request: {method, uri, headers}, statusCode, headers, content}`. Header names are in lower case; the values
    /// of request headers that carry credentials are shown as `***`.
    Response,
}
