//! What the errors of the driver and the server mean to the contract.

use std::io;

use aquifer_core::{Error, ErrorKind, Retry};
use aquifer_sql::network::Fault;
use sqlx::Error as SqlxError;
use sqlx::mysql::MySqlDatabaseError;

use crate::options::MysqlOptions;

/// What a failed statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A value of the key or of a unique constraint is taken.
    Unique,
    /// A record refers to one that is not there, or is referred to.
    Reference,
    /// The server cannot keep a value, such as a document that is nested too deeply.
    Refused,
    /// Somebody else's locks were in the way, and nothing was kept.
    Contention,
    /// What a statement creates is there.
    Exists,
    /// The connection broke, or the server ended it.
    Lost,
    /// Anything else that the server answered.
    Other,
}

/// Names the server in errors.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Host and port, or the socket.
    pub(crate) server: String,
    user: String,
    database: String,
}

impl Place {
    pub(crate) fn new(options: &MysqlOptions) -> Self {
        Self { server: options.place(), user: options.user.clone(), database: options.database.clone() }
    }

    /// An error while connecting.
    pub(crate) fn not_connected(&self, error: SqlxError) -> Error {
        let server = &self.server;
        let translated = match &error {
            SqlxError::Io(cause) if cause.kind() == io::ErrorKind::InvalidData => self.no_tls(cause),
            SqlxError::Tls(cause) => self.no_tls(cause),
            SqlxError::Io(cause) => Error::unavailable(format!(
                "{server} cannot be reached ({cause}): check host and port in the URL, and whether the server runs"
            )),
            SqlxError::Configuration(cause) if cause.to_string().contains("RSA") => Error::invalid(format!(
                "the password of {:?} goes to {server} only over an encrypted connection: set ssl-mode=required",
                self.user
            )),
            SqlxError::Configuration(cause) => Error::invalid(format!("cannot connect to {server}: {cause}")),
            SqlxError::Protocol(text) if text.contains("authentication") => Error::new(
                ErrorKind::Unauthorized,
                format!(
                    "{server} cannot be signed in to ({text}): give the user {:?} a password with the plugin \
                     caching_sha2_password or mysql_native_password",
                    self.user
                ),
            ),
            SqlxError::Protocol(_) => {
                Error::unavailable(format!("{server} does not answer as MySQL does: check host and port in the URL"))
            }
            _ => return self.failed(error),
        };
        translated.with_source(error)
    }

    /// What a failed statement means to a session.
    pub(crate) fn fault(&self, error: SqlxError) -> Fault {
        let cause = Cause::of(&error);
        let error = self.failed(error);
        match cause {
            Cause::Unique => Fault::Unique(error),
            Cause::Reference => Fault::Reference(error),
            Cause::Refused => Fault::Refused(error),
            Cause::Contention => Fault::Contention(error),
            Cause::Exists | Cause::Lost | Cause::Other => Fault::Failed(error),
        }
    }

    fn no_tls(&self, cause: &dyn std::fmt::Display) -> Error {
        let server = &self.server;
        let cause = cause.to_string();
        let fix = match () {
            () if cause.contains("does not support TLS") => {
                "give the server a certificate, or set ssl-mode=preferred or disabled"
            }
            () if cause.contains("UnknownIssuer") => "name the authority's certificate with ssl-ca",
            () if cause.contains("NotValidForName") || cause.contains("not valid for name") => {
                "connect by a name that the certificate holds, or set ssl-mode=verify_ca"
            }
            () => "check ssl-mode, ssl-ca, ssl-cert and ssl-key",
        };
        Error::invalid(format!("no encrypted connection to {server} ({cause}): {fix}"))
    }

