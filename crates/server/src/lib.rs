//! The REST and server-sent events interface of Aquifer.
//!
//! [`router`] gives the routes over an engine, [`serve`] a server on a socket. What the routes answer is in [`documents`];
//! errors are [`Problem`] documents (RFC 9457). The rules that all routes follow are in `docs/api.md`, the routes themselves in
//! the OpenAPI document, [`openapi`].

mod app;
pub mod documents;
mod extract;
mod metrics;
mod nearest;
mod observe;
mod openapi;
mod options;
mod problem;
mod routes;
mod serve;
mod stream;

pub use app::router;
pub use metrics::{PrometheusHandle, install_metrics};
pub use openapi::openapi;
pub use options::ServerOptions;
pub use problem::{Mistake, Problem, ProblemType};
pub use serve::serve;
