//! Why an evaluation does not go on.

use crate::meter::{Exhausted, Meter};
use crate::syntax::Id;
use crate::value::Val;

/// What ends a stream of outputs before its time. Only [`Stop::Error`] can be caught by an expression.
pub(crate) enum Stop<'a> {
    Error {
        value: Val<'a>,
        at: At,
    },
    /// Leaves the label of the given number.
    Break(u64),
    Exhausted(Exhausted),
    /// A receiver of outputs stopped, and has put its reason aside: nothing for a `try` on the way to catch.
    Passed,
}

/// Who raised an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// An operation that is found out on the way up.
    Unknown,
    Operation(Id),
    /// The author of the expression, with `error`: the message is left as it is.
    Author,
}

/// A result, or the reason why there is none.
pub(crate) type Res<'a, T = Val<'a>> = Result<T, Box<Stop<'a>>>;

impl<'a> Stop<'a> {
    /// An error with the given message.
    pub(crate) fn error(meter: &'a Meter, message: impl Into<String>) -> Box<Self> {
        match Val::text(meter, message.into()) {
            Ok(value) => Box::new(Stop::Error { value, at: At::Unknown }),
            Err(exhausted) => exhausted.into(),
        }
    }

    /// Notes the operation that raised an error, unless one within it is known.
    pub(crate) fn at(mut self: Box<Self>, operation: Id) -> Box<Self> {
        if let Stop::Error { at: at @ At::Unknown, .. } = &mut *self {
            *at = At::Operation(operation);
        }
        self
    }
}

impl From<Exhausted> for Box<Stop<'_>> {
    fn from(exhausted: Exhausted) -> Self {
        Box::new(Stop::Exhausted(exhausted))
    }
}
