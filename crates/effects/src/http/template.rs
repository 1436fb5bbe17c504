//! The DSL's URI templates (DSL reference, "URI Template"): RFC 6570 §3.2.2, simple string expansion, alone.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{Failure, Kind};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What starts an expression of RFC 6570's higher levels, which the DSL does not have.
const OPERATORS: &[char] = &['+', '#', '.', '/', ';', '?', '&', '=', ',', '!', '@', '|'];

/// Replaces each `{name}` by the member `name` of `variables`, percent-encoded; a missing or null one by nothing.
///
/// The name is taken verbatim: `{a.b}` is the member "a.b". Values are not expanded again.
pub(super) fn expand(template: &str, variables: &Value) -> Result<String, Failure> {
    let mut uri = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (literal, expression) = rest.split_at(at);
        uri.push_str(literal);
        let Some((name, after)) = expression.strip_prefix('{').and_then(|e| e.split_once('}')) else {
            let position = template.len() - rest.len() + at;
            return Err(Failure::configuration(format!(
                "endpoint {template:?} has an unpaired brace at byte {position}: write {{name}}, or %7B and %7D for braces"
            )));
        };
        if name.is_empty() || name.contains('{') || name.starts_with(OPERATORS) {
            return Err(Failure::configuration(format!(
                "endpoint {template:?} has {{{name}}}: only the simple form {{name}} is supported"
            )));
        }
        if let Some(value) = variables.get(name) {
            push(&mut uri, name, value)?;
        }
        rest = after;
    }
    uri.push_str(rest);
    Ok(uri)
}

fn push(uri: &mut String, name: &str, value: &Value) -> Result<(), Failure> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text.as_str(),
        Value::Bool(_) | Value::Number(_) => &value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            return Err(Failure::new(
                Kind::Expression,
                format!("uri template variable {name:?} must be a string, number, boolean or null"),
            ));
        }
    };
    // Dots are unreserved, so encoding would not keep data from climbing out of the path that the author wrote.
    if text == "." || text == ".." {
        return Err(Failure::new(
            Kind::Expression,
            format!("uri template variable {name:?} is {text:?}, which would change the path"),
        ));
    }
    uri.extend(utf8_percent_encode(text, RESERVED));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::expand;
    use crate::Kind;

    #[test]
    fn members_are_encoded_and_placed() {
        let input = json!({
            "id": 10, "name": "a b/c?d=é&{id}%41", "a.b": true, "a": {"b": 1}, "none": null, "free": "Az09-._~", "id ": "x"
        });
        for (template, uri) in [
            ("http://h/p", "http://h/p"),
            ("http://h/{id}", "http://h/10"),
            ("http://h/{id}{id}/x", "http://h/1010/x"),
            ("http://h/{name}", "http://h/a%20b%2Fc%3Fd%3D%C3%A9%26%7Bid%7D%2541"),
            ("http://h/?q={a.b}", "http://h/?q=true"),
            ("http://h/{free}", "http://h/Az09-._~"),
            ("http://h/{missing}/{none}.", "http://h//."),
            ("http://h/{id }", "http://h/x"),
            ("é{id}é", "é10é"),
        ] {
            assert_eq!(expand(template, &input).as_deref(), Ok(uri), "{template}");
        }
    }

    #[test]
    fn an_input_that_is_not_an_object_has_no_variables() {
        for input in [json!(null), json!("text"), json!([1]), json!(1)] {
            assert_eq!(expand("http://h/{id}{0}", &input).as_deref(), Ok("http://h/"), "{input}");
        }
    }

    #[test]
    fn structures_and_dots_are_refused_as_values() {
        let input = json!({"o": {"x": 1}, "l": [1], "up": "..", "here": "."});
        for name in ["o", "l", "up", "here"] {
            let failure = expand(&format!("http://h/{{{name}}}/x"), &input).unwrap_err();
            assert_eq!((failure.kind, failure.status), (Kind::Expression, 400), "{name}");
            assert!(failure.detail.contains(&format!("{name:?}")), "{}", failure.detail);
        }
    }

    #[test]
    fn other_template_syntax_is_refused() {
        let input = json!({"a": 1, "b": 2});
        for template in
            ["{", "}", "http://h/{a", "http://h/a}", "{}", "{{a}}", "{a{b}}", "{?a}", "{+a}", "{/a}", "{#a}"]
        {
            let failure = expand(template, &input).unwrap_err();
            assert_eq!((failure.kind, failure.status), (Kind::Configuration, 400), "{template}");
        }
    }
}
