//! Reading and changing parts of values.

use std::ops::Range;

use super::{Array, List, Members, Object, Text, Val, brief, compare, sort};
use crate::meter::{Exhausted, MAX_DEPTH, Meter};
use crate::stop::{Res, Stop};

/// `value[key]`
pub(crate) fn index<'a>(meter: &'a Meter, value: &Val<'a>, key: &Val<'a>) -> Res<'a> {
    Ok(match (value, key) {
        (Val::Object(members), Val::Text(name)) => members.get(name.as_str()).unwrap_or(Val::Null),
        (Val::Array(items), Val::Int(_) | Val::Float(_)) => {
            position(key, items.len()).and_then(|position| items.get(position)).unwrap_or(Val::Null)
        }
        (Val::Null, Val::Text(_) | Val::Int(_) | Val::Float(_) | Val::Null) => Val::Null,
        (Val::Array(_) | Val::Text(_) | Val::Null, Val::Object(bounds)) => {
            let bound = |name| bounds.get(name).unwrap_or(Val::Null);
            slice(meter, value, &bound("start"), &bound("end"))?
        }
        (Val::Array(items), Val::Array(part)) => indices(meter, items, part)?,
        _ => return Err(no_index(meter, value, key)),
    })
}

fn no_index<'a>(meter: &'a Meter, value: &Val<'a>, key: &Val<'a>) -> Box<Stop<'a>> {
    let key = match key {
        Val::Text(_) => match brief(meter, key) {
            Ok(text) => text,
            Err(exhausted) => return exhausted.into(),
        },
        other => other.type_name().to_owned(),
    };
    Stop::error(meter, format!("cannot index {} with {key}", value.type_name()))
}

/// Where in an array of the given length a number points, if it does: cut to an integer, from the end if negative.
fn position(number: &Val<'_>, length: usize) -> Option<usize> {
    let whole = match number {
        Val::Int(int) => *int,
        Val::Float(float) if !float.is_nan() => float.floor() as i128,
        _ => return None,
    };
    let position = if whole < 0 { whole.saturating_add(length as i128) } else { whole };
    usize::try_from(position).ok()
}

/// The positions at which `part` occurs in `items`.
fn indices<'a>(meter: &'a Meter, items: &Array<'a>, part: &Array<'a>) -> Res<'a> {
    let mut found = List::new(meter)?;
    if part.len() == 0 {
        return Ok(Val::Null);
    }
    for start in 0..(items.len() + 1).saturating_sub(part.len()) {
        let mut equal = true;
        for (offset, wanted) in part.iter().enumerate() {
            let Some(item) = items.get(start + offset) else { break };
            equal = compare(meter, &item, &wanted)?.is_eq();
            if !equal {
                break;
            }
        }
        if equal {
            found.push(Val::Int(start as i128))?;
        }
    }
    Ok(Val::array(found))
}

/// `value[start:end]`
pub(crate) fn slice<'a>(meter: &'a Meter, value: &Val<'a>, start: &Val<'a>, end: &Val<'a>) -> Res<'a> {
    match value {
        Val::Null => Ok(Val::Null),
        Val::Array(items) => {
            let range = bounds(meter, start, end, items.len())?;
            if let Array::Borrowed(items) = items {
                return Ok(Val::Array(Array::Borrowed(&items[range])));
            }
            meter.check(range.len() * super::ITEM)?;
            Ok(Val::list(meter, range.filter_map(|index| items.get(index)))?)
        }
        Val::Text(text) => {
            let string = text.as_str();
            meter.work(string.len() / 16)?;
            let range = bounds(meter, start, end, string.chars().count())?;
            let offset = |chars| string.char_indices().nth(chars).map_or(string.len(), |(offset, _)| offset);
            let bytes = offset(range.start)..offset(range.end);
            Ok(match text {
                Text::Borrowed(string) => Val::Text(Text::Borrowed(&string[bytes])),
                Text::Owned(_) => Val::text(meter, string[bytes].to_owned())?,
            })
        }
        other => {
            Err(Stop::error(meter, format!("cannot slice {}: only an array or a string has parts", other.type_name())))
        }
    }
}

/// The range of a slice: rounded outwards, counted from the end if negative, and cut to the length.
fn bounds<'a>(meter: &'a Meter, start: &Val<'a>, end: &Val<'a>, length: usize) -> Res<'a, Range<usize>> {
    let bound = |value: &Val<'a>, default: usize, round: fn(f64) -> f64| match value {
        Val::Null => Ok(default),
        value => match value.as_f64() {
            Some(number) => {
                let number = round(if number < 0.0 { number + length as f64 } else { number });
                Ok((number.max(0.0) as usize).min(length))
            }
            None => Err(Stop::error(meter, "start and end of a slice must be numbers")),
        },
    };
    let start = bound(start, 0, f64::floor)?;
    let end = bound(end, length, f64::ceil)?;
    Ok(start..end.max(start))
}

/// The value at the end of a path; null where the path leads nowhere.
pub(crate) fn get_path<'a>(meter: &'a Meter, value: &Val<'a>, path: &[Val<'a>]) -> Res<'a> {
    let mut value = value.clone();
    for key in path {
        meter.work(1)?;
        if matches!(value, Val::Null) {
            return Ok(Val::Null);
        }
        value = index(meter, &value, key)?;
    }
    Ok(value)
}

