//! Why a server cannot be had.

use std::fmt;

/// What went wrong, and what helps, in words for the person who runs the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

/// The outcome of what has to do with servers.
pub type Result<T = ()> = std::result::Result<T, Error>;

impl Error {
    /// An error with its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A closure for `map_err` that puts before the cause what could not be done.
    pub(crate) fn because<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |cause| Self(format!("{what}: {cause}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
