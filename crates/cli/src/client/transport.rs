//! How a request reaches its routes.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use tower::ServiceExt;
use url::Url;

use super::request::Request;
use crate::failure::{Failure, Result};

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest wait for the next bytes of a reply; a server may itself wait for a minute before it answers.
const READ: Duration = Duration::from_secs(150);

/// How a request reaches its routes.
pub(super) enum Transport {
    /// Over the network.
    Remote { client: reqwest::Client, base: Url },
    /// By a call in this process.
    Local(Router),
}

impl Transport {
    /// To the server at `base`.
    ///
    /// # Errors
    /// If the system's trusted certificates cannot be read.
    pub(super) fn remote(base: &Url) -> Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("aquifer-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .build()
            .map_err(|error| Failure::failed("the HTTP client cannot be made").with_source(&error))?;
        Ok(Self::Remote { client, base: base.clone() })
    }

    /// To the routes themselves.
    pub(super) fn local(router: Router) -> Self {
        Self::Local(router)
    }

    /// Sends a request; returns the status and the body of the reply.
    ///
    /// # Errors
    /// If nobody answers.
    pub(super) async fn send(&self, request: Request) -> Result<(u16, Vec<u8>)> {
        match self {
            Self::Remote { client, base } => remote(client, base, request).await,
            Self::Local(router) => local(router, request).await,
        }
    }
}

async fn remote(client: &reqwest::Client, base: &Url, request: Request) -> Result<(u16, Vec<u8>)> {
    let unreachable = |error: &(dyn Error + 'static)| {
        Failure::failed(format!("the server at {base} does not answer"))
            .with_source(error)
            .with_hint("start one with `aquifer serve`, or work straight on the database with --database-url")
    };
    let url = format!("{}{}", base.as_str().trim_end_matches('/'), request.path);
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|error| unreachable(&error))?;
    let mut builder = client.request(method, url).body(request.body);
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    // The URL is in the message already.
    let reply = builder.send().await.map_err(|error| unreachable(&error.without_url()))?;
    let status = reply.status().as_u16();
    let body = reply.bytes().await.map_err(|error| unreachable(&error.without_url()))?;
    Ok((status, body.to_vec()))
}

async fn local(router: &Router, request: Request) -> Result<(u16, Vec<u8>)> {
    let failed = |error: &(dyn Error + 'static)| Failure::unusable("the request cannot be made").with_source(error);
    let mut builder = axum::http::Request::builder().method(request.method).uri(request.path);
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    let request = builder.body(Body::from(request.body)).map_err(|error| failed(&error))?;
    let reply = match router.clone().oneshot(request).await {
        Ok(reply) => reply,
        Err(never) => match never {},
    };
    let status = reply.status().as_u16();
    let body = to_bytes(reply.into_body(), usize::MAX).await.map_err(|error| failed(&error))?;
    Ok((status, body.to_vec()))
}
