//! The value of each setting as text, with its source, and how text is read.

use std::collections::BTreeMap;
use std::time::Duration;

use aquifer::mask;
use bytesize::ByteSize;
use jiff::SignedDuration;

use super::SETTINGS;
use super::setting::Setting;
use super::source::Source;
use crate::failure::{Failure, Result};

/// The longest duration that a setting takes.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The value of each setting that has one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(BTreeMap<&'static str, (String, Source)>);

impl Values {
    /// The defaults.
    pub(crate) fn defaults() -> Self {
        let default = |setting: &Setting| Some((setting.key, (setting.default?.to_owned(), Source::Default)));
        Self(SETTINGS.iter().filter_map(default).collect())
    }

    /// Sets a value, in place of one from a weaker source.
    pub(crate) fn set(&mut self, setting: &Setting, value: String, source: Source) {
        self.0.insert(setting.key, (value, source));
    }

    /// Replaces a value that is there by the same in other words.
    pub(crate) fn replace(&mut self, key: &str, value: String) {
        if let Some((known, _)) = self.0.get_mut(key) {
            *known = value;
        }
    }

    /// The value and its source.
    pub(crate) fn get(&self, key: &str) -> Option<(&str, &Source)> {
        self.0.get(key).map(|(value, source)| (value.as_str(), source))
    }

    /// The value, read by `read`, which says what it takes where it cannot.
    ///
    /// # Errors
    /// With the setting, the source and the value.
    pub(crate) fn read<T>(&self, key: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T> {
        self.read_optional(key, read)?
            .ok_or_else(|| Failure::unusable(format!("the setting {key} has no value: set it")))
    }

    /// The value, read by `read`, where there is one.
    ///
    /// # Errors
    /// As for [`Values::read`].
    pub(crate) fn read_optional<T>(
        &self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some((value, source)) = self.get(key) else { return Ok(None) };
        let refused = |takes: String| {
            Failure::unusable(format!("the setting {key} takes {takes}, not {:?} (from {source})", mask(value)))
        };
        read(value).map(Some).map_err(refused)
    }
}

/// Any text but the empty one.
pub(crate) fn text(value: &str) -> Result<String, String> {
    if value.is_empty() { Err("some text".to_owned()) } else { Ok(value.to_owned()) }
}

/// A duration above zero: `10s`, `500ms`, `1h 30m` or ISO 8601.
pub(crate) fn duration(value: &str) -> Result<Duration, String> {
    let takes = "a duration above zero, such as 10s, 500ms or PT1M, of at most a year";
    let parsed: SignedDuration = value.parse().map_err(|_| takes.to_owned())?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => Ok(duration),
        _ => Err(takes.to_owned()),
    }
}

/// A number of bytes above zero: `1048576`, `64MiB`, `10MB`.
pub(crate) fn size(value: &str) -> Result<usize, String> {
    let takes = "a number of bytes above zero, such as 1048576 or 64MiB";
    let parsed: ByteSize = value.parse().map_err(|_| takes.to_owned())?;
    match usize::try_from(parsed.as_u64()) {
        Ok(size) if size > 0 && size <= isize::MAX.unsigned_abs() => Ok(size),
        _ => Err(takes.to_owned()),
    }
}

/// `true` or `false`.
pub(crate) fn boolean(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "true or false".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_friendly_or_iso() {
        for (text, millis) in [("10s", 10_000), ("500ms", 500), ("PT1M", 60_000), ("1h 30m", 5_400_000), ("0.5s", 500)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "10", "0s", "-1s", "ten seconds", "400d", "99999999999999999999s"] {
            assert!(duration(wrong).unwrap_err().contains("such as 10s"), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        for (text, bytes) in [("1048576", 1 << 20), ("64MiB", 64 << 20), ("10 MB", 10_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "0", "-1", "many", "99999999999999999999"] {
            assert!(size(wrong).unwrap_err().contains("such as 1048576"), "{wrong}");
        }
    }
}