/// The value with the part at `path` replaced by `change` of it.
pub(crate) fn set_path<'a>(
    meter: &'a Meter,
    value: Val<'a>,
    path: &[Val<'a>],
    change: &mut dyn FnMut(Val<'a>) -> Res<'a>,
) -> Res<'a> {
    let Some((key, rest)) = path.split_first() else { return change(value) };
    if path.len() > MAX_DEPTH as usize {
        return Err(Exhausted::Depth("the path leads", MAX_DEPTH).into());
    }
    match (value, key) {
        (value @ (Val::Object(_) | Val::Null), Val::Text(name)) => {
            let mut members = match value {
                Val::Object(object) => object.into_members(meter)?,
                _ => Members::new(meter)?,
            };
            let part = set_path(meter, members.lift(name.as_str()), rest, change)?;
            members.put(name.clone(), part)?;
            Ok(Val::object(members))
        }
        (value @ (Val::Array(_) | Val::Null), Val::Int(_) | Val::Float(_)) => {
            let mut list = match value {
                Val::Array(array) => array.into_list(meter)?,
                _ => List::new(meter)?,
            };
            let Some(position) = position(key, list.items().len()) else {
                return Err(Stop::error(meter, "an array has no such negative index"));
            };
            let part = set_path(meter, list.lift(position), rest, change)?;
            list.put(position, part)?;
            Ok(Val::array(list))
        }
        (value @ (Val::Array(_) | Val::Null), Val::Object(range)) => set_slice(meter, value, range, rest, change),
        (value, key) => Err(no_index(meter, &value, key)),
    }
}

fn set_slice<'a>(
    meter: &'a Meter,
    value: Val<'a>,
    range: &Object<'a>,
    rest: &[Val<'a>],
    change: &mut dyn FnMut(Val<'a>) -> Res<'a>,
) -> Res<'a> {
    let bound = |name| range.get(name).unwrap_or(Val::Null);
    let mut list = match &value {
        Val::Array(array) => array.clone().into_list(meter)?,
        _ => List::new(meter)?,
    };
    let range = bounds(meter, &bound("start"), &bound("end"), list.items().len())?;
    let part = slice(meter, &value, &bound("start"), &bound("end"))?;
    match set_path(meter, part, rest, change)? {
        Val::Array(items) => {
            list.splice(range, &items)?;
            Ok(Val::array(list))
        }
        other => Err(Stop::error(
            meter,
            format!("a slice of an array can only become another array, not {}", other.type_name()),
        )),
    }
}

/// The value without the parts at the given paths.
pub(crate) fn delete_paths<'a>(meter: &'a Meter, value: Val<'a>, paths: Vec<Val<'a>>) -> Res<'a> {
    let sorted = sort(meter, paths, |path| path)?;
    let mut keys = Vec::with_capacity(sorted.len());
    for path in &sorted {
        let Val::Array(path) = path else {
            return Err(Stop::error(meter, "a path must be an array"));
        };
        if path.len() > MAX_DEPTH as usize {
            return Err(Exhausted::Depth("the path leads", MAX_DEPTH).into());
        }
        keys.push(path.iter().collect::<Vec<_>>());
    }
    let paths: Vec<&[Val<'a>]> = keys.iter().map(Vec::as_slice).collect();
    delete(meter, value, &paths)
}

/// Parts of parts go first, then whole parts all at once, so that indices hold and much is deleted in linear time.
fn delete<'a>(meter: &'a Meter, mut value: Val<'a>, paths: &[&[Val<'a>]]) -> Res<'a> {
    if matches!(value, Val::Null) || paths.is_empty() {
        return Ok(value);
    }
    let (mut whole, mut at) = (Vec::new(), 0);
    while at < paths.len() {
        let Some((key, rest)) = paths[at].split_first() else { return Ok(Val::Null) };
        let mut end = at + 1;
        while end < paths.len()
            && paths[end].first().is_some_and(|other| matches!(compare(meter, other, key), Ok(o) if o.is_eq()))
        {
            end += 1;
        }
        if rest.is_empty() {
            whole.push(key);
        } else {
            let inner: Vec<&[Val<'a>]> = paths[at..end].iter().map(|path| &path[1..]).collect();
            if !matches!(index(meter, &value, key)?, Val::Null) {
                let key = std::slice::from_ref(key);
                value = set_path(meter, value, key, &mut |part| delete(meter, part, &inner))?;
            }
        }
        at = end;
    }
    delete_whole(meter, value, &whole)
}

fn delete_whole<'a>(meter: &'a Meter, value: Val<'a>, keys: &[&Val<'a>]) -> Res<'a> {
    match value {
        value if keys.is_empty() => Ok(value),
        Val::Object(object) => {
            let mut members = object.into_members(meter)?;
            for key in keys {
                let Val::Text(name) = key else {
                    return Err(Stop::error(meter, format!("cannot delete the {} key of an object", key.type_name())));
                };
                meter.work(members.len() / 16)?;
                members.remove(name.as_str());
            }
            Ok(Val::object(members))
        }
        Val::Array(array) => {
            let mut list = array.into_list(meter)?;
            let length = list.items().len();
            meter.work(length / 16)?;
            let mut gone = vec![false; length];
            for key in keys {
                let range = match key {
                    Val::Int(_) | Val::Float(_) => {
                        position(key, length).map_or(0..0, |p| p.min(length)..p.saturating_add(1).min(length))
                    }
                    Val::Object(range) => {
                        let bound = |name| range.get(name).unwrap_or(Val::Null);
                        bounds(meter, &bound("start"), &bound("end"), length)?
                    }
                    other => {
                        return Err(Stop::error(
                            meter,
                            format!("cannot delete the {} index of an array", other.type_name()),
                        ));
                    }
                };
                meter.work(range.len())?;
                gone[range].fill(true);
            }
            list.retain(|index| !gone.get(index).copied().unwrap_or(false));
            Ok(Val::array(list))
        }
        other => Err(Stop::error(meter, format!("cannot delete a part of {}", other.type_name()))),
    }
}
