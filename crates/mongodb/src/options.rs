//! What the URL says.

use std::fmt;
use std::time::Duration;

use aquifer_core::{Error, Result, UrlOptions};

use crate::backend::NAME;

/// The database where the URL names none.
const DATABASE: &str = "aquifer";

/// Ours first, each with the driver's own name for the same where it has one.
const KNOWN: &[&str] = &[
    "acquire_timeout",
    "connect_timeout",
    "idle_timeout",
    "max_connections",
    "min_connections",
    "request_timeout",
    // The driver's own.
    "appName",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "connectTimeoutMS",
    "directConnection",
    "heartbeatFrequencyMS",
    "journal",
    "loadBalanced",
    "maxConnecting",
    "maxIdleTimeMS",
    "maxPoolSize",
    "minPoolSize",
    "readConcernLevel",
    "readPreference",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "serverMonitoringMode",
    "serverSelectionTimeoutMS",
    "socketTimeoutMS",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsCAFile",
    "tlsCertificateKeyFile",
    "tlsInsecure",
    "w",
];

/// Handed to the driver as they are.
const PASSED_ON: &[&str] = &[
    "appName",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "directConnection",
    "heartbeatFrequencyMS",
    "loadBalanced",
    "maxConnecting",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "serverMonitoringMode",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsCAFile",
    "tlsCertificateKeyFile",
    "tlsInsecure",
];

/// How to reach MongoDB, and how to use it. `Debug` shows no password.
#[derive(Clone)]
pub struct MongodbOptions {
    /// The URL for the driver, with the options that are the driver's.
    pub(crate) url: String,
    /// The hosts of the URL, as they were written.
    pub(crate) hosts: String,
    /// The name of the database.
    pub(crate) database: String,
    /// The most connections for requests at a time.
    pub(crate) max_connections: u32,
    /// How many connections are kept open.
    pub(crate) min_connections: u32,
    /// How long a request waits for a connection, and for a primary.
    pub(crate) acquire_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub(crate) idle_timeout: Duration,
    /// How long opening a connection may take.
    pub(crate) connect_timeout: Duration,
    /// How long the answer to one request may take.
    pub(crate) request_timeout: Duration,
    /// Whether reads by key ask a majority whether the primary still is one.
    pub(crate) linearizable: bool,
}

impl MongodbOptions {
    /// Reads `mongodb://` and `mongodb+srv://` URLs, with the driver's own options and the backend's.
    ///
    /// # Errors
    /// `Invalid` for what is wrong, naming the option and the fix.
    pub fn from_url(url: &str) -> Result<Self> {
        let (scheme, rest) =
            url.split_once("://")
                .filter(|(scheme, _)| matches!(*scheme, "mongodb" | "mongodb+srv"))
                .ok_or_else(|| Error::invalid("the URL of MongoDB begins with mongodb:// or mongodb+srv://"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        if path.contains('@') {
            // What stands before would be shown as the hosts.
            return Err(Error::invalid(
                "a / or @ in the user's name or the password of MongoDB's URL has to be percent-encoded, as %2F or %40",
            ));
        }
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        if hosts.is_empty() {
            return Err(Error::invalid("the URL of MongoDB names no host: mongodb://host:27017/database"));
        }
        let mut given = UrlOptions::parse(NAME, query, KNOWN)?;
        decided(&mut given, "w", "majority")?;
        decided(&mut given, "journal", "true")?;
        decided(&mut given, "readPreference", "primary")?;
        let levels = [("linearizable", true), ("majority", false)];
        let linearizable = given.choice("readConcernLevel", &levels)?.unwrap_or(true);

        let max_connections = either(
            "max_connections",
            given.number("max_connections", 1, 10_000)?,
            "maxPoolSize",
            given.number("maxPoolSize", 1, 10_000)?,
        )?
        .unwrap_or(10);
        let min_connections = either(
            "min_connections",
            given.number("min_connections", 0, max_connections)?,
            "minPoolSize",
            given.number("minPoolSize", 0, max_connections)?,
        )?
        .unwrap_or(0);
        let mut duration = |ours: &'static str, theirs: &'static str, default: u64| -> Result<Duration> {
            let millis = given.number(theirs, 1_u64, 365 * 24 * 3600 * 1000)?.map(Duration::from_millis);
            let chosen = either(ours, given.duration(ours)?, theirs, millis)?;
            Ok(chosen.unwrap_or(Duration::from_secs(default)))
        };
        let acquire_timeout = duration("acquire_timeout", "serverSelectionTimeoutMS", 10)?;
        let idle_timeout = duration("idle_timeout", "maxIdleTimeMS", 600)?;
        let connect_timeout = duration("connect_timeout", "connectTimeoutMS", 10)?;
        let request_timeout = duration("request_timeout", "socketTimeoutMS", 30)?;

        let mut passed: Vec<String> = Vec::new();
        for name in PASSED_ON {
            passed.extend(given.text(name).map(|value| format!("{name}={}", encoded(&value))));
        }
        let passed = if passed.is_empty() { String::new() } else { format!("?{}", passed.join("&")) };
        Ok(Self {
            url: format!("{scheme}://{authority}/{path}{passed}"),
            hosts: hosts.to_owned(),
            database: database(path)?,
            max_connections,
            min_connections,
            acquire_timeout,
            idle_timeout,
            connect_timeout,
            request_timeout,
            linearizable,
        })
    }
}

impl fmt::Debug for MongodbOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongodbOptions")
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .field("max_connections", &self.max_connections)
            .field("min_connections", &self.min_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("linearizable", &self.linearizable)
            .finish_non_exhaustive()
    }
}

/// Takes an option that the contract decides: it may be given, but not otherwise.
fn decided(given: &mut UrlOptions, name: &str, only: &str) -> Result<()> {
    match given.text(name) {
        Some(value) if !value.eq_ignore_ascii_case(only) => Err(Error::invalid(format!(
            "the option {name} of {NAME} is {only}, so that nothing acknowledged is lost: leave it out"
        ))),
        _ => Ok(()),
    }
}

fn either<T>(ours: &str, mine: Option<T>, theirs: &str, other: Option<T>) -> Result<Option<T>> {
    match (mine, other) {
        (Some(_), Some(_)) => {
            Err(Error::invalid(format!("the options {ours} and {theirs} of {NAME} mean the same: keep one")))
        }
        (mine, other) => Ok(mine.or(other)),
    }
}

fn database(path: &str) -> Result<String> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    let name = decoded.map_err(|_| Error::invalid("the name of the database is not UTF-8"))?;
    if name.is_empty() {
        return Ok(DATABASE.to_owned());
    }
    let is_odd = name.contains(['/', '\\', '.', ' ', '"', '$', '*', '<', '>', ':', '|', '?', '\0']);
    if is_odd || name.len() > 63 {
        return Err(Error::invalid(format!(
            "{name:?} is no name for a database of MongoDB: at most 63 bytes, none of them / \\ . \" $ or a space"
        )));
    }
    if matches!(&*name, "admin" | "config" | "local") {
        let fix = "name another one, and the one that knows the user with authSource";
        return Err(Error::invalid(format!("the database {name} is MongoDB's own: {fix}")));
    }
    Ok(name.into_owned())
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> MongodbOptions {
        MongodbOptions::from_url(url).unwrap()
    }

