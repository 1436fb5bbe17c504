use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

/// Gives an expression its variables.
pub trait Arguments {
    /// The value of the variable `name`, which is written without `$`.
    ///
    /// Asked at most once for each variable that the expression mentions, and for no other, so that a value
    /// which is costly to build can be built here. `None` makes the evaluation fail.
    fn get(&self, name: &str) -> Option<Cow<'_, Value>>;
}

/// No arguments.
impl Arguments for () {
    fn get(&self, _name: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

impl<A: Arguments + ?Sized> Arguments for &A {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        (**self).get(name)
    }
}

impl Arguments for Map<String, Value> {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.get(name).map(Cow::Borrowed)
    }
}

impl Arguments for BTreeMap<String, Value> {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.get(name).map(Cow::Borrowed)
    }
}

impl Arguments for HashMap<String, Value> {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.get(name).map(Cow::Borrowed)
    }
}

/// The first pair of the given name counts.
impl Arguments for [(&str, Value)] {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| Cow::Borrowed(value))
    }
}

/// The first pair of the given name counts.
impl<const N: usize> Arguments for [(&str, Value); N] {
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        Arguments::get(self.as_slice(), name)
    }
}
