//! What the driver's errors mean to the contract.

use std::io;

use aquifer_core::{Error, ErrorKind, Retry};
use aquifer_sql::network::Fault;
use sqlx::postgres::PgDatabaseError;

use crate::options::{PostgresOptions, SslMode};

/// What a failed statement means. `lost` is what to say of it where the connection broke: whether it may have been applied.
pub(crate) fn fault(error: &sqlx::Error, options: &PostgresOptions, lost: Retry) -> Fault {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            let file = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::file);
            // Where a file cannot grow for another reason than a full disk, such as a quota, newer servers call it an internal error.
            let code = if code == "XX000" && file == Some("md.c") { "53100".to_owned() } else { code };
            refused(&code, database.message(), options, lost)
        }
        sqlx::Error::Io(error) => Fault::Failed(
            Error::unavailable(format!("the connection to {} broke", options.address()))
                .with_retry(lost)
                .with_source(error.to_string()),
        ),
        sqlx::Error::Protocol(message) => Fault::Failed(
            Error::unavailable(format!("{} answers oddly: {message}", options.address())).with_retry(lost),
        ),
        other => {
            Fault::Failed(Error::unavailable("the driver gave up").with_retry(lost).with_source(other.to_string()))
        }
    }
}

/// The SQLSTATE of an error, if the server sent one.
pub(crate) fn state(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

/// Whether an error says that a pooler gave the statement to a session that does not know it.
pub(crate) fn is_poolers(state: &str) -> bool {
    matches!(state, "26000" | "42P05" | "08P01")
}

/// What the server's refusal means. Its detail may hold values and is left out.
fn refused(code: &str, message: &str, options: &PostgresOptions, lost: Retry) -> Fault {
    let because = |kind: ErrorKind, text: String| Error::new(kind, text).with_source(format!("{message} ({code})"));
    let unavailable = |text: &str| because(ErrorKind::Unavailable, format!("{} {text}", options.address()));
    match code {
        "23505" => Fault::Unique(because(ErrorKind::AlreadyExists, "another record has this value".into())),
        "23503" => Fault::Reference(because(
            ErrorKind::Invalid,
            "the record refers to one that does not exist, or others refer to it".into(),
        )),
        "40001" | "40P01" | "55P03" => Fault::Contention(unavailable("ended the transaction in favour of another")),
        code if is_poolers(code) => Fault::Contention(unavailable("is behind a pooler that gives out sessions anew")),
        // A value: JSON with U+0000 or a number beyond numeric, text that is not UTF-8, a row or an index entry beyond a page.
        "22P05" | "22003" | "22P02" | "22021" | "54000" | "22030" | "22032" | "54001" => Fault::Refused(because(
            ErrorKind::Invalid,
            "PostgreSQL cannot keep a value: JSON cannot hold U+0000 or numbers beyond 131072 digits".into(),
        )),
        "23502" | "23514" | "23P01" => {
            Fault::Refused(because(ErrorKind::Invalid, "the record violates a constraint of its table".into()))
        }
        "42501" => Fault::Failed(because(
            ErrorKind::Unauthorized,
            format!(
                "{} lacks a right: grant USAGE and CREATE on the schema, and SELECT, INSERT, UPDATE and DELETE on its tables",
                user(options)
            ),
        )),
        "42P01" | "3F000" => Fault::Failed(because(
            ErrorKind::Invalid,
            "the database has no tables of Aquifer: run `aquifer db migrate`, or name the schema that has them".into(),
        )),
        "42703" => Fault::Failed(because(
            ErrorKind::Invalid,
            "the tables are of another version: run `aquifer db migrate`".into(),
        )),
        "25006" => Fault::Failed(because(
            ErrorKind::Invalid,
            format!("{} is read-only: name the primary, and a replica as read_url", options.address()),
        )),
        "53100" => Fault::Failed(unavailable("has no room left on its disk")),
        "53200" => Fault::Failed(unavailable("has no memory left")),
        "53300" => {
            Fault::Failed(unavailable("takes no more connections: lower max_connections here or raise it there"))
        }
        "57014" => Fault::Failed(because(
            ErrorKind::Unavailable,
            format!("a statement took longer than request_timeout ({:?})", options.request_timeout),
        )),
        "57P01" | "57P02" | "57P05" => Fault::Failed(unavailable("ended the connection").with_retry(lost)),
        "57P03" => Fault::Failed(unavailable("is starting or stopping")),
        "54011" | "54023" => Fault::Failed(because(ErrorKind::TooLarge, "the statement is too large".into())),
        "XX001" | "XX002" => {
            Fault::Failed(because(ErrorKind::Corrupt, "PostgreSQL found damage in what is stored".into()))
        }
        code if code.starts_with("28") => Fault::Failed(connecting(code, message, options)),
        code if code.starts_with("08") => Fault::Failed(unavailable("broke the connection").with_retry(lost)),
        code if ["53", "57", "58", "55", "25", "40"].iter().any(|class| code.starts_with(class)) => {
            Fault::Failed(unavailable("refuses for now"))
        }
        _ => Fault::Failed(because(ErrorKind::Invalid, "PostgreSQL refused a statement".into())),
    }
}

/// What keeps a connection from being opened.
pub(crate) fn not_connected(error: sqlx::Error, options: &PostgresOptions) -> Error {
    match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            let hint = database.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::hint);
            let message = match hint {
                Some(hint) => format!("{}, {hint}", database.message()),
                None => database.message().to_owned(),
            };
            connecting(&code, &message, options)
        }
        sqlx::Error::Io(io) if is_tls(io) => tls(&io.to_string(), options),
        sqlx::Error::Tls(cause) => tls(&cause.to_string(), options),
        sqlx::Error::Io(io) => unreachable_server(io, options),
        sqlx::Error::Configuration(cause) => {
            Error::invalid("the files of sslcert, sslkey or sslrootcert cannot be used").with_source(cause.to_string())
        }
        other => {
            Error::unavailable(format!("{} does not answer as PostgreSQL does: check host and port", options.address()))
                .with_source(other.to_string())
        }
    }
}

