//! Arrays and objects.

use std::cmp::Ordering;

use super::text::{indices, member};
use super::{Context, Native, calculate};
use crate::meter::{Exhausted, MAX_WALK};
use crate::stop::Res;
use crate::value::{
    Array, List, Members, Text, Val, compare, delete_paths, equal, get_path, index, set_path, sort, to_text,
};

pub(super) const NATIVES: &[(&str, usize, Native)] = &[
    ("length", 0, length),
    ("keys", 0, |context, input, _| keys(context, &input, true)),
    ("keys_unsorted", 0, |context, input, _| keys(context, &input, false)),
    ("has", 1, has),
    ("contains", 1, |context, input, arguments| {
        let other = arguments.first().cloned().unwrap_or(Val::Null);
        Ok(Val::Bool(contains(context, &input, &other, 0)?))
    }),
    ("indices", 1, |context, input, arguments| {
        let wanted = arguments.first().cloned().unwrap_or(Val::Null);
        match (&input, &wanted) {
            (Val::Null, _) => Ok(Val::Null),
            (Val::Text(text), Val::Text(part)) => indices(context, text.as_str(), part.as_str()),
            (Val::Array(_), Val::Array(_)) => index(context.meter, &input, &wanted),
            (Val::Array(_), _) => index(context.meter, &input, &Val::list(context.meter, [wanted])?),
            _ => Err(context.wrong(&input, &format!("cannot be searched for a {}", wanted.type_name()))),
        }
    }),
    ("add", 0, add),
    ("reverse", 0, |context, input, _| match &input {
        Val::Null => Ok(Val::list(context.meter, [])?),
        Val::Text(text) => {
            context.meter.check(text.as_str().len())?;
            context.text(text.as_str().chars().rev().collect::<String>())
        }
        other => Ok(Val::list(context.meter, array(context, other, "cannot be reversed")?.iter().rev())?),
    }),
    ("flatten", 0, |context, input, _| flatten(context, &input, f64::INFINITY)),
    ("flatten", 1, |context, input, arguments| match arguments.first().and_then(Val::as_f64) {
        Some(depth) if depth >= 0.0 => flatten(context, &input, depth),
        _ => Err(context.error("flatten() takes a depth that is not negative")),
    }),
    ("sort", 0, |context, input, _| {
        let items = array(context, &input, "cannot be sorted")?.iter().collect();
        Ok(Val::list(context.meter, sort(context.meter, items, |item| item)?)?)
    }),
    ("unique", 0, |context, input, _| {
        let items = array(context, &input, "cannot be sorted")?.iter().collect();
        let mut list = List::new(context.meter)?;
        for item in sort(context.meter, items, |item| item)? {
            let known = match list.items().last() {
                Some(last) => compare(context.meter, last, &item)?.is_eq(),
                None => false,
            };
            if !known {
                list.push(item)?;
            }
        }
        Ok(Val::array(list))
    }),
    ("min", 0, |context, input, _| extreme(context, &input, Ordering::Less)),
    ("max", 0, |context, input, _| extreme(context, &input, Ordering::Greater)),
    ("transpose", 0, transpose),
    ("from_entries", 0, from_entries),
    ("bsearch", 1, bsearch),
    ("setpath", 2, |context, input, arguments| {
        let [path, value] = arguments else { return Ok(Val::Null) };
        let path: Vec<_> = array(context, path, "is not a path")?.iter().collect();
        set_path(context.meter, input, &path, &mut |_| Ok(value.clone()))
    }),
    ("delpaths", 1, |context, input, arguments| {
        let paths = arguments.first().unwrap_or(&Val::Null);
        let paths = array(context, paths, "is not an array of paths")?.iter().collect();
        delete_paths(context.meter, input, paths)
    }),
];

