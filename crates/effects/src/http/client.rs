//! Sending: one pooled client for all calls.

use std::{error::Error, sync::Once};

use reqwest::{Method, header::CONTENT_LENGTH, redirect::Policy};
use serde_json::Value;

use super::{
    HttpCall, HttpOptions,
    redirect::{MAX_REDIRECTS, follow},
    request::Request,
    response,
};
use crate::Failure;

/// Makes HTTP calls over a shared pool of connections. Cloning it is cheap and shares the pool.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    options: HttpOptions,
}

impl Client {
    /// Creates a client that trusts the certificate authorities of the machine.
    ///
    /// # Errors
    ///
    /// `Configuration` if the options cannot be used or the machine has no certificate authorities.
    pub fn new(options: HttpOptions) -> Result<Self, Failure> {
        install_crypto_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect_timeout)
            .pool_max_idle_per_host(options.max_idle_per_host)
            .pool_idle_timeout(options.idle_timeout)
            .referer(false)
            // Whether to follow is each call's own choice, and so is what goes along.
            .redirect(Policy::none());
        if !options.use_environment_proxy {
            builder = builder.no_proxy();
        }
        let inner = builder.build().map_err(|e| {
            Failure::configuration(format!(
                "the http client cannot start: {}; check its options and that the machine has ca certificates",
                explain(&e)
            ))
        })?;
        Ok(Self { inner, options })
    }

    /// Makes a call and returns what its `output` asks for.
    ///
    /// The reply must have a status of 200-299, or of 200-399 if `redirect` is set (DSL reference, "HTTP Call").
    /// Dropping the future aborts the request.
    ///
    /// # Errors
    ///
    /// * `Configuration` 400: bad method, URI, header, query or form; nothing was sent.
    /// * `Expression` 400: a template variable of a wrong type; nothing was sent.
    /// * `Communication` with the reply's status: the reply is not a success.
    /// * `Communication` 500: no reply in time, a broken or too large one, or one that is not the JSON it claims to be.
    pub async fn call(&self, call: HttpCall<'_>) -> Result<Value, Failure> {
        let (output, redirect) = (call.output, call.redirect);
        let mut request = Request::new(call)?;
        let exchange = async {
            let reply = self.send(&mut request, redirect).await?;
            let status = reply.status();
            if status.is_success() || (redirect && status.is_redirection()) {
                let limit = self.options.max_response_bytes;
                response::result(&request, reply, output, limit).await.map(Outcome::Result)
            } else {
                Ok(Outcome::Refused(reply))
            }
        };
        let patience = self.options.request_timeout;
        let outcome = tokio::time::timeout(patience, exchange).await.unwrap_or_else(|_| {
            let detail = format!("{}: no complete reply within {patience:?}", request.describe());
            Err(Failure::communication(detail))
        })?;
        match outcome {
            Outcome::Result(value) => Ok(value),
            Outcome::Refused(reply) => Err(response::refusal(&request, reply, patience).await),
        }
    }

    /// Sends the request, and again as redirects ask if they are to be followed; `request` is then the last one.
    async fn send(&self, request: &mut Request, redirect: bool) -> Result<reqwest::Response, Failure> {
        let mut redirects = 0;
        loop {
            let mut builder =
                self.inner.request(request.method.clone(), request.uri.clone()).headers(request.headers.clone());
            match &request.body {
                Some(body) => builder = builder.body(body.clone()),
                // Some servers refuse these without a length, and the library does not state one of nothing.
                None if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) => {
                    builder = builder.header(CONTENT_LENGTH, 0);
                }
                None => {}
            }
            let reply = builder
                .send()
                .await
                .map_err(|e| Failure::communication(format!("{}: no reply: {}", request.describe(), explain(&e))))?;
            if !redirect || redirects == MAX_REDIRECTS {
                return Ok(reply);
            }
            let Some(next) = follow(request, reply.status(), reply.headers()) else {
                return Ok(reply);
            };
            *request = next;
            redirects += 1;
        }
    }
}

/// How an exchange with a server ends.
enum Outcome {
    Result(Value),
    /// The status is not a success; what else the server says is still to be read.
    Refused(reqwest::Response),
}

/// An error with its causes and without its URI, which may hold secrets.
pub(super) fn explain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "unknown cause".to_owned() } else { text }
}

/// Chooses ring for the whole process: without a choice the TLS library panics on its first use.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    // An error means that the program has chosen a provider before, which serves as well.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}
