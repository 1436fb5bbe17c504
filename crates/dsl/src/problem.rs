//! Errors of a running workflow: RFC 9457 problem details with the DSL's standard kinds.

use serde::{Deserialize, Serialize};

/// The prefix of the standard error types that the engine raises.
pub const ERROR_TYPE_PREFIX: &str = "https://serverlessworkflow.io/spec/1.0.0/errors/";

/// Prefixes of the standard error types in use: the specification's, its conformance tests', and
/// both under the name that the specification has since 2026.
const PREFIXES: [&str; 4] = [
    ERROR_TYPE_PREFIX,
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://open-workflow-specification.org/spec/1.0.0/errors/",
    "https://open-workflow-specification.org/dsl/errors/types/",
];

/// The standard kinds of errors (DSL, "Standard Error Types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// The definition or the set-up is wrong.
    Configuration,
    /// Data does not satisfy its schema.
    Validation,
    /// An expression failed.
    Expression,
    /// Authentication failed.
    Authentication,
    /// Access was refused.
    Authorization,
    /// It took too long.
    Timeout,
    /// A service failed or was not reached.
    Communication,
    /// The runtime or a process that it runs failed.
    Runtime,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Configuration,
        Self::Validation,
        Self::Expression,
        Self::Authentication,
        Self::Authorization,
        Self::Timeout,
        Self::Communication,
        Self::Runtime,
    ];

    /// Returns the last segment of the kind's type, such as `timeout`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Validation => "validation",
            Self::Expression => "expression",
            Self::Authentication => "authentication",
            Self::Authorization => "authorization",
            Self::Timeout => "timeout",
            Self::Communication => "communication",
            Self::Runtime => "runtime",
        }
    }

    /// Returns the kind's default HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Configuration | Self::Validation | Self::Expression => 400,
            Self::Authentication => 401,
            Self::Authorization => 403,
            Self::Timeout => 408,
            Self::Communication | Self::Runtime => 500,
        }
    }

    /// Returns the kind's default title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration Error",
            Self::Validation => "Validation Error",
            Self::Expression => "Expression Error",
            Self::Authentication => "Authentication Error",
            Self::Authorization => "Authorization Error",
            Self::Timeout => "Timeout Error",
            Self::Communication => "Communication Error",
            Self::Runtime => "Runtime Error",
        }
    }

    /// Returns the URI of the kind, as the engine raises it.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("{ERROR_TYPE_PREFIX}{}", self.name())
    }

    /// Returns the standard kind that a type means, under any of the prefixes in use.
    #[must_use]
    pub fn from_type(type_: &str) -> Option<Self> {
        let name = PREFIXES.iter().find_map(|prefix| type_.strip_prefix(prefix))?;
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Tells whether two error types mean the same: they are equal, or the same standard kind under
/// two of the prefixes in use.
#[must_use]
pub fn same_type(a: &str, b: &str) -> bool {
    a == b || ProblemKind::from_type(a).is_some_and(|kind| ProblemKind::from_type(b) == Some(kind))
}

/// An error of a running workflow (RFC 9457 problem details, which obsoletes RFC 7807).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// URI of the type.
    #[serde(rename = "type")]
    pub type_: String,
    /// HTTP status code.
    pub status: u16,
    /// JSON pointer of the task that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Short summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Explanation of this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Problem {
    /// Creates a problem of a standard kind with its default status and title.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            type_: kind.type_uri(),
            status: kind.status(),
            instance: None,
            title: Some(kind.title().to_owned()),
            detail: Some(detail.into()),
        }
    }

    /// Creates a configuration error, status 400.
    #[must_use]
    pub fn configuration(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Configuration, detail)
    }

    /// Creates a validation error, status 400.
    #[must_use]
    pub fn validation(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Validation, detail)
    }

    /// Creates an expression error, status 400.
    #[must_use]
    pub fn expression(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Expression, detail)
    }

    /// Creates an authentication error, status 401.
    #[must_use]
    pub fn authentication(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Authentication, detail)
    }

    /// Creates an authorization error, status 403.
    #[must_use]
    pub fn authorization(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Authorization, detail)
    }

    /// Creates a timeout error, status 408.
    #[must_use]
    pub fn timeout(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Timeout, detail)
    }

    /// Creates a communication error, status 500 unless [`Self::with_status`] gives the response's.
    #[must_use]
    pub fn communication(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Communication, detail)
    }

    /// Creates a runtime error, status 500.
    #[must_use]
    pub fn runtime(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Runtime, detail)
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Sets the JSON pointer of the task that failed.
    #[must_use]
    pub fn at(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Returns the standard kind of the problem, if its type is one.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        ProblemKind::from_type(&self.type_)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title.as_deref().unwrap_or(&self.type_))?;
        write!(f, " ({})", self.status)?;
        if let Some(instance) = &self.instance {
            write!(f, " at {instance}")?;
        }
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// `catch.errors.with`: what a caught error must have. Only the members that are set count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorFilter {
    /// The type, compared with [`same_type`].
    pub type_: Option<String>,
    /// The status.
    pub status: Option<u16>,
    /// The instance.
    pub instance: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The detail; the DSL also calls it `details`.
    pub detail: Option<String>,
}

