//! Where a PostgreSQL database is and how it is used.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aquifer_core::{Error, Result, UrlOptions};
use aquifer_sql::network::PoolOptions;
use percent_encoding::percent_decode_str;

use crate::NAME;

/// The port where the URL names none.
const PORT: u16 = 5432;

/// The options that a URL takes.
const KNOWN: &[&str] = &[
    "acquire_timeout",
    "application_name",
    "connect_timeout",
    "idle_timeout",
    "max_connections",
    "max_lifetime",
    "min_connections",
    "read_url",
    "request_timeout",
    "schema",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement_cache",
];

/// Where a PostgreSQL database is and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The server's name or address, or the folder of its socket, which begins with `/`.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The user; that of the process if there is none.
    pub user: Option<String>,
    /// The user's password; what `PGPASSWORD` holds if there is none.
    pub password: Option<String>,
    /// The database; named like the user if there is none.
    pub database: Option<String>,
    /// The schema that holds the tables; the first of the user's search path if there is none.
    pub schema: Option<String>,
    /// Whether the way to the server is encrypted, and what the server has to prove.
    pub ssl_mode: SslMode,
    /// The file of the authority's certificate that the server's is checked against.
    pub ssl_root_cert: Option<PathBuf>,
    /// The file of the client's certificate.
    pub ssl_cert: Option<PathBuf>,
    /// The file of the key to the client's certificate.
    pub ssl_key: Option<PathBuf>,
    /// The connections of this process.
    pub pool: PoolOptions,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long one statement may take; the server gives up then too.
    pub request_timeout: Duration,
    /// How many prepared statements a connection keeps. With 0 none, and nothing else is left in a session, so that a pooler may
    /// give every transaction to another one.
    pub statement_cache: usize,
    /// What the connections are called in the server's own views.
    pub application_name: String,
    /// A replica for listings, which may lag.
    pub read: Option<Box<PostgresOptions>>,
}

/// Whether the way to a server is encrypted, and what the server has to prove: what `sslmode` means to PostgreSQL's own programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Not encrypted.
    Disable,
    /// Encrypted if the server can, without proof.
    #[default]
    Prefer,
    /// Encrypted, without proof; with `sslrootcert` as [`SslMode::VerifyCa`].
    Require,
    /// Encrypted, and the server has a certificate of a trusted authority.
    VerifyCa,
    /// Encrypted, and the certificate is for the host's name.
    VerifyFull,
}

impl PostgresOptions {
    /// The database called `database` on `host`, with everything else as it is where a URL says nothing.
    pub fn new(host: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: PORT,
            user: None,
            password: None,
            database: Some(database.into()),
            schema: None,
            ssl_mode: SslMode::Prefer,
            ssl_root_cert: None,
            ssl_cert: None,
            ssl_key: None,
            pool: PoolOptions::default(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            statement_cache: 100,
            application_name: "aquifer".to_owned(),
            read: None,
        }
    }

    /// Reads a URL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS`. `postgresql://` is the same, and a driver as SQLAlchemy names
    /// it (`postgresql+asyncpg://`) means nothing. User, password and database may be percent-encoded, and a host that is the
    /// folder of a socket is: `%2Frun%2Fpostgresql`.
    ///
    /// # Errors
    /// `Invalid` for another scheme, a port that is none, or an option that is unknown or out of range.
    ///
    /// ```
    /// use aquifer_postgres::{PostgresOptions, SslMode};
    /// let options = PostgresOptions::from_url("postgresql+asyncpg://ann:k3ystone@db/app?sslmode=require&max_connections=5")?;
    /// assert_eq!((options.host.as_str(), options.port, options.ssl_mode), ("db", 5432, SslMode::Require));
    /// assert!(!format!("{options:?}").contains("k3ystone"));
    /// # Ok::<(), aquifer_core::Error>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        if !matches!(
            scheme.to_ascii_lowercase().as_str(),
            "postgres" | "postgresql" | "postgresql+asyncpg" | "postgresql+psycopg" | "postgresql+psycopg2"
        ) {
            return Err(Error::invalid("a PostgreSQL URL is written postgres://USER:PASSWORD@HOST:PORT/DATABASE"));
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let (credentials, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        let (host, port) = host_and_port(server)?;
        let mut options = Self::new(host, "");
        options.port = port;
        options.database = Some(decoded("database", database)?).filter(|database| !database.is_empty());
        options.user = Some(decoded("user", user)?).filter(|user| !user.is_empty());
        options.password = password.map(|password| decoded("password", password)).transpose()?;
        options.read_query(UrlOptions::parse(NAME, query, KNOWN)?)?;
        Ok(options)
    }

    fn read_query(&mut self, mut given: UrlOptions) -> Result<()> {
        let modes = [
            ("disable", SslMode::Disable),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ];
        self.ssl_mode = given.choice("sslmode", &modes)?.unwrap_or(self.ssl_mode);
        self.ssl_root_cert = given.text("sslrootcert").map(PathBuf::from);
        self.ssl_cert = given.text("sslcert").map(PathBuf::from);
        self.ssl_key = given.text("sslkey").map(PathBuf::from);
        if self.ssl_cert.is_some() != self.ssl_key.is_some() {
            return Err(Error::invalid("sslcert and sslkey go together: give both or neither"));
        }
        self.schema = given.text("schema");
        if self.schema.as_ref().is_some_and(|schema| schema.is_empty() || schema.len() > 63 || schema.contains('\0')) {
            return Err(Error::invalid("the option schema takes a name of 1 to 63 bytes"));
        }
        let pool = &mut self.pool;
        pool.max_connections = given.number("max_connections", 1, 10_000)?.unwrap_or(pool.max_connections);
        let least = given.number("min_connections", 0, pool.max_connections)?;
        pool.min_connections = least.unwrap_or(pool.min_connections);
        pool.acquire_timeout = given.duration("acquire_timeout")?.unwrap_or(pool.acquire_timeout);
        pool.idle_timeout = given.duration("idle_timeout")?.unwrap_or(pool.idle_timeout);
        pool.max_lifetime = given.duration("max_lifetime")?.unwrap_or(pool.max_lifetime);
        self.connect_timeout = given.duration("connect_timeout")?.unwrap_or(self.connect_timeout);
        self.request_timeout = given.duration("request_timeout")?.unwrap_or(self.request_timeout);
        self.statement_cache = given.number("statement_cache", 0, 10_000)?.unwrap_or(self.statement_cache);
        self.application_name = given.text("application_name").unwrap_or_else(|| self.application_name.clone());
        self.read = given.text("read_url").map(|url| self.replica(&url)).transpose()?;
        Ok(())
    }

    /// The options of a replica: what its URL does not say is as here.
    fn replica(&self, url: &str) -> Result<Box<Self>> {
        let about = |error: Error| Error::invalid(format!("the option read_url: {}", error.message()));
        let mut read = Self::from_url(url).map_err(about)?;
        if read.read.is_some() {
            return Err(Error::invalid("the option read_url takes a URL without a read_url of its own"));
        }
        read.schema = read.schema.or_else(|| self.schema.clone());
        Ok(Box::new(read))
    }

    /// Host and port, for messages.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("address", &self.address())
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| format_args!("<secret>")))
            .field("database", &self.database)
            .field("schema", &self.schema)
            .field("ssl_mode", &self.ssl_mode)
            .field("ssl_root_cert", &self.ssl_root_cert)
            .field("ssl_cert", &self.ssl_cert)
            .field("pool", &self.pool)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("statement_cache", &self.statement_cache)
            .field("application_name", &self.application_name)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

