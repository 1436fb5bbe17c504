use serde_json::Number;

use super::Val;

/// Floats from here on are left alone; whole ones below become integers. jq prints 17 digits, too.
const WHOLE: f64 = 1e17;

pub(super) fn from_json<'a>(number: &Number) -> Val<'a> {
    if let Some(int) = number.as_i64() {
        Val::Int(int.into())
    } else if let Some(int) = number.as_u64() {
        Val::Int(int.into())
    } else {
        Val::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// The number `int`: exactly if JSON readers take it as an integer (`i64::MIN` to `u64::MAX`), else rounded.
pub(crate) fn integer<'a>(int: i128) -> Val<'a> {
    if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&int) { Val::Int(int) } else { Val::Float(int as f64) }
}

/// The result of a calculation: `4`, not `4.0`, as there is only one kind of number in jq.
pub(crate) fn float<'a>(float: f64) -> Val<'a> {
    if float.fract() == 0.0 && float.abs() < WHOLE { Val::Int(float as i128) } else { Val::Float(float) }
}

/// A number in the syntax of JSON, or with a leading `.`, `+` or zeros, as jq takes it.
pub(crate) fn parse_number<'a>(text: &str) -> Option<Val<'a>> {
    if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    match text.parse::<i128>() {
        Ok(int) => Some(integer(int)),
        Err(_) => text.parse::<f64>().ok().map(float),
    }
}

pub(crate) fn negate<'a>(value: &Val<'a>) -> Option<Val<'a>> {
    match value {
        Val::Int(int) => Some(integer(-int)),
        Val::Float(number) => Some(float(-number)),
        _ => None,
    }
}

/// Calculates with two numbers; `None` if the operator divides by zero.
pub(crate) fn arithmetic<'a>(operator: char, left: &Val<'a>, right: &Val<'a>) -> Option<Val<'a>> {
    if let (Val::Int(l), Val::Int(r)) = (left, right) {
        let exact = match operator {
            '+' => l.checked_add(*r),
            '-' => l.checked_sub(*r),
            '*' => l.checked_mul(*r),
            '%' => return l.checked_rem(r.abs()).map(integer),
            _ if *r == 0 => return None,
            _ if l % r == 0 => Some(l / r),
            _ => None,
        };
        if let Some(exact) = exact {
            return Some(integer(exact));
        }
    }
    let (l, r) = (left.as_f64()?, right.as_f64()?);
    Some(float(match operator {
        '+' => l + r,
        '-' => l - r,
        '*' => l * r,
        '/' if r == 0.0 => return None,
        '/' => l / r,
        _ if l.is_nan() || r.is_nan() => f64::NAN,
        // jq cuts both to integers
        _ => return (l as i128).checked_rem((r as i128).saturating_abs()).map(integer),
    }))
}
