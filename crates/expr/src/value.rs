//! The values that expressions work on: JSON that is borrowed as long as possible, and counted where it is made.

mod convert;
mod number;
mod order;
mod path;
mod write;

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::meter::{Charge, Exhausted, MAX_DEPTH, Meter};

pub(crate) use convert::{json_number, to_json};
pub(crate) use number::{arithmetic, float, integer, negate, parse_number};
pub(crate) use order::{compare, equal, sort};
pub(crate) use path::{delete_paths, get_path, index, set_path, slice};
pub(crate) use write::{brief, to_text};

/// Bytes that a value takes up in an array; in an object it is more than twice that.
pub(crate) const ITEM: usize = size_of::<Val<'static>>();
/// Bytes of an object's member besides its key's text: key, value, hash and index.
const MEMBER: usize = 3 * ITEM;
/// Bytes of an owned text, array or object besides its content.
const OWNED: usize = 96;

/// A value of an evaluation. Integers are kept exactly from `i64::MIN` to `u64::MAX`, see [`integer`].
#[derive(Clone)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Text<'a>),
    Array(Array<'a>),
    Object(Object<'a>),
}

#[derive(Clone)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Owned(Rc<OwnedText<'a>>),
}

#[derive(Clone)]
pub(crate) enum Array<'a> {
    Borrowed(&'a [Value]),
    Owned(Rc<List<'a>>),
}

#[derive(Clone)]
pub(crate) enum Object<'a> {
    Borrowed(&'a Map<String, Value>),
    Owned(Rc<Members<'a>>),
}

pub(crate) struct OwnedText<'a> {
    text: String,
    charge: Charge<'a>,
}

/// An array that grows against the meter.
pub(crate) struct List<'a> {
    items: Vec<Val<'a>>,
    depth: u32,
    charge: Charge<'a>,
}

/// An object that grows against the meter; members keep the order in which they came.
pub(crate) struct Members<'a> {
    members: IndexMap<Text<'a>, Val<'a>>,
    depth: u32,
    charge: Charge<'a>,
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Val::Null,
            Value::Bool(bool) => Val::Bool(*bool),
            Value::Number(number) => number::from_json(number),
            Value::String(text) => Val::Text(Text::Borrowed(text)),
            Value::Array(items) => Val::Array(Array::Borrowed(items)),
            Value::Object(members) => Val::Object(Object::Borrowed(members)),
        }
    }
}

impl<'a> Val<'a> {
    pub(crate) fn text(meter: &'a Meter, text: String) -> Result<Self, Exhausted> {
        Ok(Val::Text(Text::new(meter, text)?))
    }

    pub(crate) fn array(list: List<'a>) -> Self {
        Val::Array(Array::Owned(Rc::new(list)))
    }

    pub(crate) fn object(members: Members<'a>) -> Self {
        Val::Object(Object::Owned(Rc::new(members)))
    }

    /// The array of the given items.
    pub(crate) fn list(meter: &'a Meter, items: impl IntoIterator<Item = Val<'a>>) -> Result<Self, Exhausted> {
        let mut list = List::new(meter)?;
        for item in items {
            list.push(item)?;
        }
        Ok(Val::array(list))
    }

    pub(crate) fn is_true(&self) -> bool {
        !matches!(self, Val::Null | Val::Bool(false))
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null",
            Val::Bool(_) => "boolean",
            Val::Int(_) | Val::Float(_) => "number",
            Val::Text(_) => "string",
            Val::Array(_) => "array",
            Val::Object(_) => "object",
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Val::Int(int) => Some(*int as f64),
            Val::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// How deep the containers nest that the evaluation made; what is borrowed counts as flat.
    fn depth(&self) -> u32 {
        match self {
            Val::Array(Array::Owned(list)) => list.depth,
            Val::Object(Object::Owned(members)) => members.depth,
            _ => 0,
        }
    }
}

/// The depth of a container of the given depth, once it holds `item`.
fn deepen(depth: u32, item: &Val<'_>) -> Result<u32, Exhausted> {
    let needed = item.depth() + 1;
    if needed > MAX_DEPTH {
        return Err(Exhausted::Depth("the expression's values nest", MAX_DEPTH));
    }
    Ok(depth.max(needed))
}

impl<'a> Text<'a> {
    pub(crate) fn new(meter: &'a Meter, text: String) -> Result<Self, Exhausted> {
        let charge = Charge::new(meter, OWNED + text.len())?;
        Ok(Text::Owned(Rc::new(OwnedText { text, charge })))
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Owned(owned) => &owned.text,
        }
    }

    /// Appends in place if no one else holds the text, so that a loop that builds a text takes linear time.
    pub(crate) fn append(mut self, meter: &'a Meter, more: &str) -> Result<Self, Exhausted> {
        if let Text::Owned(owned) = &mut self
            && let Some(owned) = Rc::get_mut(owned)
        {
            owned.charge.add(more.len())?;
            owned.text.push_str(more);
            return Ok(self);
        }
        meter.check(self.as_str().len() + more.len())?;
        Text::new(meter, format!("{}{more}", self.as_str()))
    }
}

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// As `str` does it, for the sake of [`Borrow`].
impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text<'_> {}

