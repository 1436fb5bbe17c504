//! Which database a URL names.

use aquifer_core::{Error, Result};

use crate::mask::mask;

/// A database that Aquifer can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `memory:`: nothing outlives the process.
    Memory,
    /// `json:PATH`, or a path that ends in `.json`.
    Json,
    /// `sqlite:PATH`, `file:PATH` and their relatives.
    Sqlite,
    /// `libsql://HOST` and `turso://HOST`, or a server's `http://HOST:PORT`.
    Libsql,
    /// `postgres://HOST/DATABASE`, also as SQLAlchemy writes it.
    Postgres,
    /// `mysql://HOST/DATABASE` and `mariadb://HOST/DATABASE`, also as SQLAlchemy writes them.
    Mysql,
    /// `redis://HOST` and its relatives for TLS, Sentinel, Cluster and Valkey.
    Redis,
    /// `mongodb://HOST/DATABASE` and `mongodb+srv://HOST/DATABASE`.
    Mongodb,
    /// `dynamodb://REGION`.
    Dynamodb,
}

/// Every scheme, and what it names.
const SCHEMES: [(&str, Scheme); 47] = [
    ("memory", Scheme::Memory),
    ("json", Scheme::Json),
    ("sqlite", Scheme::Sqlite),
    ("sqlite+aiosqlite", Scheme::Sqlite),
    ("sqlite+pysqlite", Scheme::Sqlite),
    ("file", Scheme::Sqlite),
    ("libsql", Scheme::Libsql),
    ("turso", Scheme::Libsql),
    ("http", Scheme::Libsql),
    ("https", Scheme::Libsql),
    ("postgres", Scheme::Postgres),
    ("postgresql", Scheme::Postgres),
    ("postgresql+asyncpg", Scheme::Postgres),
    ("postgresql+psycopg", Scheme::Postgres),
    ("postgresql+psycopg2", Scheme::Postgres),
    ("mysql", Scheme::Mysql),
    ("mariadb", Scheme::Mysql),
    ("mysql+aiomysql", Scheme::Mysql),
    ("mysql+asyncmy", Scheme::Mysql),
    ("mysql+pymysql", Scheme::Mysql),
    ("mariadb+aiomysql", Scheme::Mysql),
    ("mariadb+asyncmy", Scheme::Mysql),
    ("mariadb+pymysql", Scheme::Mysql),
    ("redis", Scheme::Redis),
    ("redis-sentinel", Scheme::Redis),
    ("redis-cluster", Scheme::Redis),
    ("redis+sentinel", Scheme::Redis),
    ("redis+cluster", Scheme::Redis),
    ("rediss", Scheme::Redis),
    ("rediss-sentinel", Scheme::Redis),
    ("rediss-cluster", Scheme::Redis),
    ("rediss+sentinel", Scheme::Redis),
    ("rediss+cluster", Scheme::Redis),
    ("valkey", Scheme::Redis),
    ("valkey-sentinel", Scheme::Redis),
    ("valkey-cluster", Scheme::Redis),
    ("valkey+sentinel", Scheme::Redis),
    ("valkey+cluster", Scheme::Redis),
    ("valkeys", Scheme::Redis),
    ("valkeys-sentinel", Scheme::Redis),
    ("valkeys-cluster", Scheme::Redis),
    ("valkeys+sentinel", Scheme::Redis),
    ("valkeys+cluster", Scheme::Redis),
    ("mongodb", Scheme::Mongodb),
    ("mongodb+srv", Scheme::Mongodb),
    ("dynamodb", Scheme::Dynamodb),
    ("dynamo", Scheme::Dynamodb),
];

/// How to write a URL, for error texts.
const FORMS: &str = "write sqlite:PATH, json:PATH, memory:, or a server's URL such as postgres://USER@HOST/DATABASE";

/// The longest scheme that is compared with those there are.
const LONGEST: usize = 64;

impl Scheme {
    /// Which database a URL names, whether or not this build can open it.
    ///
    /// # Errors
    /// `Invalid` for a scheme that is unknown, with the nearest one, or for no URL at all. Secrets in the URL are masked.
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
        let known = SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, known)| *known);
        known.ok_or_else(|| Error::invalid(format!("there is no database {scheme:?}{}: {FORMS}", nearest(&scheme))))
    }

    /// The database's name, as people write it.
    pub fn database(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Json => "JSON file",
            Self::Sqlite => "SQLite",
            Self::Libsql => "libSQL",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Redis => "Redis",
            Self::Mongodb => "MongoDB",
            Self::Dynamodb => "DynamoDB",
        }
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
    let names = SCHEMES.iter().map(|(name, _)| *name);
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
            ("libsql://db.example?authToken=x", Scheme::Libsql),
            ("http://127.0.0.1:8080", Scheme::Libsql),
            ("postgresql+asyncpg://db/app", Scheme::Postgres),
            ("mysql+aiomysql://db/app", Scheme::Mysql),
            ("rediss://db", Scheme::Redis),
            ("mongodb+srv://db", Scheme::Mongodb),
            ("dynamodb://eu-central-1", Scheme::Dynamodb),
        ] {
            assert_eq!(Scheme::of(url).unwrap(), scheme, "{url}");
        }
    }

    #[test]
    fn refusals_name_the_fix_and_no_secret() {
        for (url, message) in [
            ("", "the database URL is empty: "),
            ("aquifer.db", "\"aquifer.db\" has no scheme: "),
            ("://ann:secret@db/app", "\"://ann:***@db/app\" has no scheme: "),
            ("sqlit:a.db", "there is no database \"sqlit\", did you mean \"sqlite\"?: "),
            (
                "postgresql+asyncpgg://x:y@z",
                "there is no database \"postgresql+asyncpgg\", did you mean \"postgresql+asyncpg\"?: ",
            ),
            ("oracle://x:y@z", "there is no database \"oracle\": "),
        ] {
            assert_eq!(Scheme::of(url).unwrap_err().to_string(), format!("{message}{FORMS}"));
        }
    }
}
