//! Identifiers: a short prefix and a UUIDv7 in a sortable text form.

use std::fmt;
use std::sync::Mutex;

use uuid::{ContextV7, Uuid};

use crate::timestamp::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

// One context for the process, so that identifiers made within one millisecond stay in order.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// Makes a new identifier with `prefix`: unique everywhere, ordered by `now`, 27 characters after the prefix.
pub(crate) fn generate(prefix: &str, now: Timestamp) -> String {
    let micros = u64::try_from(now.as_micros()).unwrap_or(0);
    let nanos = u32::try_from(micros % 1_000_000 * 1000).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(&CONTEXT, micros / 1_000_000, nanos);
    let bits = Uuid::new_v7(time).as_u128();
    let mut text = String::with_capacity(prefix.len() + 27);
    text.push_str(prefix);
    text.push('_');
    // 26 characters of 5 bits, the first holding the upper 3 of 128.
    for place in (0..26).rev() {
        let digit = usize::try_from(bits >> (place * 5) & 31).unwrap_or(0);
        text.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'0')));
    }
    text
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every generated identifier of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new identifier, ordered by `now`.
            pub fn generate(now: Timestamp) -> Self {
                Self(generate(Self::PREFIX, now))
            }

            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for crate::value::Value {
            fn from(id: $name) -> Self {
                Self::Text(id.0)
            }
        }

        impl From<&$name> for crate::value::Value {
            fn from(id: &$name) -> Self {
                Self::Text(id.0.clone())
            }
        }

        impl crate::entity::Field for $name {
            const TYPE: crate::value::ColumnType = crate::value::ColumnType::Text;
            const NULLABLE: bool = false;
            fn to_value(&self) -> crate::value::Value {
                crate::value::Value::Text(self.0.clone())
            }
            fn from_value(value: crate::value::Value) -> Option<Self> {
                String::from_value(value).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A tenant.
    TenantId = "tn",
    /// A user.
    UserId = "us",
    /// An API token.
    TokenId = "tk",
    /// A workflow.
    WorkflowId = "wf",
    /// An execution.
    ExecutionId = "ex",
    /// A worker: one run of one process.
    WorkerId = "wk",
    /// A timer.
    TimerId = "tm",
    /// A schedule.
    ScheduleId = "sc",
    /// A message.
    MessageId = "ms",
    /// An audit entry.
    AuditId = "au",
    /// A large value that was split into parts.
    PartsId = "pt",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_ordered_by_creation() {
        let now = Timestamp::from_micros(1_700_000_000_123_456).unwrap();
        let ids: Vec<_> = (0..10_000).map(|_| ExecutionId::generate(now)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        let later = ExecutionId::generate(now.saturating_add(std::time::Duration::from_millis(1)));
        assert!(ids.iter().all(|id| id < &later));
        assert_eq!(later.as_str().len(), 29);
    }
}
