use std::time::Duration as StdDuration;

use serde_json::Value;

use super::Reader;
use super::cursor::At;
use super::names::look_up;
use super::text::{braces_match, is_absolute_uri, is_variable};
use crate::duration::from_units;
use crate::{
    Duration, DurationError, Endpoint, Export, Expression, Input, Output, Resource, Schema, SchemaSource, Timeout,
    Transform, Uri, expression_in, parse_iso_duration,
};

impl Reader {
    /// Reads an expression-typed property, with or without `${ }`.
    pub(super) fn expression(&mut self, at: &At<'_>) -> Option<Expression> {
        let text = self.text(at)?;
        let expression = Expression::new(&text, at.pointer.clone());
        if expression.source == "${}" || text.trim().strip_prefix("${").is_some_and(|t| t.trim() == "}") {
            self.wrong("empty-text", at, format!("the expression in `{}` is empty", at.name), None);
            return None;
        }
        Some(expression)
    }

    /// Reads a property that must be `${ ... }`, or any expression in loose mode.
    pub(super) fn enclosed_expression(&mut self, at: &At<'_>) -> Option<Expression> {
        let text = self.text(at)?;
        if expression_in(&text).is_none() && !self.loose {
            let hint = format!("write ${{ {} }}", text.trim());
            self.wrong("invalid-value", at, format!("`{}` must be an expression in ${{ }}", at.name), Some(hint));
            return None;
        }
        Some(Expression::new(&text, at.pointer.clone()))
    }

    /// Reads an object, or an expression in `${ }` that yields one.
    pub(super) fn object_or_expression(&mut self, at: &At<'_>) -> Option<Value> {
        match at.as_str() {
            Some(_) => self.enclosed_expression(at).map(|_| at.value()),
            None => self.is_object(at).map(|()| at.value()),
        }
    }

    /// Reads the name of a variable.
    pub(super) fn variable(&mut self, at: &At<'_>) -> Option<String> {
        let text = self.text(at)?;
        if !is_variable(&text) {
            let bare = text.strip_prefix('$').filter(|bare| is_variable(bare));
            let hint = bare.map_or_else(
                || "use letters, digits and underscores".to_owned(),
                |bare| format!("write `{bare}`; the $ belongs to its use in expressions"),
            );
            self.wrong("invalid-value", at, format!("`{text}` is not a variable name"), Some(hint));
            return None;
        }
        Some(text)
    }

    /// Reads a duration: ISO 8601, an object, or an expression in `${ }`.
    pub(super) fn duration(&mut self, at: &At<'_>) -> Option<Duration> {
        const UNITS: [(&str, StdDuration); 5] = [
            ("days", StdDuration::from_secs(86_400)),
            ("hours", StdDuration::from_secs(3600)),
            ("minutes", StdDuration::from_secs(60)),
            ("seconds", StdDuration::from_secs(1)),
            ("milliseconds", StdDuration::from_millis(1)),
        ];
        let outcome = if let Some(text) = at.as_str() {
            if let Some(expression) = expression_in(text) {
                return Some(Duration::Expression(expression.to_owned()));
            }
            parse_iso_duration(text)
        } else if at.is_map() {
            self.object(at, "a duration", &UNITS.map(|(name, _)| name))?;
            if at.len() == 0 {
                let hint = "write for example { seconds: 30 }".to_owned();
                self.wrong("invalid-value", at, format!("the duration in `{}` is empty", at.name), Some(hint));
                return None;
            }
            let mut terms = Vec::new();
            for (name, unit) in UNITS {
                if let Some(member) = at.get(name) {
                    terms.push((self.integer(&member, 0, u64::MAX)?, unit));
                }
            }
            from_units(&terms)
        } else {
            let hint = "write PT30S or { seconds: 30 }".to_owned();
            let message = format!("`{}` must be a duration, not {}", at.name, at.node.describe());
            self.wrong("wrong-type", at, message, Some(hint));
            return None;
        };
        match outcome {
            Ok(duration) => Some(Duration::Literal(duration)),
            Err(DurationError::Syntax) if self.loose => at.as_str().map(|text| Duration::Expression(text.to_owned())),
            Err(error) => {
                let hint = match error {
                    DurationError::Syntax => "write PT30S, { seconds: 30 }, or an expression in ${ }",
                    DurationError::TooLong => "write P1000Y or less",
                };
                self.wrong("bad-duration", at, format!("the duration in `{}` {error}", at.name), Some(hint.to_owned()));
                None
            }
        }
    }

