//! The backend over a SQLite file: real tables, one writer thread, a few reader threads.
//!
//! SQLite is a library that blocks, so that it runs on threads of our own: a batch of transactions is one hop to the writer
//! thread and one durable SQLite transaction there.

mod backend;
mod bare;
mod checkpoint;
mod claim;
mod commit;
mod connection;
mod error;
mod migrate;
mod options;
mod read;
mod refusal;
mod session;
mod values;
mod workers;

#[cfg(test)]
mod tests;

pub use backend::SqliteBackend;
pub use bare::bare_rates;
pub use migrate::CREATE_META;
pub use options::{Durability, SqliteOptions};

/// The backend's name in errors.
const NAME: &str = "sqlite";
