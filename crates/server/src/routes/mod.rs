//! The routes, one file a noun.

pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod health;
pub(crate) mod payloads;
pub(crate) mod start;
pub(crate) mod steps;
pub(crate) mod trail;
pub(crate) mod versions;
pub(crate) mod workflows;

use aquifer_core::{Cursor, Order, Paging};

use crate::app::App;

/// The routes under `/api/v1` of one noun.
pub(crate) type Routes = utoipa_axum::router::OpenApiRouter<App>;

/// What a listing's parameters ask for; a limit that is out of range is refused by the store.
pub(crate) fn paging(limit: Option<usize>, cursor: Option<String>, order: Order) -> Paging {
    let default = Paging::default();
    Paging { limit: limit.unwrap_or(default.limit), cursor: cursor.map(Cursor::from_text), order }
}
