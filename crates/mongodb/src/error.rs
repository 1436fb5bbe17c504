//! The driver's errors, as the contract's.
//!
//! A server's message may quote the values that a command held, so none of it gets into ours but its code and what stands before the
//! first quotation.

use std::time::Duration;

use aquifer_core::{Error, ErrorKind, Kind, Retry};
use mongodb::error::{
    Error as DriverError, ErrorKind as DriverKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT,
    WriteFailure,
};

/// What a call may have changed before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, or nothing that lasts: reads, and what belongs to a transaction that was not committed.
    None,
    /// A record: writes outside of transactions, and their commits.
    Write,
}

/// Another write was in the way.
pub(crate) const WRITE_CONFLICT: i32 = 112;
/// A unique index has the value already.
pub(crate) const DUPLICATE_KEY: i32 = 11000;
/// A collection of this name exists.
pub(crate) const NAMESPACE_EXISTS: i32 = 48;

/// The code that the server gave, if it answered at all.
pub(crate) fn code(error: &DriverError) -> Option<i32> {
    match error.kind.as_ref() {
        DriverKind::Command(command) => Some(command.code),
        DriverKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        DriverKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        DriverKind::InsertMany(many) => {
            let write = many.write_errors.iter().flatten().next().map(|write| write.code);
            write.or(many.write_concern_error.as_ref().map(|concern| concern.code))
        }
        _ => None,
    }
}

/// Whether the transaction was not applied and may be tried again from its beginning.
pub(crate) fn is_transient(error: &DriverError) -> bool {
    error.contains_label(TRANSIENT_TRANSACTION_ERROR) || code(error) == Some(WRITE_CONFLICT)
}

/// Whether a commit may have been applied and may be asked for again.
pub(crate) fn is_unknown_commit(error: &DriverError) -> bool {
    error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
}

/// The contract's error for what the driver says.
pub(crate) fn from_driver(error: &DriverError, effect: Effect, hosts: &str) -> Error {
    let after = match effect {
        Effect::None => Retry::Transient,
        Effect::Write => Retry::Unknown,
    };
    let unavailable = |message: String, retry: Retry| Error::unavailable(message).with_retry(retry);
    match error.kind.as_ref() {
        DriverKind::Authentication { .. } => unauthorized(18),
        DriverKind::ServerSelection { message, .. } => {
            let cause = cause(message);
            unavailable(format!("no primary of MongoDB answers at {hosts}: {cause}"), Retry::Transient)
        }
        DriverKind::ConnectionPoolCleared { .. } => {
            unavailable(format!("the connections to MongoDB at {hosts} broke"), Retry::Transient)
        }
        DriverKind::Io(cause) => {
            unavailable(format!("the connection to MongoDB at {hosts} broke: {}", cause.kind()), after)
        }
        DriverKind::DnsResolve { .. } => {
            unavailable(format!("the name of {hosts} cannot be resolved: check the host in the URL"), Retry::Transient)
        }
        DriverKind::Command(command) => from_code(command.code, &command.message, effect),
        DriverKind::Write(WriteFailure::WriteConcernError(concern)) => unconfirmed(concern.code),
        DriverKind::InsertMany(many) if many.write_errors.iter().flatten().next().is_none() => {
            unconfirmed(code(error).unwrap_or(0))
        }
        DriverKind::Write(WriteFailure::WriteError(write)) => from_code(write.code, &write.message, effect),
        DriverKind::InsertMany(_) => from_code(code(error).unwrap_or(0), "", effect),
        DriverKind::InvalidTlsConfig { .. } => Error::invalid(
            "the TLS options of MongoDB cannot be used: check the files of tlsCAFile and tlsCertificateKeyFile",
        ),
        DriverKind::InvalidArgument { message, .. } => {
            Error::invalid(format!("the driver of MongoDB refuses the request: {}", unquoted(message)))
        }
        DriverKind::SessionsNotSupported | DriverKind::IncompatibleServer { .. } => {
            Error::invalid("the server is too old: MongoDB 5.0 or newer is needed")
        }
        DriverKind::Transaction { .. } => unavailable("the transaction was lost".to_owned(), after),
        DriverKind::Shutdown => closed(),
        DriverKind::Bson(_) | DriverKind::InvalidResponse { .. } => {
            Error::corrupt("MongoDB's answer is not understood")
        }
        _ => unavailable("the driver of MongoDB failed".to_owned(), after),
    }
}

