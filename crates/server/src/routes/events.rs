//! `/executions/{execution_id}/events`: a page, or a live stream.

use aquifer_core::MAX_PAGE;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use crate::app::App;
use crate::documents::{EventDocument, List};
use crate::extract::{Caller, Params, Segments};
use crate::problem::Problem;
use crate::stream;

/// How many events a page holds unless it is asked otherwise.
const DEFAULT_LIMIT: usize = 100;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list_events))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListEvents {
    /// The most items of the page, from 1 to 1000; 100 if not given. Not for streams.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The number of the event to go on after, which is what `next_cursor` says.
    cursor: Option<String>,
}

/// Lists an execution's events in order. With `Accept: text/event-stream` they come as they happen, as CloudEvents, until the
/// execution has ended.
#[utoipa::path(
    get, path = "/executions/{execution_id}/events", operation_id = "list_events", tag = "executions",
    params(
        ("execution_id" = String, Path, description = "The execution's id."),
        ListEvents,
        ("Last-Event-ID" = Option<String>, Header, description = "The number of the last event of a stream that broke off."),
    ),
    responses((
        status = 200, description = "One page, or the stream.",
        content((List<EventDocument> = "application/json"), (String = "text/event-stream")),
    )),
)]
async fn list_events(
    State(app): State<App>,
    caller: Caller,
    Segments(execution_id): Segments<String>,
    Params(params): Params<ListEvents>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = execution_id.into();
    let cursor = number("cursor", params.cursor.as_deref())?;
    if wants_stream(&headers) {
        let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
        let after = number("the header Last-Event-ID", last)?.or(cursor).unwrap_or(0);
        caller.records.get_execution(&id).await?;
        return Ok(stream::events(app, caller.tenant, id, after).await?.into_response());
    }
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::invalid(format!("limit takes 1 to {MAX_PAGE}, not {limit}")));
    }
    let last = caller.records.get_execution(&id).await?.last_event;
    let mut events = app.engine().events(&caller.tenant, &id, cursor.unwrap_or(0), limit).await?;
    events.truncate(limit);
    // The engine may give fewer than it is asked for, so only the execution itself knows where its events end.
    let next_cursor = events.last().filter(|event| event.number < last).map(|event| event.number.to_string());
    let items = events.into_iter().map(EventDocument::from).collect();
    Ok(Json(List { items, next_cursor }).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream"))
}

fn number(what: &str, given: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(given) = given else { return Ok(None) };
    match given.parse() {
        Ok(number) if number >= 0 => Ok(Some(number)),
        _ => Err(Problem::invalid(format!("{what} takes the number of an event, from 0"))),
    }
}
