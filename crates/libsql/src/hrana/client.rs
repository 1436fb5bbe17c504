//! Sending batches, and what may go wrong on the way.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aquifer_core::{Error, ErrorKind, Result, Retry};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::batch::Batch;
use super::reply::Reply;
use crate::error::{of_batch, of_status};
use crate::options::LibsqlOptions;

/// The largest reply that is read. A server's own limit is 10 MB of values, which JSON spells with six times as many bytes at most.
const MOST_REPLY_BYTES: usize = 96 << 20;

/// How much of a refusal is read: it goes into an error.
const MOST_REFUSAL_BYTES: usize = 2048;

/// What a batch does, and so what a lost reply to it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It only reads: doing it again is always fine.
    Read,
    /// It writes: without a reply it is unknown whether it did.
    Write,
}

impl Access {
    /// Whether a batch that got no reply may be sent again.
    pub(crate) fn without_reply(self) -> Retry {
        match self {
            Self::Read => Retry::Transient,
            Self::Write => Retry::Unknown,
        }
    }
}

/// Why there is no reply to a batch.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The rows would be more than the server sends at once; nothing was written.
    ReplyTooLarge,
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Failure {
    /// The error to answer where there is no way to ask for less.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::ReplyTooLarge => Error::new(ErrorKind::TooLarge, "a reply would be larger than the server sends"),
            Self::Failed(error) => error,
        }
    }
}