/// The contract's error for a code of the server.
pub(crate) fn from_code(code: i32, message: &str, effect: Effect) -> Error {
    let after = match effect {
        Effect::None => Retry::Transient,
        Effect::Write => Retry::Unknown,
    };
    match code {
        18 | 13 | 8000 => unauthorized(code),
        DUPLICATE_KEY => Error::already_exists("there is such a record, or such a unique value, already"),
        20 | 263 => replica_set_needed(),
        10334 | 17419 | 17420 | 257 => {
            Error::new(ErrorKind::TooLarge, "the record or the transaction is larger than MongoDB takes")
        }
        14031 => Error::unavailable("the server of MongoDB has no disk space left: free some"),
        // Somebody else was faster, or the transaction was given up for them: nothing was applied.
        24 | 46 | WRITE_CONFLICT | 225 | 239 | 246 | 251 => {
            Error::unavailable("another write was in the way of this one").with_retry(Retry::Transient)
        }
        // No primary, or not yet: refused before anything was done.
        10107 | 13435 | 10058 | 13436 => {
            Error::unavailable(format!("the server is not the primary now (code {code})")).with_retry(Retry::Transient)
        }
        50 | 202 | 262 => Error::unavailable(format!("MongoDB took too long (code {code})")).with_retry(after),
        64 | 100 | 79 => unconfirmed(code),
        6 | 7 | 89 | 91 | 189 | 9001 | 11600 | 11601 | 11602 | 134 => {
            Error::unavailable(format!("the server is stopping or out of reach (code {code})")).with_retry(after)
        }
        _ => {
            let message = format!("MongoDB refuses the request (code {code}): {}", unquoted(message));
            Error::unavailable(message).with_retry(Retry::Permanent)
        }
    }
}

/// The write was done, but not confirmed by a majority.
fn unconfirmed(code: i32) -> Error {
    let message = format!("a majority of the replica set has not confirmed the write (code {code})");
    Error::unavailable(message).with_retry(Retry::Unknown)
}

fn unauthorized(code: i32) -> Error {
    let message = match code {
        18 => "MongoDB refuses the credentials: check user, password and authSource in the URL",
        _ => "the user of MongoDB lacks a right: the role readWrite on the database is needed",
    };
    Error::new(ErrorKind::Unauthorized, message)
}

/// What to say of a server that is no member of a replica set.
pub(crate) fn replica_set_needed() -> Error {
    Error::invalid(
        "this MongoDB is a standalone server, which has no transactions: start mongod with --replSet rs0, run \
         rs.initiate() once in mongosh, and add replicaSet=rs0 to the URL",
    )
}

/// What to say after the backend was closed.
pub(crate) fn closed() -> Error {
    Error::unavailable("the backend is closed").with_retry(Retry::Permanent)
}

/// What to say of a call that was not answered in time.
pub(crate) fn slow(hosts: &str, limit: Duration, effect: Effect) -> Error {
    let retry = match effect {
        Effect::None => Retry::Transient,
        Effect::Write => Retry::Unknown,
    };
    let message = format!("MongoDB at {hosts} has not answered within {limit:?}: see the option request_timeout");
    Error::unavailable(message).with_retry(retry)
}

/// Names the unique constraint that the server's message names.
pub(crate) fn taken(kind: &'static Kind, message: &str) -> Error {
    // The name stands between quotation marks or blanks; a value that looks like it would only spoil the text.
    let words = || message.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    match kind.uniques.iter().find(|unique| words().any(|word| word == unique.name)) {
        Some(unique) => Error::already_exists(format!("another record has this value of {}", unique.name)),
        None => Error::already_exists("there is such a record already"),
    }
}

