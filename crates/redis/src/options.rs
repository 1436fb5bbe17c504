//! Where the server is, and how it is used.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aquifer_core::{Error, Result, UrlOptions};
use percent_encoding::percent_decode_str;

const OPTIONS: &[&str] = &[
    "connect_timeout",
    "db",
    "max_connections",
    "password",
    "prefix",
    "request_timeout",
    "sentinel_password",
    "sentinel_username",
    "stream_max_length",
    "stream_prefix",
    "streams",
    "tls",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "username",
    "wait_replicas",
];

const DEFAULT_PORT: u16 = 6379;
const DEFAULT_SENTINEL_PORT: u16 = 26379;

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// One server.
    Single(Address),
    /// A primary that sentinels know by this name.
    Sentinel(Vec<Address>, String),
    /// The nodes of a cluster; one suffices.
    Cluster(Vec<Address>),
}

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Who signs in.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| format_args!("<secret>"));
        f.debug_struct("Credentials").field("username", &self.username).field("password", &password).finish()
    }
}

/// The files of a TLS connection, all PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ca: Option<PathBuf>,
    /// Certificate and key of the client.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

/// The options of a Redis or Valkey server. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    pub(crate) place: Place,
    pub(crate) tls: Option<Tls>,
    pub(crate) credentials: Credentials,
    pub(crate) sentinel_credentials: Credentials,
    pub(crate) db: i64,
    pub(crate) prefix: String,
    /// What the names of streams begin with; `None` writes no streams.
    pub(crate) streams: Option<String>,
    pub(crate) stream_max_length: u64,
    pub(crate) wait_replicas: u32,
    pub(crate) max_connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
}

/// What the scheme of a URL says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Single,
    Sentinel,
    Cluster,
}

impl RedisOptions {
    /// Reads a URL: `redis://`, `rediss://` with TLS, `valkey://`, `valkeys://`, and each with `-sentinel` or `-cluster`, as in
    /// `redis-cluster://host1:7000,host2:7000`.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong and never a password.
    pub fn from_url(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| {
            Error::invalid("a Redis URL begins with redis://, rediss://, valkey:// or valkeys://, then host and port")
        })?;
        let (form, tls) = form(scheme)?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut given = UrlOptions::parse("redis", query, OPTIONS)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        let credentials = credentials(user, &mut given)?;
        let default = if form == Form::Sentinel { DEFAULT_SENTINEL_PORT } else { DEFAULT_PORT };
        let mut addresses = hosts.split(',').map(|host| address(host, default)).collect::<Result<Vec<_>>>()?;
        let (path, db) = split_path(form, path)?;
        let db = match (db, given.number("db", 0, i64::from(u16::MAX))?) {
            (Some(path), Some(option)) if path != option => {
                return Err(Error::invalid("the database stands in the URL's path and in the option db: keep one"));
            }
            (path, option) => path.or(option).unwrap_or(0),
        };
        let place = match form {
            Form::Single if addresses.len() == 1 => Place::Single(addresses.swap_remove(0)),
            Form::Single => {
                return Err(Error::invalid(
                    "several hosts need redis-cluster:// for a cluster, or redis-sentinel:// for sentinels",
                ));
            }
            Form::Sentinel => Place::Sentinel(addresses, path),
            Form::Cluster if db == 0 => Place::Cluster(addresses),
            Form::Cluster => return Err(Error::invalid("a cluster has the database 0 only: leave it out")),
        };
        let tls = tls_of(tls, &mut given)?;
        let sentinel_credentials =
            Credentials { username: given.text("sentinel_username"), password: given.text("sentinel_password") };
        let streams = given.boolean("streams")?.unwrap_or(true);
        let stream_prefix = given.text("stream_prefix").unwrap_or_default();
        let prefix = given.text("prefix").unwrap_or_else(|| String::from("aquifer"));
        if prefix.is_empty() {
            return Err(Error::invalid("the option prefix cannot be empty"));
        }
        for (option, text) in [("prefix", &prefix), ("stream_prefix", &stream_prefix)] {
            if text.len() > 100
                || text.contains(|c: char| matches!(c, '{' | '}' | '%') || c.is_whitespace() || c.is_control())
            {
                return Err(Error::invalid(format!(
                    "the option {option} takes at most 100 bytes without white space, braces and percent signs"
                )));
            }
        }
        Ok(Self {
            place,
            tls,
            credentials,
            sentinel_credentials,
            db,
            prefix,
            streams: streams.then_some(stream_prefix),
            stream_max_length: given.number("stream_max_length", 0, u64::from(u32::MAX))?.unwrap_or(0),
            wait_replicas: given.number("wait_replicas", 0, 100)?.unwrap_or(0),
            max_connections: given.number("max_connections", 1, 1000)?.unwrap_or(10),
            connect_timeout: limited(given.duration("connect_timeout")?, "connect_timeout", Duration::from_secs(5))?,
            request_timeout: limited(given.duration("request_timeout")?, "request_timeout", Duration::from_secs(10))?,
        })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.place, Place::Cluster(_))
    }

    /// Host and port for error texts.
    pub(crate) fn target(&self) -> String {
        let list = |addresses: &[Address]| addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
        match &self.place {
            Place::Single(address) => address.to_string(),
            Place::Sentinel(addresses, name) => format!("{name} by the sentinels {}", list(addresses)),
            Place::Cluster(addresses) => format!("the cluster {}", list(addresses)),
        }
    }
}

