//! `/executions/{execution_id}/steps`.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Routes, paging};
use crate::documents::{List, StepDocument};
use crate::extract::{Caller, Params, Segments, number_order};
use crate::problem::Problem;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list_steps)).routes(routes!(get_step))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListSteps {
    /// `number` or `-number`; `number` if not given.
    sort: Option<String>,
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists an execution's steps, without outputs and errors.
#[utoipa::path(
    get, path = "/executions/{execution_id}/steps", operation_id = "list_steps", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id."), ListSteps),
    responses((status = 200, description = "One page.", body = List<StepDocument>)),
)]
async fn list_steps(
    caller: Caller,
    Segments(execution_id): Segments<String>,
    Params(params): Params<ListSteps>,
) -> Result<Json<List<StepDocument>>, Problem> {
    let paging = paging(params.limit, params.cursor, number_order(params.sort.as_deref())?);
    let execution = caller.records.get_execution(&execution_id.into()).await?;
    Ok(Json(List::of(&caller.records.list_steps(&execution.id, &paging).await?)))
}

/// Shows a step with its output or error.
#[utoipa::path(
    get, path = "/executions/{execution_id}/steps/{number}", operation_id = "get_step", tag = "executions",
    params(
        ("execution_id" = String, Path, description = "The execution's id."),
        ("number" = i64, Path, description = "The step's number, from 1."),
    ),
    responses((status = 200, description = "The step.", body = StepDocument)),
)]
async fn get_step(
    caller: Caller,
    Segments((execution_id, number)): Segments<(String, i64)>,
) -> Result<Json<StepDocument>, Problem> {
    let step = caller.records.get_step(&execution_id.into(), number).await?;
    Ok(Json(StepDocument::from(&step.entity)))
}
