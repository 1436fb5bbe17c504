//! The backend over one PostgreSQL database.

use aquifer_sql::network::NetworkBackend;

use crate::driver::PgDriver;

/// The store contract over one PostgreSQL database, whose listings a replica may answer.
pub type PostgresBackend = NetworkBackend<PgDriver>;
