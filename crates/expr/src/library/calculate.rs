//! `+ - * / %` on all types.

use super::Context;
use crate::meter::{Exhausted, MAX_WALK};
use crate::stop::Res;
use crate::value::{List, Members, Object, Val, arithmetic, brief, equal};

pub(crate) fn calculate<'a>(context: Context<'a>, operator: char, left: Val<'a>, right: Val<'a>) -> Res<'a> {
    let meter = context.meter;
    match (operator, left, right) {
        (operator, left @ (Val::Int(_) | Val::Float(_)), right @ (Val::Int(_) | Val::Float(_))) => {
            match arithmetic(operator, &left, &right) {
                Some(result) => Ok(result),
                None => Err(failed(context, operator, &left, &right, " because the divisor is zero")),
            }
        }
        ('+', Val::Null, other) | ('+', other, Val::Null) => Ok(other),
        ('+', Val::Text(left), Val::Text(right)) => Ok(Val::Text(left.append(meter, right.as_str())?)),
        ('+', Val::Array(left), Val::Array(right)) => {
            let mut list = left.into_list(meter)?;
            for item in right.iter() {
                list.push(item)?;
            }
            Ok(Val::array(list))
        }
        ('+', Val::Object(left), Val::Object(right)) => {
            let mut members = left.into_members(meter)?;
            for (key, value) in right.iter() {
                members.put(key, value)?;
            }
            Ok(Val::object(members))
        }
        ('-', Val::Array(left), Val::Array(right)) => {
            let mut list = List::new(meter)?;
            for item in left.iter() {
                let mut found = false;
                for other in right.iter() {
                    found = found || equal(meter, &item, &other)?;
                }
                if !found {
                    list.push(item)?;
                }
            }
            Ok(Val::array(list))
        }
        ('*', Val::Text(text), times @ (Val::Int(_) | Val::Float(_)))
        | ('*', times @ (Val::Int(_) | Val::Float(_)), Val::Text(text)) => repeat(context, text.as_str(), &times),
        ('*', Val::Object(left), Val::Object(right)) => merge(context, left, &right, 0),
        ('/', Val::Text(text), Val::Text(separator)) => super::text::split(context, text.as_str(), separator.as_str()),
        (operator, left, right) => Err(failed(context, operator, &left, &right, "")),
    }
}

fn failed<'a>(
    context: Context<'a>,
    operator: char,
    left: &Val<'a>,
    right: &Val<'a>,
    reason: &str,
) -> Box<crate::stop::Stop<'a>> {
    let verb = match operator {
        '+' => "added",
        '-' => "subtracted",
        '*' => "multiplied",
        _ => "divided",
    };
    match (brief(context.meter, left), brief(context.meter, right)) {
        (Ok(l), Ok(r)) => context.error(format!(
            "{} ({l}) and {} ({r}) cannot be {verb}{reason}",
            left.type_name(),
            right.type_name()
        )),
        (Err(exhausted), _) | (_, Err(exhausted)) => exhausted.into(),
    }
}

/// A text as many times as a number says, at least once if the number is positive, and null if it is not.
fn repeat<'a>(context: Context<'a>, text: &str, times: &Val<'a>) -> Res<'a> {
    let times = times.as_f64().unwrap_or(0.0);
    if times <= 0.0 || times.is_nan() {
        return Ok(Val::Null);
    }
    let times = (times as usize).max(1);
    context.meter.check(text.len().saturating_mul(times))?;
    // nothing comes of an empty text, however often
    context.text(if text.is_empty() { String::new() } else { text.repeat(times) })
}

/// Objects within objects are merged, too; otherwise the right one wins.
fn merge<'a>(context: Context<'a>, left: Object<'a>, right: &Object<'a>, level: u32) -> Res<'a> {
    if level > MAX_WALK {
        return Err(Exhausted::Depth("the merged objects nest", MAX_WALK).into());
    }
    let mut members: Members<'a> = left.into_members(context.meter)?;
    for (key, value) in right.iter() {
        let merged = match (members.lift(key.as_str()), value) {
            (Val::Object(left), Val::Object(right)) => merge(context, left, &right, level + 1)?,
            (_, right) => right,
        };
        members.put(key, merged)?;
    }
    Ok(Val::object(members))
}
