use serde_json::Number;

use super::Kind;

/// Resolves a plain scalar by the core schema of YAML 1.2 (section 10.3.2): `on`, `yes`, `1.0.0`
/// and dates are strings. JSON has no infinity and no NaN, so those are errors.
pub(super) fn resolve(text: &str) -> Result<Kind, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Kind::Null),
        "true" | "True" | "TRUE" => return Ok(Kind::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Kind::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err(format!("{text} has no equivalent in JSON")),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err(format!("{text} has no equivalent in JSON"));
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(Kind::String(text.to_owned()));
    }
    let radix = [("0x", 16), ("0o", 8)]
        .into_iter()
        .find_map(|(prefix, radix)| text.strip_prefix(prefix).map(|digits| (digits, radix)));
    if let Some((digits, radix)) = radix {
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Ok(Kind::String(text.to_owned()));
        }
        return u64::from_str_radix(digits, radix)
            .map(|value| Kind::Number(value.into()))
            .map_err(|_| format!("the number {text} is out of range"));
    }
    if !is_decimal(unsigned) {
        return Ok(Kind::String(text.to_owned()));
    }
    number(text).map(Kind::Number).ok_or_else(|| format!("the number {text} is out of range"))
}

/// Tells whether text is `[0-9]+`, `[0-9]+.[0-9]*` or `.[0-9]+`, possibly with an exponent.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_good = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_is_good
}

/// Reads a decimal number; integers beyond 64 bits become the nearest floating-point number.
fn number(text: &str) -> Option<Number> {
    if let Ok(value) = text.parse::<i64>() {
        return Some(value.into());
    }
    if let Ok(value) = text.parse::<u64>() {
        return Some(value.into());
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Location;
    use crate::source::Node;

    fn value(text: &str) -> Result<Value, String> {
        let location = Location { line: 1, column: 1, offset: 0, length: 0 };
        resolve(text).map(|kind| Node { location, kind }.to_value())
    }

    #[test]
    fn the_core_schema_of_yaml_1_2_applies() {
        let cases = [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("True", json!(true)),
            ("FALSE", json!(false)),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+12", json!(12)),
            ("007", json!(7)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("-1.5E-1", json!(-0.15)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
        for text in [
            "on",
            "off",
            "yes",
            "no",
            "y",
            "n",
            "1.0.0",
            "1.0.3",
            "2024-01-01",
            "2024-01-01T00:00:00Z",
            "1_000",
            "0b11",
            "0x",
            "0xG",
            "-0x1",
            "12:30",
            "1e",
            "e3",
            ".",
            "-",
            "+",
            "1.5.",
            "--1",
            "nUll",
            "1e+",
            "inf",
            "nan",
            "NaN",
            "0o8",
            "tRUE",
        ] {
            assert_eq!(value(text), Ok(json!(text)));
        }
        for text in [".inf", "-.INF", ".NaN", "1e999", "0xFFFFFFFFFFFFFFFFFF"] {
            assert!(value(text).is_err(), "{text}");
        }
    }
}