    /// Reads a timeout, or the name of one.
    pub(super) fn timeout(&mut self, at: &At<'_>) -> Option<Timeout> {
        if let Some(name) = at.as_str() {
            let outcome = look_up(&self.names.timeouts, name, "timeouts");
            let timeout = self.found(at, outcome)?;
            return Some(Timeout { name: Some(name.to_owned()), ..timeout });
        }
        self.timeout_definition(at)
    }

    pub(super) fn timeout_definition(&mut self, at: &At<'_>) -> Option<Timeout> {
        let known = self.object(at, "a timeout", &["after"]);
        let after = self.required(at, "after", "a timeout", Self::duration);
        known?;
        Some(Timeout { name: None, after: after?, pointer: at.pointer.clone() })
    }

    pub(super) fn input(&mut self, at: &At<'_>) -> Option<Input> {
        let known = self.object(at, "`input`", &["schema", "from"]);
        let schema = self.optional(at, "schema", Self::schema);
        let from = self.optional(at, "from", Self::transform);
        known?;
        Some(Input { schema: schema?, from: from? })
    }

    pub(super) fn output(&mut self, at: &At<'_>) -> Option<Output> {
        let known = self.object(at, "`output`", &["schema", "as"]);
        let schema = self.optional(at, "schema", Self::schema);
        let transform = self.optional(at, "as", Self::transform);
        known?;
        Some(Output { schema: schema?, transform: transform? })
    }

    pub(super) fn export(&mut self, at: &At<'_>) -> Option<Export> {
        let known = self.object(at, "`export`", &["schema", "as"]);
        let schema = self.optional(at, "schema", Self::schema);
        let transform = self.optional(at, "as", Self::transform);
        known?;
        Some(Export { schema: schema?, transform: transform? })
    }

    fn transform(&mut self, at: &At<'_>) -> Option<Transform> {
        if at.is_map() {
            return Some(Transform::Value { value: at.value(), pointer: at.pointer.clone() });
        }
        if at.as_str().is_none() {
            let message = format!("`{}` must be an expression or an object, not {}", at.name, at.node.describe());
            self.wrong("wrong-type", at, message, None);
            return None;
        }
        self.expression(at).map(Transform::Expression)
    }

    fn schema(&mut self, at: &At<'_>) -> Option<Schema> {
        let known = self.object(at, "a schema", &["format", "document", "resource"]);
        let format = self.optional(at, "format", Self::text);
        known?;
        let source = match self.one_of(at, &["document", "resource"], "a schema")? {
            ("document", document) => SchemaSource::Document(document.value()),
            (_, resource) => SchemaSource::Resource(Box::new(self.resource(&resource)?)),
        };
        let format = format?.unwrap_or_else(|| "json".to_owned());
        Some(Schema { format, source, pointer: at.pointer.clone() })
    }

    pub(super) fn resource(&mut self, at: &At<'_>) -> Option<Resource> {
        let known = self.object(at, "an external resource", &["name", "endpoint"]);
        let name = self.optional(at, "name", Self::string);
        let endpoint = self.required(at, "endpoint", "an external resource", Self::endpoint);
        known?;
        Some(Resource { name: name?, endpoint: endpoint?, pointer: at.pointer.clone() })
    }

    pub(super) fn endpoint(&mut self, at: &At<'_>) -> Option<Endpoint> {
        let pointer = at.pointer.clone();
        if !at.is_map() {
            return Some(Endpoint { uri: self.uri(at)?, authentication: None, pointer });
        }
        let known = self.object(at, "an endpoint", &["uri", "authentication"]);
        let uri = self.required(at, "uri", "an endpoint", Self::uri);
        let authentication = self.optional(at, "authentication", Self::authentication);
        known?;
        Some(Endpoint { uri: uri?, authentication: authentication?, pointer })
    }

    /// Reads an absolute URI, a URI template or an expression in `${ }`.
    pub(super) fn uri(&mut self, at: &At<'_>) -> Option<Uri> {
        let text = self.text(at)?;
        if expression_in(&text).is_some() || (self.loose && !is_absolute_uri(&text)) {
            return Some(Uri::Expression(Expression::new(&text, at.pointer.clone())));
        }
        if !is_absolute_uri(&text) {
            let hint = "write for example https://example.com/path, or an expression in ${ }".to_owned();
            self.wrong("bad-uri", at, format!("`{}` is not an absolute URI", at.name), Some(hint));
            return None;
        }
        if !braces_match(&text) {
            let message = format!("the braces of the URI template in `{}` do not match", at.name);
            let hint = "a variable is written {name}; percent-encode a literal brace as %7B or %7D".to_owned();
            self.wrong("bad-uri", at, message, Some(hint));
            return None;
        }
        Some(Uri::Template(text))
    }
}