fn decoded(what: &str, text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Error::invalid(format!("the {what} in the database's URL is not UTF-8")))?;
    if decoded.contains('\0') {
        return Err(Error::invalid(format!("the {what} in the database's URL contains U+0000")));
    }
    Ok(decoded.into_owned())
}

/// `host`, `host:port`, `[::1]:port`, or nothing, which is this machine.
fn host_and_port(server: &str) -> Result<(String, u16)> {
    let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':').unwrap_or(port)),
        None => server.rsplit_once(':').unwrap_or((server, "")),
    };
    if host.contains(',') {
        return Err(Error::invalid("a PostgreSQL URL takes one host: name the primary, and a replica as read_url"));
    }
    let port = match port {
        "" => PORT,
        port => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| Error::invalid("the port in the database's URL is no number from 1 to 65535"))?,
    };
    let host = decoded("host", host)?;
    Ok((if host.is_empty() { "localhost".to_owned() } else { host }, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_all_its_parts() {
        let url = "postgres://an%20n:p%40ss@[::1]:6000/my%2Fdb?sslmode=verify-full&sslrootcert=/ca.crt&schema=flows\
                   &min_connections=2&max_connections=4&acquire_timeout=5s&idle_timeout=1m&max_lifetime=1h&statement_cache=0\
                   &connect_timeout=3&request_timeout=500ms&read_url=postgres%3A%2F%2Freplica%2Fdb";
        let options = PostgresOptions::from_url(url).unwrap();
        assert_eq!((options.host.as_str(), options.port), ("::1", 6000));
        assert_eq!(options.user.as_deref(), Some("an n"));
        assert_eq!(options.password.as_deref(), Some("p@ss"));
        assert_eq!(options.database.as_deref(), Some("my/db"));
        assert_eq!(options.ssl_mode, SslMode::VerifyFull);
        assert_eq!((options.pool.min_connections, options.pool.max_connections), (2, 4));
        assert_eq!(options.request_timeout, Duration::from_millis(500));
        assert_eq!(options.statement_cache, 0);
        let read = options.read.unwrap();
        assert_eq!((read.host.as_str(), read.schema.as_deref()), ("replica", Some("flows")));
    }

    #[test]
    fn little_is_enough() {
        for url in ["postgresql://", "postgres://localhost", "postgresql+psycopg2://localhost:5432/"] {
            let options = PostgresOptions::from_url(url).unwrap();
            assert_eq!((options.host.as_str(), options.port, options.ssl_mode), ("localhost", 5432, SslMode::Prefer));
            assert_eq!((options.user, options.password, options.database), (None, None, None));
        }
        assert_eq!(PostgresOptions::from_url("postgres://a@%2Frun%2Fpg/db").unwrap().host, "/run/pg");
    }

    #[test]
    fn what_is_wrong_is_refused_without_the_password() {
        for url in [
            "mysql://ann:s3cret@db/app",
            "postgres://ann:s3cret@db:port/app",
            "postgres://ann:s3cret@db:0/app",
            "postgres://ann:s3cret@a,b/app",
            "postgres://ann:s3cret@db/app?sslmod=require",
            "postgres://ann:s3cret@db/app?sslmode=maybe",
            "postgres://ann:s3cret@db/app?sslcert=/a",
            "postgres://ann:s3cret@db/app?max_connections=0",
            "postgres://ann:s3cret@db/app?max_connections=2&min_connections=3",
            "postgres://ann:s3cret@db/app?schema=",
            "postgres://ann:s3cret@db/app?read_url=mysql://ann:s3cret@x",
        ] {
            let error = PostgresOptions::from_url(url).unwrap_err();
            assert_eq!(error.kind(), aquifer_core::ErrorKind::Invalid);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