    /// An error of a statement, or of the connection below it.
    pub(crate) fn failed(&self, error: SqlxError) -> Error {
        let server = &self.server;
        let translated = match &error {
            SqlxError::Database(cause) => match cause.try_downcast_ref::<MySqlDatabaseError>() {
                Some(cause) => self.answered(cause),
                None => Error::unavailable(format!("{server} failed")),
            },
            SqlxError::Io(cause) => Error::unavailable(format!("the connection to {server} broke ({cause})")),
            SqlxError::PoolClosed => Error::unavailable("the database is closed").with_retry(Retry::Permanent),
            SqlxError::Protocol(_) => {
                Error::unavailable(format!("the connection to {server} broke: its reply is unreadable"))
            }
            SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
                Error::corrupt(format!("{server} gave a value that is not of its column's type"))
            }
            _ => Error::unavailable(format!("{server} failed ({error})")).with_retry(Retry::Permanent),
        };
        translated.with_source(error)
    }

    /// An error that the server answered.
    fn answered(&self, error: &MySqlDatabaseError) -> Error {
        let Self { server, user, database } = self;
        let transient = |message: String| Error::unavailable(message);
        let permanent = |message: String| Error::unavailable(message).with_retry(Retry::Permanent);
        match error.number() {
            1045 | 1698 | 3118 | 1862 | 1820 => Error::new(
                ErrorKind::Unauthorized,
                format!("{server} refuses user {user:?} ({}): check user and password in the URL", error.message()),
            ),
            1130 | 1129 => Error::new(
                ErrorKind::Unauthorized,
                format!("{server} takes no connection from this machine ({}): allow its host", error.message()),
            ),
            1044 | 1142 | 1143 | 1227 | 1370 | 1410 => Error::new(
                ErrorKind::Unauthorized,
                format!(
                    "user {user:?} lacks a right on {server} ({}): GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, \
                     INDEX, REFERENCES ON `{database}`.* TO '{user}'@'%'",
                    error.message()
                ),
            ),
            1049 => Error::invalid(format!(
                "{server} has no database {database:?}: CREATE DATABASE `{database}` CHARACTER SET utf8mb4"
            )),
            3159 | 4151 => Error::invalid(format!("{server} takes only encrypted connections: set ssl-mode=required")),
            1040 | 1203 | 1226 => transient(format!(
                "{server} has no connection left ({}): lower max_connections, or raise the server's",
                error.message()
            )),
            1205 | 1213 | 3572 | 1020 | 1412 | 1615 | 3101 => {
                transient(format!("others held what was to be locked on {server} for too long"))
            }
            1114 | 1021 | 1026 | 1030 | 1037 | 1038 | 1041 | 1206 | 3019 => transient(format!(
                "{server} has no room left on its disk or in its memory ({}): nothing was stored, make room",
                error.message()
            )),
            1290 | 1792 | 1836 | 1874 | 3906 => transient(format!(
                "{server} is read-only ({}): name the primary in the URL, or make it writable",
                error.message()
            )),
            1969 | 3024 | 1317 => transient(format!("{server} took longer than request_timeout for a statement")),
            1053 | 1077 | 1079 | 1080 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => {
                transient(format!("{server} ended the connection ({})", error.message()))
            }
            1153 | 1118 | 1301 => {
                Error::new(ErrorKind::TooLarge, format!("{server} takes no record so large ({})", error.message()))
            }
            1146 | 1054 | 1072 | 1091 | 1176 => Error::invalid(format!(
                "the database {database:?} lacks a table or column of this version ({}): migrate it first",
                error.message()
            )),
            1665 => Error::invalid(format!("{server} logs statements: set binlog_format=ROW")),
            1461 => transient(format!("{server} prepares no more statements: raise max_prepared_stmt_count")),
            1062 | 1586 | 1022 | 1169 | 1859 => Error::already_exists("another record has this key or unique value"),
            1216 | 1452 => Error::invalid("the record refers to one that does not exist: store that one first"),
            1217 | 1451 => Error::invalid("other records refer to the record: remove them first"),
            3140..=3157 | 3903 | 4025 | 4036..=4044 => Error::invalid(
                "a document is nested too deeply, or holds a number that is too large, for this server's JSON",
            ),
            1264 | 1292 | 1366 | 1406 => {
                Error::invalid(format!("{server} cannot hold a value of the record ({})", error.message()))
            }
            number => permanent(format!("{server} failed ({number})")),
        }
    }
}

impl Cause {
    /// What a failed statement is about.
    pub(crate) fn of(error: &SqlxError) -> Self {
        let SqlxError::Database(error) = error else { return Self::Lost };
        match error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number) {
            1062 | 1586 | 1022 | 1169 | 1859 => Self::Unique,
            1216 | 1217 | 1451 | 1452 => Self::Reference,
            3140..=3157 | 3903 | 4025 | 4036..=4044 | 1264 | 1292 | 1366 | 1406 => Self::Refused,
            1205 | 1213 | 3572 | 1020 | 1412 | 1615 | 3101 => Self::Contention,
            1050 | 1060 | 1061 | 1826 => Self::Exists,
            1053 | 1077 | 1079 | 1080 | 1152 | 1153 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => Self::Lost,
            _ => Self::Other,
        }
    }
}
