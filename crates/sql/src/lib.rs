//! The SQL backends, generated from the declared schema through a small dialect.
//!
//! [`Dialect`] is one database's SQL as data; [`migration`] and [`Catalog`] write the tables and the statements of every declared
//! kind in it, once. [`sqlite`] is the backend over a SQLite file, [`network`] what the backends over servers share.
//!
//! ```
//! use aquifer_core::{Backend, SCHEMA, Scan};
//! use aquifer_sql::{SqliteBackend, SqliteOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> aquifer_core::Result<()> {
//! // A file would be `SqliteOptions::from_url("sqlite:workflows.db")?`.
//! let backend = SqliteBackend::open(SqliteOptions::memory(), &SCHEMA)?;
//! backend.migrate().await?;
//! let tenants = SCHEMA.kind("tenants").ok_or_else(|| aquifer_core::Error::invalid("no tenants"))?;
//! assert!(backend.scan(&Scan::key(tenants)).await?.records.is_empty());
//! backend.close().await
//! # }
//! ```

mod dialect;
mod json_rows;
pub mod network;
pub mod sqlite;
mod statements;
mod tables;
mod text;

#[cfg(test)]
mod tests;

pub use dialect::{Bulk, Comments, Dialect, IndexHint, MARIADB, MYSQL, POSTGRES, Placeholder, SQLITE, Types};
pub use json_rows::{JsonRows, JsonStatements};
pub use sqlite::{Durability, SqliteBackend, SqliteOptions};
pub use statements::{Catalog, Statements};
pub use tables::{index_name, migration};
pub use text::Query;
