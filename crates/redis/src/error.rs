//! What the driver says, as the errors of the contract.

use aquifer_core::{Error, ErrorKind, Retry};
use redis::{ErrorKind as Driver, RedisError};

pub(crate) const NAME: &str = "redis";

/// Codes that a script may hide in the text of its own error.
const HIDDEN: [&str; 10] = [
    "OOM",
    "READONLY",
    "MISCONF",
    "NOREPLICAS",
    "NOPERM",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "LOADING",
    "WRONGTYPE",
    "TRYAGAIN",
];

/// What a call does, for telling what its failure leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// Nothing that stays.
    Reads,
    /// It may have been applied although no reply came.
    Writes,
}

/// Marks an error with the backend and the operation.
pub(crate) fn named(error: Error, operation: &'static str) -> Error {
    error.with_backend(NAME).with_operation(operation)
}

/// The code of a server's error, found in the text where a script passed it on.
pub(crate) fn code(error: &RedisError) -> &str {
    let code = error.code().unwrap_or_default();
    let detail = error.detail().unwrap_or_default();
    if code == "ERR" {
        if detail.contains("can't run this command") || detail.contains("no permissions") {
            return "NOPERM";
        }
        if detail.contains("non local key") {
            return "TRYAGAIN";
        }
        let mut words = detail.split(|c: char| !c.is_ascii_uppercase());
        if let Some(hidden) = words.find_map(|word| HIDDEN.iter().find(|code| **code == word)) {
            return hidden;
        }
    }
    code
}

/// Whether the connection is of no use any more.
pub(crate) fn breaks(error: &RedisError) -> bool {
    match error.kind() {
        Driver::Io | Driver::Parse | Driver::AuthenticationFailed => true,
        Driver::Server(_) | Driver::Extension => matches!(code(error), "READONLY" | "NOAUTH" | "MASTERDOWN"),
        _ => error.is_unrecoverable_error(),
    }
}

/// The error of a call to `target`.
pub(crate) fn of_call(error: RedisError, target: &str, does: Does) -> Error {
    let lost = match does {
        Does::Reads => Retry::Transient,
        Does::Writes => Retry::Unknown,
    };
    let unavailable = |message: String, retry: Retry| Error::unavailable(message).with_retry(retry);
    let mapped = match error.kind() {
        Driver::Server(_) | Driver::Extension => match code(&error) {
            "OOM" => unavailable(
                format!(
                    "{target} has no memory left: raise its maxmemory, or remove data (its policy keeps what is stored)"
                ),
                Retry::Transient,
            ),
            "MISCONF" => unavailable(
                format!("{target} refuses writes because it cannot save to its disk: look at its log"),
                Retry::Transient,
            ),
            "NOREPLICAS" => unavailable(
                format!("{target} refuses writes because too few of its replicas are there (min-replicas-to-write)"),
                Retry::Transient,
            ),
            "READONLY" => unavailable(format!("{target} is a replica, not the primary"), Retry::Transient),
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "BUSY" => {
                unavailable(format!("{target} cannot answer for now"), Retry::Transient)
            }
            "NOPERM" => Error::new(
                ErrorKind::Unauthorized,
                format!(
                    "{target} refuses a command or a key to the user: give it the rights that the docs of this backend list"
                ),
            ),
            "NOAUTH" | "WRONGPASS" => unauthorized(target),
            "WRONGTYPE" => Error::corrupt(format!(
                "{target} has a key of another type where a record or an index should be: choose another prefix"
            )),
            other => unavailable(format!("{target} refuses a command ({other})"), Retry::Permanent),
        },
        Driver::AuthenticationFailed => return of_connect(error, target),
        Driver::ClusterConnectionNotFound => {
            unavailable(format!("no node of {target} can be reached"), Retry::Transient)
        }
        Driver::InvalidClientConfig => Error::invalid(format!("the driver refuses the options for {target}")),
        _ if error.is_connection_refusal() => {
            unavailable(format!("{target} refuses connections: does the server run?"), Retry::Transient)
        }
        _ if error.is_timeout() => {
            unavailable(format!("{target} did not answer within the option request_timeout"), lost)
        }
        _ => unavailable(format!("the connection to {target} broke"), lost),
    };
    mapped.with_source(error)
}

/// The error of an attempt to connect to `target`.
pub(crate) fn of_connect(error: RedisError, target: &str) -> Error {
    let text = error.to_string();
    let tls = ["certificate", "Certificate", "tls", "TLS", "handshake", "InvalidContentType"];
    let mapped = match error.kind() {
        _ if text.contains("WRONGPASS") || text.contains("NOAUTH") || text.contains("without any password") => {
            unauthorized(target)
        }
        Driver::AuthenticationFailed => unauthorized(target),
        Driver::Server(_) | Driver::Extension => match code(&error) {
            "NOAUTH" | "WRONGPASS" => unauthorized(target),
            "NOPERM" => Error::new(
                ErrorKind::Unauthorized,
                format!("{target} refuses the user (option username) a command that every connection begins with"),
            ),
            _ if text.contains("DB index") => {
                Error::invalid(format!("{target} has no database of this number: change the option db"))
            }
            _ => return of_call(error, target, Does::Reads),
        },
        Driver::MasterNameNotFoundBySentinel => Error::unavailable(format!(
            "no primary is known as {target}: check the name in the URL's path, and whether a fail-over is under way"
        )),
        Driver::InvalidClientConfig if text.contains("DB index") => {
            Error::invalid(format!("{target} has no database of this number: change the option db"))
        }
        _ if tls.iter().any(|word| text.contains(word)) => Error::unavailable(format!(
            "no TLS connection to {target}: check the options tls, tls_ca, tls_cert and tls_key, and the name in the certificate"
        ))
        .with_retry(Retry::Permanent),
        _ if error.is_connection_refusal() => {
            Error::unavailable(format!("{target} refuses connections: does the server run, and are host and port right?"))
        }
        _ if error.is_timeout() => Error::unavailable(format!(
            "{target} did not answer within the option connect_timeout: are host and port right?"
        )),
        _ => Error::unavailable(format!("cannot connect to {target}: are host, port and TLS (redis:// or rediss://) right?")),
    };
    mapped.with_source(error)
}

fn unauthorized(target: &str) -> Error {
    Error::new(
        ErrorKind::Unauthorized,
        format!("{target} refuses the credentials: check user and password in the URL (options username and password)"),
    )
}

/// Nothing came back in time.
pub(crate) fn timed_out(target: &str, option: &str, does: Does) -> Error {
    let retry = match does {
        Does::Reads => Retry::Transient,
        Does::Writes => Retry::Unknown,
    };
    Error::unavailable(format!("{target} did not answer within the option {option}")).with_retry(retry)
}

/// The backend was closed.
pub(crate) fn closed() -> Error {
    // It will not open again by itself.
    Error::unavailable("the backend is closed").with_retry(Retry::Permanent)
}
