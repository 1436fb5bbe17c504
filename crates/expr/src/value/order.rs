use std::cmp::Ordering;

use super::{Array, Object, Val};
use crate::meter::{Exhausted, MAX_WALK, Meter};

/// jq's order: null, false, true, numbers, strings, arrays, objects. A total order; nan is the least number.
pub(crate) fn compare(meter: &Meter, left: &Val<'_>, right: &Val<'_>) -> Result<Ordering, Exhausted> {
    walk(meter, left, right, 0)
}

/// `==`: as [`compare`], but nan equals nothing.
pub(crate) fn equal(meter: &Meter, left: &Val<'_>, right: &Val<'_>) -> Result<bool, Exhausted> {
    if let (Val::Float(l), Val::Float(r)) = (left, right) {
        return Ok(l == r);
    }
    Ok(compare(meter, left, right)?.is_eq())
}

fn walk(meter: &Meter, left: &Val<'_>, right: &Val<'_>, level: u32) -> Result<Ordering, Exhausted> {
    meter.work(1)?;
    if level > MAX_WALK {
        return Err(Exhausted::Depth("the compared values nest", MAX_WALK));
    }
    Ok(match (left, right) {
        (Val::Int(l), Val::Int(r)) => l.cmp(r),
        (Val::Int(l), Val::Float(r)) => compare_mixed(*l, *r),
        (Val::Float(l), Val::Int(r)) => compare_mixed(*r, *l).reverse(),
        (Val::Float(l), Val::Float(r)) => l.partial_cmp(r).unwrap_or_else(|| r.is_nan().cmp(&l.is_nan())),
        (Val::Text(l), Val::Text(r)) => {
            meter.work(l.as_str().len().min(r.as_str().len()) / 64)?;
            l.as_str().cmp(r.as_str())
        }
        (Val::Array(l), Val::Array(r)) => compare_arrays(meter, l, r, level)?,
        (Val::Object(l), Val::Object(r)) => compare_objects(meter, l, r, level)?,
        _ => rank(left).cmp(&rank(right)),
    })
}

fn rank(value: &Val<'_>) -> u8 {
    match value {
        Val::Null => 0,
        Val::Bool(false) => 1,
        Val::Bool(true) => 2,
        Val::Int(_) | Val::Float(_) => 3,
        Val::Text(_) => 4,
        Val::Array(_) => 5,
        Val::Object(_) => 6,
    }
}

/// Exact, since rounding the integer would not give a total order.
fn compare_mixed(int: i128, float: f64) -> Ordering {
    if float.is_nan() {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i128)).then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

fn compare_arrays(meter: &Meter, left: &Array<'_>, right: &Array<'_>, level: u32) -> Result<Ordering, Exhausted> {
    for (l, r) in left.iter().zip(right.iter()) {
        let ordering = walk(meter, &l, &r, level + 1)?;
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

/// First the sorted keys as arrays, then the values in the order of the keys.
fn compare_objects(meter: &Meter, left: &Object<'_>, right: &Object<'_>, level: u32) -> Result<Ordering, Exhausted> {
    meter.work(8 * (left.len() + right.len()))?;
    let (lefts, rights) = (left.sorted_keys(), right.sorted_keys());
    let keys = lefts.iter().map(|key| key.as_str()).cmp(rights.iter().map(|key| key.as_str()));
    if keys.is_ne() {
        return Ok(keys);
    }
    for key in &lefts {
        let (l, r) = (left.get(key.as_str()).unwrap_or(Val::Null), right.get(key.as_str()).unwrap_or(Val::Null));
        let ordering = walk(meter, &l, &r, level + 1)?;
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(Ordering::Equal)
}

/// Sorts by the given keys, and keeps the order of equals.
///
/// A merge sort of its own: a comparison can fail, and the standard library's sorts panic on an order that breaks off.
pub(crate) fn sort<'a, T: Clone>(
    meter: &Meter,
    items: Vec<T>,
    key: impl Fn(&T) -> &Val<'a>,
) -> Result<Vec<T>, Exhausted> {
    meter.check(items.len() * size_of::<T>() * 2)?;
    let (mut sorted, mut run) = (items, 1);
    while run < sorted.len() {
        let mut merged = Vec::with_capacity(sorted.len());
        for pair in sorted.chunks(2 * run) {
            let (left, right) = pair.split_at(run.min(pair.len()));
            let (mut l, mut r) = (left.iter().peekable(), right.iter().peekable());
            while let (Some(a), Some(b)) = (l.peek(), r.peek()) {
                let next = if compare(meter, key(a), key(b))?.is_le() { &mut l } else { &mut r };
                merged.extend(next.next().cloned());
            }
            merged.extend(l.chain(r).cloned());
        }
        sorted = merged;
        run *= 2;
    }
    Ok(sorted)
}