/// The part of a message before anything is quoted.
fn unquoted(message: &str) -> String {
    let end = message.find(['{', '[', '"', '\'', '`']).unwrap_or(message.len());
    message.get(..end).unwrap_or_default().chars().take(160).collect::<String>().trim_end_matches([' ', ':']).to_owned()
}

/// Why no server was found, out of the driver's long account.
fn cause(message: &str) -> &'static str {
    let message = message.to_ascii_lowercase();
    let causes = [
        ("refused", "the connection was refused, check host and port, and that the server runs"),
        ("invalidcertificate", "its certificate is not trusted, see tlsCAFile"),
        ("invalid peer certificate", "its certificate is not trusted, see tlsCAFile"),
        ("unknownissuer", "its certificate is not trusted, see tlsCAFile"),
        ("corrupt message", "it does not speak TLS, see the option tls"),
        ("tls", "the TLS connection failed, see the options tls and tlsCAFile"),
        ("unexpected end of file", "it closed the connection, it may want TLS: see the option tls"),
        ("failed to lookup", "its name cannot be resolved, check the host"),
        ("name or service not known", "its name cannot be resolved, check the host"),
        ("replica set name", "it belongs to a replica set of another name, see the option replicaSet"),
        (
            "type: replicasetnoprimary",
            "the replica set has no primary now, if this stays so check the options replicaSet and tls",
        ),
    ];
    if message.contains("type: replicasetnoprimary") && !message.contains("servers:") {
        return "no host belongs to a replica set of this name, check the option replicaSet";
    }
    let found = causes.iter().find(|(sign, _)| message.contains(sign));
    found.map_or("check host and port, and the option replicaSet", |(_, cause)| cause)
}

#[cfg(test)]
mod tests {
    use aquifer_core::SCHEMA;

    use super::*;

    #[test]
    fn codes_say_what_helps() {
        let cases = [
            (18, ErrorKind::Unauthorized, Retry::Permanent),
            (13, ErrorKind::Unauthorized, Retry::Permanent),
            (112, ErrorKind::Unavailable, Retry::Transient),
            (251, ErrorKind::Unavailable, Retry::Transient),
            (10107, ErrorKind::Unavailable, Retry::Transient),
            (14031, ErrorKind::Unavailable, Retry::Transient),
            (50, ErrorKind::Unavailable, Retry::Unknown),
            (91, ErrorKind::Unavailable, Retry::Unknown),
            (64, ErrorKind::Unavailable, Retry::Unknown),
            (10334, ErrorKind::TooLarge, Retry::Permanent),
            (11000, ErrorKind::AlreadyExists, Retry::Permanent),
            (20, ErrorKind::Invalid, Retry::Permanent),
            (59, ErrorKind::Unavailable, Retry::Permanent),
        ];
        for (code, kind, retry) in cases {
            let error = from_code(code, "", Effect::Write);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{code}");
        }
        assert_eq!(from_code(91, "", Effect::None).retry(), Retry::Transient);
    }

    #[test]
    fn values_stay_out_of_messages() {
        let message =
            "not authorized on flows to execute command { find: \"users\", filter: { password: \"hunter2\" } }";
        let error = from_code(4242, message, Effect::None).to_string();
        assert!(error.contains("not authorized on flows") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_constraint_is_named() {
        let kind = SCHEMA.kind("executions").unwrap();
        let message = "E11000 duplicate key error collection: a.executions index: by_idempotency_key dup key: { x: 1 }";
        assert!(taken(kind, message).to_string().contains("by_idempotency_key"));
        let message = "E11000 duplicate key error collection: a.executions index: _id_ dup key: { _id: 1 }";
        assert!(taken(kind, message).to_string().contains("such a record"));
    }

    #[test]
    fn a_refused_connection_is_said_to_be_one() {
        let refused = "Server selection timeout: ... Error: Kind: I/O error: Connection refused (os error 111)";
        assert!(cause(refused).contains("check host and port"));
    }
}
