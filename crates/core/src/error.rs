//! The one error type at the store's edge.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, as a closed set that callers can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A record that the operation needs is not there.
    NotFound,
    /// A record with this key, or with this value of a unique constraint, is there already.
    AlreadyExists,
    /// The record's revision is not the expected one: somebody else wrote it first.
    Conflict,
    /// The request itself is wrong and will never succeed as it is.
    Invalid,
    /// A record or a transaction exceeds what the backend can take.
    TooLarge,
    /// The backend did not answer, refused for now, or has no room left.
    Unavailable,
    /// What is stored is not what the schema says, or cannot be read.
    Corrupt,
    /// The backend refused the credentials, or the rights are missing.
    Unauthorized,
}

impl ErrorKind {
    /// The kind's name in snake case, for logs and metrics labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// Whether the same call may succeed later. Layers ask the error, never the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Trying again is pointless.
    Permanent,
    /// Nothing was applied; the same call may succeed later.
    Transient,
    /// It is unknown whether the call was applied. Committing the same [`crate::Transaction`] again,
    /// marked as retried, is safe.
    Unknown,
}

/// An error of the store: its kind, whether a retry helps, and where it happened.
///
/// `Display` is one line, without the source; walk [`StdError::source`] for the cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    operation: &'static str,
    backend: &'static str,
    record_kind: Option<&'static str>,
    key: Option<String>,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error of `kind` with a message in lower case that names the fix where there is one.
    ///
    /// Only [`ErrorKind::Unavailable`] is transient unless [`Error::with_retry`] says otherwise.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable => Retry::Transient,
            _ => Retry::Permanent,
        };
        Self(Box::new(Inner {
            kind,
            retry,
            operation: "",
            backend: "",
            record_kind: None,
            key: None,
            message: message.into(),
            source: None,
        }))
    }

    /// A request that can never succeed.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A record that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A record or unique value that is there already.
    pub fn already_exists(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::AlreadyExists, message)
    }

    /// A record that somebody else wrote first.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Stored data that cannot be read.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// A backend that cannot answer for now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Says whether a retry may help, where it differs from the kind's default.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Names the operation of the contract that failed.
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    /// Names the backend that failed.
    pub fn with_backend(mut self, backend: &'static str) -> Self {
        self.0.backend = backend;
        self
    }

    /// Names the record that the error is about.
    pub fn with_key(mut self, kind: &'static str, key: impl Into<String>) -> Self {
        self.0.record_kind = Some(kind);
        self.0.key = Some(key.into());
        self
    }

    /// Names the kind of record that the error is about.
    pub fn with_record_kind(mut self, kind: &'static str) -> Self {
        self.0.record_kind = Some(kind);
        self
    }

    /// Attaches the cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The message alone, without place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The backend that failed; empty where the error arose above it.
    pub fn backend(&self) -> &'static str {
        self.0.backend
    }

    /// The kind of record that the error is about, if one.
    pub fn record_kind(&self) -> Option<&'static str> {
        self.0.record_kind
    }

    /// True for [`ErrorKind::NotFound`].
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// True for [`ErrorKind::Conflict`].
    pub fn is_conflict(&self) -> bool {
        self.kind() == ErrorKind::Conflict
    }

    /// True for [`ErrorKind::AlreadyExists`].
    pub fn is_already_exists(&self) -> bool {
        self.kind() == ErrorKind::AlreadyExists
    }

    /// The same error again, for several callers that failed together. The cause becomes text.
    pub fn duplicate(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            retry: self.0.retry,
            operation: self.0.operation,
            backend: self.0.backend,
            record_kind: self.0.record_kind,
            key: self.0.key.clone(),
            message: self.0.message.clone(),
            source: self.0.source.as_ref().map(|source| source.to_string().into()),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(kind) = self.0.record_kind {
            write!(f, " ({kind}")?;
            if let Some(key) = &self.0.key {
                write!(f, " {key}")?;
            }
            f.write_str(")")?;
        }
        if !self.0.backend.is_empty() {
            write!(f, " [{}", self.0.backend)?;
            if !self.0.operation.is_empty() {
                write!(f, " {}", self.0.operation)?;
            }
            f.write_str("]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("retry", &self.0.retry)
            .field("operation", &self.0.operation)
            .field("backend", &self.0.backend)
            .field("record_kind", &self.0.record_kind)
            .field("key", &self.0.key)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}
