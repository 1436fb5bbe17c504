//! Points in time, as the store keeps them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// A point in time in UTC with microsecond precision, from year 1 to 9999.
///
/// The text form is RFC 3339 with six decimals and `Z`, always 27 bytes, so that sorting the text
/// sorts the time.
///
/// ```
/// use aquifer_core::Timestamp;
/// let time: Timestamp = "2026-11-20T18:24:33.5+01:00".parse()?;
/// assert_eq!(time.to_string(), "2026-11-20T17:24:33.500000Z");
/// # Ok::<(), aquifer_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest point in time that can be stored: 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// The latest point in time that can be stored: 9999-12-30T22:00:00Z, so that it has a calendar date in every
    /// time zone.
    pub const MAX: Self = Self(253_402_207_200_000_000);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The time `micros` microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// `Invalid` outside of [`Timestamp::MIN`]`..=`[`Timestamp::MAX`].
    pub fn from_micros(micros: i64) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(Error::invalid("time is outside of the years 1 to 9999"))
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time `duration` later, at most [`Timestamp::MAX`].
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros).min(Self::MAX.0))
    }

    /// The time `duration` earlier, at least [`Timestamp::MIN`].
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros).max(Self::MIN.0))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => write!(f, "{time:.6}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|error| Error::invalid(format!("not an RFC 3339 time: {text:?}")).with_source(error))?;
        Self::from_micros(time.as_microsecond())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_has_one_width_and_sorts_as_the_time() {
        let mut texts = Vec::new();
        for time in [Timestamp::MIN, Timestamp::EPOCH, Timestamp(1), Timestamp(1_700_000_000_000_000), Timestamp::MAX] {
            let text = time.to_string();
            assert_eq!(text.len(), 27, "{text}");
            assert_eq!(text.parse::<Timestamp>().unwrap(), time);
            texts.push(text);
        }
        assert!(texts.is_sorted());
    }

    #[test]
    fn out_of_range_is_refused() {
        assert!(Timestamp::from_micros(i64::MAX).is_err());
        assert!("10000-01-01T00:00:00Z".parse::<Timestamp>().is_err());
        assert!("-000001-01-01T00:00:00Z".parse::<Timestamp>().is_err());
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
    }
}
