//! Options that SQLAlchemy and its drivers take in a database's URL, in the names that Aquifer's backends know.
//!
//! `postgresql+asyncpg://…?pool_size=20&max_overflow=10&ssl=require` becomes
//! `postgresql://…?max_connections=30&min_connections=20&sslmode=require`. What has no such options stays as it is.

use percent_encoding::percent_decode_str;

use super::aliases::takes;

/// How many connections beyond `pool_size` there may be where `max_overflow` is not given.
const MAX_OVERFLOW: u32 = 10;
/// What SQLAlchemy keeps where only `max_overflow` is given.
const POOL_SIZE: u32 = 5;

/// The options of SQLAlchemy and of drivers that become something else.
const FOREIGN: [&str; 13] = [
    "pool_size",
    "max_overflow",
    "pool_timeout",
    "pool_recycle",
    "pool_pre_ping",
    "check_same_thread",
    "prepared_statement_cache_size",
    "ssl",
    "ssl_mode",
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "timeout",
];

/// The longest name that is compared with those there are.
const LONGEST: usize = 64;

/// A URL in Aquifer's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Canonical {
    /// The URL.
    pub(super) url: String,
    /// Options that say nothing to Aquifer, and why.
    pub(super) dropped: Vec<(&'static str, &'static str)>,
}

/// Databases whose options differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Postgres,
    Mysql,
    Sqlite,
}

/// What becomes of an option.
enum Becomes {
    /// Another option, with a value that is brought into form.
    Option(&'static str, fn(&str) -> Result<String, String>),
    /// A part of the size of the pool.
    Pool,
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// What becomes of an option of SQLAlchemy or of a driver; `None` if it is no such one.
fn becomes(family: Family, name: &str) -> Option<Becomes> {
    use Becomes::{Nothing, Option as Becoming, Pool};
    use Family::{Mysql, Postgres, Sqlite};
    Some(match (family, name) {
        (Postgres | Mysql, "pool_size" | "max_overflow") => Pool,
        (Postgres | Mysql, "pool_timeout") => Becoming("acquire_timeout", takes::seconds),
        (Postgres | Mysql, "pool_recycle") => Becoming("max_lifetime", takes::seconds),
        (Postgres | Mysql, "pool_pre_ping") => Nothing("a broken connection is replaced always"),
        (Postgres, "ssl") => Becoming("sslmode", postgres_ssl),
        (Postgres, "prepared_statement_cache_size") => Becoming("statement_cache", takes::number),
        (Mysql, "ssl") => Becoming("ssl-mode", mysql_ssl),
        (Mysql, "ssl_mode") => Becoming("ssl-mode", takes::anything),
        (Mysql, "ssl_ca") => Becoming("ssl-ca", takes::anything),
        (Mysql, "ssl_cert") => Becoming("ssl-cert", takes::anything),
        (Mysql, "ssl_key") => Becoming("ssl-key", takes::anything),
        (Sqlite, "timeout") => Becoming("busy_timeout", milliseconds),
        (Sqlite, "pool_size" | "max_overflow" | "pool_timeout" | "pool_recycle" | "pool_pre_ping") => {
            Nothing("SQLite has no connections to pool")
        }
        (Sqlite, "check_same_thread") => Nothing("threads are Aquifer's own affair"),
        _ => return None,
    })
}

/// Brings a database's URL into Aquifer's words. Applied twice, it changes nothing more.
///
/// # Errors
/// What is wrong with an option, without secrets.
pub(super) fn canonical(url: &str) -> Result<Canonical, String> {
    let unchanged = || Canonical { url: url.to_owned(), dropped: Vec::new() };
    let Some((scheme, rest)) = url.split_once(':') else { return Ok(unchanged()) };
    let lower = scheme.to_ascii_lowercase();
    let (database, driver) =
        lower.split_once('+').map_or((lower.as_str(), None), |(name, driver)| (name, Some(driver)));
    let family = match database {
        "postgres" | "postgresql" | "cockroachdb" => Family::Postgres,
        "mysql" | "mariadb" => Family::Mysql,
        "sqlite" => Family::Sqlite,
        _ => return Ok(unchanged()),
    };
    // How many slashes begin a path depends on the driver, which therefore stays.
    let scheme = if driver.is_some() && family != Family::Sqlite { database } else { scheme };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let mut translated = Canonical { url: format!("{scheme}:{place}"), dropped: Vec::new() };
    if let Some(query) = query {
        let options = translate(family, query, &mut translated.dropped)?;
        for (index, option) in options.iter().enumerate() {
            translated.url.push(if index == 0 { '?' } else { '&' });
            translated.url.push_str(option);
        }
    }
    Ok(translated)
}

fn translate(
    family: Family,
    query: &str,
    dropped: &mut Vec<(&'static str, &'static str)>,
) -> Result<Vec<String>, String> {
    let mut options: Vec<(String, String)> = Vec::new();
    let mut pool = Pool::default();
    // Where in the list the size of the pool stands.
    let mut place = None;
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let Some(becomes) = becomes(family, name) else {
            if let Some(meant) = slip_of(family, name) {
                return Err(format!("the option {meant} rather than {name:?}"));
            }
            options.push((name.to_owned(), option.to_owned()));
            continue;
        };
        let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("a value of {name} in UTF-8"))?;
        match becomes {
            Becomes::Pool => {
                pool.set(name, &value)?;
                place.get_or_insert(options.len());
            }
            // What SQLAlchemy calls never.
            Becomes::Option("max_lifetime", _) if value == "-1" => {
                dropped.push(("pool_recycle", "a connection ends some time always"));
            }
            Becomes::Option(target, form) => {
                let value = form(&value).map_err(|takes| format!("{takes} for its option {name}"))?;
                options.push((target.to_owned(), format!("{target}={}", takes::option_value(&value))));
            }
            Becomes::Nothing(why) => {
                dropped.extend(FOREIGN.into_iter().find(|known| *known == name).map(|name| (name, why)));
            }
        }
    }
    if let Some(place) = place {
        let at = |name: &str, value: u32| (name.to_owned(), format!("{name}={value}"));
        let (most, kept) = pool.sizes()?;
        options.insert(place, at("max_connections", most));
        if kept > 0 {
            options.insert(place + 1, at("min_connections", kept));
        }
    }
    refuse_twice(&options)?;
    Ok(options.into_iter().map(|(_, option)| option).collect())
}

