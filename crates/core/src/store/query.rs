//! What a listing asks for, and what it gives.

use std::ops::Bound;

use crate::entity::Stored;
use crate::scan::Cursor;
use crate::value::Value;

/// The direction of a listing. Identifiers are ordered by creation, so that a listing by key or by an index goes by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest first; names from the end of the alphabet.
    #[default]
    NewestFirst,
    /// The oldest first; names from the beginning of the alphabet.
    OldestFirst,
}

/// Which page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// The most records of the page, from 1 to [`crate::MAX_PAGE`].
    pub limit: usize,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<Cursor>,
    /// The direction.
    pub order: Order,
}

impl Default for Paging {
    /// The first hundred, the newest first.
    fn default() -> Self {
        Self { limit: 100, cursor: None, order: Order::NewestFirst }
    }
}

impl Paging {
    /// The first page of at most `limit` records, the newest first.
    pub fn first(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The same, with the oldest first.
    pub fn oldest_first(mut self) -> Self {
        self.order = Order::OldestFirst;
        self
    }

    /// Goes on where the page before ended.
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.cursor = cursor;
        self
    }
}

/// A listing of a tenant's records in the order of the key or of a declared index. The tenant comes first by itself.
#[derive(Debug, Clone)]
pub struct Query {
    pub(super) index: Option<&'static str>,
    pub(super) equals: Vec<Value>,
    pub(super) lower: Bound<Value>,
    pub(super) detail: bool,
    pub(super) paging: Paging,
}

impl Query {
    /// In the order of the key.
    pub fn key() -> Self {
        Self { index: None, equals: Vec::new(), lower: Bound::Unbounded, detail: false, paging: Paging::default() }
    }

    /// In the order of an index or unique constraint, which begins with the tenant.
    pub fn index(name: &'static str) -> Self {
        Self { index: Some(name), ..Self::key() }
    }

    /// Adds a value that the next column of the order must equal.
    pub fn equals(mut self, value: impl Into<Value>) -> Self {
        self.equals.push(value.into());
        self
    }

    /// Leaves out records whose value in the next column is not above `value`.
    pub fn above(mut self, value: impl Into<Value>) -> Self {
        self.lower = Bound::Excluded(value.into());
        self
    }

    /// Reads the columns that may be large too.
    pub fn with_detail(mut self) -> Self {
        self.detail = true;
        self
    }

    /// Chooses the page.
    pub fn page(mut self, paging: &Paging) -> Self {
        self.paging = paging.clone();
        self
    }
}

/// One page of a listing. It may hold fewer records than its limit although more follow: what has expired is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<E> {
    /// The records, in the order asked for. Columns declared as detail are `None` unless they were asked for.
    pub items: Vec<Stored<E>>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}
