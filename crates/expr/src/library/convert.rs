//! From one type to another.

use serde_json::Value;

use super::{Context, Native};
use crate::meter::Exhausted;
use crate::stop::{At, Stop};
use crate::value::{List, Members, Text, Val, parse_number, to_text};

/// Bytes that a value read from JSON may take up, twice: as it is read, and as it is kept.
const PARSED: usize = 192;

pub(super) const NATIVES: &[(&str, usize, Native)] = &[
    ("error", 0, |_, input, _| Err(Box::new(Stop::Error { value: input, at: At::Author }))),
    ("error", 1, |_, _, arguments| {
        let value = arguments.first().cloned().unwrap_or(Val::Null);
        Err(Box::new(Stop::Error { value, at: At::Author }))
    }),
    ("type", 0, |_, input, _| Ok(Val::Text(Text::Borrowed(input.type_name())))),
    ("tojson", 0, |context, input, _| context.text(to_text(context.meter, &input)?)),
    ("fromjson", 0, |context, input, _| {
        let text = context.string(&input, "cannot be parsed as JSON: only strings can")?;
        let values = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        context.meter.check((text.len() + values * PARSED).saturating_mul(2))?;
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Ok(owned(context, value)?),
            Err(error) => Err(context.wrong(&input, &format!("cannot be parsed as JSON: {error}"))),
        }
    }),
    ("tostring", 0, |context, input, _| match input {
        Val::Text(_) => Ok(input),
        other => context.text(to_text(context.meter, &other)?),
    }),
    ("tonumber", 0, |context, input, _| match &input {
        Val::Int(_) | Val::Float(_) => Ok(input),
        Val::Text(text) => match parse_number(text.as_str()) {
            Some(number) => Ok(number),
            None => Err(context.wrong(&input, "cannot be parsed as a number")),
        },
        other => Err(context.wrong(other, "cannot be parsed as a number")),
    }),
    ("toboolean", 0, |context, input, _| match &input {
        Val::Bool(_) => Ok(input),
        Val::Text(text) if text.as_str() == "true" => Ok(Val::Bool(true)),
        Val::Text(text) if text.as_str() == "false" => Ok(Val::Bool(false)),
        other => Err(context.wrong(other, "cannot be parsed as a boolean")),
    }),
    ("toarray", 0, |context, input, _| match input {
        Val::Array(_) => Ok(input),
        other => Ok(Val::list(context.meter, [other])?),
    }),
];

/// A value of the evaluation from JSON that does not outlive this call. serde_json has limited its depth.
fn owned<'a>(context: Context<'a>, value: Value) -> Result<Val<'a>, Exhausted> {
    let meter = context.meter;
    meter.work(1)?;
    Ok(match value {
        Value::Null => Val::Null,
        Value::Bool(bool) => Val::Bool(bool),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Val::Int(int.into()),
            (_, Some(int)) => Val::Int(int.into()),
            _ => Val::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Val::text(meter, text)?,
        Value::Array(items) => {
            let mut list = List::new(meter)?;
            for item in items {
                list.push(owned(context, item)?)?;
            }
            Val::array(list)
        }
        Value::Object(object) => {
            let mut members = Members::new(meter)?;
            for (key, value) in object {
                members.put(Text::new(meter, key)?, owned(context, value)?)?;
            }
            Val::object(members)
        }
    })
}
