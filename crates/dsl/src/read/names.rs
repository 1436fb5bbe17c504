use std::collections::BTreeMap;

use super::Reader;
use super::cursor::{At, nearest};
use crate::{AuthenticationPolicy, Catalog, ErrorTemplate, RetryPolicy, Timeout};

/// What `use` declares. A component with a mistake is `None`: its name is known all the same, so
/// that references to it are not reported as well.
#[derive(Default)]
pub(super) struct Names {
    pub(super) authentications: Declared<AuthenticationPolicy>,
    pub(super) catalogs: Declared<Catalog>,
    pub(super) errors: Declared<ErrorTemplate>,
    pub(super) functions: Declared<()>,
    pub(super) retries: Declared<RetryPolicy>,
    pub(super) secrets: Declared<()>,
    pub(super) timeouts: Declared<Timeout>,
}

pub(super) type Declared<T> = BTreeMap<String, Option<T>>;

/// Looks up a reference by name, or explains that nothing has this name. `kind` is the property of
/// `use` that should have it.
pub(super) fn look_up<T: Clone>(
    declared: &Declared<T>,
    name: &str,
    kind: &str,
) -> Result<Option<T>, (String, Option<String>)> {
    match declared.get(name) {
        Some(found) => Ok(found.clone()),
        None => {
            let hint = nearest(name, declared.keys().map(String::as_str))
                .unwrap_or_else(|| format!("declare it under `use.{kind}`"));
            Err((format!("there is no `{name}` in `use.{kind}`"), Some(hint)))
        }
    }
}

impl Reader {
    /// Takes the outcome of [`look_up`], and reports that nothing was found.
    pub(super) fn found<T>(&mut self, at: &At<'_>, outcome: Result<Option<T>, (String, Option<String>)>) -> Option<T> {
        match outcome {
            Ok(found) => found,
            Err((message, hint)) => {
                self.wrong("unknown-reference", at, message, hint);
                None
            }
        }
    }
}
