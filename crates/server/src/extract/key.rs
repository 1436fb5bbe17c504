//! The `Idempotency-Key` header.

use aquifer_core::MAX_NAME_BYTES;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::problem::Problem;

/// What makes a start happen once however often it is sent; `None` if the client gave nothing.
#[derive(Debug)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = keys.next() else { return Ok(Self(None)) };
        if keys.next().is_some() {
            return Err(Problem::invalid("the header Idempotency-Key is given more than once"));
        }
        match key.to_str() {
            Ok(key) if (1..=MAX_NAME_BYTES).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
            _ => Err(Problem::invalid(format!(
                "the header Idempotency-Key takes 1 to {MAX_NAME_BYTES} visible ASCII characters"
            ))),
        }
    }
}
