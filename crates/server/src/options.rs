//! How a server is set up.

use std::time::Duration;

use aquifer_core::TenantId;
use aquifer_engine::DEFAULT_TENANT;

use crate::metrics::PrometheusHandle;

/// How a server works. The defaults suit a person's machine.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The tenant whose records the server shows.
    pub tenant: TenantId,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// How long a request's head may take to arrive, and a connection may stay idle.
    pub head_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a request may take to be answered, `max_wait` not included. Streams of events are not held to it.
    pub request_timeout: Duration,
    /// The longest that a request may ask to wait for an execution's end.
    pub max_wait: Duration,
    /// How often an events stream looks for news where no wake-up tells.
    pub poll: Duration,
    /// How long a shutdown waits for requests under way.
    pub grace: Duration,
    /// Where `/metrics` reads from, see [`crate::install_metrics`]; without it there is nothing at that path.
    pub metrics: Option<PrometheusHandle>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            tenant: DEFAULT_TENANT.into(),
            max_body_bytes: 16 << 20,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            max_wait: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(10),
            metrics: None,
        }
    }
}
