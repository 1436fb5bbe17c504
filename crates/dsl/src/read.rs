//! Tree to typed model: one function for each object of the DSL's schema.
//!
//! Tasks are told apart by their keyword. The official JSON schema is not run: its `oneOf` at every
//! task makes a generic validator exponential in nesting, and its messages useless.

mod authentication;
mod call;
mod common;
mod cursor;
mod event;
mod failure;
mod names;
mod run;
mod schedule;
mod task;
mod text;
mod workflow;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::source::{self, Node};
use crate::{Diagnostic, Diagnostics, Limits, Location, Workflow};
pub(crate) use cursor::escape;
use names::Names;

/// No more mistakes than this are reported at once.
pub(crate) const MAX_DIAGNOSTICS: usize = 100;

/// Parses and validates a definition, YAML or JSON, with the default [`Limits`].
///
/// `name` is what diagnostics call the source, such as its file name.
///
/// # Errors
///
/// Everything found wrong, each with its place and, where there is one, a hint.
///
/// ```
/// let source = "
/// document: { dsl: 1.0.3, namespace: examples, name: hello, version: 1.0.0 }
/// do:
///   - greet:
///       set: { message: hello }
/// ";
/// let workflow = aquifer_dsl::parse(source, "hello.yaml").unwrap();
/// assert_eq!(workflow.tasks.tasks[0].pointer, "/do/0/greet");
///
/// let mistake = aquifer_dsl::parse(source.replace("set:", "sett:"), "hello.yaml").unwrap_err();
/// assert_eq!(
///     mistake.to_string(),
///     "hello.yaml:5:7: unknown property `sett` in the task `greet`\n  hint: did you mean `set`?"
/// );
/// ```
pub fn parse(source: impl AsRef<[u8]>, name: &str) -> Result<Workflow, Diagnostics> {
    parse_with_limits(source, name, &Limits::default())
}

/// Parses and validates a definition like [`parse`], with other limits.
///
/// # Errors
///
/// Like [`parse`].
pub fn parse_with_limits(source: impl AsRef<[u8]>, name: &str, limits: &Limits) -> Result<Workflow, Diagnostics> {
    let source = source.as_ref();
    let fail = |text: &str, mut items: Vec<Diagnostic>| {
        items.sort_by_key(|item| item.offset);
        items.truncate(MAX_DIAGNOSTICS);
        Diagnostics { name: name.to_owned(), source: text.into(), items }
    };
    let text = match source::decode(source, limits) {
        Ok(text) => text,
        Err(item) if item.code == "too-large" => return Err(fail("", vec![item])),
        Err(item) => return Err(fail(&String::from_utf8_lossy(source), vec![item])),
    };
    let root = source::read(text, limits).map_err(|items| fail(text, items))?;
    let root = Arc::new(root);
    let mut reader = Reader::new(&root);
    match reader.workflow(&root) {
        Some(workflow) if reader.items.is_empty() => Ok(workflow),
        _ => Err(fail(text, reader.finish())),
    }
}

/// Reads the model and collects mistakes. Functions return `None` if and only if they reported one.
struct Reader {
    definition: Arc<Value>,
    items: Vec<Diagnostic>,
    names: Names,
    /// Whether `evaluate.mode` is loose, where every string may be an expression.
    loose: bool,
    /// Names of all tasks, to tell a `then` to another list from one to nowhere.
    tasks: BTreeSet<String>,
    /// Positions in `items` of `then` targets that were not found, and those targets.
    lost: Vec<(usize, String)>,
}

impl Reader {
    fn new(root: &Node) -> Self {
        Self {
            definition: Arc::new(root.to_value()),
            items: Vec::new(),
            names: Names::default(),
            loose: false,
            tasks: BTreeSet::new(),
            lost: Vec::new(),
        }
    }

    /// Adds a mistake, unless there are too many already.
    fn report(
        &mut self,
        code: &'static str,
        pointer: &str,
        location: Location,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        // One past the limit is kept, so that an empty list still means that nothing is wrong.
        if !self.has_enough() {
            self.items.push(Diagnostic::new(code, message, hint, pointer, location));
        }
    }

    /// Tells whether so much is wrong that looking for more is in vain.
    fn has_enough(&self) -> bool {
        self.items.len() > MAX_DIAGNOSTICS
    }

    fn finish(mut self) -> Vec<Diagnostic> {
        for (position, target) in self.lost {
            if self.tasks.contains(&target)
                && let Some(item) = self.items.get_mut(position)
            {
                item.message = format!("`then` goes to the task `{target}` of another list");
                item.hint = Some("a task can only go to a task of its own list".to_owned());
            }
        }
        self.items
    }
}
