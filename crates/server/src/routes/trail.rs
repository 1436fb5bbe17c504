//! What an execution writes about itself: its log and its state.

use aquifer_core::Order;
use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Routes, paging};
use crate::documents::{List, LogDocument, StateDocument};
use crate::extract::{Caller, Params, Segments, number_order};
use crate::problem::Problem;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list_logs)).routes(routes!(list_state))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListLogs {
    /// `number` or `-number`; `number` if not given.
    sort: Option<String>,
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the lines of an execution's log.
#[utoipa::path(
    get, path = "/executions/{execution_id}/logs", operation_id = "list_logs", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id."), ListLogs),
    responses((status = 200, description = "One page.", body = List<LogDocument>)),
)]
async fn list_logs(
    caller: Caller,
    Segments(execution_id): Segments<String>,
    Params(params): Params<ListLogs>,
) -> Result<Json<List<LogDocument>>, Problem> {
    let paging = paging(params.limit, params.cursor, number_order(params.sort.as_deref())?);
    let execution = caller.records.get_execution(&execution_id.into()).await?;
    Ok(Json(List::of(&caller.records.list_logs(&execution.id, &paging).await?)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListState {
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the values that an execution keeps, by name.
#[utoipa::path(
    get, path = "/executions/{execution_id}/state", operation_id = "list_state", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id."), ListState),
    responses((status = 200, description = "One page.", body = List<StateDocument>)),
)]
async fn list_state(
    caller: Caller,
    Segments(execution_id): Segments<String>,
    Params(params): Params<ListState>,
) -> Result<Json<List<StateDocument>>, Problem> {
    let paging = paging(params.limit, params.cursor, Order::OldestFirst);
    let execution = caller.records.get_execution(&execution_id.into()).await?;
    Ok(Json(List::of(&caller.records.list_state(&execution.id, &paging).await?)))
}
