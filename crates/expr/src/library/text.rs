//! Strings.

use super::{Context, Native};
use crate::stop::Res;
use crate::value::{ITEM, List, Text, Val, index, to_text};

pub(super) const NATIVES: &[(&str, usize, Native)] = &[
    ("utf8bytelength", 0, |context, input, _| {
        let text = context.string(&input, "has no UTF-8 byte length: only strings have")?;
        Ok(Val::Int(text.len() as i128))
    }),
    ("explode", 0, |context, input, _| {
        let text = context.string(&input, "cannot be exploded: only strings can")?;
        context.meter.check(text.len() * ITEM)?;
        Ok(Val::list(context.meter, text.chars().map(|char| Val::Int(u32::from(char).into())))?)
    }),
    ("implode", 0, implode),
    ("ascii_downcase", 0, |context, input, _| {
        context.text(context.string(&input, "has no lower case: only strings have")?.to_ascii_lowercase())
    }),
    ("ascii_upcase", 0, |context, input, _| {
        context.text(context.string(&input, "has no upper case: only strings have")?.to_ascii_uppercase())
    }),
    ("startswith", 1, |context, input, arguments| {
        let (text, part) = pair(context, &input, arguments, "startswith() takes strings")?;
        Ok(Val::Bool(text.starts_with(part)))
    }),
    ("endswith", 1, |context, input, arguments| {
        let (text, part) = pair(context, &input, arguments, "endswith() takes strings")?;
        Ok(Val::Bool(text.ends_with(part)))
    }),
    ("ltrimstr", 1, |context, input, arguments| strip(context, input, arguments, true, false)),
    ("rtrimstr", 1, |context, input, arguments| strip(context, input, arguments, false, true)),
    ("trimstr", 1, |context, input, arguments| strip(context, input, arguments, true, true)),
    ("trim", 0, |context, input, _| trim(context, input, str::trim)),
    ("ltrim", 0, |context, input, _| trim(context, input, str::trim_start)),
    ("rtrim", 0, |context, input, _| trim(context, input, str::trim_end)),
    ("split", 1, |context, input, arguments| {
        let (text, separator) = pair(context, &input, arguments, "split() takes strings")?;
        split(context, text, separator)
    }),
    ("join", 1, join),
];

fn pair<'v, 'a>(
    context: Context<'a>,
    input: &'v Val<'a>,
    arguments: &'v [Val<'a>],
    problem: &str,
) -> Res<'a, (&'v str, &'v str)> {
    match (input, arguments.first()) {
        (Val::Text(text), Some(Val::Text(part))) => Ok((text.as_str(), part.as_str())),
        _ => Err(context.error(problem)),
    }
}

/// The part of a text that a function leaves; costs nothing if the text is borrowed.
fn part<'a>(context: Context<'a>, text: &Text<'a>, part: impl for<'t> Fn(&'t str) -> &'t str) -> Res<'a> {
    match text {
        Text::Borrowed(text) => Ok(Val::Text(Text::Borrowed(part(text)))),
        owned => context.text(part(owned.as_str())),
    }
}

fn trim<'a>(context: Context<'a>, input: Val<'a>, side: for<'t> fn(&'t str) -> &'t str) -> Res<'a> {
    match &input {
        Val::Text(text) => part(context, text, side),
        other => Err(context.wrong(other, "cannot be trimmed: only strings can")),
    }
}

/// As in jq, what is not a string, or does not have the affix, stays as it is.
fn strip<'a>(context: Context<'a>, input: Val<'a>, arguments: &[Val<'a>], start: bool, end: bool) -> Res<'a> {
    let (Val::Text(text), Some(Val::Text(affix))) = (&input, arguments.first()) else { return Ok(input) };
    let affix = affix.as_str();
    part(context, text, |text| {
        let text = if start { text.strip_prefix(affix).unwrap_or(text) } else { text };
        if end { text.strip_suffix(affix).unwrap_or(text) } else { text }
    })
}

pub(super) fn split<'a>(context: Context<'a>, text: &str, separator: &str) -> Res<'a> {
    let mut list = List::new(context.meter)?;
    if text.is_empty() {
        return Ok(Val::array(list));
    }
    if separator.is_empty() {
        for char in text.chars() {
            list.push(context.text(char)?)?;
        }
    } else {
        for piece in text.split(separator) {
            list.push(context.text(piece)?)?;
        }
    }
    Ok(Val::array(list))
}

/// Null counts as empty; numbers and booleans are written out.
fn join<'a>(context: Context<'a>, input: Val<'a>, arguments: &[Val<'a>]) -> Res<'a> {
    let Val::Array(items) = &input else { return Err(context.wrong(&input, "cannot be joined: only arrays can")) };
    let Some(Val::Text(separator)) = arguments.first() else {
        return if items.len() == 0 { context.text("") } else { Err(context.error("join() takes a string")) };
    };
    let mut joined = String::new();
    for position in 0..items.len() {
        if position > 0 {
            joined.push_str(separator.as_str());
        }
        match items.get(position).unwrap_or(Val::Null) {
            Val::Null => {}
            Val::Text(text) => {
                context.meter.work(text.as_str().len() / 64)?;
                joined.push_str(text.as_str());
            }
            item @ (Val::Bool(_) | Val::Int(_) | Val::Float(_)) => joined.push_str(&to_text(context.meter, &item)?),
            other => return Err(context.wrong(&other, "cannot be joined to a string")),
        }
        context.meter.work(1)?;
        context.meter.fits(joined.len() + separator.as_str().len())?;
    }
    context.text(joined)
}

fn implode<'a>(context: Context<'a>, input: Val<'a>, _: &[Val<'a>]) -> Res<'a> {
    let Val::Array(codes) = &input else { return Err(context.wrong(&input, "cannot be imploded: only arrays can")) };
    context.meter.check(codes.len() * 4)?;
    let mut text = String::new();
    for code in codes.iter() {
        let char = match code {
            Val::Int(int) => u32::try_from(int).ok().and_then(char::from_u32),
            _ => None,
        };
        text.push(char.ok_or_else(|| context.wrong(&code, "is not a Unicode code point"))?);
    }
    context.text(text)
}

/// The positions of one string in another, in characters; occurrences may overlap.
pub(super) fn indices<'a>(context: Context<'a>, text: &str, part: &str) -> Res<'a> {
    if part.is_empty() {
        return Ok(Val::Null);
    }
    let mut list = List::new(context.meter)?;
    let (mut from, mut chars) = (0, 0);
    while let Some(found) = text[from..].find(part) {
        context.meter.work(1 + (found + part.len()) / 64)?;
        let at = from + found;
        chars += text[from..at].chars().count();
        list.push(Val::Int(chars as i128))?;
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
        chars += 1;
    }
    Ok(Val::array(list))
}

/// A member of an object that a function of the library made.
pub(super) fn member<'a>(context: Context<'a>, value: &Val<'a>, name: &'static str) -> Res<'a> {
    index(context.meter, value, &Val::Text(Text::Borrowed(name)))
}
