//! The servers that tests may ask for.

use std::fmt;

/// A server, or a group of servers that is reached through one URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Server {
    /// PostgreSQL without TLS; the user of its URL is a superuser.
    Postgres,
    /// PostgreSQL that accepts nothing but TLS: the user of its URL by password, the user `app` by client certificate.
    PostgresTls,
    /// A streaming replica of [`Postgres`](Self::Postgres), read-only.
    PostgresReplica,
    /// PgBouncer in transaction mode before [`Postgres`](Self::Postgres).
    PgBouncer,
    /// MariaDB; the user of its URL has all rights.
    Mariadb,
    /// MySQL proper; the user of its URL has all rights. It cannot be had everywhere, ask with [`try_url`](crate::try_url).
    Mysql,
    /// A libSQL server without authentication.
    Libsql,
    /// Redis without persistence.
    Redis,
    /// A Redis Cluster of three nodes; its URL names one of them.
    RedisCluster,
    /// A Redis primary with one replica, watched by three sentinels; its URL names the sentinels, and `aquifer` as the
    /// name of the primary.
    RedisSentinel,
    /// Redis that accepts nothing but TLS, and wants a password.
    RedisTls,
    /// Valkey without persistence.
    Valkey,
    /// MongoDB as a replica set of one, or what stands for it: see [`mongodb_kind`](crate::mongodb_kind).
    Mongodb,
    /// A server with DynamoDB's interface.
    Dynamodb,
}

impl Server {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 14] = [
        Self::Postgres,
        Self::PostgresTls,
        Self::PostgresReplica,
        Self::PgBouncer,
        Self::Mariadb,
        Self::Mysql,
        Self::Libsql,
        Self::Redis,
        Self::RedisCluster,
        Self::RedisSentinel,
        Self::RedisTls,
        Self::Valkey,
        Self::Mongodb,
        Self::Dynamodb,
    ];

    /// The name on the command line and in the state file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::PostgresTls => "postgres-tls",
            Self::PostgresReplica => "postgres-replica",
            Self::PgBouncer => "pgbouncer",
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
            Self::Libsql => "libsql",
            Self::Redis => "redis",
            Self::RedisCluster => "redis-cluster",
            Self::RedisSentinel => "redis-sentinel",
            Self::RedisTls => "redis-tls",
            Self::Valkey => "valkey",
            Self::Mongodb => "mongodb",
            Self::Dynamodb => "dynamodb",
        }
    }

    /// The server with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|server| server.name() == name)
    }

    /// The environment variable whose URL is used instead of a server of our own: `AQUIFER_TEST_POSTGRES_TLS_URL`.
    pub fn variable(self) -> String {
        format!("AQUIFER_TEST_{}_URL", self.name().replace('-', "_").to_uppercase())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_servers() {
        for server in Server::ALL {
            assert_eq!(Server::from_name(server.name()), Some(server));
        }
        assert_eq!(Server::from_name("oracle"), None);
    }

    #[test]
    fn variables_are_in_capitals() {
        assert_eq!(Server::PostgresTls.variable(), "AQUIFER_TEST_POSTGRES_TLS_URL");
        assert_eq!(Server::PgBouncer.variable(), "AQUIFER_TEST_PGBOUNCER_URL");
    }
}
