use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::library::{Context, Patterns};
use crate::machine::{Machine, describe};
use crate::meter::{Exhausted, Meter};
use crate::stop::{Res, Stop};
use crate::syntax::{Program, compile};
use crate::value::{Val, to_json};
use crate::{Arguments, Bounds, CompileError, EvaluateError, EvaluateErrorKind};

/// A compiled jq expression: cheap to clone, and usable from several threads at once.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: String,
    program: Program,
    patterns: Patterns,
}

impl Expression {
    /// Compiles jq `source`, with or without `${ … }` around it, which may mention the given `variables`
    /// (names without `$`).
    ///
    /// # Errors
    /// What is wrong with the source, and where.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, CompileError> {
        let (code, start) = inner(source).unwrap_or((source, 0));
        let program =
            compile(code, variables).map_err(|error| CompileError { offset: error.offset + start, ..error })?;
        Ok(Self(Arc::new(Compiled { source: code.to_owned(), program, patterns: Patterns::default() })))
    }

    /// The variables that the expression mentions, without `$`.
    pub fn variables(&self) -> &[String] {
        &self.0.program.globals
    }

    /// The jq source, without `${ … }`.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The first output of the expression on `input`; null if it has no output.
    ///
    /// Runs on the caller's thread, within the bounds. The result nests at most 100 levels deep.
    ///
    /// # Errors
    /// The error that the expression raised, or the bound that stopped it.
    pub fn evaluate(&self, input: &Value, arguments: &dyn Arguments, bounds: &Bounds) -> Result<Value, EvaluateError> {
        self.run(input, arguments, &Meter::new(bounds))
    }

    /// As [`Self::evaluate`], with bounds that several evaluations share.
    pub(crate) fn run(&self, input: &Value, arguments: &dyn Arguments, meter: &Meter) -> Result<Value, EvaluateError> {
        let Compiled { source, program, patterns } = &*self.0;
        let mut values: Vec<Cow<'_, Value>> = Vec::with_capacity(program.globals.len());
        for name in &program.globals {
            values.push(arguments.get(name).ok_or_else(|| EvaluateError {
                kind: EvaluateErrorKind::Failed,
                message: format!("the variable `${name}` has no value here"),
            })?);
        }
        let globals = values.iter().map(|value| Val::from(&**value)).collect();
        let machine = Machine::new(program, globals, Context { meter, patterns });
        let result: Res<'_, Value> = meter.nested(|| Ok(to_json(meter, &machine.first(Val::from(input))?)?));
        result.map_err(|stop| match *stop {
            Stop::Error { value, at } => {
                EvaluateError { kind: EvaluateErrorKind::Failed, message: describe(program, source, meter, &value, at) }
            }
            Stop::Exhausted(exhausted) => exhausted.into(),
            // a label is around each of its breaks, and what passes is caught where it was put aside
            Stop::Break(_) | Stop::Passed => EvaluateError {
                kind: EvaluateErrorKind::Failed,
                message: "the expression was left without a result".to_owned(),
            },
        })
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.0.source).finish()
    }
}

impl From<Exhausted> for EvaluateError {
    fn from(exhausted: Exhausted) -> Self {
        let kind = match exhausted {
            Exhausted::Time(_) => EvaluateErrorKind::TimedOut,
            Exhausted::Memory(_) | Exhausted::Depth(..) | Exhausted::Size(_) => EvaluateErrorKind::TooLarge,
        };
        EvaluateError { kind, message: exhausted.to_string() }
    }
}

/// Whether a text is `${ … }` as a whole, white space around it aside.
///
/// The expression ends at the text's last `}`, so that it may have braces itself.
pub fn is_expression(text: &str) -> bool {
    inner(text).is_some()
}

/// What is between `${` and the last `}`, and where it begins.
fn inner(text: &str) -> Option<(&str, usize)> {
    let start = text.len() - text.trim_start().len() + 2;
    let code = text.trim().strip_prefix("${")?.strip_suffix('}')?;
    (!code.is_empty()).then_some((code, start))
}
