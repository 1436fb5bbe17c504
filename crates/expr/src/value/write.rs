use super::Val;
use super::convert::json_number;
use crate::meter::{Exhausted, MAX_WALK, Meter};

/// Longest value that is quoted in full in a message, in bytes.
const BRIEF: usize = 60;

/// The JSON text of a value, without white space, as `tojson` gives it.
pub(crate) fn to_text(meter: &Meter, value: &Val<'_>) -> Result<String, Exhausted> {
    let mut text = String::new();
    write(meter, value, &mut text, 0, usize::MAX)?;
    Ok(text)
}

/// The beginning of the JSON text of a value, for messages; costs little however large the value is.
pub(crate) fn brief(meter: &Meter, value: &Val<'_>) -> Result<String, Exhausted> {
    let mut text = String::new();
    write(meter, value, &mut text, 0, BRIEF + 1)?;
    if text.len() > BRIEF {
        text.truncate(text.floor_char_boundary(BRIEF - 3));
        text.push_str("...");
    }
    Ok(text)
}

/// Stops after at least `limit` bytes.
fn write(meter: &Meter, value: &Val<'_>, text: &mut String, level: u32, limit: usize) -> Result<(), Exhausted> {
    meter.work(1)?;
    if level > MAX_WALK {
        return Err(Exhausted::Depth("the written value nests", MAX_WALK));
    }
    match value {
        Val::Null => text.push_str("null"),
        Val::Bool(true) => text.push_str("true"),
        Val::Bool(false) => text.push_str("false"),
        Val::Int(_) | Val::Float(_) => match json_number(value) {
            Some(number) => text.push_str(&number.to_string()),
            None => text.push_str("null"),
        },
        Val::Text(string) => write_string(meter, string.as_str(), text, limit)?,
        Val::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if text.len() >= limit {
                    return Ok(());
                }
                if index > 0 {
                    text.push(',');
                }
                write(meter, &item, text, level + 1, limit)?;
            }
            text.push(']');
        }
        Val::Object(members) => {
            text.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                if text.len() >= limit {
                    return Ok(());
                }
                if index > 0 {
                    text.push(',');
                }
                write_string(meter, key.as_str(), text, limit)?;
                text.push(':');
                write(meter, &value, text, level + 1, limit)?;
            }
            text.push('}');
        }
    }
    // shared values are written out again and again, so the text is measured while it grows
    meter.fits(text.len())
}

fn write_string(meter: &Meter, string: &str, text: &mut String, limit: usize) -> Result<(), Exhausted> {
    let string = &string[..string.floor_char_boundary(limit)];
    meter.check(string.len())?;
    meter.fits(text.len() + string.len())?;
    text.push('"');
    for char in string.chars() {
        match char {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => text.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => text.push(char),
        }
    }
    text.push('"');
    Ok(())
}