fn connecting(code: &str, message: &str, options: &PostgresOptions) -> Error {
    let because = |kind: ErrorKind, text: String| Error::new(kind, text).with_source(format!("{message} ({code})"));
    let address = options.address();
    match code {
        "28P01" => because(ErrorKind::Unauthorized, format!("{address} refuses the password of {}", user(options))),
        "28000" if message.contains("no encryption") => because(
            ErrorKind::Unauthorized,
            format!("{address} takes no connection without encryption: set sslmode=require or stricter"),
        ),
        "28000" if message.contains("certificate") => because(
            ErrorKind::Unauthorized,
            format!("{address} wants a client certificate for {}: set sslcert and sslkey", user(options)),
        ),
        code if code.starts_with("28") => because(
            ErrorKind::Unauthorized,
            format!("{address} does not let {} in: check the user, and pg_hba.conf of the server", user(options)),
        ),
        "3D000" => {
            let database = options.database.as_deref().unwrap_or_default();
            because(ErrorKind::Invalid, format!("{address} has no database {database:?}: create it with createdb"))
        }
        "42501" => because(
            ErrorKind::Unauthorized,
            format!("{} may not connect to the database: grant CONNECT", user(options)),
        ),
        // PgBouncer has this code for everything.
        "08P01" if message.contains("authentication failed") || message.contains("no such user") => because(
            ErrorKind::Unauthorized,
            format!("the pooler at {address} refuses the password of {}, or does not know the user", user(options)),
        ),
        "08P01" if message.contains("no such database") => {
            let database = options.database.as_deref().unwrap_or_default();
            because(
                ErrorKind::Invalid,
                format!("the pooler at {address} has no database {database:?}: add it to its settings"),
            )
        }
        "08P01" if message.contains("startup parameter") => {
            because(ErrorKind::Invalid, format!("the pooler at {address} refuses a parameter of the connection"))
        }
        "08P01" => because(ErrorKind::Unavailable, format!("{address} does not take the connection for now")),
        code => match refused(code, message, options, Retry::Transient) {
            Fault::Failed(error) | Fault::Contention(error) => error,
            Fault::Unique(error) | Fault::Reference(error) | Fault::Refused(error) => error,
        },
    }
}

fn is_tls(error: &io::Error) -> bool {
    // What rustls finds wrong comes wrapped, and a server that finds the client's certificate wrong hangs up with an alert.
    error.kind() == io::ErrorKind::InvalidData
}

fn tls(cause: &str, options: &PostgresOptions) -> Error {
    let address = options.address();
    let text = if cause.contains("does not support TLS") {
        format!("{address} does not encrypt: set sslmode=prefer or disable, or set TLS up on the server")
    } else if cause.contains("UnknownIssuer") || cause.contains("unknown issuer") {
        format!(
            "the certificate of {address} is of an authority that is not trusted: name its certificate as sslrootcert"
        )
    } else if cause.contains("NotValidForName") || cause.contains("not valid for") {
        format!("the certificate of {address} is for another name: use the name it is for, or sslmode=verify-ca")
    } else if options.ssl_mode == SslMode::Prefer || options.ssl_mode == SslMode::Require {
        format!("the encrypted connection to {address} failed: check sslmode, sslcert and sslkey")
    } else {
        format!("the encrypted connection to {address} failed: check sslmode, sslrootcert, sslcert and sslkey")
    };
    Error::new(ErrorKind::Unauthorized, text).with_source(cause.to_owned())
}

fn unreachable_server(error: &io::Error, options: &PostgresOptions) -> Error {
    let address = options.address();
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {address}: check host and port in the database's URL, and that PostgreSQL runs")
        }
        io::ErrorKind::NotFound => {
            format!("there is no socket of PostgreSQL at {address}: check the host in the database's URL")
        }
        io::ErrorKind::PermissionDenied => {
            format!("the socket of PostgreSQL at {address} may not be used by this user")
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            format!("{address} hung up: check that PostgreSQL is what listens there, and sslmode")
        }
        _ => format!("{address} cannot be reached: check host and port in the database's URL"),
    };
    Error::unavailable(text).with_source(error.to_string())
}

fn user(options: &PostgresOptions) -> String {
    match &options.user {
        Some(user) => format!("the user {user:?}"),
        None => "the user of this process".to_owned(),
    }
}