impl<'a> Array<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Array::Borrowed(items) => items.len(),
            Array::Owned(list) => list.items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Array::Borrowed(items) => items.get(index).map(Val::from),
            Array::Owned(list) => list.items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Val<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The array to change it: itself if it is owned and no one else holds it, else a copy.
    pub(crate) fn into_list(self, meter: &'a Meter) -> Result<List<'a>, Exhausted> {
        match self {
            Array::Owned(list) => match Rc::try_unwrap(list) {
                Ok(list) => Ok(list),
                Err(shared) => List::collect(meter, shared.items.iter().cloned()),
            },
            Array::Borrowed(items) => List::collect(meter, items.iter().map(Val::from)),
        }
    }
}

impl<'a> List<'a> {
    pub(crate) fn new(meter: &'a Meter) -> Result<Self, Exhausted> {
        Ok(List { items: Vec::new(), depth: 1, charge: Charge::new(meter, OWNED)? })
    }

    fn collect(meter: &'a Meter, items: impl ExactSizeIterator<Item = Val<'a>>) -> Result<Self, Exhausted> {
        meter.check(items.len() * ITEM)?;
        let mut list = List::new(meter)?;
        for item in items {
            list.push(item)?;
        }
        Ok(list)
    }

    pub(crate) fn items(&self) -> &[Val<'a>] {
        &self.items
    }

    pub(crate) fn push(&mut self, item: Val<'a>) -> Result<(), Exhausted> {
        self.charge.add(ITEM)?;
        self.depth = deepen(self.depth, &item)?;
        self.items.push(item);
        Ok(())
    }

    /// Takes an item out to change it and put it back, so that it can be changed in place.
    pub(crate) fn lift(&mut self, index: usize) -> Val<'a> {
        self.items.get_mut(index).map_or(Val::Null, |item| std::mem::replace(item, Val::Null))
    }

    /// Sets an item; nulls fill the gap to an index beyond the end.
    pub(crate) fn put(&mut self, index: usize, item: Val<'a>) -> Result<(), Exhausted> {
        self.depth = deepen(self.depth, &item)?;
        if let Some(place) = self.items.get_mut(index) {
            *place = item;
            return Ok(());
        }
        let missing = (index - self.items.len()).saturating_add(1);
        self.charge.add(missing.saturating_mul(ITEM))?;
        self.items.resize(index, Val::Null);
        self.items.push(item);
        Ok(())
    }

    /// Replaces the items of `range`.
    pub(crate) fn splice(&mut self, range: std::ops::Range<usize>, items: &Array<'a>) -> Result<(), Exhausted> {
        self.charge.add(items.len() * ITEM)?;
        for item in items.iter() {
            self.depth = deepen(self.depth, &item)?;
        }
        self.items.splice(range, items.iter());
        Ok(())
    }

    /// Keeps the items whose indices `keep` accepts.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut index = 0;
        self.items.retain(|_| {
            index += 1;
            keep(index - 1)
        });
    }
}

impl<'a> Object<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Object::Borrowed(members) => members.len(),
            Object::Owned(members) => members.members.len(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Val<'a>> {
        match self {
            Object::Borrowed(members) => members.get(key).map(Val::from),
            Object::Owned(members) => members.members.get(key).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = (Text<'a>, Val<'a>)> + '_> {
        match self {
            Object::Borrowed(members) => {
                Box::new(members.iter().map(|(key, value)| (Text::Borrowed(key), Val::from(value))))
            }
            Object::Owned(members) => Box::new(members.members.iter().map(|(key, value)| (key.clone(), value.clone()))),
        }
    }

    pub(crate) fn sorted_keys(&self) -> Vec<Text<'a>> {
        let mut keys: Vec<_> = self.iter().map(|(key, _)| key).collect();
        keys.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        keys
    }

    /// The object to change it: itself if it is owned and no one else holds it, else a copy.
    pub(crate) fn into_members(self, meter: &'a Meter) -> Result<Members<'a>, Exhausted> {
        let shared = match self {
            Object::Owned(members) => match Rc::try_unwrap(members) {
                Ok(members) => return Ok(members),
                Err(shared) => Object::Owned(shared),
            },
            borrowed => borrowed,
        };
        meter.check(shared.len() * MEMBER)?;
        let mut members = Members::new(meter)?;
        for (key, value) in shared.iter() {
            members.put(key, value)?;
        }
        Ok(members)
    }
}

impl<'a> Members<'a> {
    pub(crate) fn new(meter: &'a Meter) -> Result<Self, Exhausted> {
        Ok(Members { members: IndexMap::new(), depth: 1, charge: Charge::new(meter, OWNED)? })
    }

    pub(crate) fn put(&mut self, key: Text<'a>, value: Val<'a>) -> Result<(), Exhausted> {
        self.depth = deepen(self.depth, &value)?;
        self.charge.meter().work(1)?;
        if self.members.insert(key, value).is_none() {
            self.charge.add(MEMBER)?;
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.members.shift_remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Takes a member out to change it and put it back, so that it can be changed in place.
    pub(crate) fn lift(&mut self, key: &str) -> Val<'a> {
        self.members.get_mut(key).map_or(Val::Null, |value| std::mem::replace(value, Val::Null))
    }
}
