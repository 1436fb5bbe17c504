//! What variables of other programs take, and how it is brought into Aquifer's form.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::values;

/// RFC 3986's unreserved characters, which every part of a URL holds as they are.
pub(super) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What a path holds as it is.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
/// What an option's value holds as it is: URLs and paths stay readable.
const OPTION: &AsciiSet = &PATH.remove(b':');

/// A value as it is written in an option of a URL.
pub(in crate::config) fn option_value(value: &str) -> String {
    utf8_percent_encode(value, OPTION).to_string()
}

/// Anything.
pub(in crate::config) fn anything(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

/// A host name, an address or the path of a socket.
pub(super) fn host(value: &str) -> Result<String, String> {
    let bare = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(value);
    let is_address = bare.parse::<std::net::Ipv6Addr>().is_ok();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    match is_address || value.starts_with('/') || (!value.is_empty() && value.chars().all(fits)) {
        true => Ok(bare.to_owned()),
        false => Err("the name or the address of a host, without a scheme or a port".to_owned()),
    }
}

/// A port.
pub(super) fn port(value: &str) -> Result<String, String> {
    match value.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port.to_string()),
        _ => Err("a port from 1 to 65535".to_owned()),
    }
}

/// A port to listen on; 0 takes a free one.
pub(super) fn listen_port(value: &str) -> Result<String, String> {
    value.parse::<u16>().map(|port| port.to_string()).map_err(|_| "a port from 0 to 65535".to_owned())
}

/// A number above zero.
pub(super) fn count(value: &str) -> Result<String, String> {
    match value.parse::<u32>() {
        Ok(count) if count > 0 => Ok(count.to_string()),
        _ => Err("a number above zero".to_owned()),
    }
}

/// A number, zero included.
pub(in crate::config) fn number(value: &str) -> Result<String, String> {
    value.parse::<u32>().map(|number| number.to_string()).map_err(|_| "a number".to_owned())
}

/// A duration, as Go writes it: `1h`, `1h30m`, `90s`.
pub(super) fn duration(value: &str) -> Result<String, String> {
    values::duration(value).map(written)
}

/// Seconds, with decimals if need be, as Python writes durations.
pub(in crate::config) fn seconds(value: &str) -> Result<String, String> {
    let takes = || "a number of seconds above zero".to_owned();
    let number: f64 = value.parse().map_err(|_| takes())?;
    let duration = Duration::try_from_secs_f64(number).map_err(|_| takes())?;
    // Whatever is below a millisecond cannot be written.
    if duration.as_millis() == 0 { Err(takes()) } else { Ok(written(duration)) }
}

/// A duration as the options of URLs take it.
fn written(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) if seconds > 0 && seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        (seconds, 0) if seconds > 0 => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// A mode of TLS, as PostgreSQL names them.
pub(in crate::config) fn ssl_mode(value: &str) -> Result<String, String> {
    let mode = value.to_ascii_lowercase();
    match mode.as_str() {
        "disable" | "prefer" | "require" | "verify-ca" | "verify-full" => Ok(mode),
        "allow" => Ok("prefer".to_owned()),
        _ => Err("disable, prefer, require, verify-ca or verify-full".to_owned()),
    }
}

/// `true` or `false`, as Go reads it.
pub(in crate::config) fn boolean(value: &str) -> Result<String, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok("true".to_owned()),
        "false" | "f" | "0" => Ok("false".to_owned()),
        _ => Err("true or false".to_owned()),
    }
}

/// A level of the log, as Python names them.
pub(super) fn python_level(value: &str) -> Result<String, String> {
    let level = match value.to_ascii_uppercase().as_str() {
        "DEBUG" => "debug",
        "INFO" => "info",
        "WARNING" | "WARN" => "warn",
        "ERROR" | "CRITICAL" | "FATAL" => "error",
        _ => return Err("DEBUG, INFO, WARNING, ERROR or CRITICAL".to_owned()),
    };
    Ok(level.to_owned())
}

/// The path of a JSON file, as a URL.
pub(super) fn json_file(value: &str) -> Result<String, String> {
    Ok(format!("json:{}", utf8_percent_encode(value, PATH)))
}

/// The directory of `flows.json`, as the URL of that file.
pub(super) fn json_directory(value: &str) -> Result<String, String> {
    json_file(&format!("{}/flows.json", value.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_neither_scheme_nor_port() {
        for (value, taken) in [
            ("localhost", "localhost"),
            ("db-1.example.com", "db-1.example.com"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "::1"),
            ("::1", "::1"),
            ("/var/run/postgresql", "/var/run/postgresql"),
        ] {
            assert_eq!(host(value).as_deref(), Ok(taken));
        }
        for wrong in ["", "localhost:6379", "redis://localhost", "a@b", "a b", "a?b", "h1,h2"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_written_as_options_take_them() {
        for (value, taken) in [("1h", "1h"), ("1h30m", "5400s"), ("90s", "90s"), ("250ms", "250ms"), ("1.5s", "1500ms")]
        {
            assert_eq!(duration(value).as_deref(), Ok(taken));
        }
        for (value, taken) in [("30", "30s"), ("3600", "1h"), ("0.5", "500ms"), ("2.0", "2s")] {
            assert_eq!(seconds(value).as_deref(), Ok(taken));
        }
        for wrong in ["", "0", "-1", "nan", "inf", "1e300", "0.0001", "30s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0", "0s", "-1s", "soon", ""] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_become_urls() {
        assert_eq!(json_file("/a b/50%.json").as_deref(), Ok("json:/a%20b/50%25.json"));
        assert_eq!(json_directory("./data/").as_deref(), Ok("json:./data/flows.json"));
    }
}
