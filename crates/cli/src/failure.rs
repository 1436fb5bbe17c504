//! How commands fail, and what the process then says and returns.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::process::ExitCode;

use aquifer::mask;

/// The result of a part of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Done = 0,
    /// It tried, and what was asked did not succeed.
    Failed = 1,
    /// What it was given cannot be used: arguments, settings, files, definitions, input, the database.
    Unusable = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended before it was done.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// What was asked did not succeed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// What was given cannot be used.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unusable, ..Self::failed(message) }
    }

    /// Something was reported already; only the exit code is left.
    pub(crate) fn reported(exit: Exit) -> Self {
        Self { exit, ..Self::failed("") }
    }

    /// The same after a part of what was asked is done: then it cannot be said that nothing was changed.
    pub(crate) fn midway(self) -> Self {
        Self { exit: Exit::Failed, ..self }
    }

    /// Attaches the cause, and the cause's causes.
    pub(crate) fn with_source(mut self, source: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(source);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Some errors repeat their cause's text in their own.
            if !self.message.contains(&text) && !self.causes.iter().any(|known| known.contains(&text)) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Says what to do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code's meaning.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The lines for standard error, secrets masked; nothing if it was reported already.
    pub(crate) fn text(&self) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let mut text = format!("error: {}\n", self.message);
        for cause in &self.causes {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  because: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "  hint: {hint}");
        }
        mask(&text)
    }
}

/// A store that cannot be used, or that gave up.
impl From<aquifer::core::Error> for Failure {
    fn from(error: aquifer::core::Error) -> Self {
        let failure = Self::unusable(error.to_string());
        match error.source() {
            Some(source) => failure.with_source(source),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_next_without_secrets() {
        let cause = std::io::Error::other("no route to redis://a:s3cret@host");
        let failure = Failure::unusable("cannot reach redis://a:s3cret@host").with_source(&cause).with_hint("start it");
        let text =
            "error: cannot reach redis://a:***@host\n  because: no route to redis://a:***@host\n  hint: start it\n";
        assert_eq!(failure.text(), text);
        assert_eq!(failure.exit(), Exit::Unusable);
        assert_eq!(Failure::reported(Exit::Failed).text(), "");
    }

    #[test]
    fn a_cause_that_the_message_repeats_is_said_once() {
        let cause = std::io::Error::other("disk full");
        assert_eq!(
            Failure::failed("cannot write: disk full").with_source(&cause).text(),
            "error: cannot write: disk full\n"
        );
    }
}
