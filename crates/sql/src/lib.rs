//! The SQL backends, generated from the declared schema through a small dialect.
//!
//! [`Dialect`] is one database's SQL as data; [`migration`] and [`Catalog`] write the tables and the statements of every declared
//! kind in it, once. [`sqlite`] is the backend over a SQLite file.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod dialect;
pub mod sqlite;
mod statements;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

pub use dialect::{Dialect, IndexHint, MARIADB, MYSQL, POSTGRES, Placeholder, SQLITE, Types};
pub use sqlite::{Durability, SqliteBackend, SqliteOptions};
pub use statements::{Catalog, Statements};
pub use tables::{index_name, migration};
pub use writer::Query;
