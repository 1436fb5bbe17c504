use thiserror::Error;

/// Why a source is not an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong, and the nearest valid name where a name is unknown.
    pub message: String,
    /// Where the offending part begins, in bytes from the start of the source.
    pub offset: usize,
    /// How many bytes the offending part has; 0 at the end of the source.
    pub length: usize,
}

/// Why an evaluation gave no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct EvaluateError {
    /// Whether the expression failed on its data, or a bound stopped it.
    pub kind: EvaluateErrorKind,
    /// What happened; quotes the failing operation unless the author's own `error(…)` raised it.
    pub message: String,
}

/// The ways in which an evaluation ends without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluateErrorKind {
    /// The expression raised an error that it did not catch. The same data fail again.
    Failed,
    /// The evaluation used up [`Bounds::time`](crate::Bounds::time).
    TimedOut,
    /// A value or the nesting of values or calls outgrew its limit, such as
    /// [`Bounds::memory`](crate::Bounds::memory).
    TooLarge,
}