fn form(scheme: &str) -> Result<(Form, bool)> {
    let scheme = scheme.to_ascii_lowercase();
    let (family, form) = match scheme.split_once(['-', '+']) {
        None => (scheme.as_str(), Form::Single),
        Some((family, "sentinel")) => (family, Form::Sentinel),
        Some((family, "cluster")) => (family, Form::Cluster),
        Some(_) => ("", Form::Single),
    };
    match family {
        "redis" | "valkey" => Ok((form, false)),
        "rediss" | "valkeys" => Ok((form, true)),
        _ => Err(Error::invalid(
            "a Redis URL begins with redis, rediss, valkey or valkeys, and -sentinel or -cluster where it is one",
        )),
    }
}

fn credentials(user: Option<&str>, given: &mut UrlOptions) -> Result<Credentials> {
    let (username, password) = match user {
        None => (None, None),
        Some(user) => match user.split_once(':') {
            Some((username, password)) => (Some(decoded(username)?), Some(decoded(password)?)),
            None => (Some(decoded(user)?), None),
        },
    };
    let username = username.filter(|name| !name.is_empty()).or_else(|| given.text("username"));
    let password = password.filter(|password| !password.is_empty()).or_else(|| given.text("password"));
    Ok(Credentials { username, password })
}

fn decoded(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::invalid("user and password in a Redis URL are UTF-8, percent-encoded"))
}

fn address(text: &str, default: u16) -> Result<Address> {
    let refused = || {
        // Not what was written: it may be part of a password with a slash in it.
        Error::invalid(
            "a Redis URL has no host and port in its place: write host:port, or [address]:port for IPv6, and percent-encode @, / and ? in a password",
        )
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(refused)?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or_else(refused)?)
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = if port.is_empty() { default } else { port.parse().map_err(|_| refused())? };
    if host.is_empty() || port == 0 || host.contains(char::is_whitespace) {
        return Err(refused());
    }
    Ok(Address { host: host.to_owned(), port })
}

/// The name of a sentinel's primary, and the number of the database.
fn split_path(form: Form, path: &str) -> Result<(String, Option<i64>)> {
    let (name, number) = match form {
        Form::Sentinel => path.split_once('/').unwrap_or((path, "")),
        Form::Single | Form::Cluster => ("", path),
    };
    if form == Form::Sentinel && name.is_empty() {
        return Err(Error::invalid(
            "a sentinel URL names the primary in its path: redis-sentinel://host:26379/mymaster",
        ));
    }
    let number = match number {
        "" => None,
        number => Some(number.parse::<u16>().map(i64::from).map_err(|_| {
            Error::invalid("the path of a Redis URL is the number of the database: redis://host:6379/0")
        })?),
    };
    Ok((decoded(name)?, number))
}

