//! Reading records in the order of a declared index, page by page.

use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::record::Record;
use crate::schema::{Index, Kind};
use crate::timestamp::Timestamp;
use crate::value::{ColumnType, Value};

/// The most records that one page may hold.
pub const MAX_PAGE: usize = 1000;

/// A request for one page of records.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The kind to read.
    pub kind: &'static Kind,
    /// The name of an index or unique constraint of the kind; `None` reads in the order of the key.
    pub index: Option<&'static str>,
    /// Values that the leading columns of the order must equal.
    pub prefix: Vec<Value>,
    /// Where the column after the prefix begins.
    pub lower: Bound<Value>,
    /// Where the column after the prefix ends.
    pub upper: Bound<Value>,
    /// Whether to read from the end.
    pub descending: bool,
    /// The most records of the page, from 1 to [`MAX_PAGE`].
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// Whether to read the columns declared as detail; otherwise they come as null.
    pub detail: bool,
}

impl Scan {
    /// A scan of `kind` in the order of its key.
    pub fn key(kind: &'static Kind) -> Self {
        Self {
            kind,
            index: None,
            prefix: Vec::new(),
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            descending: false,
            limit: 100,
            cursor: None,
            detail: false,
        }
    }

    /// A scan of `kind` in the order of the index called `index`.
    pub fn index(kind: &'static Kind, index: &'static str) -> Self {
        Self { index: Some(index), ..Self::key(kind) }
    }

    /// Adds a value that the next column of the order must equal.
    pub fn equals(mut self, value: impl Into<Value>) -> Self {
        self.prefix.push(value.into());
        self
    }

    /// Sets where the column after the prefix begins.
    pub fn from(mut self, lower: Bound<Value>) -> Self {
        self.lower = lower;
        self
    }

    /// Sets where the column after the prefix ends.
    pub fn to(mut self, upper: Bound<Value>) -> Self {
        self.upper = upper;
        self
    }

    /// Reads from the end.
    pub fn descending(mut self, descending: bool) -> Self {
        self.descending = descending;
        self
    }

    /// Sets the most records of the page.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Goes on where the page before ended.
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.cursor = cursor;
        self
    }

    /// Reads the columns declared as detail too.
    pub fn with_detail(mut self) -> Self {
        self.detail = true;
        self
    }

    /// The declared index that the scan takes; `None` for the key.
    ///
    /// # Errors
    /// `Invalid` if the kind has no such index.
    pub fn declared_index(&self) -> Result<Option<&'static Index>> {
        match self.index {
            None => Ok(None),
            Some(name) => self
                .kind
                .index(name)
                .map(Some)
                .ok_or_else(|| Error::invalid(format!("{} has no index {name:?}", self.kind.name))),
        }
    }

    /// Whether the scan looks up the one record that has these values of a unique constraint. The domain relies on its
    /// answer as on that of a `get`: a backend whose indexes may lag finds the record in another way.
    pub fn is_lookup(&self) -> bool {
        let unique = self.kind.uniques.iter().find(|unique| Some(unique.name) == self.index);
        unique.is_some_and(|unique| self.prefix.len() == unique.columns.len())
    }

    /// The values of [`Kind::order`] at which the page before ended; `None` for the first page.
    ///
    /// # Errors
    /// `Invalid` for a cursor that another scan gave.
    pub fn resume_after(&self) -> Result<Option<Vec<Value>>> {
        match &self.cursor {
            None => Ok(None),
            Some(cursor) => cursor.decode(self).map(Some),
        }
    }

    /// The cursor that goes on after `last`, the last record of a page of this scan.
    pub fn cursor_after(&self, last: &Record) -> Result<Cursor> {
        let order = self.kind.order(self.declared_index()?);
        Cursor::encode(self, &last.pick(&order))
    }
}

/// One page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The records, in the order of the scan.
    pub records: Vec<Record>,
    /// Where the next page begins; `None` at the end. It stays valid while records come and go.
    pub next: Option<Cursor>,
}

/// Where a page ended: opaque text, safe in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

#[derive(Serialize, Deserialize)]
struct Position {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "i")]
    index: Option<String>,
    #[serde(rename = "d")]
    descending: bool,
    #[serde(rename = "v")]
    values: Vec<serde_json::Value>,
}

impl Cursor {
    /// Takes the text of a cursor that a page gave. Whether it is one shows when it is used.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The cursor's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn encode(scan: &Scan, values: &[Value]) -> Result<Self> {
        let position = Position {
            kind: scan.kind.name.to_owned(),
            index: scan.index.map(str::to_owned),
            descending: scan.descending,
            values: values.iter().map(to_json).collect::<Result<_>>()?,
        };
        let text = serde_json::to_vec(&position)
            .map_err(|error| Error::invalid("cursor cannot be written").with_source(error))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(text)))
    }

    fn decode(&self, scan: &Scan) -> Result<Vec<Value>> {
        let refused = || Error::invalid("cursor does not belong to this listing: start again without one");
        let text = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| refused())?;
        let position: Position = serde_json::from_slice(&text).map_err(|_| refused())?;
        let order = scan.kind.order(scan.declared_index()?);
        if position.kind != scan.kind.name
            || position.index.as_deref() != scan.index
            || position.descending != scan.descending
            || position.values.len() != order.len()
        {
            return Err(refused());
        }
        let mut values = Vec::with_capacity(order.len());
        for (column, value) in order.iter().zip(&position.values) {
            let declared = scan.kind.columns.get(*column).ok_or_else(refused)?;
            values.push(from_json(declared.column_type, value).ok_or_else(refused)?);
        }
        // A cursor names records of its own listing only: without this, one tenant's cursor would move another's.
        if values.get(..scan.prefix.len()) != Some(scan.prefix.as_slice()) {
            return Err(refused());
        }
        Ok(values)
    }
}

pub(crate) fn to_json(value: &Value) -> Result<serde_json::Value> {
    Ok(match value {
        Value::Text(text) => serde_json::Value::from(text.as_str()),
        Value::Integer(integer) => serde_json::Value::from(*integer),
        Value::Boolean(boolean) => serde_json::Value::from(*boolean),
        Value::Timestamp(time) => serde_json::Value::from(time.as_micros()),
        Value::Null | Value::Json(_) | Value::Bytes(_) => {
            return Err(Error::corrupt("an index holds a value that cannot stand in one"));
        }
    })
}

pub(crate) fn from_json(column_type: ColumnType, value: &serde_json::Value) -> Option<Value> {
    match column_type {
        ColumnType::Text => value.as_str().map(Value::from),
        ColumnType::Integer => value.as_i64().map(Value::from),
        ColumnType::Boolean => value.as_bool().map(Value::from),
        ColumnType::Timestamp => value.as_i64().and_then(|micros| Timestamp::from_micros(micros).ok()).map(Value::from),
        ColumnType::Json | ColumnType::Bytes => None,
    }
}