/// The option of which `name` is one slip away. The backends, which refuse what they do not know, have not heard of it.
fn slip_of(family: Family, name: &str) -> Option<&'static str> {
    let bare = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
    let is_near = |known: &str| strsim::osa_distance(name, known) == 1 && bare(name) != bare(known);
    // Short names are near to too many others.
    let known = FOREIGN.into_iter().filter(|known| known.len() > 7 && becomes(family, known).is_some());
    known.into_iter().find(|known| name.len() <= LONGEST && is_near(known))
}

/// The size of SQLAlchemy's pool.
#[derive(Debug, Default)]
struct Pool {
    size: Option<u32>,
    overflow: Option<u32>,
}

impl Pool {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        // 0 and -1 mean that there is no limit, which would let one process take all the connections that the server has.
        let is_endless = if name == "pool_size" { value == "0" } else { value == "-1" };
        if is_endless {
            return Err(format!("a limit of connections, write max_connections=N for {name}={value}"));
        }
        let number = value.parse().map_err(|_| format!("a number for its option {name}"))?;
        *(if name == "pool_size" { &mut self.size } else { &mut self.overflow }) = Some(number);
        Ok(())
    }

    /// The most connections, and how many are kept.
    fn sizes(&self) -> Result<(u32, u32), String> {
        let kept = self.size.unwrap_or(POOL_SIZE);
        let most = kept.checked_add(self.overflow.unwrap_or(MAX_OVERFLOW));
        most.map(|most| (most, kept)).ok_or_else(|| "fewer connections".to_owned())
    }
}

/// Refuses an option that was given in SQLAlchemy's words and in Aquifer's.
fn refuse_twice(options: &[(String, String)]) -> Result<(), String> {
    const TARGETS: [&str; 11] = [
        "max_connections",
        "min_connections",
        "acquire_timeout",
        "max_lifetime",
        "sslmode",
        "statement_cache",
        "ssl-mode",
        "ssl-ca",
        "ssl-cert",
        "ssl-key",
        "busy_timeout",
    ];
    let is_twice = |target: &&&str| options.iter().filter(|(name, _)| name == **target).count() > 1;
    match TARGETS.iter().find(is_twice) {
        Some(target) => Err(format!("its option {target} once and not in two spellings")),
        None => Ok(()),
    }
}

/// `ssl` of asyncpg.
fn postgres_ssl(value: &str) -> Result<String, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok("require".to_owned()),
        "false" | "0" => Ok("disable".to_owned()),
        mode => takes::ssl_mode(mode),
    }
}

