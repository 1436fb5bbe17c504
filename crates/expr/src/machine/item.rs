use std::rc::Rc;

use crate::meter::{Exhausted, MAX_DEPTH, Meter};
use crate::value::Val;

/// A value on its way, with its path from the input if paths are asked for.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) value: Val<'a>,
    pub(super) path: Path<'a>,
}

#[derive(Clone)]
pub(super) enum Path<'a> {
    /// Nobody asks.
    None,
    Root,
    Step(Rc<Step<'a>>),
}

/// The last key of a path, and what comes before it.
pub(super) struct Step<'a> {
    key: Val<'a>,
    before: Path<'a>,
    length: u32,
}

impl<'a> Item<'a> {
    pub(super) fn plain(value: Val<'a>) -> Self {
        Self { value, path: Path::None }
    }

    pub(super) fn root(value: Val<'a>) -> Self {
        Self { value, path: Path::Root }
    }
}

impl<'a> Path<'a> {
    /// The path to a part. A path is as short as values are flat, so that it can lead somewhere.
    pub(super) fn child(&self, key: impl FnOnce() -> Val<'a>) -> Result<Self, Exhausted> {
        let length = match self {
            Path::None => return Ok(Path::None),
            Path::Root => 1,
            Path::Step(step) => step.length + 1,
        };
        // one beyond what values reach, to look into the deepest of them
        if length > MAX_DEPTH + 1 {
            return Err(Exhausted::Depth("the path leads", MAX_DEPTH));
        }
        Ok(Path::Step(Rc::new(Step { key: key(), before: self.clone(), length })))
    }

    /// The keys, from the input on.
    pub(super) fn keys(&self) -> Vec<Val<'a>> {
        let (mut keys, mut path) = (Vec::new(), self);
        while let Path::Step(step) = path {
            keys.push(step.key.clone());
            path = &step.before;
        }
        keys.reverse();
        keys
    }

    /// The path as a value.
    pub(super) fn to_value(&self, meter: &'a Meter) -> Result<Val<'a>, Exhausted> {
        Val::list(meter, self.keys())
    }
}
