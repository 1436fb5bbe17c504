//! What is sent.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The number of a step in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct StepId(usize);

impl StepId {
    /// The step's place among those of its batch.
    pub(crate) fn place(self) -> usize {
        self.0
    }

    /// The step has run, and without an error.
    pub(crate) fn ok(self) -> Condition {
        Condition::Ok { step: self }
    }
}

/// When a step runs: a condition over steps before it. A step that did not run is neither ok nor in error.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Condition {
    /// A step has run, and without an error.
    Ok { step: StepId },
    /// A condition does not hold.
    Not { cond: Box<Condition> },
    /// All conditions hold.
    And { conds: Vec<Condition> },
    /// One of the conditions holds.
    Or { conds: Vec<Condition> },
}

/// The condition does not hold.
pub(crate) fn not(condition: Condition) -> Condition {
    Condition::Not { cond: Box::new(condition) }
}

/// All of the conditions hold.
pub(crate) fn all(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    Condition::And { conds: conditions.into_iter().collect() }
}

/// One of the conditions holds.
pub(crate) fn any(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    Condition::Or { conds: conditions.into_iter().collect() }
}

/// An argument of a statement. Integers travel as text, so that all 64 bits arrive.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Argument {
    Null,
    Integer { value: String },
    Text { value: String },
    Blob { base64: String },
}

impl Argument {
    pub(crate) fn integer(value: i64) -> Self {
        Self::Integer { value: value.to_string() }
    }

    pub(crate) fn text(value: impl Into<String>) -> Self {
        Self::Text { value: value.into() }
    }

    pub(crate) fn blob(bytes: &[u8]) -> Self {
        Self::Blob { base64: STANDARD.encode(bytes) }
    }
}

#[derive(Debug, Serialize)]
struct Statement<'a> {
    sql: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Argument>,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
    stmt: Statement<'a>,
}

/// Statements that the server runs one after another, each if its condition holds. The connection that runs them ends with them, and
/// with it a transaction that is still open.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Batch<'a> {
    steps: Vec<Step<'a>>,
}

impl<'a> Batch<'a> {
    /// Adds a step that always runs.
    pub(crate) fn push(&mut self, sql: impl Into<Cow<'a, str>>, args: Vec<Argument>) -> StepId {
        self.add(None, sql.into(), args)
    }

    /// Adds a step that runs if a condition over steps before it holds.
    pub(crate) fn push_if(
        &mut self,
        condition: Condition,
        sql: impl Into<Cow<'a, str>>,
        args: Vec<Argument>,
    ) -> StepId {
        self.add(Some(condition), sql.into(), args)
    }

    fn add(&mut self, condition: Option<Condition>, sql: Cow<'a, str>, args: Vec<Argument>) -> StepId {
        self.steps.push(Step { condition, stmt: Statement { sql, args } });
        StepId(self.steps.len() - 1)
    }

    /// How many steps there are.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The request that carries it.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Pipeline { requests: (Request::Batch { batch: self }, Request::Close) })
    }

    /// Its steps as text, one a line, with their conditions and how many arguments they have.
    #[cfg(test)]
    pub(crate) fn script(&self) -> String {
        let lines = self.steps.iter().enumerate().map(|(place, step)| {
            let condition = step.condition.as_ref().map_or(String::new(), |condition| format!("if {condition}: "));
            let args = match step.stmt.args.len() {
                0 => String::new(),
                count => format!(" -- {count} arguments"),
            };
            format!("{place}: {condition}{}{args}", step.stmt.sql)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let joined =
            |conditions: &[Self], word: &str| conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(word);
        match self {
            Self::Ok { step } => write!(f, "ok {}", step.0),
            Self::Not { cond } => write!(f, "not ({cond})"),
            Self::And { conds } => f.write_str(&joined(conds, " and ")),
            Self::Or { conds } => write!(f, "({})", joined(conds, " or ")),
        }
    }
}

#[derive(Serialize)]
struct Pipeline<'a> {
    requests: (Request<'a>, Request<'a>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request<'a> {
    Batch { batch: &'a Batch<'a> },
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_written_as_the_protocol_says() {
        let mut batch = Batch::default();
        let begin = batch.push("BEGIN IMMEDIATE", vec![]);
        let args =
            vec![Argument::Null, Argument::integer(i64::MIN), Argument::text("é\u{1}"), Argument::blob(&[0, 255])];
        let insert = batch.push_if(begin.ok(), "INSERT", args);
        batch.push_if(any([all([begin.ok(), not(insert.ok())]), insert.ok()]), "ROLLBACK", vec![]);
        let written: serde_json::Value = serde_json::from_slice(&batch.to_json().unwrap()).unwrap();
        let expected = serde_json::json!({ "requests": [
            { "type": "batch", "batch": { "steps": [
                { "stmt": { "sql": "BEGIN IMMEDIATE" } },
                { "condition": { "type": "ok", "step": 0 }, "stmt": { "sql": "INSERT", "args": [
                    { "type": "null" },
                    { "type": "integer", "value": "-9223372036854775808" },
                    { "type": "text", "value": "é\u{1}" },
                    { "type": "blob", "base64": "AP8=" },
                ] } },
                { "condition": { "type": "or", "conds": [
                    { "type": "and", "conds": [
                        { "type": "ok", "step": 0 },
                        { "type": "not", "cond": { "type": "ok", "step": 1 } },
                    ] },
                    { "type": "ok", "step": 1 },
                ] }, "stmt": { "sql": "ROLLBACK" } },
            ] } },
            { "type": "close" },
        ] });
        assert_eq!(written, expected);
    }
}