pub(super) fn array<'v, 'a>(context: Context<'a>, value: &'v Val<'a>, problem: &str) -> Res<'a, &'v Array<'a>> {
    match value {
        Val::Array(items) => Ok(items),
        other => Err(context.wrong(other, &format!("{problem}: it is not an array"))),
    }
}

fn length<'a>(context: Context<'a>, input: Val<'a>, _: &[Val<'a>]) -> Res<'a> {
    Ok(match &input {
        Val::Null => Val::Int(0),
        Val::Int(int) => Val::Int(int.abs()),
        Val::Float(float) => Val::Float(float.abs()),
        Val::Text(text) => {
            context.meter.work(text.as_str().len() / 64)?;
            Val::Int(text.as_str().chars().count() as i128)
        }
        Val::Array(items) => Val::Int(items.len() as i128),
        Val::Object(members) => Val::Int(members.len() as i128),
        Val::Bool(_) => return Err(context.wrong(&input, "has no length")),
    })
}

fn keys<'a>(context: Context<'a>, input: &Val<'a>, sorted: bool) -> Res<'a> {
    let meter = context.meter;
    Ok(match input {
        Val::Object(object) => {
            meter.work(4 * object.len())?;
            let keys = if sorted { object.sorted_keys() } else { object.iter().map(|(key, _)| key).collect() };
            Val::list(meter, keys.into_iter().map(Val::Text))?
        }
        Val::Array(items) => Val::list(meter, (0..items.len()).map(|index| Val::Int(index as i128)))?,
        other => return Err(context.wrong(other, "has no keys")),
    })
}

fn has<'a>(context: Context<'a>, input: Val<'a>, arguments: &[Val<'a>]) -> Res<'a> {
    match (&input, arguments.first()) {
        (Val::Object(object), Some(Val::Text(key))) => Ok(Val::Bool(object.get(key.as_str()).is_some())),
        (Val::Array(items), Some(key @ (Val::Int(_) | Val::Float(_)))) => {
            let number = key.as_f64().unwrap_or(f64::NAN);
            Ok(Val::Bool(number >= 0.0 && number < items.len() as f64))
        }
        (input, key) => {
            let key = key.map_or("null", Val::type_name);
            Err(context.wrong(input, &format!("cannot have a {key} key")))
        }
    }
}

fn contains<'a>(context: Context<'a>, value: &Val<'a>, part: &Val<'a>, level: u32) -> Res<'a, bool> {
    context.meter.work(1)?;
    if level > MAX_WALK {
        return Err(Exhausted::Depth("the searched values nest", MAX_WALK).into());
    }
    match (value, part) {
        (Val::Object(value), Val::Object(part)) => {
            for (key, wanted) in part.iter() {
                match value.get(key.as_str()) {
                    Some(member) if contains(context, &member, &wanted, level + 1)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Val::Array(value), Val::Array(part)) => {
            for wanted in part.iter() {
                let mut found = false;
                for item in value.iter() {
                    let same_type = item.type_name() == wanted.type_name();
                    found = found || same_type && contains(context, &item, &wanted, level + 1)?;
                }
                if !found {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Val::Text(value), Val::Text(part)) => {
            context.meter.work(value.as_str().len() / 32)?;
            Ok(value.as_str().contains(part.as_str()))
        }
        (value, part) if value.type_name() == part.type_name() => Ok(equal(context.meter, value, part)?),
        (value, part) if level == 0 => {
            Err(context.wrong(value, &format!("cannot contain a value of type {}", part.type_name())))
        }
        _ => Ok(false),
    }
}

fn add<'a>(context: Context<'a>, input: Val<'a>, _: &[Val<'a>]) -> Res<'a> {
    let mut sum = Val::Null;
    match &input {
        Val::Array(items) => {
            for item in items.iter() {
                context.meter.work(1)?;
                sum = calculate(context, '+', sum, item)?;
            }
        }
        Val::Object(members) => {
            for (_, item) in members.iter() {
                context.meter.work(1)?;
                sum = calculate(context, '+', sum, item)?;
            }
        }
        Val::Null => {}
        other => return Err(context.wrong(other, "has no parts to add")),
    }
    Ok(sum)
}

