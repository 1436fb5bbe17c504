use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{Kind, Member, Node, scalar, syntax};
use crate::{Diagnostic, Limits, Location};

/// Reads YAML, of which JSON is a part, into a tree.
///
/// # Errors
///
/// Syntax errors, exceeded limits and everything that JSON cannot express. After a mistake that
/// leaves the structure clear, such as a duplicate key, reading goes on to find more.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<Node, Vec<Diagnostic>> {
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let origin = Origin { offset: text.len() - body.len() };
    let mut builder = Builder {
        origin,
        limits,
        stack: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        values: 0,
        alias_bytes: 0,
        items: Vec::new(),
    };
    builder.run(body);
    match builder.root {
        Some(root) if builder.items.is_empty() => Ok(root),
        Some(_) => Err(builder.items),
        None if builder.items.is_empty() => {
            let start = Location { line: 1, column: 1, offset: 0, length: 0 };
            let hint = Some("start with `document:` and `do:`".to_owned());
            Err(vec![Diagnostic::new("empty", "the definition is empty", hint, "", start)])
        }
        None => Err(builder.items),
    }
}

/// How places in the text without its byte order mark relate to places in the source.
pub(super) struct Origin {
    offset: usize,
}

impl Origin {
    pub(super) fn point(&self, mark: &Marker) -> Location {
        Location {
            line: mark.line().max(1),
            column: mark.col() + 1,
            offset: self.offset + mark.byte_offset().unwrap_or_default(),
            length: 0,
        }
    }

    fn span(&self, span: Span) -> Location {
        let length = span.byte_range().map_or(0, |range| range.len());
        Location { length, ..self.point(&span.start) }
    }
}

/// An object or array whose end has not come yet.
struct Open {
    location: Location,
    anchor: usize,
    height: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { members: Vec<Member>, keys: HashSet<String>, key: Option<Key> },
}

/// The key that waits for its value; `text` is none if the key was refused.
struct Key {
    text: Option<String>,
    location: Location,
}

/// What an alias stands for.
struct Anchored {
    node: Node,
    height: usize,
    values: usize,
    bytes: usize,
}

/// No more mistakes of this kind are collected; the source is beyond repair.
struct Stop;

struct Builder<'a> {
    origin: Origin,
    limits: &'a Limits,
    stack: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    values: usize,
    alias_bytes: usize,
    items: Vec<Diagnostic>,
}

