//! Why a statement did not do what it was to.

use aquifer_core::{Error, ErrorKind, Retry};

/// Why a statement did not do what it was to. Each carries the error to answer where nothing better is known.
#[derive(Debug)]
pub enum Fault {
    /// A key or a unique constraint is taken.
    Unique(Error),
    /// A foreign key is violated.
    Reference(Error),
    /// A dead lock, a lock time-out, a failed serialisation, a statement that the connection no longer knows: nothing was applied, and the
    /// same may succeed when it is done again.
    Contention(Error),
    /// A value that the database cannot keep: only the transaction that brings it is at fault.
    Refused(Error),
    /// Anything else.
    Failed(Error),
}

impl Fault {
    /// The error to answer.
    pub fn into_error(self) -> Error {
        match self {
            Self::Unique(error) | Self::Reference(error) | Self::Refused(error) | Self::Failed(error) => error,
            Self::Contention(error) if error.kind() == ErrorKind::Unavailable => error,
            Self::Contention(error) => {
                Error::unavailable("the database is contended").with_retry(Retry::Transient).with_source(error)
            }
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
