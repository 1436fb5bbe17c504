//! Durations: ISO 8601 text, the DSL's object form, or an expression to evaluate later.

use std::time::Duration as StdDuration;

/// A duration in a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duration {
    /// A known duration, at most [`MAX_DURATION`].
    Literal(StdDuration),
    /// The text of a `${ ... }` expression, without the `${ }`, that yields ISO 8601 text (see
    /// [`parse_iso_duration`]).
    Expression(String),
}

/// The longest duration that is accepted: 1000 years of 365 days.
pub const MAX_DURATION: StdDuration = StdDuration::from_secs(1000 * 365 * 86_400);

const NANOS: u128 = 1_000_000_000;
const DAY: u128 = 86_400;

/// Why a duration was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is no ISO 8601 duration.
    #[error("is not an ISO 8601 duration such as PT30S, PT1H30M or P1D")]
    Syntax,
    /// The duration is longer than [`MAX_DURATION`].
    #[error("is longer than 1000 years")]
    TooLong,
}

/// Parses an ISO 8601 duration such as `PT0.5S` or `P1Y2M3W4DT5H6M7S`.
///
/// Every number may have a fraction; what is finer than a nanosecond is cut off. As a duration has
/// no start date, a year counts 365 days and a month 30.
///
/// # Errors
///
/// [`DurationError::Syntax`] for anything else, signs and lower-case letters included, and
/// [`DurationError::TooLong`] beyond [`MAX_DURATION`].
///
/// ```
/// use std::time::Duration;
/// assert_eq!(aquifer_dsl::parse_iso_duration("PT1M0.5S"), Ok(Duration::from_millis(60_500)));
/// assert!(aquifer_dsl::parse_iso_duration("1 minute").is_err());
/// ```
pub fn parse_iso_duration(text: &str) -> Result<StdDuration, DurationError> {
    const DATE: &[(u8, u128)] = &[(b'Y', 365 * DAY), (b'M', 30 * DAY), (b'W', 7 * DAY), (b'D', DAY)];
    const TIME: &[(u8, u128)] = &[(b'H', 3600), (b'M', 60), (b'S', 1)];

    let text = text.strip_prefix('P').ok_or(DurationError::Syntax)?;
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return Err(DurationError::Syntax),
        Some((date, time)) => (date, time),
        None if text.is_empty() => return Err(DurationError::Syntax),
        None => (text, ""),
    };
    let nanos = sum(date, DATE)?.checked_add(sum(time, TIME)?).ok_or(DurationError::TooLong)?;
    from_nanos(nanos)
}

/// Adds up the object form `{ days, hours, minutes, seconds, milliseconds }`.
pub(crate) fn from_units(units: &[(u64, StdDuration)]) -> Result<StdDuration, DurationError> {
    let mut nanos = 0_u128;
    for (count, unit) in units {
        let term = u128::from(*count).checked_mul(unit.as_nanos()).ok_or(DurationError::TooLong)?;
        nanos = nanos.checked_add(term).ok_or(DurationError::TooLong)?;
    }
    from_nanos(nanos)
}

/// Adds up the nanoseconds of designators like `1Y2M`, each at most once and in the given order.
fn sum(mut text: &str, designators: &[(u8, u128)]) -> Result<u128, DurationError> {
    let mut designators = designators.iter();
    let mut nanos = 0_u128;
    while !text.is_empty() {
        let end = text.bytes().position(|b| b.is_ascii_alphabetic()).ok_or(DurationError::Syntax)?;
        let letter = text.as_bytes()[end];
        let (_, seconds) = designators.find(|(known, _)| *known == letter).ok_or(DurationError::Syntax)?;
        let term = number(&text[..end])?.checked_mul(*seconds).ok_or(DurationError::TooLong)?;
        nanos = nanos.checked_add(term).ok_or(DurationError::TooLong)?;
        text = &text[end + 1..];
    }
    Ok(nanos)
}

/// Reads `12` or `12.5` as billionths.
fn number(text: &str) -> Result<u128, DurationError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(DurationError::Syntax),
        Some(parts) => parts,
        None => (text, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(DurationError::Syntax);
    }
    let whole: u128 = whole.parse().map_err(|_| DurationError::TooLong)?;
    let mut billionths = 0_u128;
    let mut scale = NANOS;
    for digit in fraction.bytes().take(9) {
        scale /= 10;
        billionths += u128::from(digit - b'0') * scale;
    }
    whole.checked_mul(NANOS).and_then(|w| w.checked_add(billionths)).ok_or(DurationError::TooLong)
}

fn from_nanos(nanos: u128) -> Result<StdDuration, DurationError> {
    if nanos > MAX_DURATION.as_nanos() {
        return Err(DurationError::TooLong);
    }
    let seconds = u64::try_from(nanos / NANOS).map_err(|_| DurationError::TooLong)?;
    let rest = u32::try_from(nanos % NANOS).map_err(|_| DurationError::TooLong)?;
    Ok(StdDuration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_durations_are_read() {
        let cases = [
            ("PT30S", 30_000),
            ("PT0.5S", 500),
            ("PT1.25M", 75_000),
            ("P1D", 86_400_000),
            ("P1W", 604_800_000),
            ("P1M", 30 * 86_400_000),
            ("P1Y", 365 * 86_400_000),
            ("P0.5DT1H2M3S", 43_200_000 + 3_723_000),
            ("PT0S", 0),
            ("P1000Y", 1000 * 365 * 86_400_000),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_iso_duration(text), Ok(StdDuration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_iso_duration("PT0.0000000019S"), Ok(StdDuration::from_nanos(1)));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "PT1",
            "PT1.S",
            "PT.5S",
            "P-1D",
            "-P1D",
            "pt1s",
            "PT1s",
            "PT1S1M",
            "PT1S1S",
            "P1H",
            "PT1D",
            "P1,5D",
            "PT1e3S",
            " PT1S",
            "PT1S ",
            "P1DT1HT1M",
            "P١D",
        ] {
            assert_eq!(parse_iso_duration(text), Err(DurationError::Syntax), "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        for text in
            ["P1001Y", "PT999999999999999999999999999999999999999999S", "P340282366920938463463374607431768211455Y"]
        {
            assert_eq!(parse_iso_duration(text), Err(DurationError::TooLong), "{text}");
        }
        let unit = StdDuration::from_secs(86_400);
        assert_eq!(from_units(&[(u64::MAX, unit), (u64::MAX, unit)]), Err(DurationError::TooLong));
    }
}