    fn refused(url: &str) -> String {
        MongodbOptions::from_url(url).unwrap_err().to_string()
    }

    #[test]
    fn the_path_names_the_database() {
        assert_eq!(read("mongodb://h/flows").database, "flows");
        for url in ["mongodb://h", "mongodb://h/", "mongodb+srv://u:p@cluster.example/?retryWrites=true&w=majority"] {
            assert_eq!(read(url).database, "aquifer", "{url}");
        }
        for wrong in ["mongodb://h/a.b", "mongodb://h/a%20b", "mongodb://h/a/b", "mongodb://h/admin"] {
            assert!(MongodbOptions::from_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_go_to_whom_they_are_for() {
        let url = "mongodb://u:p%40@a:1,b:2/flows?replicaSet=rs0&max-connections=3&request_timeout=5s&authSource=admin";
        let options = read(url);
        assert_eq!(options.url, "mongodb://u:p%40@a:1,b:2/flows?authSource=admin&replicaSet=rs0");
        assert_eq!(options.hosts, "a:1,b:2");
        assert_eq!((options.max_connections, options.request_timeout), (3, Duration::from_secs(5)));
        assert_eq!(read("mongodb://h/?maxPoolSize=7&connectTimeoutMS=1500").max_connections, 7);
        assert!(!read("mongodb://h/?readConcernLevel=majority").linearizable);
    }

    #[test]
    fn what_would_lose_writes_is_refused() {
        for wrong in ["w=1", "w=0", "journal=false", "readPreference=secondary"] {
            let message = refused(&format!("mongodb://h/?{wrong}"));
            assert!(message.contains("leave it out"), "{message}");
        }
        assert!(refused("mongodb://h/?readConcernLevel=local").contains("linearizable, majority"));
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_fix() {
        assert!(refused("mongodb://h/?max_conections=1").contains("did you mean max_connections?"));
        assert!(refused("mongodb://h/?maxPoolSize=1&max_connections=2").contains("mean the same"));
        assert!(refused("mongodb://h/?min_connections=20").contains("from 0 to 10"));
        assert!(refused("mongo://h/").contains("mongodb://"));
        assert!(refused("mongodb://u:p@/").contains("no host"));
        let message = refused("mongodb://ann:se/cr@et@a:1,b:2/app");
        assert!(message.contains("percent-encoded") && !message.contains("se/"), "{message}");
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?}", read("mongodb://user:hunter2@h/flows"));
        assert!(!shown.contains("hunter2") && shown.contains("flows"), "{shown}");
    }
}
