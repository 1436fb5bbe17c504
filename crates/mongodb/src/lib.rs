#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod claim;
mod commit;
mod connection;
mod error;
mod json;
mod layout;
mod migrate;
mod options;
mod order;
mod read;
mod stats;
mod values;
mod watch;

pub use backend::MongodbBackend;
pub use bare::bare_rates;
pub use options::MongodbOptions;
