//! Which database a URL names.

use aquifer_core::{Error, Result};

use crate::mask::mask;

/// A database that this build can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `memory:`: nothing outlives the process.
    Memory,
    /// `json:PATH`, or a path that ends in `.json`.
    Json,
    /// `sqlite:PATH`, `file:PATH` and their relatives.
    Sqlite,
}

/// The schemes that this build opens, and what they name.
const HERE: [(&str, Scheme); 6] = [
    ("memory", Scheme::Memory),
    ("json", Scheme::Json),
    ("sqlite", Scheme::Sqlite),
    ("sqlite+aiosqlite", Scheme::Sqlite),
    ("sqlite+pysqlite", Scheme::Sqlite),
    ("file", Scheme::Sqlite),
];

/// The schemes of databases that a later release brings, and the databases' names.
const LATER: [(&str, &str); 14] = [
    ("postgres", "PostgreSQL"),
    ("postgresql", "PostgreSQL"),
    ("mysql", "MySQL"),
    ("mariadb", "MariaDB"),
    ("redis", "Redis"),
    ("rediss", "Redis"),
    ("valkey", "Valkey"),
    ("valkeys", "Valkey"),
    ("mongodb", "MongoDB"),
    ("mongodb+srv", "MongoDB"),
    ("dynamodb", "DynamoDB"),
    ("libsql", "libSQL"),
    ("turso", "libSQL"),
    ("cockroachdb", "CockroachDB"),
];

/// How to write a URL, for error texts.
const FORMS: &str = "write sqlite:PATH, json:PATH or memory:";

/// The longest scheme that is compared with those there are.
const LONGEST: usize = 64;

impl Scheme {
    /// Which database a URL names.
    ///
    /// # Errors
    /// `Invalid` for a scheme that is unknown, with the nearest one, or that is not in this build, or for no URL at all. Secrets in
    /// the URL are masked.
    pub fn of(url: &str) -> Result<Self> {
        if url.trim().is_empty() {
            return Err(Error::invalid(format!("the database URL is empty: {FORMS}")));
        }
        let Some((scheme, _)) = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
            if url.ends_with(".json") {
                return Ok(Self::Json);
            }
            return Err(Error::invalid(format!("{:?} has no scheme: {FORMS}", mask(url))));
        };
        let scheme = scheme.to_ascii_lowercase();
        if let Some((_, known)) = HERE.iter().find(|(name, _)| *name == scheme) {
            return Ok(*known);
        }
        // SQLAlchemy writes the driver after a plus sign: postgresql+asyncpg.
        let database = scheme.split_once('+').map_or(scheme.as_str(), |(database, _)| database);
        if let Some((_, name)) = LATER.iter().find(|(name, _)| *name == scheme || *name == database) {
            return Err(Error::invalid(format!("{name} is not in this build ({:?}): {FORMS}", mask(url))));
        }
        Err(Error::invalid(format!("there is no database {scheme:?}{}: {FORMS}", nearest(&scheme))))
    }
}

/// Whether `text` can be a scheme (RFC 3986, section 3.1). One letter is a drive on Windows.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn nearest(scheme: &str) -> String {
    // Comparing very long names would take long, and they are no misspelled short ones.
    if scheme.len() > LONGEST {
        return String::new();
    }
    let names = HERE.iter().map(|(name, _)| *name).chain(LATER.iter().map(|(name, _)| *name));
    let near = names.map(|name| (strsim::jaro_winkler(scheme, name), name)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match near {
        Some((likeness, name)) if likeness > 0.75 => format!(", did you mean {name:?}?"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_databases() {
        for (url, scheme) in [
            ("memory:", Scheme::Memory),
            ("json:a/b", Scheme::Json),
            ("a b/c.json", Scheme::Json),
            ("sqlite:a.db", Scheme::Sqlite),
            ("SQLite://a.db", Scheme::Sqlite),
            ("sqlite+aiosqlite:///a.db", Scheme::Sqlite),
            ("file:a.db", Scheme::Sqlite),
        ] {
            assert_eq!(Scheme::of(url).unwrap(), scheme, "{url}");
        }
    }

    #[test]
    fn refusals_name_the_fix_and_no_secret() {
        for (url, message) in [
            ("", "the database URL is empty: write sqlite:PATH, json:PATH or memory:"),
            ("aquifer.db", "\"aquifer.db\" has no scheme: write sqlite:PATH, json:PATH or memory:"),
            (
                "postgres://ann:secret@db/app",
                "PostgreSQL is not in this build (\"postgres://ann:***@db/app\"): write sqlite:PATH, json:PATH or memory:",
            ),
            (
                "postgresql+asyncpg://db/app",
                "PostgreSQL is not in this build (\"postgresql+asyncpg://db/app\"): write sqlite:PATH, json:PATH or memory:",
            ),
            (
                "sqlit:a.db",
                "there is no database \"sqlit\", did you mean \"sqlite\"?: write sqlite:PATH, json:PATH or memory:",
            ),
            ("oracle://x:y@z", "there is no database \"oracle\": write sqlite:PATH, json:PATH or memory:"),
        ] {
            assert_eq!(Scheme::of(url).unwrap_err().to_string(), message);
        }
    }
}
