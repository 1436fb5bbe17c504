//! What went wrong, in the terms of the DSL's standard errors.

use std::fmt;

/// The standard kinds of error (DSL reference, "Standard Error Types") that an effect can end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No answer, an unusable answer, or an answer that says no.
    Communication,
    /// The task asks for something that cannot be done: a bad URI, header or argument.
    Configuration,
    /// Data of the wrong type where the definition refers to it.
    Expression,
    /// A program that could not be run, or that failed.
    Runtime,
    /// Data that does not satisfy a schema.
    Validation,
    /// The time allowed for a task ran out.
    Timeout,
}

impl Kind {
    /// The last segment of the error's type URI, such as `communication`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Communication => "communication",
            Self::Configuration => "configuration",
            Self::Expression => "expression",
            Self::Runtime => "runtime",
            Self::Validation => "validation",
            Self::Timeout => "timeout",
        }
    }

    /// The status that the DSL gives this kind when no better one is known.
    pub fn status(self) -> u16 {
        match self {
            Self::Communication | Self::Runtime => 500,
            Self::Configuration | Self::Expression | Self::Validation => 400,
            Self::Timeout => 408,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an effect failed. The engine adds the type's prefix and the instance and raises it as the DSL's error.
///
/// It never quotes the values of a request's headers, query or content, or of a program's environment, arguments or
/// input, which may be secret. It may quote the author's own text (a bad URI template, a name), and what the other
/// side said: the first characters of a reply, the last lines of standard error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} error {status}: {detail}")]
pub struct Failure {
    /// Which standard error this is.
    pub kind: Kind,
    /// The HTTP status that describes it best: the reply's own for a refused HTTP call.
    pub status: u16,
    /// A short summary that is the same for every occurrence, if there is one: a reply's reason phrase.
    pub title: Option<String>,
    /// What happened and how to put it right.
    pub detail: String,
}

impl Failure {
    /// A failure of this kind with its default status.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, status: kind.status(), title: None, detail: detail.into() }
    }

    pub(crate) fn communication(detail: impl Into<String>) -> Self {
        Self::new(Kind::Communication, detail)
    }

    pub(crate) fn configuration(detail: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, detail)
    }

    pub(crate) fn runtime(detail: impl Into<String>) -> Self {
        Self::new(Kind::Runtime, detail)
    }
}