fn flatten<'a>(context: Context<'a>, input: &Val<'a>, depth: f64) -> Res<'a> {
    let mut list = List::new(context.meter)?;
    match input {
        Val::Object(members) => {
            for (_, member) in members.iter() {
                flatten_into(context, member, depth, &mut list, 0)?;
            }
        }
        other => {
            for item in array(context, other, "cannot be flattened")?.iter() {
                flatten_into(context, item, depth, &mut list, 0)?;
            }
        }
    }
    Ok(Val::array(list))
}

fn flatten_into<'a>(context: Context<'a>, item: Val<'a>, depth: f64, list: &mut List<'a>, level: u32) -> Res<'a, ()> {
    context.meter.work(1)?;
    if level > MAX_WALK {
        return Err(Exhausted::Depth("the flattened arrays nest", MAX_WALK).into());
    }
    match &item {
        Val::Array(items) if depth > 0.0 => {
            for item in items.iter() {
                flatten_into(context, item, depth - 1.0, list, level + 1)?;
            }
            Ok(())
        }
        _ => Ok(list.push(item)?),
    }
}

/// The first of the least items, or the last of the greatest.
fn extreme<'a>(context: Context<'a>, input: &Val<'a>, wanted: Ordering) -> Res<'a> {
    let mut best: Option<Val<'a>> = None;
    for item in array(context, input, "has no least or greatest item")?.iter() {
        let better = match &best {
            None => true,
            Some(best) => {
                let ordering = compare(context.meter, &item, best)?;
                ordering == wanted || wanted.is_gt() && ordering.is_eq()
            }
        };
        if better {
            best = Some(item);
        }
    }
    Ok(best.unwrap_or(Val::Null))
}

fn transpose<'a>(context: Context<'a>, input: Val<'a>, _: &[Val<'a>]) -> Res<'a> {
    let rows = array(context, &input, "cannot be transposed")?;
    let mut width = 0;
    for row in rows.iter() {
        width = width.max(array(context, &row, "cannot be a row")?.len());
    }
    let mut columns = List::new(context.meter)?;
    for column in 0..width {
        let mut list = List::new(context.meter)?;
        for row in rows.iter() {
            list.push(index(context.meter, &row, &Val::Int(column as i128))?)?;
        }
        columns.push(Val::array(list))?;
    }
    Ok(Val::array(columns))
}

/// Objects with a key (`key`, `k`, `name`, and so on) and a value (`value`, `v`) become one object.
fn from_entries<'a>(context: Context<'a>, input: Val<'a>, _: &[Val<'a>]) -> Res<'a> {
    let mut members = Members::new(context.meter)?;
    for entry in array(context, &input, "is not an array of entries")?.iter() {
        let mut key = member(context, &entry, "key")?;
        for name in ["k", "name", "Name", "K", "Key"] {
            if matches!(key, Val::Null) {
                key = member(context, &entry, name)?;
            }
        }
        let key = match key {
            Val::Text(text) => text,
            Val::Array(_) | Val::Object(_) => return Err(context.wrong(&key, "cannot be a key of an object")),
            other => Text::new(context.meter, to_text(context.meter, &other)?)?,
        };
        let Val::Object(fields) = &entry else { continue };
        let value = ["value", "v", "Value", "V"].into_iter().find_map(|name| fields.get(name));
        members.put(key, value.unwrap_or(Val::Null))?;
    }
    Ok(Val::object(members))
}

/// The position of a value in a sorted array, or `-1 - position` where it would stand.
fn bsearch<'a>(context: Context<'a>, input: Val<'a>, arguments: &[Val<'a>]) -> Res<'a> {
    let items = array(context, &input, "cannot be searched")?;
    let wanted = arguments.first().unwrap_or(&Val::Null);
    let (mut low, mut high) = (0, items.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(context.meter, &items.get(middle).unwrap_or(Val::Null), wanted)? {
            Ordering::Equal => return Ok(Val::Int(middle as i128)),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    Ok(Val::Int(-1 - low as i128))
}

/// The value at a path that is itself a value.
pub(crate) fn get_path_of<'a>(context: Context<'a>, value: &Val<'a>, path: &Val<'a>) -> Res<'a> {
    let path: Vec<_> = array(context, path, "is not a path")?.iter().collect();
    get_path(context.meter, value, &path)
}
