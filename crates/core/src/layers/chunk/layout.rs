//! Which columns may be kept in parts, and from which size on they are.

use std::collections::HashMap;

use super::marker::MARKER_BYTES;
use crate::backend::Capabilities;
use crate::entity::Entity;
use crate::error::{Error, Result};
use crate::kinds::Part;
use crate::schema::{Kind, SHORT_TEXT_BYTES, Schema};
use crate::value::ColumnType;

/// What a part takes besides its bytes, and more: its id, number and times.
const PART_OVERHEAD: usize = 512;

/// The smallest limit that leaves room for a header with the longest of keys.
const LEAST_RECORD_BYTES: usize = 8 << 10;

/// The largest record that the layer takes, where the backend's limits allow as much.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// How the kinds of a schema fit a backend.
#[derive(Debug)]
pub(super) struct Layout {
    inner: Capabilities,
    shapes: HashMap<&'static str, Shape>,
}

/// The columns of a kind that may be kept in parts.
#[derive(Debug)]
pub(super) struct Shape {
    /// Their positions.
    pub(super) columns: Vec<usize>,
    /// The most bytes that each may have outside of parts, so that the record fits whatever the others hold.
    pub(super) limit: usize,
}

impl Layout {
    /// # Errors
    /// `Invalid` if the backend's records are too small for the schema even so.
    pub(super) fn new(schema: &'static Schema, inner: Capabilities) -> Result<Self> {
        let too_small = || Error::invalid("the backend's records are too small to keep large values in parts");
        if inner.max_record_bytes < LEAST_RECORD_BYTES || inner.max_operations < 2 {
            return Err(too_small());
        }
        let mut shapes = HashMap::new();
        for kind in schema.kinds.iter().copied().filter(|kind| *kind != Part::KIND) {
            let columns: Vec<usize> = (0..kind.columns.len()).filter(|column| is_open(kind, *column)).collect();
            if columns.is_empty() {
                continue;
            }
            let fixed: usize = (0..kind.columns.len()).map(|column| fixed_bytes(kind, column)).sum();
            let limit = inner.max_record_bytes.saturating_sub(fixed) / columns.len();
            if limit < MARKER_BYTES {
                return Err(too_small().with_record_kind(kind.name));
            }
            shapes.insert(kind.name, Shape { columns, limit });
        }
        Ok(Self { inner, shapes })
    }

    /// The columns of `kind` that may be kept in parts, if it has any.
    pub(super) fn shape(&self, kind: &Kind) -> Option<&Shape> {
        self.shapes.get(kind.name)
    }

    /// The most bytes of a part.
    pub(super) fn part_bytes(&self) -> usize {
        self.inner.max_record_bytes.min(self.inner.max_transaction_bytes) - PART_OVERHEAD
    }

    /// The most bytes of a transaction of the backend.
    pub(super) fn max_transaction_bytes(&self) -> usize {
        self.inner.max_transaction_bytes
    }

    /// What the layer can take. All parts of a value can be removed in one transaction.
    pub(super) fn capabilities(&self) -> Capabilities {
        let parts = (self.inner.max_operations - 1).min(crate::MAX_PAGE - 1);
        let max_record_bytes = MAX_RECORD_BYTES.min(parts.saturating_mul(self.part_bytes()));
        let max_transaction_bytes = self.inner.max_transaction_bytes.max(max_record_bytes);
        Capabilities { max_record_bytes, max_transaction_bytes, ..self.inner }
    }
}

/// Whether a value of the column may be long and is never looked for.
fn is_open(kind: &'static Kind, column: usize) -> bool {
    kind.columns.get(column).is_some_and(|declared| match declared.column_type {
        ColumnType::Text => !kind.is_short(column),
        ColumnType::Json | ColumnType::Bytes => true,
        ColumnType::Integer | ColumnType::Boolean | ColumnType::Timestamp => false,
    })
}

fn fixed_bytes(kind: &'static Kind, column: usize) -> usize {
    match kind.columns.get(column).map(|declared| declared.column_type) {
        Some(ColumnType::Text) if kind.is_short(column) => SHORT_TEXT_BYTES,
        Some(ColumnType::Integer | ColumnType::Boolean | ColumnType::Timestamp) => 8,
        _ => 0,
    }
}
