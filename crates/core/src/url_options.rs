//! The options that follow the `?` of a database's URL, read alike for every backend.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use percent_encoding::percent_decode_str;

use crate::error::{Error, Result};

/// The longest duration that an option takes.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The longest name that is compared with those there are.
const LONGEST_NAME: usize = 64;

/// The options of one database's URL: each known, each given once, each taken by whoever reads it.
///
/// Values are percent-decoded. They stay out of `Debug` and of errors where their name says that they are secret.
pub struct UrlOptions {
    backend: &'static str,
    given: Vec<(&'static str, String)>,
}

impl UrlOptions {
    /// Reads `query`, what stands between `?` and `#`. `known` are the names that the backend has; a `-` in a given name is
    /// read as `_` where that makes it known, and case is ignored, so that `ssl-mode` and `sslMode` find what they mean.
    ///
    /// # Errors
    /// `Invalid` for a name that is unknown, with the nearest, or given twice, or a value that is not UTF-8.
    pub fn parse(backend: &'static str, query: &str, known: &'static [&'static str]) -> Result<Self> {
        let mut given: Vec<(&'static str, String)> = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = decoded(name)?;
            let found = known.iter().find(|known| alike(known, &name)).copied();
            let Some(found) = found else { return Err(unknown(backend, &name, known)) };
            if given.iter().any(|(other, _)| *other == found) {
                return Err(Error::invalid(format!("the option {found} is given twice: keep one")));
            }
            given.push((found, decoded(value)?));
        }
        Ok(Self { backend, given })
    }

    /// Takes an option's text; `None` if it was not given.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let place = self.given.iter().position(|(given, _)| *given == name)?;
        Some(self.given.swap_remove(place).1)
    }

    /// Takes an option that is one of several words, and answers what stands beside the word.
    ///
    /// # Errors
    /// `Invalid` for another word, with those there are.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&value)).map(|(_, choice)| *choice);
        let words = || choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| self.refused(name, &format!("one of {}", words()), &value))
    }

    /// Takes a number between `least` and `most`.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn number<T>(&mut self, name: &str, least: T, most: T) -> Result<Option<T>>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(value) = self.text(name) else { return Ok(None) };
        match value.parse::<T>() {
            Ok(number) if number >= least && number <= most => Ok(Some(number)),
            _ => Err(self.refused(name, &format!("a number from {least} to {most}"), &value)),
        }
    }

    /// Takes `true` or `false`, also written `1`, `0`, `yes`, `no`, `on`, `off`.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>> {
        let Some(value) = self.text(name) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(self.refused(name, "true or false", &value)),
        }
    }

    /// Takes a duration above zero and of at most a year: `30s`, `500ms`, `1h`, ISO 8601 such as `PT1M`, or a bare number of seconds.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn duration(&mut self, name: &str) -> Result<Option<Duration>> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let parsed = match value.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => value.parse::<SignedDuration>().ok().and_then(|parsed| Duration::try_from(parsed).ok()),
        };
        match parsed {
            Some(duration) if !duration.is_zero() && duration <= LONGEST => Ok(Some(duration)),
            _ => Err(self.refused(name, "a duration above zero such as 30s, 500ms or PT1M", &value)),
        }
    }

    fn refused(&self, name: &str, takes: &str, value: &str) -> Error {
        Error::invalid(format!("the option {name} of {} takes {takes}, not {value:?}", self.backend))
    }
}

impl std::fmt::Debug for UrlOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.given.iter().map(|(name, _)| name)).finish()
    }
}

fn decoded(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::invalid("an option of the database's URL is not UTF-8"))
}

/// Whether two names differ in case, `-` and `_` only.
fn alike(known: &str, given: &str) -> bool {
    let letters = |name: &str| name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>();
    letters(known).eq_ignore_ascii_case(&letters(given))
}

fn unknown(backend: &str, name: &str, known: &[&str]) -> Error {
    // Comparing very long names would take long, and they are no misspelled short ones.
    let near = known
        .iter()
        .filter(|_| name.len() <= LONGEST_NAME)
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let hint = match near {
        Some((likeness, known)) if likeness > 0.75 => format!(", did you mean {known}?"),
        _ => String::new(),
    };
    let name: String = name.chars().take(LONGEST_NAME).collect();
    Error::invalid(format!("{backend} has no option {name:?}{hint} (there are {})", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["acquire_timeout", "max_connections", "sslmode", "tls"];

    fn parsed(query: &str) -> UrlOptions {
        UrlOptions::parse("test", query, KNOWN).unwrap()
    }

    #[test]
    fn values_are_read_by_type() {
        let mut options = parsed("max-connections=5&sslMode=Require&acquire_timeout=1h&tls=1");
        assert_eq!(options.number("max_connections", 1, 100).unwrap(), Some(5));
        assert_eq!(options.choice("sslmode", &[("disable", 0), ("require", 1)]).unwrap(), Some(1));
        assert_eq!(options.duration("acquire_timeout").unwrap(), Some(Duration::from_secs(3600)));
        assert_eq!(options.boolean("tls").unwrap(), Some(true));
        assert_eq!(options.text("tls"), None);
    }

    #[test]
    fn durations_may_be_bare_seconds() {
        for (text, millis) in [("30", 30_000), ("0.5", 500), ("500ms", 500), ("PT1M", 60_000)] {
            let duration = parsed(&format!("acquire_timeout={text}")).duration("acquire_timeout").unwrap();
            assert_eq!(duration, Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["0", "-1", "NaN", "inf", "1e300", "soon", ""] {
            assert!(parsed(&format!("acquire_timeout={wrong}")).duration("acquire_timeout").is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_with_the_fix() {
        let refused = |query: &str| UrlOptions::parse("test", query, KNOWN).unwrap_err().to_string();
        let message = refused("max_conections=1");
        assert!(
            message.starts_with("test has no option \"max_conections\", did you mean max_connections?"),
            "{message}"
        );
        assert!(refused("tls=1&TLS=0").contains("given twice"));
        assert!(refused("tls=%ff").contains("not UTF-8"));
        let message = parsed("max_connections=0").number("max_connections", 1, 100).unwrap_err().to_string();
        assert_eq!(message, "the option max_connections of test takes a number from 1 to 100, not \"0\"");
    }
}
