//! Starting executions.

use std::time::Duration;

use aquifer_engine::{Start, Started, VersionRef, WorkflowRef};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::Routes;
use crate::app::App;
use crate::documents::ExecutionDocument;
use crate::extract::{Caller, IdempotencyKey, JsonBody, Params, Segments};
use crate::problem::Problem;

/// The namespace of a workflow that is named without one.
const DEFAULT_NAMESPACE: &str = "default";

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(start_execution)).routes(routes!(start_workflow_execution))
}

/// Which version to run: its number, or the version that the definition gives itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a version is a number such as 3, or a text such as \"1.2.0\"")]
enum VersionChoice {
    Number(i64),
    Label(String),
}

impl From<VersionChoice> for VersionRef {
    fn from(choice: VersionChoice) -> Self {
        match choice {
            VersionChoice::Number(number) => Self::Number(number),
            VersionChoice::Label(label) => Self::Label(label),
        }
    }
}

/// What to run: a workflow by its id, or by its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartExecution {
    /// The workflow's id.
    workflow_id: Option<String>,
    /// The namespace of the workflow's name; `default` if not given.
    namespace: Option<String>,
    /// The workflow's name.
    name: Option<String>,
    /// The version to run; the newest if not given.
    version: Option<VersionChoice>,
    /// The input, any JSON value; null if not given.
    #[serde(default)]
    input: Value,
    /// Names with values, for people.
    tags: Option<Map<String, Value>>,
}

/// How to run a workflow.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartWorkflowExecution {
    /// The version to run; the newest if not given.
    version: Option<VersionChoice>,
    /// The input, any JSON value; null if not given.
    #[serde(default)]
    input: Value,
    /// Names with values, for people.
    tags: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StartParams {
    /// Seconds to wait for the execution's end before answering; 0 if not given.
    wait: Option<u64>,
}

/// Starts an execution of a workflow that is named in the body. It is durable when this is answered.
#[utoipa::path(
    post, path = "/executions", operation_id = "start_execution", tag = "executions",
    params(
        StartParams,
        ("Idempotency-Key" = Option<String>, Header, description = "Starting twice with one key starts once."),
    ),
    request_body = StartExecution,
    responses(
        (status = 201, description = "The execution, ended if it did within the time to wait.", body = ExecutionDocument),
        (status = 200, description = "It had been started before with this idempotency key.", body = ExecutionDocument),
    ),
)]
async fn start_execution(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<StartParams>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    JsonBody(body): JsonBody<StartExecution>,
) -> Result<Response, Problem> {
    let workflow = match (body.workflow_id, body.name, body.namespace) {
        (Some(id), None, None) => WorkflowRef::Id(id.into()),
        (None, Some(name), namespace) => {
            WorkflowRef::Name { namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()), name }
        }
        _ => return Err(Problem::invalid("the body needs either workflow_id, or name with an optional namespace")),
    };
    let request = Start {
        workflow,
        version: body.version.map(Into::into).unwrap_or_default(),
        input: body.input,
        idempotency_key,
        tags: body.tags,
        user_id: None,
    };
    start(&app, caller, request, params.wait).await
}

/// Starts an execution of this workflow. It is durable when this is answered.
#[utoipa::path(
    post, path = "/workflows/{workflow_id}/executions", operation_id = "start_workflow_execution", tag = "executions",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        StartParams,
        ("Idempotency-Key" = Option<String>, Header, description = "Starting twice with one key starts once."),
    ),
    request_body = StartWorkflowExecution,
    responses(
        (status = 201, description = "The execution, ended if it did within the time to wait.", body = ExecutionDocument),
        (status = 200, description = "It had been started before with this idempotency key.", body = ExecutionDocument),
    ),
)]
async fn start_workflow_execution(
    State(app): State<App>,
    caller: Caller,
    Segments(workflow_id): Segments<String>,
    Params(params): Params<StartParams>,
    IdempotencyKey(idempotency_key): IdempotencyKey,
    JsonBody(body): JsonBody<StartWorkflowExecution>,
) -> Result<Response, Problem> {
    let request = Start {
        workflow: WorkflowRef::Id(workflow_id.into()),
        version: body.version.map(Into::into).unwrap_or_default(),
        input: body.input,
        idempotency_key,
        tags: body.tags,
        user_id: None,
    };
    start(&app, caller, request, params.wait).await
}

async fn start(app: &App, caller: Caller, request: Start, wait: Option<u64>) -> Result<Response, Problem> {
    let wait = Duration::from_secs(wait.unwrap_or(0));
    let longest = app.options().max_wait;
    if wait > longest {
        return Err(Problem::invalid(format!("wait takes at most {} seconds", longest.as_secs())));
    }
    let (engine, tenant) = (app.engine().clone(), caller.tenant.clone());
    let started: Started = app.finish(async move { engine.start(&tenant, request).await }).await?;
    let id = started.execution_id;
    if !wait.is_zero() {
        let ended = app.engine().wait(&caller.tenant, &id);
        tokio::select! {
            // Whatever came of it, the answer is how things stand afterwards.
            _ = tokio::time::timeout(wait, ended) => {}
            () = app.stop().cancelled() => {}
        }
    }
    let execution = caller.records.get_execution(&id).await?;
    let status = if started.existing { StatusCode::OK } else { StatusCode::CREATED };
    let place = format!("/api/v1/executions/{id}");
    Ok((status, [(header::LOCATION, place)], Json(ExecutionDocument::from(&execution.entity))).into_response())
}
