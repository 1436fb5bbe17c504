//! `/workflows/{workflow_id}/versions`.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Routes, paging};
use crate::documents::{List, VersionDocument};
use crate::extract::{Caller, Params, Segments, sort};
use crate::problem::Problem;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list_versions)).routes(routes!(get_version))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListVersions {
    /// `number` or `-number`; `-number` if not given.
    sort: Option<String>,
    /// The most items of the page, from 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists a workflow's versions, without their sources.
#[utoipa::path(
    get, path = "/workflows/{workflow_id}/versions", operation_id = "list_versions", tag = "workflows",
    params(("workflow_id" = String, Path, description = "The workflow's id."), ListVersions),
    responses((status = 200, description = "One page.", body = List<VersionDocument>)),
)]
async fn list_versions(
    caller: Caller,
    Segments(workflow_id): Segments<String>,
    Params(params): Params<ListVersions>,
) -> Result<Json<List<VersionDocument>>, Problem> {
    let (_, order) = sort(params.sort.as_deref(), &["number"], aquifer_core::Order::NewestFirst)?;
    let workflow = caller.records.get_workflow(&workflow_id.into()).await?;
    let page = caller.records.list_versions(&workflow.id, &paging(params.limit, params.cursor, order)).await?;
    Ok(Json(List::of(&page)))
}

/// Shows a version with its source.
#[utoipa::path(
    get, path = "/workflows/{workflow_id}/versions/{number}", operation_id = "get_version", tag = "workflows",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        ("number" = i64, Path, description = "The version's number, from 1."),
    ),
    responses((status = 200, description = "The version.", body = VersionDocument)),
)]
async fn get_version(
    caller: Caller,
    Segments((workflow_id, number)): Segments<(String, i64)>,
) -> Result<Json<VersionDocument>, Problem> {
    let version = caller.records.get_version(&workflow_id.into(), number).await?;
    Ok(Json(VersionDocument::from(&version.entity)))
}
