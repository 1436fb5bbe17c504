use serde_json::{Map, Number, Value};

use super::Val;
use crate::meter::{Exhausted, MAX_DEPTH, Meter};

/// Bytes that one value of a result takes up, and one more key.
const NODE: usize = size_of::<Value>();
const KEY: usize = 2 * size_of::<String>();

/// The JSON of a value. What values share is written out here, so its bytes and its depth count.
pub(crate) fn to_json(meter: &Meter, value: &Val<'_>) -> Result<Value, Exhausted> {
    convert(meter, value, 0)
}

fn convert(meter: &Meter, value: &Val<'_>, level: u32) -> Result<Value, Exhausted> {
    meter.work(1)?;
    if level > MAX_DEPTH {
        return Err(Exhausted::Depth("the result nests", MAX_DEPTH));
    }
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(bool) => Value::Bool(*bool),
        Val::Int(_) | Val::Float(_) => json_number(value).map_or(Value::Null, Value::Number),
        Val::Text(text) => {
            meter.take(text.as_str().len())?;
            Value::String(text.as_str().to_owned())
        }
        Val::Array(items) => {
            meter.take(items.len() * NODE)?;
            Value::Array(items.iter().map(|item| convert(meter, &item, level + 1)).collect::<Result<_, _>>()?)
        }
        Val::Object(members) => {
            let mut object = Map::with_capacity(members.len());
            for (key, value) in members.iter() {
                meter.take(NODE + KEY + key.as_str().len())?;
                object.insert(key.as_str().to_owned(), convert(meter, &value, level + 1)?);
            }
            Value::Object(object)
        }
    })
}

/// The JSON of a number: it has no infinities, for which jq writes the largest numbers, and no nan.
pub(crate) fn json_number(value: &Val<'_>) -> Option<Number> {
    match value {
        // the two conversions cover the range that `integer` keeps
        Val::Int(int) => i64::try_from(*int).map(Number::from).or_else(|_| u64::try_from(*int).map(Number::from)).ok(),
        Val::Float(float) => Number::from_f64(float.clamp(f64::MIN, f64::MAX)),
        _ => None,
    }
}
