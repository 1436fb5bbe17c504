use std::sync::Arc;

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data};
use jaq_json::Val;
use serde_json::Value;

use crate::{Arguments, Bounds, CompileError, EvaluateError, EvaluateErrorKind};

/// A compiled jq expression: cheap to clone, and usable from several threads at once.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    filter: jaq_core::Filter<data::JustLut<Val>>,
    variables: Vec<String>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expression")
    }
}

pub(crate) struct Meter;

impl Meter {
    pub(crate) fn new(_bounds: &Bounds) -> Self {
        Self
    }
}

impl Expression {
    /// Compiles jq `source`, with or without `${ … }` around it, which may mention the given `variables`
    /// (names without `$`).
    ///
    /// # Errors
    /// What is wrong with the source, and where.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, CompileError> {
        let source = inner(source);
        let used: Vec<String> = variables
            .iter()
            .filter(|name| source.contains(&format!("${name}")))
            .map(|name| (*name).to_owned())
            .collect();
        let names: Vec<String> = used.iter().map(|name| format!("${name}")).collect();
        let fail = |message: String| CompileError {
            message,
            offset: 0,
            length: 0,
        };
        let arena = Arena::default();
        let defs = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let funs = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let modules = Loader::new(defs)
            .load(
                &arena,
                File {
                    code: source,
                    path: (),
                },
            )
            .map_err(|_| fail("not a jq expression".to_owned()))?;
        let filter = Compiler::default()
            .with_funs(funs)
            .with_global_vars(names.iter().map(String::as_str))
            .compile(modules)
            .map_err(|errors| {
                fail(format!(
                    "unknown name {:?}",
                    errors.first().map(|(_, error)| error)
                ))
            })?;
        Ok(Self(Arc::new(Compiled {
            filter,
            variables: used,
        })))
    }

    /// The variables that the expression mentions, without `$`.
    pub fn variables(&self) -> &[String] {
        &self.0.variables
    }

    /// The first output of the expression on `input`; null if it has no output.
    ///
    /// # Errors
    /// The error that the expression raised, or the bound that stopped it.
    pub fn evaluate(
        &self,
        input: &Value,
        arguments: &dyn Arguments,
        bounds: &Bounds,
    ) -> Result<Value, EvaluateError> {
        self.run(input, arguments, &Meter::new(bounds))
    }

    pub(crate) fn run(
        &self,
        input: &Value,
        arguments: &dyn Arguments,
        _: &Meter,
    ) -> Result<Value, EvaluateError> {
        let fail = |message: String| EvaluateError {
            kind: EvaluateErrorKind::Failed,
            message,
        };
        let to_val = |value: &Value| {
            serde_json::from_value::<Val>(value.clone()).map_err(|e| fail(e.to_string()))
        };
        let mut variables = Vec::new();
        for name in &self.0.variables {
            let value = arguments
                .get(name)
                .ok_or_else(|| fail(format!("variable ${name} has no value here")))?;
            variables.push(to_val(&value)?);
        }
        let ctx = Ctx::<data::JustLut<Val>>::new(&self.0.filter.lut, Vars::new(variables));
        let first = self.0.filter.id.run((ctx, to_val(input)?)).next();
        match first {
            None => Ok(Value::Null),
            Some(Ok(value)) => {
                serde_json::from_str(&value.to_string()).map_err(|e| fail(e.to_string()))
            }
            Some(Err(exception)) => Err(fail(
                exception
                    .get_err()
                    .map_or_else(|_| "halted".to_owned(), |error| error.to_string()),
            )),
        }
    }
}

fn inner(source: &str) -> &str {
    let trimmed = source.trim();
    trimmed
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(source)
}

/// Whether a text is `${ … }` as a whole, white space around it aside.
pub fn is_expression(text: &str) -> bool {
    let trimmed = text.trim();
    trimmed.len() > 3 && trimmed.starts_with("${") && trimmed.ends_with('}')
}