impl Builder<'_> {
    fn run(&mut self, body: &str) {
        let depth = self.limits.depth();
        // JSON has no limit on the length of keys; YAML's is for keys without quotation marks.
        let lookahead = if body.trim_start().starts_with('{') { 65_536 } else { 1024 };
        let mut options = granit_parser::options! {
            flow_nesting_limit: depth + 1,
            block_nesting_limit: depth + 1,
            simple_key_max_lookahead: lookahead,
        };
        options.set_emit_comments(false);
        let mut documents = 0;
        for next in Parser::new_from_str_with_options(body, options) {
            let outcome = match next {
                Ok((Event::DocumentStart(..), span)) => {
                    documents += 1;
                    if documents > 1 { Err(self.second_document(span)) } else { Ok(()) }
                }
                Ok((event, span)) => self.event(event, span),
                Err(error) => {
                    self.items.push(syntax::diagnose(&error, &self.origin, depth));
                    Err(Stop)
                }
            };
            if outcome.is_err() || self.items.len() >= crate::read::MAX_DIAGNOSTICS {
                return;
            }
        }
    }

    fn second_document(&mut self, span: Span) -> Stop {
        let hint = "put each definition into a file of its own";
        self.report("several-documents", "the source has more than one document", Some(hint), self.origin.span(span));
        Stop
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let location = self.origin.span(span);
                self.count(1, location)?;
                if self.awaits_key() {
                    self.key(text.into_owned(), style, anchor, location);
                    return Ok(());
                }
                let kind = self.scalar(&text, style, tag.as_deref(), location);
                self.finish(Node { location, kind }, anchor, 0)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.collection_tag(tag, "seq", span);
                self.open(anchor, span, Content::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.collection_tag(tag, "map", span);
                self.open(anchor, span, Content::Map { members: Vec::new(), keys: HashSet::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else { return Ok(()) };
                let kind = match open.content {
                    Content::List(items) => Kind::List(items),
                    Content::Map { members, .. } => Kind::Map(members),
                };
                self.finish(Node { location: open.location, kind }, open.anchor, open.height)
            }
            Event::Alias(id) => self.alias(id, span),
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, span: Span, content: Content) -> Result<(), Stop> {
        // The end is not known yet, and a place to point at is enough.
        let location = Location { length: 1, ..self.origin.point(&span.start) };
        self.count(1, location)?;
        if self.stack.len() >= self.limits.depth() {
            self.items.push(syntax::too_deep(location, self.limits.depth()));
            return Err(Stop);
        }
        if self.awaits_key() {
            let hint = "write the key as plain text";
            self.report("bad-key", "a key must be text, not an object or array", Some(hint), location);
            return Err(Stop);
        }
        self.stack.push(Open { location, anchor, height: 1, content });
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open { content: Content::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: String, style: ScalarStyle, anchor: usize, location: Location) {
        if anchor != 0 {
            let node = Node { location, kind: Kind::String(text.clone()) };
            self.remember(anchor, &node, 0);
        }
        if text == "<<" && style == ScalarStyle::Plain {
            let hint = "write the properties out, or move them to `use`";
            self.report("bad-key", "merge keys (<<) are not part of YAML 1.2", Some(hint), location);
            self.set_key(Key { text: None, location });
            return;
        }
        let Some(Open { content: Content::Map { members, keys, .. }, .. }) = self.stack.last_mut() else {
            return;
        };
        if keys.insert(text.clone()) {
            self.set_key(Key { text: Some(text), location });
            return;
        }
        let first = members.iter().find(|member| member.key == text);
        let message = match first {
            Some(first) => format!("the key `{text}` is there twice, first on line {}", first.key_location.line),
            None => format!("the key `{text}` is there twice"),
        };
        self.report("duplicate-key", message, Some("remove one of the two"), location);
        self.set_key(Key { text: None, location });
    }

    fn set_key(&mut self, new: Key) {
        if let Some(Open { content: Content::Map { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some(new);
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, location: Location) -> Kind {
        let wanted = match tag {
            None if style == ScalarStyle::Plain => None,
            None => Some("str"),
            Some(tag) => match tag.core_suffix() {
                Some(suffix @ ("str" | "int" | "float" | "bool" | "null")) => Some(suffix),
                _ if tag.original() == "!" => Some("str"),
                _ => return self.custom_tag(tag, location),
            },
        };
        if wanted == Some("str") {
            return Kind::String(text.to_owned());
        }
        match (scalar::resolve(text), wanted) {
            (Err(message), _) => {
                self.report("bad-number", message, Some("quote it to make it text"), location);
                Kind::Null
            }
            (Ok(kind @ Kind::Null), Some("null"))
            | (Ok(kind @ Kind::Bool(_)), Some("bool"))
            | (Ok(kind @ Kind::Number(_)), Some("int" | "float"))
            | (Ok(kind), None) => kind,
            (Ok(_), Some(wanted)) => {
                self.report("bad-tag", format!("`{text}` is not of the type !!{wanted}"), None, location);
                Kind::Null
            }
        }
    }

    fn custom_tag(&mut self, tag: &Tag, location: Location) -> Kind {
        let hint = "remove the tag; a definition has only the types of JSON";
        self.report("bad-tag", format!("unknown tag {}", tag.original()), Some(hint), location);
        Kind::Null
    }

    fn collection_tag(&mut self, tag: Option<Cow<'_, Tag>>, wanted: &str, span: Span) {
        if let Some(tag) = tag
            && tag.core_suffix() != Some(wanted)
            && tag.original() != "!"
        {
            let location = self.origin.span(span);
            self.custom_tag(&tag, location);
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let location = self.origin.span(span);
        let Some(anchored) = self.anchors.get(&id) else {
            let hint = "an alias may only stand after the whole value that it repeats";
            self.report("bad-alias", "the alias stands within the value that it repeats", Some(hint), location);
            return Err(Stop);
        };
        let (height, values, bytes) = (anchored.height, anchored.values, anchored.bytes);
        // The limits are checked before anything is copied.
        self.count_bytes(bytes, location)?;
        self.count(values, location)?;
        if self.stack.len() + height > self.limits.depth() {
            self.items.push(syntax::too_deep(location, self.limits.depth()));
            return Err(Stop);
        }
        let Some(anchored) = self.anchors.get(&id) else { return Ok(()) };
        let node = Node { location, ..anchored.node.clone() };
        if !self.awaits_key() {
            return self.finish(node, 0, height);
        }
        match node.kind {
            Kind::String(text) => self.key(text, ScalarStyle::DoubleQuoted, 0, location),
            _ => {
                self.report("bad-key", "a key must be text", Some("write the key as plain text"), location);
                self.set_key(Key { text: None, location });
            }
        }
        Ok(())
    }

    /// Puts a complete value into the object or array that is open, or makes it the root.
    fn finish(&mut self, node: Node, anchor: usize, height: usize) -> Result<(), Stop> {
        if anchor != 0 {
            // The copy that aliases are made from costs as much as an alias.
            let (values, bytes) = self.remember(anchor, &node, height);
            self.count(values, node.location)?;
            self.count_bytes(bytes, node.location)?;
        }
        let Some(parent) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.height = parent.height.max(height + 1);
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map { members, key, .. } => {
                if let Some(Key { text: Some(key), location }) = key.take() {
                    members.push(Member { key, key_location: location, value: node });
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node, height: usize) -> (usize, usize) {
        let (values, bytes) = node.size();
        self.anchors.insert(anchor, Anchored { node: node.clone(), height, values, bytes });
        (values, bytes)
    }

    fn count(&mut self, values: usize, location: Location) -> Result<(), Stop> {
        self.values = self.values.saturating_add(values);
        if self.values <= self.limits.max_values {
            return Ok(());
        }
        let message = format!("the definition has more than {} values", self.limits.max_values);
        let hint = "move large data out of the definition, and use fewer aliases";
        self.report("too-large", message, Some(hint), location);
        Err(Stop)
    }

    fn count_bytes(&mut self, bytes: usize, location: Location) -> Result<(), Stop> {
        self.alias_bytes = self.alias_bytes.saturating_add(bytes);
        if self.alias_bytes <= self.limits.max_bytes {
            return Ok(());
        }
        let message = format!("the aliases add up to more than {} bytes", self.limits.max_bytes);
        self.report("too-large", message, Some("use fewer aliases"), location);
        Err(Stop)
    }

    fn report(&mut self, code: &'static str, message: impl Into<String>, hint: Option<&str>, location: Location) {
        self.items.push(Diagnostic::new(code, message, hint.map(str::to_owned), "", location));
    }
}