fn tls_of(by_scheme: bool, given: &mut UrlOptions) -> Result<Option<Tls>> {
    let on = match (by_scheme, given.boolean("tls")?) {
        (true, Some(false)) => {
            return Err(Error::invalid("the URL's scheme asks for TLS and the option tls is false: keep one"));
        }
        (by_scheme, option) => by_scheme || option.unwrap_or(false),
    };
    let ca = given.text("tls_ca").map(PathBuf::from);
    let client = match (given.text("tls_cert"), given.text("tls_key")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
        _ => return Err(Error::invalid("a client certificate needs both options, tls_cert and tls_key")),
    };
    if !on && (ca.is_some() || client.is_some()) {
        return Err(Error::invalid("the options tls_ca, tls_cert and tls_key need TLS: write rediss://, or tls=true"));
    }
    Ok(on.then_some(Tls { ca, client }))
}

/// A request must have come to its end, one way or the other, before what it was granted on a cluster is forgotten.
fn limited(given: Option<Duration>, option: &str, default: Duration) -> Result<Duration> {
    let duration = given.unwrap_or(default);
    if duration > Duration::from_secs(600) {
        return Err(Error::invalid(format!("the option {option} of redis takes at most 10 minutes")));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> RedisOptions {
        RedisOptions::from_url(url).unwrap()
    }

    fn refused(url: &str) -> String {
        RedisOptions::from_url(url).unwrap_err().to_string()
    }

    #[test]
    fn every_form_of_a_url_is_read() {
        let plain = options("redis://ann:p%40ss@db:6380/3?prefix=mine&max-connections=2&request_timeout=500ms");
        assert_eq!(plain.target(), "db:6380");
        assert_eq!(plain.credentials.username.as_deref(), Some("ann"));
        assert_eq!(plain.credentials.password.as_deref(), Some("p@ss"));
        assert_eq!((plain.db, plain.prefix.as_str(), plain.max_connections), (3, "mine", 2));
        assert_eq!(plain.request_timeout, Duration::from_millis(500));
        assert_eq!(options("valkey://:pw@[::1]").target(), "[::1]:6379");
        let tls = options("valkeys://db?tls_ca=/ca.pem&tls_cert=/c.pem&tls_key=/k.pem").tls.unwrap();
        assert_eq!(tls.ca, Some(PathBuf::from("/ca.pem")));
        assert!(tls.client.is_some());
        let sentinel = options("redis-sentinel://u:p@h1:1,h2/mymaster/2?sentinel_password=s");
        assert_eq!(sentinel.target(), "mymaster by the sentinels h1:1, h2:26379");
        assert_eq!(sentinel.db, 2);
        let cluster = options("redis-cluster://h1:1,h2:2?tls=true");
        assert!(cluster.is_cluster() && cluster.tls.is_some());
        assert!(options("rediss-cluster://h1").tls.is_some());
    }

    #[test]
    fn what_is_wrong_is_refused_without_the_password() {
        for (url, part) in [
            ("redis:db", "begins with redis://"),
            ("http://db", "begins with redis"),
            ("redis://", "no host and port"),
            ("redis://db:0", "no host and port"),
            ("redis://db:99999", "no host and port"),
            ("redis://a,b", "redis-cluster://"),
            ("redis://db/x", "number of the database"),
            ("redis-sentinel://h", "names the primary"),
            ("redis-cluster://h/1", "database 0 only"),
            ("rediss://db?tls=false", "keep one"),
            ("redis://db?tls_ca=x", "need TLS"),
            ("rediss://db?tls_cert=x", "both options"),
            ("redis://db?prefix=", "cannot be empty"),
            ("redis://db?prefix=a{b}", "braces"),
            ("redis://db?wait_replica=1", "did you mean wait_replicas?"),
            ("redis://db?request_timeout=1h", "at most 10 minutes"),
        ] {
            assert!(refused(url).contains(part), "{url}: {}", refused(url));
        }
        assert!(!refused("redis://u:hunter2@db:x").contains("hunter2"));
        let shown = format!("{:?}", options("redis://u:hunter2@db?sentinel_password=hunter3"));
        assert!(!shown.contains("hunter"), "{shown}");
    }
}
