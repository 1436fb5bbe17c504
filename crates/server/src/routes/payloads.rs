//! `/executions/{execution_id}/payloads`.

use axum::http::{HeaderName, header};
use utoipa_axum::routes;

use super::Routes;
use crate::extract::{Caller, Segments};
use crate::problem::Problem;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(get_payload))
}

/// Shows a large value that an event refers to.
#[utoipa::path(
    get, path = "/executions/{execution_id}/payloads/{hash}", operation_id = "get_payload", tag = "executions",
    params(
        ("execution_id" = String, Path, description = "The execution's id."),
        ("hash" = String, Path, description = "The SHA-256 of the value's JSON text, in hexadecimal."),
    ),
    responses((status = 200, description = "The value, any JSON value.", body = serde_json::Value)),
)]
async fn get_payload(
    caller: Caller,
    Segments((execution_id, hash)): Segments<(String, String)>,
) -> Result<([(HeaderName, &'static str); 2], String), Problem> {
    let payload = caller.records.get_payload(&execution_id.into(), &hash).await?;
    // Its address is its content: it never changes.
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")];
    Ok((headers, payload.entity.value))
}
