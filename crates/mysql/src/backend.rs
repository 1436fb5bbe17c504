//! The backend over one database of a server.

use aquifer_sql::network::NetworkBackend;

use crate::driver::MysqlDriver;

/// The store contract over one database of a MySQL or MariaDB server.
pub type MysqlBackend = NetworkBackend<MysqlDriver>;
