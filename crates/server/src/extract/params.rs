//! Query parameters.

use aquifer_core::Order;
use aquifer_core::kinds::Status;
use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::app::App;
use crate::nearest::unknown;
use crate::problem::Problem;

/// The query parameters of a route. `T` denies unknown fields; what it knows is what the OpenAPI document lists.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned + IntoParams> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(explain::<T>(&parts.uri, &rejection.body_text())),
        }
    }
}

fn explain<T: IntoParams>(uri: &Uri, text: &str) -> Problem {
    let declared = T::into_params(|| None);
    let known: Vec<&str> = declared.iter().map(|parameter| parameter.name.as_str()).collect();
    let given = Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(given)| given).unwrap_or_default();
    match given.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Problem::invalid(unknown("query parameter", name, &known)),
        None => {
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
            Problem::invalid(format!("the query is invalid: {text}"))
        }
    }
}

/// Reads a `status` parameter.
pub(crate) fn status(given: Option<&str>) -> Result<Option<Status>, Problem> {
    let Some(given) = given else { return Ok(None) };
    Status::from_text(given).map(Some).ok_or_else(|| {
        let known: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        Problem::invalid(unknown("status", given, &known))
    })
}

/// Reads a `sort` parameter: one of the columns, with `-` in front for the opposite order. Gives the column's place and the order.
pub(crate) fn sort(given: Option<&str>, columns: &[&str], default: Order) -> Result<(usize, Order), Problem> {
    let Some(given) = given else { return Ok((0, default)) };
    let (name, order) = match given.strip_prefix('-') {
        Some(name) => (name, Order::NewestFirst),
        None => (given, Order::OldestFirst),
    };
    match columns.iter().position(|column| *column == name) {
        Some(place) => Ok((place, order)),
        None => {
            let both: Vec<String> = columns.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
            let known: Vec<&str> = both.iter().map(String::as_str).collect();
            Err(Problem::invalid(unknown("sort", given, &known)))
        }
    }
}

/// Reads the `sort` of a listing by time of creation: the newest first unless it is asked otherwise.
pub(crate) fn time_order(given: Option<&str>) -> Result<Order, Problem> {
    sort(given, &["created_at"], Order::NewestFirst).map(|(_, order)| order)
}

/// Reads the `sort` of a listing by number: the first first unless it is asked otherwise.
pub(crate) fn number_order(given: Option<&str>) -> Result<Order, Problem> {
    sort(given, &["number"], Order::OldestFirst).map(|(_, order)| order)
}