/// `ssl` of aiomysql and its relatives.
fn mysql_ssl(value: &str) -> Result<String, String> {
    Ok(match takes::boolean(value) {
        Ok(yes) if yes == "true" => "required".to_owned(),
        Ok(_) => "disabled".to_owned(),
        Err(_) => match takes::ssl_mode(value)?.as_str() {
            "disable" => "disabled",
            "prefer" => "preferred",
            "verify-ca" => "verify_ca",
            "verify-full" => "verify_identity",
            _ => "required",
        }
        .to_owned(),
    })
}

/// Seconds as milliseconds.
fn milliseconds(value: &str) -> Result<String, String> {
    let takes = || "a number of seconds".to_owned();
    let seconds: f64 = value.parse().map_err(|_| takes())?;
    std::time::Duration::try_from_secs_f64(seconds).map(|wait| wait.as_millis().to_string()).map_err(|_| takes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(url: &str, expected: &str) {
        let translated = canonical(url).unwrap();
        assert_eq!(translated.url, expected);
        assert_eq!(canonical(&translated.url).unwrap().url, expected);
    }

    #[test]
    fn options_of_sqlalchemy_become_those_of_the_backends() {
        becomes(
            "postgresql+asyncpg://user:pass@host:5432/db?pool_size=20&max_overflow=10&pool_timeout=30",
            "postgresql://user:pass@host:5432/db?max_connections=30&min_connections=20&acquire_timeout=30s",
        );
        becomes(
            "postgresql+asyncpg://u:p@h/d?application_name=a%26b&ssl=require&pool_recycle=3600",
            "postgresql://u:p@h/d?application_name=a%26b&sslmode=require&max_lifetime=1h",
        );
        becomes(
            "mysql+aiomysql://u:p@h/d?charset=utf8mb4&pool_size=20&connect_timeout=10&ssl=true",
            "mysql://u:p@h/d?charset=utf8mb4&max_connections=30&min_connections=20&connect_timeout=10&ssl-mode=required",
        );
        becomes(
            "mysql://h/d?ssl=verify-full&ssl_ca=/a%20b.pem",
            "mysql://h/d?ssl-mode=verify_identity&ssl-ca=/a%20b.pem",
        );
        becomes("postgres://h/d?max_overflow=0", "postgres://h/d?max_connections=5&min_connections=5");
        becomes("sqlite+aiosqlite:///./a.db?timeout=20", "sqlite+aiosqlite:///./a.db?busy_timeout=20000");
    }

    #[test]
    fn what_is_nobody_elses_stays_as_it_is() {
        for url in [
            "memory:",
            "a.json",
            "postgres://u:p%40@h/d",
            "POSTGRES://h/d?sslmode=require&max_connections=3",
            "redis://:p@h:6379/0?pool_size=3",
            "libsql://h?authToken=e.y",
            "file:./workflows.db",
            "",
        ] {
            becomes(url, url);
        }
    }

    #[test]
    fn what_says_nothing_is_named() {
        let translated = canonical("sqlite+aiosqlite:///a.db?pool_size=5&check_same_thread=false").unwrap();
        assert_eq!(translated.url, "sqlite+aiosqlite:///a.db");
        let names: Vec<&str> = translated.dropped.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["pool_size", "check_same_thread"]);
        let translated = canonical("postgresql+asyncpg://h/d?pool_recycle=-1&pool_pre_ping=true").unwrap();
        assert_eq!((translated.url.as_str(), translated.dropped.len()), ("postgresql://h/d", 2));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (query, text) in [
            ("pool_sise=3", "the option pool_size rather than \"pool_sise\""),
            ("pool_size=many", "a number for its option pool_size"),
            ("pool_size=0", "write max_connections=N"),
            ("max_overflow=-1", "write max_connections=N"),
            ("pool_size=4294967295", "fewer connections"),
            ("pool_timeout=0", "a number of seconds above zero for its option pool_timeout"),
            ("ssl=maybe", "disable, prefer, require, verify-ca or verify-full for its option ssl"),
            ("ssl=require&sslmode=disable", "its option sslmode once"),
            ("max_connections=3&pool_size=3", "its option max_connections once"),
        ] {
            let refused = canonical(&format!("postgresql://u:s3cret@h/d?{query}")).unwrap_err();
            assert!(refused.contains(text) && !refused.contains("s3cret"), "{refused}");
        }
    }
}
