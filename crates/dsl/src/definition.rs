//! Views into the JSON of a definition.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A part of a definition as JSON; dereferences to [`Value`].
///
/// It shares the whole definition instead of copying its part, so that deeply nested tasks do not
/// multiply memory. Each dereference walks the pointer once.
#[derive(Clone)]
pub struct Definition {
    root: Arc<Value>,
    pointer: Arc<str>,
}

impl Definition {
    pub(crate) fn new(root: &Arc<Value>, pointer: &str) -> Self {
        Self { root: Arc::clone(root), pointer: pointer.into() }
    }
}

impl Deref for Definition {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.root.pointer(&self.pointer).unwrap_or(&Value::Null)
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Definition").field(&self.pointer).finish()
    }
}

impl Serialize for Definition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}
