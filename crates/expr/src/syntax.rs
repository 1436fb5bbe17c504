//! From source to a program whose names are resolved.

mod lexer;
mod parser;
mod pattern;
mod primary;
mod scope;
mod string;

use serde_json::Value;

use crate::format::Format;
use crate::library::{Form, Native};

pub(crate) use parser::compile;

/// The place of a node in its program.
pub(crate) type Id = u32;

/// A compiled expression: nodes refer to each other by place, so that dropping a deep one does not recurse.
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    /// Where each node stands in the source, in bytes. Nodes of library definitions have the span of the call.
    pub(crate) spans: Vec<(u32, u32)>,
    /// Whether each node yields exactly one output, or an error.
    pub(crate) single: Vec<bool>,
    pub(crate) definitions: Vec<Definition>,
    /// The variables that the source mentions, in the order of [`Node::Global`].
    pub(crate) globals: Vec<String>,
    pub(crate) root: Id,
}

/// A function written in jq.
pub(crate) struct Definition {
    /// Whether each parameter is a value (`$name`) beside a filter.
    pub(crate) values: Vec<bool>,
    pub(crate) body: Id,
}

/// An operation. Variables and functions are found by the number of frames between their use and their binding.
pub(crate) enum Node {
    Identity,
    /// `..`
    Descend,
    Constant(Value),
    Variable(u32),
    Global(u32),
    Index(Id, Id),
    Slice(Id, Option<Id>, Option<Id>),
    Iterate(Id),
    Pipe(Id, Id),
    Comma(Id, Id),
    Negate(Id),
    Arithmetic(char, Id, Id),
    Compare(Comparison, Id, Id),
    /// `and` if true, else `or`
    Logic(bool, Id, Id),
    Alternative(Id, Id),
    Assign(Id, Id),
    Update(Id, Id),
    UpdateArithmetic(char, Id, Id),
    UpdateAlternative(Id, Id),
    If(Id, Id, Option<Id>),
    Try(Id, Option<Id>),
    /// `?` behind an index, a slice or `[]`: that step alone may fail, not what comes before it.
    Optional(Id),
    Array(Option<Id>),
    Object(Vec<(Id, Id)>),
    Text(Format, Vec<Part>),
    Reduce(Id, Pattern, Id, Id),
    Foreach(Id, Pattern, Id, Id, Option<Id>),
    /// `source as pattern ?// pattern | body`
    Bind(Id, Vec<Pattern>, Id),
    Label(Id),
    Break(u32),
    /// A local definition, visible in its body and in the rest.
    Define(Id),
    /// A call of the definition whose frame is that far away.
    Call(u32, u32, Vec<Id>),
    /// A call of a definition of the library.
    CallLibrary(u32, Vec<Id>),
    /// A parameter that is a filter.
    Parameter(u32),
    Native(Native, Vec<Id>),
    Form(Form, Vec<Id>),
}

/// A piece of a string with `\(…)` in it.
pub(crate) enum Part {
    Literal(String),
    Inner(Id),
}

/// Where the variables of a pattern find their values, from the outside in.
///
/// All alternatives of a binding have the same number of slots; those that do not occur in one are null in it.
pub(crate) struct Pattern {
    pub(crate) slots: u32,
    pub(crate) binders: Vec<Binder>,
}

/// One variable of a pattern: a slot, and the keys that lead to its value.
pub(crate) struct Binder {
    pub(crate) slot: u32,
    pub(crate) path: Vec<Id>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
