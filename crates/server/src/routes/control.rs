//! What people ask of executions.

use aquifer_core::Stored;
use aquifer_core::kinds::{Execution, Status};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::routes;

use super::Routes;
use crate::app::App;
use crate::documents::ExecutionDocument;
use crate::extract::{Caller, Segments};
use crate::problem::Problem;

type Answer = (StatusCode, Json<ExecutionDocument>);

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(cancel_execution)).routes(routes!(suspend_execution)).routes(routes!(resume_execution))
}

/// 200 if it is as asked, 202 if the process that runs the execution has yet to obey.
fn answer(execution: &Stored<Execution>, goal: Status) -> Answer {
    let status = if execution.status == goal { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, Json(ExecutionDocument::from(&execution.entity)))
}

/// Cancels an execution and those that it started. Doing it twice is fine.
#[utoipa::path(
    post, path = "/executions/{execution_id}/cancel", operation_id = "cancel_execution", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id.")),
    responses(
        (status = 200, description = "It is cancelled.", body = ExecutionDocument),
        (status = 202, description = "It is being cancelled.", body = ExecutionDocument),
        (status = 409, description = "It has ended otherwise.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn cancel_execution(
    State(app): State<App>,
    caller: Caller,
    Segments(execution_id): Segments<String>,
) -> Result<Answer, Problem> {
    let engine = app.engine().clone();
    let cancelled = app.finish(async move { engine.cancel(&caller.tenant, &execution_id.into()).await }).await?;
    Ok(answer(&cancelled, Status::Cancelled))
}

/// Pauses an execution. Doing it twice is fine.
#[utoipa::path(
    post, path = "/executions/{execution_id}/suspend", operation_id = "suspend_execution", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id.")),
    responses(
        (status = 200, description = "It is suspended.", body = ExecutionDocument),
        (status = 202, description = "It is being suspended.", body = ExecutionDocument),
        (status = 409, description = "It has ended.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn suspend_execution(
    State(app): State<App>,
    caller: Caller,
    Segments(execution_id): Segments<String>,
) -> Result<Answer, Problem> {
    let engine = app.engine().clone();
    let suspended = app.finish(async move { engine.suspend(&caller.tenant, &execution_id.into()).await }).await?;
    Ok(answer(&suspended, Status::Suspended))
}

/// Lets a suspended execution go on.
#[utoipa::path(
    post, path = "/executions/{execution_id}/resume", operation_id = "resume_execution", tag = "executions",
    params(("execution_id" = String, Path, description = "The execution's id.")),
    responses(
        (status = 200, description = "It goes on.", body = ExecutionDocument),
        (status = 409, description = "It is not suspended.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn resume_execution(
    State(app): State<App>,
    caller: Caller,
    Segments(execution_id): Segments<String>,
) -> Result<Json<ExecutionDocument>, Problem> {
    let engine = app.engine().clone();
    let resumed = app.finish(async move { engine.resume(&caller.tenant, &execution_id.into()).await }).await?;
    Ok(Json(ExecutionDocument::from(&resumed.entity)))
}
