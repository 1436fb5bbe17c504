//! Where the data is.

use std::time::Duration;

use super::setting::{DATABASE_KEY, Setting, WAIT_KEY};
use super::source::Source;
use super::values::{Values, duration, text};
use crate::failure::Result;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: DATABASE_KEY,
        default: Some("sqlite:aquifer.db"),
        doc: "the database: sqlite:PATH, json:PATH, memory: or a server's URL, such as postgres://USER@HOST/DATABASE",
    },
    Setting {
        key: WAIT_KEY,
        default: Some("0s"),
        doc: "how long a database that cannot be reached is tried again before a command gives up",
    },
];

/// Where the data is.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseSettings {
    /// The database's URL, which may hold secrets.
    pub(crate) url: String,
    /// Who named it.
    pub(crate) source: Source,
    /// How long it is tried again while it cannot be reached.
    pub(crate) wait: Duration,
}

impl DatabaseSettings {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let source = values.get(DATABASE_KEY).map_or(Source::Default, |(_, source)| source.clone());
        Ok(Self { url: values.read(DATABASE_KEY, text)?, source, wait: values.read(WAIT_KEY, patience)? })
    }
}

/// A duration, or a number of seconds; zero is none.
fn patience(value: &str) -> Result<Duration, String> {
    match value.strip_suffix('s').unwrap_or(value).parse::<u32>() {
        Ok(seconds) => duration(&format!("{seconds}s")).or(if seconds == 0 { Ok(Duration::ZERO) } else { Err(()) }),
        Err(_) => duration(value).map_err(|_| ()),
    }
    .map_err(|()| "a number of seconds or a duration such as 30s or PT1M, of at most a year".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_in_seconds_or_a_duration() {
        for (value, millis) in [("0", 0), ("0s", 0), ("30", 30_000), ("30s", 30_000), ("500ms", 500), ("PT1M", 60_000)]
        {
            assert_eq!(patience(value), Ok(Duration::from_millis(millis)), "{value}");
        }
        for wrong in ["", "-1", "soon", "400d", "99999999999"] {
            assert!(patience(wrong).is_err(), "{wrong}");
        }
    }
}
