//! What the routes answer: one document a thing, in its JSON form. The command line prints the same.

mod execution;
pub(crate) mod schemas;
mod workflow;

use aquifer_core::{Cursor, Listing};
use serde::Serialize;
use utoipa::ToSchema;

pub use execution::{EventDocument, ExecutionDocument, LogDocument, StateDocument, StepDocument};
pub use workflow::{AppliedDocument, VersionDocument, WorkflowDocument};

/// One page of a listing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct List<T> {
    /// The documents, in the order asked for.
    pub items: Vec<T>,
    /// What to give as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// The page's records as documents.
    pub fn of<'a, E: 'a>(listing: &'a Listing<E>) -> Self
    where
        T: From<&'a E>,
    {
        let items = listing.items.iter().map(|stored| T::from(&stored.entity)).collect();
        Self { items, next_cursor: listing.next.as_ref().map(Cursor::as_str).map(str::to_owned) }
    }
}
