//! Patterns of the schema, written as functions.

/// `^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`: names of workflows and namespaces.
pub(super) fn is_name(text: &str) -> bool {
    is_label(text, |byte| byte == b'-')
}

/// Like [`is_name`], with dots: hosts.
pub(super) fn is_host(text: &str) -> bool {
    is_label(text, |byte| byte == b'-' || byte == b'.')
}

fn is_label(text: &str, inner: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= 63
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || inner(*byte))
}

/// A semantic version (semver.org 2.0.0).
pub(super) fn is_semver(text: &str) -> bool {
    let (rest, build) = match text.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let parts: Vec<&str> = core.split('.').collect();
    parts.len() == 3
        && parts.into_iter().all(number)
        && pre.is_none_or(|pre| pre.split('.').all(|part| word(part) && (!digits(part) || number(part))))
        && build.is_none_or(|build| build.split('.').all(word))
}

/// `^[A-Za-z][A-Za-z0-9+\-.]*://.*`: an absolute URI or URI template.
pub(super) fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Tells whether every `{` of a URI template has its `}`, with something between.
pub(super) fn braces_match(text: &str) -> bool {
    let mut open = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, open) {
            (b'{', None) => open = Some(at),
            (b'}', Some(start)) if at > start + 1 => open = None,
            (b'{' | b'}', _) => return false,
            _ => {}
        }
    }
    open.is_none()
}

/// A variable's name as expressions can use it after `$`.
pub(super) fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A token of HTTP (RFC 9110 section 5.6.2), such as a method.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Says what is wrong with a cron expression of five fields, if anything is.
pub(super) fn cron_mistake(text: &str) -> Option<String> {
    const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
        ("minute", 0, 59, &[]),
        ("hour", 0, 23, &[]),
        ("day of month", 1, 31, &[]),
        ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
        ("day of week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
    ];
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some(format!("has {} fields, not 5", fields.len()));
    }
    fields.iter().zip(FIELDS).find_map(|(field, (name, from, to, words))| {
        let value = |text: &str| {
            let by_word = || {
                let position = words.iter().position(|word| word.eq_ignore_ascii_case(text))?;
                Some(u32::try_from(position).ok()? + from)
            };
            text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit())).or_else(by_word)
        };
        let within = |text: &str| value(text).filter(|number| (from..=to).contains(number));
        let good = field.split(',').all(|part| {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(step)),
                None => (part, None),
            };
            let step_is_good = step.is_none_or(|step| step.parse::<u16>().is_ok_and(|step| step > 0));
            let range_is_good = match range.split_once('-') {
                _ if range == "*" => true,
                Some((low, high)) => within(low).zip(within(high)).is_some_and(|(low, high)| low <= high),
                None => within(range).is_some(),
            };
            step_is_good && range_is_good
        });
        (!good).then(|| format!("has the bad {name} `{field}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hosts() {
        for good in ["a", "a-b", "A1", "0", &"a".repeat(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a_b", "a.b", "ä", "a b", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_host("a.example-1.com"));
        assert!(!is_host("a.example.com."));
    }

    #[test]
    fn semantic_versions() {
        for good in ["0.0.0", "1.2.3", "1.0.0-alpha.1", "1.0.0-0a", "1.0.0+01.b", "1.0.0-a-b+c-d", "10.20.30"] {
            assert!(is_semver(good), "{good}");
        }
        for bad in
            ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "v1.0.0", "1.0.x", "1.0.0-a..b"]
        {
            assert!(!is_semver(bad), "{bad}");
        }
    }

    #[test]
    fn uris() {
        assert!(is_absolute_uri("https://a.b/{c}"));
        assert!(is_absolute_uri("file://x"));
        for bad in ["a.b/c", "/c", "1a://b", "://b", "a b://c"] {
            assert!(!is_absolute_uri(bad), "{bad}");
        }
        assert!(braces_match("https://a/{b}/{c}"));
        for bad in ["{", "}", "{}", "{a", "a}", "{a{b}}"] {
            assert!(!braces_match(bad), "{bad}");
        }
    }

    #[test]
    fn cron_expressions() {
        for good in ["0 0 * * *", "*/5 1-3,7 1 jan-mar MON", "0 0 1 1 7", "59 23 31 12 0"] {
            assert_eq!(cron_mistake(good), None, "{good}");
        }
        for (bad, why) in [
            ("* * * *", "has 4 fields, not 5"),
            ("60 * * * *", "has the bad minute `60`"),
            ("* 24 * * *", "has the bad hour `24`"),
            ("* * 0 * *", "has the bad day of month `0`"),
            ("* * * 13 *", "has the bad month `13`"),
            ("* * * * 8", "has the bad day of week `8`"),
            ("5-1 * * * *", "has the bad minute `5-1`"),
            ("*/0 * * * *", "has the bad minute `*/0`"),
            ("+1 * * * *", "has the bad minute `+1`"),
            (", * * * *", "has the bad minute `,`"),
        ] {
            assert_eq!(cron_mistake(bad).as_deref(), Some(why), "{bad}");
        }
    }
}
