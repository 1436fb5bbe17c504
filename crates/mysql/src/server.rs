//! Which server answers: MySQL or MariaDB, and which version.

use aquifer_core::{Error, Result};
use aquifer_sql::{Dialect, MARIADB, MYSQL};

/// The smallest `max_allowed_packet` that a record of the largest size fits into, with what JSON may grow by: 16 MiB, which
/// is MariaDB's default and less than MySQL's.
const LEAST_PACKET: u64 = 16 << 20;

/// What the server's version tells, whatever the scheme of the URL says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// MySQL, and what calls itself so.
    Mysql,
    /// MariaDB.
    Mariadb,
}

/// The server, as it says itself when it is first asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) flavour: Flavour,
    /// Its version, as it spells it.
    pub(crate) version: String,
    /// The longest statement and row that it takes, in bytes.
    pub(crate) max_allowed_packet: usize,
}

impl Server {
    /// Reads what the server says of itself.
    ///
    /// # Errors
    /// `Invalid` if it is too old, or takes too short statements.
    pub(crate) fn new(version: String, max_allowed_packet: u64) -> Result<Self> {
        let flavour = match version.to_ascii_lowercase().contains("mariadb") {
            true => Flavour::Mariadb,
            false => Flavour::Mysql,
        };
        if numbers(&version) < flavour.oldest() {
            let (major, minor, patch) = flavour.oldest();
            return Err(Error::invalid(format!(
                "the server is {} {version}: use {major}.{minor}.{patch} or newer",
                flavour.name()
            )));
        }
        if max_allowed_packet < LEAST_PACKET {
            return Err(Error::invalid(format!(
                "the server's max_allowed_packet is {max_allowed_packet} bytes: set it to {LEAST_PACKET} or more"
            )));
        }
        let max_allowed_packet = usize::try_from(max_allowed_packet).unwrap_or(usize::MAX);
        Ok(Self { flavour, version, max_allowed_packet })
    }

    /// Name and version for people.
    pub(crate) fn text(&self) -> String {
        // MariaDB's own text has its name in it: `10.11.19-MariaDB-0+deb12u1`.
        let version = self.version.split_once("-MariaDB").map_or(self.version.as_str(), |(version, _)| version);
        format!("{} {version}", self.flavour.name())
    }
}

impl Flavour {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
        }
    }

    pub(crate) fn dialect(self) -> &'static Dialect {
        match self {
            Self::Mysql => &MYSQL,
            Self::Mariadb => &MARIADB,
        }
    }

    /// The collation that compares bytes and counts trailing spaces.
    pub(crate) fn collation(self) -> &'static str {
        match self {
            Self::Mysql => "utf8mb4_0900_bin",
            Self::Mariadb => "utf8mb4_nopad_bin",
        }
    }

    /// The first version that has that collation and `SKIP LOCKED`.
    fn oldest(self) -> (u32, u32, u32) {
        match self {
            Self::Mysql => (8, 0, 17),
            Self::Mariadb => (10, 6, 0),
        }
    }
}

/// The three numbers that a version begins with. MariaDB may put `5.5.5-` before them, for clients that are older than it.
fn numbers(version: &str) -> (u32, u32, u32) {
    let version = match version.strip_prefix("5.5.5-") {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => version,
    };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str) -> Result<Server> {
        Server::new(version.to_owned(), 64 << 20)
    }

    #[test]
    fn the_version_tells_the_server() {
        for (version, flavour, text) in [
            ("10.11.19-MariaDB-0+deb12u1", Flavour::Mariadb, "MariaDB 10.11.19"),
            ("5.5.5-10.6.0-MariaDB", Flavour::Mariadb, "MariaDB 5.5.5-10.6.0"),
            ("11.4.2-MariaDB-log", Flavour::Mariadb, "MariaDB 11.4.2"),
            ("8.0.17", Flavour::Mysql, "MySQL 8.0.17"),
            ("8.4.0-1.el9", Flavour::Mysql, "MySQL 8.4.0-1.el9"),
            ("9.7.4-2", Flavour::Mysql, "MySQL 9.7.4-2"),
        ] {
            let server = server(version).unwrap();
            assert_eq!((server.flavour, server.text().as_str()), (flavour, text));
        }
    }

    #[test]
    fn what_is_too_old_is_refused_with_the_version_that_is_needed() {
        for (version, message) in [
            ("5.7.44-log", "the server is MySQL 5.7.44-log: use 8.0.17 or newer"),
            ("8.0.16", "the server is MySQL 8.0.16: use 8.0.17 or newer"),
            ("10.5.29-MariaDB", "the server is MariaDB 10.5.29-MariaDB: use 10.6.0 or newer"),
            ("5.5.5-10.5.29-MariaDB", "the server is MariaDB 5.5.5-10.5.29-MariaDB: use 10.6.0 or newer"),
            ("", "the server is MySQL : use 8.0.17 or newer"),
        ] {
            assert_eq!(server(version).unwrap_err().message(), message);
        }
        let error = Server::new("8.4.0".to_owned(), 4 << 20).unwrap_err();
        assert!(error.message().contains("max_allowed_packet is 4194304 bytes: set it to 16777216"), "{error}");
    }
}