/// A client of one server, with a pool of connections.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    options: LibsqlOptions,
    pipeline: String,
    /// The requests that may still be under way at once.
    places: Semaphore,
    is_closed: AtomicBool,
    /// Whether the server has answered before: it knows the database then.
    has_answered: AtomicBool,
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// `Invalid` if the options cannot be used, or the machine has no certificate authorities.
    pub(crate) fn new(options: LibsqlOptions) -> Result<Self> {
        install_crypto_provider();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = options.authorization()? {
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("aquifer/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .pool_max_idle_per_host(options.max_connections)
            .pool_idle_timeout(options.idle_timeout)
            .tcp_keepalive(Duration::from_secs(15))
            .referer(false)
            // Whoever redirects would get the token.
            .redirect(Policy::none());
        if let Some(host) = options.host_header()? {
            headers.insert(HOST, host);
            // HTTP/2 has no such header.
            builder = builder.http1_only();
        }
        if options.url.starts_with("http://") {
            // Nobody else is to read the token.
            builder = builder.no_proxy();
        }
        let http = builder.default_headers(headers).build().map_err(|error| {
            Error::invalid("the client cannot start: check that the machine has certificate authorities")
                .with_source(error)
        })?;
        let pipeline = format!("{}/v2/pipeline", options.url);
        let places = Semaphore::new(options.max_connections);
        Ok(Self {
            http,
            options,
            pipeline,
            places,
            is_closed: AtomicBool::new(false),
            has_answered: AtomicBool::new(false),
        })
    }

    /// Sends a batch and reads what became of its steps.
    ///
    /// # Errors
    /// `Unavailable` if there is no reply, `Unauthorized`, or what else the server says of the batch as a whole.
    pub(crate) async fn run(&self, batch: &Batch<'_>, access: Access) -> Result<Reply, Failure> {
        let body = batch.to_json().map_err(|error| Error::invalid("a batch cannot be written").with_source(error))?;
        let _place = self.place().await?;
        let exchange = async {
            let response = self.http.post(&self.pipeline).body(body).send().await;
            let response = response.map_err(|error| self.unsent(error, access))?;
            self.accepted(response, access).await
        };
        let limit = self.options.request_timeout;
        let body = tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
            let message =
                format!("{} did not answer within {limit:?}: see the option request_timeout", self.place_name());
            Err(Error::unavailable(message).with_retry(access.without_reply()))
        })?;
        let reply = Reply::read(&body, batch.len()).map_err(|error| {
            Error::unavailable(format!("{} answers what Hrana over HTTP does not know", self.place_name()))
                .with_retry(access.without_reply())
                .with_source(error)
        })?;
        reply.map_err(|error| match error.is("RESPONSE_TOO_LARGE") {
            true => Failure::ReplyTooLarge,
            false => Failure::Failed(of_batch(&error, self.place_name(), access)),
        })
    }

    /// What the server says that it is; `None` if it does not say.
    pub(crate) async fn version(&self) -> Option<String> {
        let _place = self.place().await.ok()?;
        let request = self.http.get(format!("{}/version", self.options.url)).timeout(self.options.request_timeout);
        let response = request.send().await.ok().filter(|response| response.status() == StatusCode::OK)?;
        let body = read(response, MOST_REFUSAL_BYTES).await.ok()?;
        let text = String::from_utf8(body).ok()?;
        // "sqld 0.24.32 (40c272de 2025-02-14)"
        let mut words = text.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        let is_version = version.len() < 40 && version.starts_with(|c: char| c.is_ascii_digit());
        (name == "sqld" && is_version).then(|| format!("{name} {version}"))
    }

    /// The server's name in messages.
    pub(crate) fn place_name(&self) -> &str {
        &self.options.url
    }

    /// Refuses every later request.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.places.close();
    }

    /// Fails if the client is closed.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) { Err(closed()) } else { Ok(()) }
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>> {
        let limit = self.options.acquire_timeout;
        match tokio::time::timeout(limit, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(closed()),
            Err(_) => {
                let most = self.options.max_connections;
                Err(Error::unavailable(format!(
                    "{most} requests to {} have been under way for {limit:?}: raise max_connections or acquire_timeout",
                    self.place_name()
                )))
            }
        }
    }

    /// What it means that sending failed.
    fn unsent(&self, error: reqwest::Error, access: Access) -> Error {
        let place = self.place_name();
        // The error names the URL, which messages do already.
        let (is_connect, error) = (error.is_connect(), error.without_url());
        if is_connect && speaks_of_certificate(&error) {
            let message = format!(
                "the certificate of {place} is not trusted: add its authority to those of the machine, or set SSL_CERT_FILE"
            );
            return Error::invalid(message).with_source(error);
        }
        if is_connect {
            let message = format!("cannot connect to {place}: is it up, and are host, port and the option tls right?");
            return Error::unavailable(message).with_source(error);
        }
        let message = format!("the connection to {place} broke before the reply");
        Error::unavailable(message).with_retry(access.without_reply()).with_source(error)
    }

    /// The body of a reply that is no refusal.
    async fn accepted(&self, response: Response, access: Access) -> Result<Vec<u8>> {
        let status = response.status();
        if status == StatusCode::OK {
            self.has_answered.store(true, Ordering::Relaxed);
            return read(response, MOST_REPLY_BYTES).await.map_err(|error| {
                let message = format!("the reply of {} did not come whole", self.place_name());
                Error::unavailable(message).with_retry(access.without_reply()).with_source(error)
            });
        }
        // What else it says helps, but is not needed.
        let said = read(response, MOST_REFUSAL_BYTES).await.unwrap_or_default();
        let mut said = String::from_utf8_lossy(&said).trim().to_owned();
        if let Some(token) = &self.options.auth_token {
            said = said.replace(token.as_str(), "***");
        }
        // A server that starts or stops does not know its databases for a moment.
        if status == StatusCode::NOT_FOUND && self.has_answered.load(Ordering::Relaxed) {
            let message = format!("{} does not find its database for now", self.place_name());
            return Err(Error::unavailable(message).with_source(said));
        }
        Err(of_status(status, &said, self.place_name(), self.options.auth_token.is_some(), access))
    }
}

/// Whether connecting failed because of the server's certificate: only texts tell, several errors down.
fn speaks_of_certificate(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Reads a body of at most `most` bytes.
async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        if body.len() + chunk.len() > most {
            return Err(format!("it has more than {most} bytes").into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn closed() -> Error {
    Error::unavailable("the database is closed").with_retry(Retry::Permanent)
}

/// Makes `ring` the process's TLS implementation, unless the program has chosen one before.
fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails where the program has chosen: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
