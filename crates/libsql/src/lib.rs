#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod claim;
mod commit;
mod error;
mod hrana;
mod migrate;
mod options;
mod read;
mod stats;
mod values;

pub use backend::LibsqlBackend;
pub use bare::bare_rates;
pub use options::LibsqlOptions;

/// The backend's name in errors.
const NAME: &str = "libsql";
