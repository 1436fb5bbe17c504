//! Where a MySQL or MariaDB database is and how it is used.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aquifer_core::{Error, Result, UrlOptions};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::NAME;
use crate::tls::Tls;

/// The schemes of a URL. What follows a plus sign is a driver of SQLAlchemy, which makes no difference here.
const SCHEMES: [&str; 7] =
    ["mysql", "mariadb", "mysql+aiomysql", "mysql+asyncmy", "mysql+pymysql", "mariadb+aiomysql", "mariadb+pymysql"];

/// The options that may follow the `?` of a URL.
const OPTIONS: &[&str] = &[
    "acquire_timeout",
    "charset",
    "connect_timeout",
    "idle_timeout",
    "max_connections",
    "max_lifetime",
    "min_connections",
    "request_timeout",
    "socket",
    "ssl",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "ssl_mode",
    "unix_socket",
];

/// The port of MySQL and MariaDB.
const PORT: u16 = 3306;
/// The most connections that one process may be allowed.
const MOST_CONNECTIONS: u32 = 1000;
/// The shortest time for a request: a server counts the time that a lock is waited for in whole seconds.
const SHORTEST_REQUEST: Duration = Duration::from_secs(2);

/// Where a MySQL or MariaDB database is and how it is used.
#[derive(Clone, PartialEq, Eq)]
pub struct MysqlOptions {
    /// The server's host name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// A Unix domain socket to use instead of host and port.
    pub socket: Option<PathBuf>,
    /// The user to sign in as.
    pub user: String,
    /// The user's password.
    pub password: Option<String>,
    /// The database that holds the tables. It must exist.
    pub database: String,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// The most connections that the process has at once; at least 1.
    pub max_connections: u32,
    /// How many connections are kept even if nobody uses them.
    pub min_connections: u32,
    /// How long a call waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long a connection is kept that nobody uses.
    pub idle_timeout: Duration,
    /// How long a connection is used at most; each one a little shorter, so that not all end at once.
    pub max_lifetime: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long the server may take for one statement; at least two seconds.
    pub request_timeout: Duration,
}

impl MysqlOptions {
    /// The database called `database` on a server, with what a URL without options means.
    pub fn new(host: impl Into<String>, user: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: PORT,
            socket: None,
            user: user.into(),
            password: None,
            database: database.into(),
            tls: Tls::default(),
            max_connections: 10,
            min_connections: 0,
            acquire_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            max_lifetime: Duration::from_secs(1800),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
        }
    }

    /// Reads a URL: `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, or `mariadb://...`, which means the same. Drivers of SQLAlchemy
    /// are accepted, as in `mysql+aiomysql://`. What is special in a URL is percent-encoded in user, password and database.
    ///
    /// Options follow a `?`; the crate's documentation lists them.
    ///
    /// # Errors
    /// `Invalid` for another scheme, no database, or an option that is unknown or out of range. Never shows the password.
    ///
    /// ```
    /// use aquifer_mysql::MysqlOptions;
    /// let options = MysqlOptions::from_url("mysql+aiomysql://app:secret@db:3307/workflows?charset=utf8mb4&max_connections=20")?;
    /// assert_eq!((options.host.as_str(), options.port, options.database.as_str()), ("db", 3307, "workflows"));
    /// assert_eq!(options.max_connections, 20);
    /// # Ok::<(), aquifer_core::Error>(())
    /// ```
    pub fn from_url(url: &str) -> Result<Self> {
        let parsed = Url::parse(url).map_err(|error| {
            // The text may hold a password, so that it is not shown.
            let message = format!(
                "the URL of the database cannot be read ({error}): write mysql://USER:PASSWORD@HOST:PORT/DATABASE, \
                 and percent-encode what is special in the password"
            );
            Error::invalid(message)
        })?;
        if !SCHEMES.contains(&parsed.scheme()) {
            let scheme = parsed.scheme();
            return Err(Error::invalid(format!("{scheme:?} is not a scheme of MySQL: write mysql:// or mariadb://")));
        }
        if parsed.fragment().is_some() {
            return Err(Error::invalid("the URL of the database has a #: write it %23 in user, password and options"));
        }
        let database = decoded("database", parsed.path().strip_prefix('/').unwrap_or_default())?;
        if database.is_empty() || database.contains('/') {
            return Err(Error::invalid("the URL names no database: write mysql://USER:PASSWORD@HOST:PORT/DATABASE"));
        }
        let host = match parsed.host_str() {
            None | Some("") => "localhost".to_owned(),
            Some(host) => decoded("host", host.trim_start_matches('[').trim_end_matches(']'))?,
        };
        let user = match parsed.username() {
            "" => "root".to_owned(),
            user => decoded("user", user)?,
        };
        let mut options = Self::new(host, user, database);
        options.port = parsed.port().unwrap_or(PORT);
        options.password = parsed.password().map(|password| decoded("password", password)).transpose()?;
        options.read(UrlOptions::parse(NAME, parsed.query().unwrap_or_default(), OPTIONS)?)?;
        Ok(options)
    }

    fn read(&mut self, mut given: UrlOptions) -> Result<()> {
        charset(given.text("charset"))?;
        self.tls = Tls::read(&mut given)?;
        self.socket = match (given.text("socket"), given.text("unix_socket")) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("the options socket and unix_socket are the same: keep one"));
            }
            (socket, other) => socket.or(other).map(PathBuf::from),
        };
        let number = |given: Option<u32>, default| given.unwrap_or(default);
        self.max_connections = number(given.number("max_connections", 1, MOST_CONNECTIONS)?, self.max_connections);
        self.min_connections = number(given.number("min_connections", 0, self.max_connections)?, self.min_connections);
        for (name, place) in [
            ("acquire_timeout", &mut self.acquire_timeout),
            ("idle_timeout", &mut self.idle_timeout),
            ("max_lifetime", &mut self.max_lifetime),
            ("connect_timeout", &mut self.connect_timeout),
            ("request_timeout", &mut self.request_timeout),
        ] {
            if let Some(duration) = given.duration(name)? {
                *place = duration;
            }
        }
        if self.request_timeout < SHORTEST_REQUEST {
            return Err(Error::invalid("the option request_timeout of mysql takes at least 2s"));
        }
        Ok(())
    }

    /// The server's place, for messages: host and port, or the socket.
    pub fn place(&self) -> String {
        match &self.socket {
            Some(socket) => socket.display().to_string(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for MysqlOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlOptions")
            .field("place", &self.place())
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| format_args!("<secret>")))
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("max_connections", &self.max_connections)
            .field("min_connections", &self.min_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .finish()
    }
}

fn decoded(what: &str, text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Error::invalid(format!("the {what} in the URL of the database is not UTF-8")))?;
    if decoded.contains('\0') {
        return Err(Error::invalid(format!("the {what} in the URL of the database contains U+0000")));
    }
    Ok(decoded.into_owned())
}

/// The one character set that keeps every text.
fn charset(given: Option<String>) -> Result<()> {
    match given.map(|charset| charset.to_ascii_lowercase()).as_deref() {
        None | Some("utf8mb4") => Ok(()),
        Some(other @ ("utf8" | "utf8mb3")) => Err(Error::invalid(format!(
            "the option charset of mysql takes utf8mb4, not {other:?}, which cannot hold characters of four bytes such as emoji"
        ))),
        Some(other) => {
            Err(Error::invalid(format!("the option charset of mysql takes utf8mb4, not {other:?}: leave it out")))
        }
    }
}
