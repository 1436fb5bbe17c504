use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::Location;

/// A value of the source and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) location: Location,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member of an object. Keys are unique within the object.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_location: Location,
    pub(crate) value: Node,
}

impl Node {
    /// Converts to JSON, members in the order of the source. Depth was limited when parsing.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::String(value) => Value::String(value.clone()),
            Kind::List(items) => items.iter().map(Self::to_value).collect(),
            Kind::Map(members) => {
                Value::Object(members.iter().map(|m| (m.key.clone(), m.value.to_value())).collect::<Map<_, _>>())
            }
        }
    }

    /// Returns how many values the tree has, and how many bytes of text.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (mut values, mut bytes) = (1, 0);
        let mut add = |node: &Self, key: usize| {
            let (more_values, more_bytes) = node.size();
            values += more_values;
            bytes += more_bytes + key;
        };
        match &self.kind {
            Kind::String(text) => bytes = text.len(),
            Kind::List(items) => items.iter().for_each(|item| add(item, 0)),
            Kind::Map(members) => members.iter().for_each(|m| add(&m.value, m.key.len())),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
        (values, bytes)
    }

    /// Names the kind of value for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "an array",
            Kind::Map(_) => "an object",
        }
    }
}

/// Where each property of a definition stands in its source.
#[derive(Debug, Clone)]
pub struct Locations {
    root: Arc<Node>,
}

impl Locations {
    pub(crate) fn new(root: Arc<Node>) -> Self {
        Self { root }
    }

    /// Returns where the property with this JSON pointer stands, or `None` if there is none.
    ///
    /// For a member that holds an object or an array this is its key, else its value.
    #[must_use]
    pub fn locate(&self, pointer: &str) -> Option<Location> {
        let mut node = &*self.root;
        let mut location = node.location;
        let pointer = match pointer.strip_prefix('/') {
            Some(rest) => rest,
            None => return pointer.is_empty().then_some(location),
        };
        for token in pointer.split('/') {
            match &node.kind {
                Kind::List(items) => {
                    node = items.get(token.parse::<usize>().ok()?)?;
                    location = node.location;
                }
                Kind::Map(members) => {
                    let key = token.replace("~1", "/").replace("~0", "~");
                    let member = members.iter().find(|member| member.key == key)?;
                    node = &member.value;
                    location = match node.kind {
                        Kind::List(_) | Kind::Map(_) => member.key_location,
                        _ => node.location,
                    };
                }
                _ => return None,
            }
        }
        Some(location)
    }
}
