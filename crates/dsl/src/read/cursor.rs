use serde_json::{Map, Value};

use super::Reader;
use crate::Location;
use crate::source::{Kind, Member, Node};

/// A value of the source together with how one gets there.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) pointer: String,
    /// The last property's name, for messages.
    pub(super) name: &'a str,
    key: Option<Location>,
}

impl<'a> At<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, pointer: String::new(), name: "", key: None }
    }

    fn member(pointer: &str, member: &'a Member) -> Self {
        Self {
            node: &member.value,
            pointer: format!("{pointer}/{}", escape(&member.key)),
            name: &member.key,
            key: Some(member.key_location),
        }
    }

    fn item(&self, index: usize, node: &'a Node) -> Self {
        Self { node, pointer: format!("{}/{index}", self.pointer), name: self.name, key: None }
    }

    /// Where to point at when something about the value as a whole is wrong.
    pub(super) fn place(&self) -> Location {
        match self.node.kind {
            Kind::List(_) | Kind::Map(_) | Kind::Null => self.key.unwrap_or(self.node.location),
            _ => self.node.location,
        }
    }

    /// Where to point at when the property's name is what is wrong.
    pub(super) fn key_place(&self) -> Location {
        self.key.unwrap_or(self.node.location)
    }

    pub(super) fn as_str(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.node.kind, Kind::Map(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::List(_))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.kind, Kind::Null)
    }

    pub(super) fn value(&self) -> Value {
        self.node.to_value()
    }

    /// Goes through the members of an object; nothing for other values.
    pub(super) fn members(&self) -> impl Iterator<Item = At<'a>> + use<'a> {
        let members: &[Member] = match &self.node.kind {
            Kind::Map(members) => members,
            _ => &[],
        };
        let pointer = self.pointer.clone();
        members.iter().map(move |member| At::member(&pointer, member))
    }

    /// Goes through the items of an array; nothing for other values.
    pub(super) fn items(&self) -> impl Iterator<Item = At<'a>> + use<'a> {
        let items: &[Node] = match &self.node.kind {
            Kind::List(items) => items,
            _ => &[],
        };
        let list = self.clone();
        items.iter().enumerate().map(move |(index, node)| list.item(index, node))
    }

    /// Returns the member with this key, if the value is an object that has it.
    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        match &self.node.kind {
            Kind::Map(members) => members.iter().find(|m| m.key == key).map(|m| At::member(&self.pointer, m)),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.node.kind {
            Kind::Map(members) => members.len(),
            Kind::List(items) => items.len(),
            _ => 0,
        }
    }
}

/// Escapes a member's name for a JSON pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Returns a hint with the known name that is nearest to a misspelled one.
pub(super) fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    best(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

fn best<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Comparing very long names would take long, and they are no misspelled short ones.
    if wrong.len() > 256 {
        return None;
    }
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.len() <= 256)
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

impl Reader {
    /// Reports a mistake about a value as a whole.
    pub(super) fn wrong(&mut self, code: &'static str, at: &At<'_>, message: impl Into<String>, hint: Option<String>) {
        self.report(code, &at.pointer, at.place(), message, hint);
    }

    /// Reports a mistake about a property's name.
    pub(super) fn wrong_key(
        &mut self,
        code: &'static str,
        at: &At<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.report(code, &at.pointer, at.key_place(), message, hint);
    }

    fn wrong_type(&mut self, at: &At<'_>, wanted: &str) {
        let name = at.name;
        let found = at.node.describe();
        let hint = match (&at.node.kind, wanted) {
            (Kind::Number(_) | Kind::Bool(_), "a string") => {
                Some(format!("put it in quotation marks: \"{}\"", at.value()))
            }
            (Kind::Null, "an object") => Some("write {} for an empty object".to_owned()),
            (Kind::String(text), "an integer" | "true or false") if is_literal(text) => {
                Some(format!("remove the quotation marks: {text}"))
            }
            _ => None,
        };
        self.wrong("wrong-type", at, format!("`{name}` must be {wanted}, not {found}"), hint);
    }

    /// Checks that a value is an object with no other members than these. `what` names the object.
    pub(super) fn object(&mut self, at: &At<'_>, what: &str, known: &[&str]) -> Option<()> {
        self.is_object(at)?;
        let mut fine = Some(());
        for member in at.members() {
            if self.has_enough() {
                return None;
            }
            if !known.contains(&member.name) {
                let hint = nearest(member.name, known.iter().copied())
                    .unwrap_or_else(|| format!("it can have {}", list(known)));
                let message = format!("unknown property `{}` in {what}", member.name);
                self.wrong_key("unknown-property", &member, message, Some(hint));
                fine = None;
            }
        }
        fine
    }

    pub(super) fn is_object(&mut self, at: &At<'_>) -> Option<()> {
        if at.is_map() {
            return Some(());
        }
        self.wrong_type(at, "an object");
        None
    }

    pub(super) fn is_array(&mut self, at: &At<'_>) -> Option<()> {
        if at.is_list() {
            return Some(());
        }
        self.wrong_type(at, "an array");
        None
    }

