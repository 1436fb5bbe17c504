use serde_json::{Map, Value};
use thiserror::Error;

use crate::meter::Meter;
use crate::{Arguments, Bounds, CompileError, EvaluateError, EvaluateErrorKind, Expression, is_expression};

/// Which strings of a template are expressions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those that are `${ … }` as a whole; every other string is text. The DSL's default.
    #[default]
    Strict,
    /// Every string that is not blank; one that does not compile, or fails, stands for itself.
    Loose,
}

/// A JSON value with expressions in it, such as a task's `with`.
///
/// Keys of objects are never expressions, and neither is anything in a result: what an expression yields
/// is data, even if it looks like `${ … }`.
#[derive(Clone, Debug)]
pub struct Template(Node);

/// A member of a template that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{error}")]
pub struct TemplateError {
    /// The JSON pointer of the string, within the template.
    pub pointer: String,
    /// What is wrong with it; offsets count from the start of the string, `${` included.
    #[source]
    pub error: CompileError,
}

#[derive(Clone, Debug)]
enum Node {
    Literal(Value),
    Expression(Expression),
    /// An expression of the loose mode, with the text that it stands for when it fails.
    OrText(Expression, String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Template {
    /// Finds and compiles the expressions in `value`, which may mention the given `variables` (without `$`).
    ///
    /// # Errors
    /// The first `${ … }` that does not compile; loose mode has no errors.
    pub fn compile(value: &Value, variables: &[&str], mode: Mode) -> Result<Self, TemplateError> {
        compile(value, variables, mode, &mut String::new()).map(Self)
    }

    /// The value itself, if nothing in it is an expression.
    pub fn literal(&self) -> Option<&Value> {
        match &self.0 {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The value with every expression replaced by its result.
    ///
    /// The bounds hold for all expressions together.
    ///
    /// # Errors
    /// The first expression that fails, named by its JSON pointer unless it is the whole template.
    pub fn evaluate(&self, input: &Value, arguments: &dyn Arguments, bounds: &Bounds) -> Result<Value, EvaluateError> {
        match &self.0 {
            Node::Literal(value) => Ok(value.clone()),
            Node::Expression(expression) => expression.evaluate(input, arguments, bounds),
            node => {
                let meter = Meter::new(bounds);
                node.evaluate(input, arguments, &meter, &mut String::new())
            }
        }
    }
}

fn compile(value: &Value, variables: &[&str], mode: Mode, pointer: &mut String) -> Result<Node, TemplateError> {
    match value {
        Value::String(text) => match mode {
            Mode::Strict if is_expression(text) => match Expression::compile(text, variables) {
                Ok(expression) => Ok(Node::Expression(expression)),
                Err(error) => Err(TemplateError { pointer: pointer.clone(), error }),
            },
            Mode::Strict => Ok(Node::Literal(value.clone())),
            Mode::Loose => Ok(match Expression::compile(text, variables) {
                Ok(expression) => Node::OrText(expression, text.clone()),
                Err(_) => Node::Literal(value.clone()),
            }),
        },
        Value::Array(items) => {
            let nodes = items
                .iter()
                .enumerate()
                .map(|(index, item)| within(pointer, &index.to_string(), |p| compile(item, variables, mode, p)))
                .collect::<Result<Vec<_>, _>>()?;
            let literal = nodes.iter().all(Node::is_literal);
            Ok(if literal { Node::Literal(value.clone()) } else { Node::Array(nodes) })
        }
        Value::Object(members) => {
            let nodes = members
                .iter()
                .map(|(key, member)| {
                    let node = within(pointer, key, |p| compile(member, variables, mode, p))?;
                    Ok((key.clone(), node))
                })
                .collect::<Result<Vec<_>, _>>()?;
            let literal = nodes.iter().all(|(_, node)| node.is_literal());
            Ok(if literal { Node::Literal(value.clone()) } else { Node::Object(nodes) })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Node::Literal(value.clone())),
    }
}

/// Runs `step` with `token` appended to the pointer.
fn within<T>(pointer: &mut String, token: &str, step: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
    let result = step(pointer);
    pointer.truncate(length);
    result
}

impl Node {
    fn is_literal(&self) -> bool {
        matches!(self, Node::Literal(_))
    }

    fn evaluate(
        &self,
        input: &Value,
        arguments: &dyn Arguments,
        meter: &Meter,
        pointer: &mut String,
    ) -> Result<Value, EvaluateError> {
        match self {
            Node::Literal(value) => Ok(value.clone()),
            Node::Expression(expression) => expression.run(input, arguments, meter).map_err(|error| EvaluateError {
                message: if pointer.is_empty() { error.message } else { format!("at {pointer}: {}", error.message) },
                ..error
            }),
            Node::OrText(expression, text) => match expression.run(input, arguments, meter) {
                Err(error) if error.kind == EvaluateErrorKind::Failed => Ok(Value::String(text.clone())),
                result => result,
            },
            Node::Array(nodes) => nodes
                .iter()
                .enumerate()
                .map(|(index, node)| within(pointer, &index.to_string(), |p| node.evaluate(input, arguments, meter, p)))
                .collect(),
            Node::Object(nodes) => {
                let mut members = Map::with_capacity(nodes.len());
                for (key, node) in nodes {
                    let value = within(pointer, key, |p| node.evaluate(input, arguments, meter, p))?;
                    members.insert(key.clone(), value);
                }
                Ok(Value::Object(members))
            }
        }
    }
}
