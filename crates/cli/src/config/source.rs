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
    /// Several of the above, none of them twice, that made the value together.
    Several(Vec<Source>),
}

impl Source {
    /// What made a value together.
    pub(crate) fn several(sources: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<Self> = Vec::new();
        for source in sources {
            for part in source.parts() {
                if !all.contains(part) {
                    all.push(part.clone());
                }
            }
        }
        match all.len() {
            0 => Self::Default,
            1 => all.remove(0),
            _ => Self::Several(all),
        }
    }

    /// The kind of place, for programs; the strongest of several.
    pub(crate) fn kind(&self) -> &'static str {
        match self.level() {
            4 => "flag",
            3 => "environment",
            2 => "dotenv",
            1 => "file",
            _ => "default",
        }
    }

    /// How strong the place is: what is from a higher one wins.
    pub(crate) fn level(&self) -> u8 {
        match self {
            Self::Flag(_) => 4,
            Self::Environment(_) => 3,
            Self::DotEnv(_) => 2,
            Self::File(_) => 1,
            Self::Default => 0,
            Self::Several(parts) => parts.iter().map(Self::level).max().unwrap_or_default(),
        }
    }

    /// The place, without the name of a variable in it.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Environment(_) => "the environment".to_owned(),
            Self::DotEnv(_) => ".env".to_owned(),
            other => other.to_string(),
        }
    }

    /// The places that it is made of.
    pub(crate) fn parts(&self) -> &[Self] {
        match self {
            Self::Several(parts) => parts,
            single => std::slice::from_ref(single),
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
            Self::Several(parts) => f.write_str(&grouped(parts).join("; ")),
        }
    }
}

/// Several places as texts, the variables of one place together.
fn grouped(parts: &[Source]) -> Vec<String> {
    let (mut texts, mut environment, mut dot_env) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Source::Environment(variable) => environment.push(variable.as_str()),
            Source::DotEnv(variable) => dot_env.push(variable.as_str()),
            other => texts.push(other.to_string()),
        }
    }
    if !environment.is_empty() {
        texts.push(environment.join(", "));
    }
    if !dot_env.is_empty() {
        texts.push(format!("{} in .env", dot_env.join(", ")));
    }
    texts
}
