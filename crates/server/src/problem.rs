//! Errors as the server answers them: problem documents (RFC 9457).

use aquifer_core::{Error, ErrorKind};
use aquifer_dsl::{Diagnostic, Diagnostics};
use aquifer_engine::{ApplyError, ControlError, StartError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of problem documents.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident = $urn:literal, $status:ident, $title:literal;)*) => {
        /// What kind of problem, as a closed set that clients can act on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
        pub enum ProblemType {
            $($(#[$doc])* #[serde(rename = $urn)] $name,)*
        }

        impl ProblemType {
            /// The status of the answer.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// A short summary, the same for every problem of the type.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

problem_types! {
    /// Something about the request is wrong; the detail names it.
    InvalidRequest = "urn:aquifer:problem:invalid-request", BAD_REQUEST, "the request is invalid";
    /// A page of another web site sent the request.
    CrossOrigin = "urn:aquifer:problem:cross-origin", FORBIDDEN, "requests from other web sites are refused";
    /// There is no such thing.
    NotFound = "urn:aquifer:problem:not-found", NOT_FOUND, "there is no such thing";
    /// The route does not take this method.
    MethodNotAllowed = "urn:aquifer:problem:method-not-allowed", METHOD_NOT_ALLOWED, "the route does not take this method";
    /// The body did not arrive in time.
    Timeout = "urn:aquifer:problem:timeout", REQUEST_TIMEOUT, "the request took too long to arrive";
    /// The state of things does not allow it, or somebody else was faster.
    Conflict = "urn:aquifer:problem:conflict", CONFLICT, "the current state does not allow this";
    /// The body, the input or a document is too large.
    TooLarge = "urn:aquifer:problem:too-large", PAYLOAD_TOO_LARGE, "the request is too large";
    /// The body is not of a type that the route takes.
    UnsupportedMediaType = "urn:aquifer:problem:unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "the body's type is not supported";
    /// The workflow definition is wrong; `errors` says where.
    InvalidDefinition = "urn:aquifer:problem:invalid-definition", UNPROCESSABLE_ENTITY, "the definition is invalid";
    /// The idempotency key was used for something else.
    IdempotencyMismatch = "urn:aquifer:problem:idempotency-mismatch", UNPROCESSABLE_ENTITY, "the idempotency key was used for another request";
    /// The server, or its database, cannot answer for now.
    Unavailable = "urn:aquifer:problem:unavailable", SERVICE_UNAVAILABLE, "the server cannot answer for now";
    /// Something is wrong with the server; its log says more.
    Internal = "urn:aquifer:problem:internal", INTERNAL_SERVER_ERROR, "something is wrong with the server";
}

/// A problem document: why a request was refused.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem it is.
    #[serde(rename = "type")]
    pub problem_type: ProblemType,
    /// The type's summary.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong with this request, and how to put it right.
    pub detail: String,
    /// The mistakes in a definition, in the order of its text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Mistake>,
}

/// One mistake in a definition.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Mistake {
    /// Stable name of the kind of mistake.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
    /// JSON pointer of the property; empty for the whole definition.
    pub pointer: String,
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl From<Diagnostic> for Mistake {
    fn from(item: Diagnostic) -> Self {
        let Diagnostic { code, message, hint, pointer, line, column, .. } = item;
        Self { code, message, hint, pointer, line, column }
    }
}

impl Problem {
    /// A problem of this type.
    pub fn new(problem_type: ProblemType, detail: impl Into<String>) -> Self {
        Self {
            problem_type,
            title: problem_type.title(),
            status: problem_type.status().as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::InvalidRequest, detail)
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Unavailable, detail)
    }

    /// A fault of the server's own. The cause goes to the log, never to the client.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %chain(cause), "a request failed");
        Self::new(ProblemType::Internal, "the server could not do this: its log says why")
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A struct of texts and numbers always has a JSON form.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (self.problem_type.status(), [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        if self.problem_type == ProblemType::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem_type = match error.kind() {
            ErrorKind::NotFound => ProblemType::NotFound,
            ErrorKind::AlreadyExists | ErrorKind::Conflict => ProblemType::Conflict,
            ErrorKind::Invalid => ProblemType::InvalidRequest,
            ErrorKind::TooLarge => ProblemType::TooLarge,
            ErrorKind::Unavailable => {
                tracing::warn!(cause = %chain(&error), "the store did not answer");
                return Self::unavailable("the database did not answer: try again");
            }
            ErrorKind::Corrupt | ErrorKind::Unauthorized => return Self::internal(&error),
        };
        Self::new(problem_type, error.message())
    }
}

impl From<Diagnostics> for Problem {
    fn from(diagnostics: Diagnostics) -> Self {
        let detail = match diagnostics.items.as_slice() {
            [only] => format!("line {}, column {}: {}", only.line, only.column, only.message),
            items => format!("the definition has {} mistakes", items.len()),
        };
        let errors = diagnostics.items.into_iter().map(Mistake::from).collect();
        Self { errors, ..Self::new(ProblemType::InvalidDefinition, detail) }
    }
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Invalid(diagnostics) => diagnostics.into(),
            ApplyError::Store(error) => error.into(),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let problem_type = match error {
            StartError::NotFound(_) => ProblemType::NotFound,
            StartError::InputTooLarge { .. } => ProblemType::TooLarge,
            StartError::InputTooDeep { .. } => ProblemType::InvalidRequest,
            StartError::IdempotencyMismatch { .. } => ProblemType::IdempotencyMismatch,
            StartError::ShuttingDown => ProblemType::Unavailable,
            StartError::Store(error) => return error.into(),
        };
        Self::new(problem_type, error.to_string())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let problem_type = match error {
            ControlError::NotFound(_) => ProblemType::NotFound,
            ControlError::Ended(_) | ControlError::NotSuspended(_) => ProblemType::Conflict,
            ControlError::Store(error) => return error.into(),
        };
        Self::new(problem_type, error.to_string())
    }
}
