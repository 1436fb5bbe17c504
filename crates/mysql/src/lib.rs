#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod connect;
mod driver;
mod error;
mod migrate;
mod options;
mod server;
mod session;
mod tls;
mod values;

pub use backend::MysqlBackend;
pub use bare::bare_rates;
pub use driver::MysqlDriver;
pub use options::MysqlOptions;
pub use tls::{SslMode, Tls};

/// The backend's name in errors and metrics, whichever of the two servers it is.
const NAME: &str = "mysql";