    /// Returns a member that must be there.
    pub(super) fn require<'a>(&mut self, at: &At<'a>, key: &str, what: &str) -> Option<At<'a>> {
        if let Some(member) = at.get(key) {
            return Some(member);
        }
        let message = format!("{what} needs the property `{key}`");
        self.report("missing-property", &at.pointer, at.place(), message, None);
        None
    }

    /// Reads a string.
    pub(super) fn string(&mut self, at: &At<'_>) -> Option<String> {
        match at.as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.wrong_type(at, "a string");
                None
            }
        }
    }

    /// Reads a string that is not empty.
    pub(super) fn text(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.string(at)?;
        if text.trim().is_empty() {
            self.wrong("empty-text", at, format!("`{}` must not be empty", at.name), None);
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&mut self, at: &At<'_>) -> Option<bool> {
        match at.node.kind {
            Kind::Bool(value) => Some(value),
            _ => {
                self.wrong_type(at, "true or false");
                None
            }
        }
    }

    /// Reads an integer within a range.
    pub(super) fn integer(&mut self, at: &At<'_>, from: u64, to: u64) -> Option<u64> {
        let Kind::Number(number) = &at.node.kind else {
            self.wrong_type(at, "an integer");
            return None;
        };
        // 3.0 is an integer to JSON Schema.
        let whole = number.as_f64().is_some_and(|float| float.fract() == 0.0);
        let value = number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            format!("{float:.0}").parse().ok()
        });
        match value {
            Some(value) if whole && (from..=to).contains(&value) => Some(value),
            _ => {
                let message = match number.as_f64() {
                    _ if !whole => format!("`{}` must be an integer, not {number}", at.name),
                    Some(float) if float < 0.0 => format!("`{}` must be {from} or more, not {number}", at.name),
                    _ => format!("`{}` must be {from} to {to}, not {number}", at.name),
                };
                self.wrong("invalid-value", at, message, None);
                None
            }
        }
    }

    /// Reads one of a few words.
    pub(super) fn choice<T: Copy>(&mut self, at: &At<'_>, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string(at)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let hint = nearest(&text, words.iter().copied());
        let message = format!("`{}` must be {}, not `{text}`", at.name, alternatives(&words));
        self.wrong("invalid-value", at, message, hint);
        None
    }

    /// Reads an object with any members.
    pub(super) fn map(&mut self, at: &At<'_>) -> Option<Map<String, Value>> {
        match at.value() {
            Value::Object(map) => Some(map),
            _ => {
                self.wrong_type(at, "an object");
                None
            }
        }
    }

    /// Reads an object whose members are all strings.
    pub(super) fn string_map(&mut self, at: &At<'_>) -> Option<Map<String, Value>> {
        self.is_object(at)?;
        let mut fine = true;
        for member in at.members() {
            fine &= self.string(&member).is_some();
        }
        if fine { self.map(at) } else { None }
    }

    /// Reads an array of strings.
    pub(super) fn strings(&mut self, at: &At<'_>) -> Option<Vec<String>> {
        self.is_array(at)?;
        let items: Vec<Option<String>> = at.items().map(|item| self.string(&item)).collect();
        items.into_iter().collect()
    }

    /// Reads an optional member. Its absence is `Some(None)`, a mistake in it is `None`.
    pub(super) fn optional<'a, T>(
        &mut self,
        at: &At<'a>,
        key: &str,
        read: impl FnOnce(&mut Self, &At<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match at.get(key) {
            Some(member) => read(self, &member).map(Some),
            None => Some(None),
        }
    }

    /// Reads a member that must be there.
    pub(super) fn required<'a, T>(
        &mut self,
        at: &At<'a>,
        key: &str,
        what: &str,
        read: impl FnOnce(&mut Self, &At<'a>) -> Option<T>,
    ) -> Option<T> {
        let member = self.require(at, key, what)?;
        read(self, &member)
    }

    /// Returns the only member of these that is there; reports none or several.
    pub(super) fn one_of<'a>(
        &mut self,
        at: &At<'a>,
        keys: &[&'static str],
        what: &str,
    ) -> Option<(&'static str, At<'a>)> {
        let mut found: Vec<_> = keys.iter().filter_map(|key| at.get(key).map(|member| (*key, member))).collect();
        found.sort_by_key(|(_, member)| member.key_place().offset);
        match found.as_slice() {
            [one] => Some(one.clone()),
            [] => {
                let message = format!("{what} needs {}", alternatives(keys));
                self.wrong("missing-property", at, message, None);
                None
            }
            [(first, _), (second, member), ..] => {
                let message = format!("{what} has both `{first}` and `{second}`, but can have only one");
                self.wrong_key("conflicting-properties", member, message, Some("remove one of the two".to_owned()));
                None
            }
        }
    }
}

/// Tells whether text would be a number or a boolean without its quotation marks.
fn is_literal(text: &str) -> bool {
    text.parse::<i64>().is_ok() || text == "true" || text == "false"
}

/// Writes names as "`a`, `b` and `c`".
pub(super) fn list(names: &[&str]) -> String {
    join(names, "and")
}

/// Writes names as "`a`, `b` or `c`".
pub(super) fn alternatives(names: &[&str]) -> String {
    join(names, "or")
}

fn join(names: &[&str], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}
