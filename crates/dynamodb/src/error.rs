//! What DynamoDB says, as errors of the store.

use std::error::Error as StdError;

use aquifer_core::{Error, ErrorKind, Retry};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// What a request does, which decides what it means if its reply is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads: asking again is always right.
    Read,
    /// Writes records: whether it was applied must be found out before it is asked again.
    Write,
}

/// What became of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// DynamoDB refused it for now: too many requests, or another transaction is at work on the same items.
    Busy,
    /// It never arrived.
    Unreached,
    /// It may have been applied.
    Lost,
    /// DynamoDB refused it for good.
    Refused,
}

/// Codes that mean: later.
const BUSY: &[&str] = &[
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Codes that speak of whoever asks.
const UNAUTHORISED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes that mean that DynamoDB itself failed.
const BROKEN: &[&str] =
    &["InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException"];

/// What became of a request.
pub(crate) fn fault<E, R>(error: &SdkError<E, R>) -> Fault
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => Fault::Refused,
        SdkError::DispatchFailure(_) if never_connected(error) => Fault::Unreached,
        SdkError::ServiceError(refusal) => match refusal.err().code() {
            Some(code) if BUSY.contains(&code) => Fault::Busy,
            Some(code) if BROKEN.contains(&code) => Fault::Lost,
            Some(_) => Fault::Refused,
            None => Fault::Lost,
        },
        _ => Fault::Lost,
    }
}

/// The error of a request that failed at `place`.
pub(crate) fn explain<E, R>(error: &SdkError<E, R>, access: Access, place: &str) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    let cause = causes(error);
    if let SdkError::ServiceError(refusal) = error
        && let Some(code) = refusal.err().code()
    {
        return of_code(code, refusal.err().message().unwrap_or_default(), access).with_source(cause);
    }
    let kind = match fault(error) {
        Fault::Refused => return Error::invalid("the request to DynamoDB cannot be made").with_source(cause),
        Fault::Unreached => {
            let message =
                format!("cannot reach DynamoDB at {place}: check the region and the option endpoint of the URL");
            return Error::unavailable(message).with_source(cause);
        }
        Fault::Busy | Fault::Lost => ErrorKind::Unavailable,
    };
    let message = format!("DynamoDB at {place} did not answer: a slow one needs a longer option request_timeout");
    Error::new(kind, message).with_retry(after_loss(access)).with_source(cause)
}

/// The error that a code of DynamoDB means.
fn of_code(code: &str, message: &str, access: Access) -> Error {
    if code == "TransactionInProgressException" {
        return Error::unavailable("an earlier try of the transaction is still under way")
            .with_retry(after_loss(access));
    }
    if BUSY.contains(&code) {
        return Error::unavailable(format!("DynamoDB is busy ({code}): raise the tables' capacity if this lasts"));
    }
    if BROKEN.contains(&code) {
        return Error::unavailable(format!("DynamoDB failed ({code})")).with_retry(after_loss(access));
    }
    if UNAUTHORISED.contains(&code) {
        let fix = match code {
            "AccessDenied" | "AccessDeniedException" | "NotAuthorized" => {
                "the credentials lack a right: attach the policy of the documentation to them"
            }
            "ExpiredToken" | "ExpiredTokenException" => "the session token has expired: get a new one",
            _ => {
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile, or the options access_key_id and secret_access_key"
            }
        };
        return Error::new(ErrorKind::Unauthorized, format!("DynamoDB refused the credentials ({code}): {fix}"));
    }
    let text = message.to_ascii_lowercase();
    match code {
        "ResourceNotFoundException" => Error::invalid("the tables are not there: migrate the database first"),
        "ValidationException" if text.contains("size") && (text.contains("exceed") || text.contains("maximum")) => {
            Error::new(ErrorKind::TooLarge, "a record or a transaction is larger than DynamoDB takes")
        }
        "ValidationException" if text.contains("key element") || text.contains("key schema") => {
            Error::invalid("a table of this name is not Aquifer's: choose another option table_prefix")
        }
        "ItemCollectionSizeLimitExceededException" => {
            Error::new(ErrorKind::TooLarge, "the records of one partition are more than DynamoDB takes")
        }
        _ => Error::invalid(format!("DynamoDB refused the request ({code})")),
    }
}

/// What may be done after the reply was lost.
fn after_loss(access: Access) -> Retry {
    match access {
        Access::Read => Retry::Transient,
        Access::Write => Retry::Unknown,
    }
}

/// Whether the connection did not come about, so that nothing was sent.
fn never_connected(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let refused = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
            matches!(error.kind(), AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkUnreachable)
        });
        let text = error.to_string();
        if refused
            || text == "client error (Connect)"
            || text.starts_with("HTTP connect timeout")
            || text.starts_with("dns error")
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// All causes in one line. The SDK's errors name the request, never the keys.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_to_do() {
        for (code, message, kind, text) in [
            ("ThrottlingException", "", ErrorKind::Unavailable, "capacity"),
            ("UnrecognizedClientException", "", ErrorKind::Unauthorized, "AWS_ACCESS_KEY_ID"),
            ("AccessDeniedException", "", ErrorKind::Unauthorized, "policy"),
            ("ExpiredTokenException", "", ErrorKind::Unauthorized, "expired"),
            ("ResourceNotFoundException", "", ErrorKind::Invalid, "migrate"),
            ("ValidationException", "Item size has exceeded the maximum allowed size", ErrorKind::TooLarge, "larger"),
            (
                "ValidationException",
                "The provided key element does not match the schema",
                ErrorKind::Invalid,
                "table_prefix",
            ),
            ("SomethingNewException", "", ErrorKind::Invalid, "SomethingNewException"),
        ] {
            let error = of_code(code, message, Access::Write);
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.message().contains(text), "{error}");
        }
        let lost = |access| of_code("InternalServerError", "", access).retry();
        assert_eq!((lost(Access::Read), lost(Access::Write)), (Retry::Transient, Retry::Unknown));
    }
}
