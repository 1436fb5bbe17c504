//! `/workflows`.

use aquifer_core::{Order, WorkflowFilter};
use aquifer_engine::{Applied, Engine};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Routes, paging};
use crate::app::App;
use crate::documents::{AppliedDocument, List, WorkflowDocument};
use crate::extract::{Caller, DefinitionBody, Params, Segments, sort};
use crate::problem::{Problem, ProblemType};

/// What diagnostics call the body of a request.
const BODY: &str = "body";

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list_workflows, apply_workflow)).routes(routes!(
        get_workflow,
        replace_workflow,
        delete_workflow
    ))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListWorkflows {
    /// Those in this namespace.
    namespace: Option<String>,
    /// The one with this name; needs `namespace`.
    name: Option<String>,
    /// Those that this user owns; not with other filters.
    owner_id: Option<String>,
    /// `created_at` or `name`, with `-` in front for the opposite order; `-created_at` if not given.
    sort: Option<String>,
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists workflows.
#[utoipa::path(
    get, path = "/workflows", operation_id = "list_workflows", tag = "workflows", params(ListWorkflows),
    responses((status = 200, description = "One page.", body = List<WorkflowDocument>)),
)]
async fn list_workflows(
    caller: Caller,
    Params(params): Params<ListWorkflows>,
) -> Result<Json<List<WorkflowDocument>>, Problem> {
    let (column, order) = sort(params.sort.as_deref(), &["created_at", "name"], Order::NewestFirst)?;
    let filter = WorkflowFilter {
        namespace: params.namespace,
        name: params.name,
        owner: params.owner_id.map(Into::into),
        by_name: column == 1,
    };
    let page = caller.records.list_workflows(&filter, &paging(params.limit, params.cursor, order)).await?;
    Ok(Json(List::of(&page)))
}

/// Applies a definition: stores it as the newest version of the workflow that it names, unless that has the same text already.
#[utoipa::path(
    post, path = "/workflows", operation_id = "apply_workflow", tag = "workflows",
    request_body(
        description = "A definition in the Serverless Workflow DSL.",
        content((String = "application/yaml"), (serde_json::Value = "application/json")),
    ),
    responses(
        (status = 201, description = "The workflow is new.", body = AppliedDocument),
        (status = 200, description = "The workflow was there before.", body = AppliedDocument),
        (status = 422, description = "The definition is invalid.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn apply_workflow(State(app): State<App>, caller: Caller, body: DefinitionBody) -> Result<Response, Problem> {
    apply(&app, caller, body).await
}

async fn apply(app: &App, caller: Caller, DefinitionBody(source): DefinitionBody) -> Result<Response, Problem> {
    let engine = app.engine().clone();
    let applied: Applied = app.finish(async move { engine.apply(&caller.tenant, &source, BODY).await }).await?;
    let document = Json(AppliedDocument::from(&applied));
    if applied.created {
        let place = format!("/api/v1/workflows/{}", applied.workflow.id);
        return Ok((StatusCode::CREATED, [(header::LOCATION, place)], document).into_response());
    }
    Ok(document.into_response())
}

/// Shows a workflow.
#[utoipa::path(
    get, path = "/workflows/{workflow_id}", operation_id = "get_workflow", tag = "workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses((status = 200, description = "The workflow.", body = WorkflowDocument)),
)]
async fn get_workflow(
    caller: Caller,
    Segments(workflow_id): Segments<String>,
) -> Result<Json<WorkflowDocument>, Problem> {
    let workflow = caller.records.get_workflow(&workflow_id.into()).await?;
    Ok(Json(WorkflowDocument::from(&workflow.entity)))
}

/// Applies a definition to this workflow; the definition must name it.
#[utoipa::path(
    put, path = "/workflows/{workflow_id}", operation_id = "replace_workflow", tag = "workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    request_body(
        description = "A definition in the Serverless Workflow DSL.",
        content((String = "application/yaml"), (serde_json::Value = "application/json")),
    ),
    responses(
        (status = 200, description = "The workflow as it is now.", body = AppliedDocument),
        (status = 422, description = "The definition is invalid.", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn replace_workflow(
    State(app): State<App>,
    caller: Caller,
    Segments(workflow_id): Segments<String>,
    body: DefinitionBody,
) -> Result<Response, Problem> {
    let workflow = caller.records.get_workflow(&workflow_id.into()).await?;
    let document = Engine::validate(&body.0, BODY)?.document;
    if (&document.namespace, &document.name) != (&workflow.namespace, &workflow.name) {
        let detail = format!(
            "the definition names {}/{}, but {} is {}/{}: apply it with POST /api/v1/workflows",
            document.namespace, document.name, workflow.id, workflow.namespace, workflow.name
        );
        return Err(Problem::new(ProblemType::InvalidDefinition, detail));
    }
    apply(&app, caller, body).await
}

/// Deletes a workflow with its versions and shares; refused while it has executions.
#[utoipa::path(
    delete, path = "/workflows/{workflow_id}", operation_id = "delete_workflow", tag = "workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn delete_workflow(
    State(app): State<App>,
    caller: Caller,
    Segments(workflow_id): Segments<String>,
) -> Result<StatusCode, Problem> {
    app.finish(async move { caller.records.delete_workflow(&workflow_id.into()).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
