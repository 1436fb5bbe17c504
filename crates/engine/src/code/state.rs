//! Values that an execution keeps under names.

use aquifer_core::MAX_NAME_BYTES;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::{Context, Scope, changes};
use super::error::StepError;

/// The most values that one step may change.
const MAX_CHANGES: usize = 40;

/// The values that an execution keeps under names, where people and other programs can read them too.
///
/// What a step changes is written in the same transaction as its result, or not at all if the attempt fails; until then only that
/// attempt sees it. What the workflow function itself changes is written with the next outcome. Read values in steps: a
/// function that runs again on resume sees the newest values, not those of the time.
#[derive(Debug, Clone, Copy)]
pub struct State<'c> {
    context: &'c Context,
}

impl<'c> State<'c> {
    pub(super) fn new(context: &'c Context) -> Self {
        Self { context }
    }

    /// The value called `name`; `None` if there is none.
    ///
    /// # Errors
    /// If the value does not read as a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StepError> {
        let changed = self.scope().and_then(|scope| changes(scope).get(name).cloned());
        let text = match changed {
            Some(changed) => changed,
            None => self.context.shared.desk().state.get(name).cloned(),
        };
        text.map(|text| {
            serde_json::from_str(&text).map_err(|error| {
                let wanted = std::any::type_name::<T>();
                StepError::misuse(format!("the state value {name:?} does not read as {wanted}: {error}"))
            })
        })
        .transpose()
    }

    /// Sets the value called `name`.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, the name is empty or longer than 190 bytes, or the step has changed 40 values
    /// already.
    pub fn set<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), StepError> {
        let text = serde_json::to_string(value).map_err(|error| {
            StepError::permanent(format!("the state value {name:?} cannot be written as JSON: {error}"))
        })?;
        self.change(name, Some(text))
    }

    /// Removes the value called `name`, if there is one.
    ///
    /// # Errors
    /// As for [`State::set`].
    pub fn delete(&self, name: &str) -> Result<(), StepError> {
        self.change(name, None)
    }

    fn scope(&self) -> Option<&'c Scope> {
        self.context.scope.as_deref()
    }

    fn change(&self, name: &str, value: Option<String>) -> Result<(), StepError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains('\0') {
            return Err(StepError::misuse(format!(
                "{name:?} cannot be the name of a state value: give it 1 to {MAX_NAME_BYTES} bytes"
            )));
        }
        let full = |count: usize, known: bool| !known && count >= MAX_CHANGES;
        let refused = || StepError::misuse(format!("a step can change at most {MAX_CHANGES} state values"));
        if let Some(scope) = self.scope() {
            let mut changes = changes(scope);
            if full(changes.len(), changes.contains_key(name)) {
                return Err(refused());
            }
            changes.insert(name.to_owned(), value);
            return Ok(());
        }
        let mut desk = self.context.shared.desk();
        // What the function says while it is brought to where it was has been written before.
        if desk.replaying || desk.state.get(name) == value.as_ref() {
            return Ok(());
        }
        if full(desk.changes.len(), desk.changes.contains_key(name)) {
            return Err(refused());
        }
        match &value {
            Some(text) => desk.state.insert(name.to_owned(), text.clone()),
            None => desk.state.remove(name),
        };
        desk.changes.insert(name.to_owned(), value);
        Ok(())
    }
}
