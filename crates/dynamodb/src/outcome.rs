//! Sending a plan, and reading what DynamoDB says of it.

use aquifer_core::{Error, ErrorKind, Result, Retry};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use crate::calls::Calls;
use crate::error::Access;
use crate::plan::Plan;
use crate::statement::{Alone, Statement};
use crate::values::Item;

/// Reasons that mean: later.
const BUSY: &[&str] =
    &["ProvisionedThroughputExceeded", "RequestLimitExceeded", "ThrottlingError", "TransactionConflict"];

/// What became of a plan.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All of it was applied.
    Applied,
    /// Nothing was applied. For each statement, whether its condition did not hold, and the item that was there.
    Refused(Vec<Option<Option<Item>>>),
    /// The token was used for a request that DynamoDB takes for another one, and may have applied.
    TokenTaken(Error),
}

/// Applies a plan: a statement that stands alone as such, which costs half, and everything else as a transaction.
///
/// # Errors
/// `Unavailable`, unknown if the reply was lost; `TooLarge`.
pub(crate) async fn send(calls: &Calls, plan: &Plan, token: impl Fn() -> String) -> Result<Outcome> {
    if let [statement] = plan.statements.as_slice()
        && statement.stands_alone()
    {
        return Ok(match statement.alone(calls).await? {
            Alone::Applied => Outcome::Applied,
            Alone::Refused(item) => Outcome::Refused(vec![Some(item)]),
        });
    }
    let parts = plan.statements.iter().map(Statement::part).collect::<Result<Vec<_>>>()?;
    let token = token();
    let answer = calls
        .call_while(Access::Write, is_busy, |client| {
            client.transact_write_items().set_transact_items(Some(parts.clone())).client_request_token(&token).send()
        })
        .await;
    let failure = match answer {
        Ok(_) => return Ok(Outcome::Applied),
        Err(failure) => failure,
    };
    match failure.said {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            let reasons = cancelled.cancellation_reasons.unwrap_or_default();
            if reasons.iter().any(|reason| is_one_of(reason, BUSY)) {
                return Err(failure.error);
            }
            refused(reasons, plan.statements.len())
        }
        Some(TransactWriteItemsError::IdempotentParameterMismatchException(_)) => Ok(Outcome::TokenTaken(
            Error::unavailable("the transaction may have been applied").with_retry(Retry::Unknown),
        )),
        _ => Err(failure.error),
    }
}

fn is_busy(said: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = said else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| is_one_of(reason, BUSY))
}

fn is_one_of(reason: &CancellationReason, codes: &[&str]) -> bool {
    reason.code().is_some_and(|code| codes.contains(&code))
}

fn refused(reasons: Vec<CancellationReason>, statements: usize) -> Result<Outcome> {
    if reasons.len() != statements {
        return Err(Error::corrupt("DynamoDB cancelled a transaction and does not say why"));
    }
    let mut refused = Vec::with_capacity(reasons.len());
    for reason in reasons {
        match reason.code.as_deref() {
            None | Some("None") => refused.push(None),
            Some("ConditionalCheckFailed") => refused.push(Some(reason.item.filter(|item| !item.is_empty()))),
            Some("ItemCollectionSizeLimitExceeded") => {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    "the records of one partition are more than DynamoDB takes",
                ));
            }
            Some("ValidationError") if reason.message.as_deref().is_some_and(|text| text.contains("size")) => {
                return Err(Error::new(ErrorKind::TooLarge, "a record is larger than the 400 KB that DynamoDB takes"));
            }
            Some(code) => return Err(Error::invalid(format!("DynamoDB refused a record of the transaction ({code})"))),
        }
    }
    Ok(Outcome::Refused(refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn every_reason_is_read() {
        let Outcome::Refused(found) = refused(reasons(&["None", "ConditionalCheckFailed"]), 2).unwrap() else {
            panic!("should be refused");
        };
        assert_eq!(found, [None, Some(None)]);
        let kind = |codes: &[&str]| refused(reasons(codes), codes.len()).unwrap_err().kind();
        assert_eq!(kind(&["ItemCollectionSizeLimitExceeded"]), ErrorKind::TooLarge);
        assert_eq!(kind(&["None", "SomethingNew"]), ErrorKind::Invalid);
        assert_eq!(refused(reasons(&["None"]), 2).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