impl ErrorFilter {
    /// Tells whether a problem has every member that the filter gives.
    #[must_use]
    pub fn matches(&self, problem: &Problem) -> bool {
        fn equal(wanted: Option<&String>, found: Option<&String>) -> bool {
            wanted.is_none() || wanted == found
        }
        self.type_.as_ref().is_none_or(|type_| same_type(type_, &problem.type_))
            && self.status.is_none_or(|status| status == problem.status)
            && equal(self.instance.as_ref(), problem.instance.as_ref())
            && equal(self.title.as_ref(), problem.title.as_ref())
            && equal(self.detail.as_ref(), problem.detail.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn standard_kinds_have_their_status_and_type() {
        for (kind, status) in ProblemKind::ALL.into_iter().zip([400, 400, 400, 401, 403, 408, 500, 500]) {
            let problem = Problem::new(kind, "x");
            assert_eq!(problem.status, status, "{kind:?}");
            assert_eq!(problem.kind(), Some(kind));
        }
        assert_eq!(Problem::timeout("too slow").type_, "https://serverlessworkflow.io/spec/1.0.0/errors/timeout");
    }

    #[test]
    fn serialization_is_rfc_9457() {
        let problem = Problem::communication("no answer").with_status(404).at("/do/0/a");
        let value = json!({
            "type": "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
            "status": 404, "instance": "/do/0/a", "title": "Communication Error", "detail": "no answer",
        });
        assert_eq!(serde_json::to_value(&problem).unwrap(), value);
        assert_eq!(serde_json::from_value::<Problem>(value).unwrap(), problem);
        let least: Problem = serde_json::from_value(json!({"type": "x", "status": 1})).unwrap();
        assert_eq!(serde_json::to_value(&least).unwrap(), json!({"type": "x", "status": 1}));
        assert_eq!(problem.to_string(), "Communication Error (404) at /do/0/a: no answer");
    }

    #[test]
    fn the_four_prefixes_are_equal_for_standard_kinds_only() {
        for a in PREFIXES {
            for b in PREFIXES {
                assert!(same_type(&format!("{a}timeout"), &format!("{b}timeout")));
                assert!(!same_type(&format!("{a}timeout"), &format!("{b}runtime")));
                assert_eq!(same_type(&format!("{a}mine"), &format!("{b}mine")), a == b);
            }
        }
        assert!(same_type("https://example.com/mine", "https://example.com/mine"));
    }

    #[test]
    fn a_filter_is_the_conjunction_of_its_members() {
        let problem = Problem::communication("gone").with_status(404).at("/do/0/a");
        assert!(ErrorFilter::default().matches(&problem));
        let filter = ErrorFilter {
            type_: Some("https://serverlessworkflow.io/dsl/errors/types/communication".into()),
            status: Some(404),
            instance: Some("/do/0/a".into()),
            title: Some("Communication Error".into()),
            detail: Some("gone".into()),
        };
        assert!(filter.matches(&problem));
        for wrong in [
            ErrorFilter { type_: Some("https://example.com/mine".into()), ..filter.clone() },
            ErrorFilter { status: Some(500), ..filter.clone() },
            ErrorFilter { instance: Some("/do/1/b".into()), ..filter.clone() },
            ErrorFilter { title: Some("Gone".into()), ..filter.clone() },
            ErrorFilter { detail: Some("lost".into()), ..filter.clone() },
        ] {
            assert!(!wrong.matches(&problem), "{wrong:?}");
        }
    }
}
