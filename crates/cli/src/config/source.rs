//! Where a value came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from, in the order in which they win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag of the command line.
    Flag(&'static str),
    /// A variable of the environment.
    Environment(String),
    /// A variable in `.env`.
    DotEnv(String),
    /// A key in a file of settings.
    File(PathBuf),
    /// The value that holds unless another is set.
    Default,
}

impl Source {
    /// The kind of place, for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Environment(_) => "environment",
            Self::DotEnv(_) => "dotenv",
            Self::File(_) => "file",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Environment(variable) => f.write_str(variable),
            Self::DotEnv(variable) => write!(f, "{variable} in .env"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}
