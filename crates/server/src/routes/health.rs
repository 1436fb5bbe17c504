//! What operators and their machines ask: whether the process lives, whether it can work, and what it has done.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::app::App;
use crate::openapi;
use crate::problem::{Problem, ProblemType};

/// How long the database may take to show a sign of life.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/v1/openapi.json", get(document))
}

async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    if app.stop().is_cancelled() {
        return Err(Problem::unavailable("the server is shutting down"));
    }
    match tokio::time::timeout(PATIENCE, app.engine().store().backend().ping()).await {
        Ok(Ok(_)) => Ok(Json(json!({ "status": "ready" })).into_response()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database shows no sign of life");
            Err(Problem::unavailable("the database shows no sign of life"))
        }
        Err(_) => Err(Problem::unavailable("the database takes too long to show a sign of life")),
    }
}

async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let Some(metrics) = &app.options().metrics else {
        return Err(Problem::new(ProblemType::NotFound, "this process collects no metrics"));
    };
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response())
}

async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::text()).into_response()
}
