#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod combine;
mod connect;
mod driver;
mod error;
mod migrate;
mod options;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "the helpers of tests may fail")]
mod plans;
mod session;
mod stats;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
mod values;
mod watch;

pub use aquifer_sql::network::PoolOptions;
pub use backend::PostgresBackend;
pub use bare::bare_rates;
pub use driver::PgDriver;
pub use options::{PostgresOptions, SslMode};

/// The backend's name, as in its URL scheme.
const NAME: &str = "postgres";
