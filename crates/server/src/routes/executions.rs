//! `/executions`, and the executions of a workflow: listing, showing, deleting.

use aquifer_core::ExecutionFilter;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Routes, paging};
use crate::app::App;
use crate::documents::{ExecutionDocument, List, schemas};
use crate::extract::{Caller, Params, Segments, status, time_order};
use crate::problem::Problem;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_executions))
        .routes(routes!(list_workflow_executions))
        .routes(routes!(get_execution, delete_execution))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListExecutions {
    /// Those of this workflow; may be joined with `status`.
    workflow_id: Option<String>,
    /// Those in this phase.
    #[param(schema_with = schemas::status)]
    status: Option<String>,
    /// Those that this execution started; not with other filters.
    parent_id: Option<String>,
    /// Those that this user started; not with other filters.
    user_id: Option<String>,
    /// `created_at` or `-created_at`; `-created_at` if not given.
    sort: Option<String>,
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists executions, without input and output.
#[utoipa::path(
    get, path = "/executions", operation_id = "list_executions", tag = "executions", params(ListExecutions),
    responses((status = 200, description = "One page.", body = List<ExecutionDocument>)),
)]
async fn list_executions(
    caller: Caller,
    Params(params): Params<ListExecutions>,
) -> Result<Json<List<ExecutionDocument>>, Problem> {
    let filter = ExecutionFilter {
        workflow: params.workflow_id.map(Into::into),
        status: status(params.status.as_deref())?,
        user: params.user_id.map(Into::into),
        parent: params.parent_id.map(Into::into),
    };
    let paging = paging(params.limit, params.cursor, time_order(params.sort.as_deref())?);
    Ok(Json(List::of(&caller.records.list_executions(&filter, &paging).await?)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListWorkflowExecutions {
    /// Those in this phase.
    #[param(schema_with = schemas::status)]
    status: Option<String>,
    /// `created_at` or `-created_at`; `-created_at` if not given.
    sort: Option<String>,
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists a workflow's executions, without input and output.
#[utoipa::path(
    get, path = "/workflows/{workflow_id}/executions", operation_id = "list_workflow_executions", tag = "executions",
    params(("workflow_id" = String, Path, description = "The workflow's id."), ListWorkflowExecutions),
    responses((status = 200, description = "One page.", body = List<ExecutionDocument>)),
)]
async fn list_workflow_executions(
    caller: Caller,
    Segments(workflow_id): Segments<String>,
    Params(params): Params<ListWorkflowExecutions>,
) -> Result<Json<List<ExecutionDocument>>, Problem> {
    let status = status(params.status.as_deref())?;
    let paging = paging(params.limit, params.cursor, time_order(params.sort.as_deref())?);
    let workflow = caller.records.get_workflow(&workflow_id.into()).await?;
    let filter = ExecutionFilter { workflow: Some(workflow.entity.id), status, ..ExecutionFilter::default() };
    Ok(Json(List::of(&caller.records.list_executions(&filter, &paging).await?)))
}

/// Shows an execution with input, output and error.
#[utoipa::path(
    get, path = "/executions/{execution_id}", operation_id = "get_execution", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id.")),
    responses((status = 200, description = "The execution.", body = ExecutionDocument)),
)]
async fn get_execution(
    caller: Caller,
    Segments(execution_id): Segments<String>,
) -> Result<Json<ExecutionDocument>, Problem> {
    let execution = caller.records.get_execution(&execution_id.into()).await?;
    Ok(Json(ExecutionDocument::from(&execution.entity)))
}

/// Deletes an execution that has ended, with all that belongs to it.
#[utoipa::path(
    delete, path = "/executions/{execution_id}", operation_id = "delete_execution", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn delete_execution(
    State(app): State<App>,
    caller: Caller,
    Segments(execution_id): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.finish(async move { caller.records.delete_execution(&execution_id.into()).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
