//! Why a step, or a whole workflow, failed.

use std::error::Error as StdError;
use std::fmt;

use aquifer_dsl::Problem;

/// The failure of a step or of a workflow function: problem details (RFC 9457).
///
/// Whether another attempt may mend it follows from the status, as with HTTP: statuses from 400 to 499 are permanent, but for
/// 408, 425 and 429. Every error converts into a `StepError` with status 500, so `?` works on whatever a step calls. It is
/// therefore no [`std::error::Error`] itself.
///
/// ```
/// use aquifer_engine::code::StepError;
///
/// fn parse(text: &str) -> Result<u32, StepError> {
///     Ok(text.parse()?)
/// }
/// let error = parse("x").unwrap_err();
/// assert_eq!(error.detail(), "invalid digit found in string");
/// assert!(!error.is_permanent());
/// assert!(StepError::permanent("the card was refused").is_permanent());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StepError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    problem: Problem,
    /// Not a failure of the step's own work, but a wrong use of steps: nothing goes on after it.
    misuse: bool,
}

impl StepError {
    /// A failure that another attempt may mend: a runtime error, status 500.
    pub fn new(detail: impl Into<String>) -> Self {
        Self::problem(Problem::runtime(detail))
    }

    /// A failure that no further attempt mends: a runtime error, status 422.
    pub fn permanent(detail: impl Into<String>) -> Self {
        Self::problem(Problem::runtime(detail).with_status(422))
    }

    /// A failure with problem details of your own.
    pub fn problem(problem: Problem) -> Self {
        Self(Box::new(Inner { problem, misuse: false }))
    }

    /// A step that is used as it must not be.
    pub(super) fn misuse(detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { problem: Problem::configuration(detail), misuse: true }))
    }

    /// The problem details. `instance` names the step that failed, as `/` and its key.
    pub fn as_problem(&self) -> &Problem {
        &self.0.problem
    }

    /// What happened, in words.
    pub fn detail(&self) -> &str {
        self.0.problem.detail.as_deref().unwrap_or(&self.0.problem.type_)
    }

    /// Whether no further attempt is made, whatever the step's retries.
    pub fn is_permanent(&self) -> bool {
        let status = self.0.problem.status;
        (400..500).contains(&status) && !matches!(status, 408 | 425 | 429)
    }

    pub(super) fn is_misuse(&self) -> bool {
        self.0.misuse
    }

    /// The problem, at `instance` unless it says where it happened.
    pub(super) fn into_problem_at(self, instance: &str) -> Problem {
        let problem = self.0.problem;
        if problem.instance.is_some() { problem } else { problem.at(instance) }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.problem, f)
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.problem, f)
    }
}

impl<E: StdError> From<E> for StepError {
    fn from(error: E) -> Self {
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            detail.push_str(": ");
            detail.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_whether_another_attempt_may_help() {
        for (problem, permanent) in [
            (Problem::runtime("x"), false),
            (Problem::timeout("x"), false),
            (Problem::communication("x").with_status(429), false),
            (Problem::communication("x").with_status(404), true),
            (Problem::validation("x"), true),
        ] {
            assert_eq!(StepError::problem(problem.clone()).is_permanent(), permanent, "{problem}");
        }
    }

    #[test]
    fn an_error_brings_its_causes_along() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot pay")]
        struct Outer(#[source] std::fmt::Error);
        let error = StepError::from(Outer(std::fmt::Error));
        assert!(error.detail().starts_with("cannot pay: an error occurred"), "{}", error.detail());
    }
}
