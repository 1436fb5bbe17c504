//! Taking leases on due records.

use crate::schema::Kind;
use crate::value::Value;

/// A request to take records out of a range of an index, atomically.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The kind to claim from.
    pub kind: &'static Kind,
    /// The name of the index that tells which records are due.
    pub index: &'static str,
    /// Values that the leading columns of the index must equal.
    pub prefix: Vec<Value>,
    /// The greatest value of the column after the prefix, inclusive; `None` takes the whole prefix.
    pub up_to: Option<Value>,
    /// The most records to take, from 1 to [`crate::MAX_PAGE`].
    pub limit: usize,
    /// Columns with their new values. They must move the record out of the range, so that nobody claims it again:
    /// at least one column of the index is among them.
    pub set: Vec<(usize, Value)>,
}
