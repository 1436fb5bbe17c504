//! Writing, finding and removing the parts of one value.

use serde::{Deserialize, Serialize};

use super::Chunks;
use super::marker::Marker;
use crate::backend::BackendExt;
use crate::entity::Entity;
use crate::error::{Error, Result};
use crate::kinds::{Part, PartColumn};
use crate::record::{Key, Record};
use crate::scan::from_json;
use crate::schema::Schema;
use crate::timestamp::Timestamp;
use crate::transaction::{Condition, Operation, Transaction};
use crate::value::{ColumnType, Json, Value};

/// Part 0 of a value: who refers to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    kind: String,
    key: Vec<serde_json::Value>,
    column: String,
    /// The revision that the record must have for the commit that refers to the value; 0 for an insert.
    pub(super) base: u64,
}

/// A value that is about to be kept in parts.
#[derive(Debug)]
pub(super) struct Large {
    pub(super) marker: Marker,
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
}

impl Header {
    pub(super) fn new(key: &Key, column: usize, base: u64) -> Result<Self> {
        let name = key.kind.columns.get(column).map_or("", |column| column.name);
        Ok(Self {
            kind: key.kind.name.to_owned(),
            key: key.values.iter().map(crate::scan::to_json).collect::<Result<_>>()?,
            column: name.to_owned(),
            base,
        })
    }

    /// The record and the column that should refer to the value; `None` if this schema does not know them.
    pub(super) fn owner(&self, schema: &'static Schema) -> Option<(Key, usize)> {
        let kind = schema.kind(&self.kind)?;
        let values = kind.key.iter().zip(&self.key).map(|(column, value)| {
            let declared = kind.columns.get(*column)?;
            from_json(declared.column_type, value)
        });
        Some((Key { kind, values: values.collect::<Option<_>>()? }, kind.column(&self.column)?))
    }

    pub(super) fn read(part: &Record) -> Result<Self> {
        match part.values.get(PartColumn::data as usize) {
            Some(Value::Bytes(bytes)) => serde_json::from_slice(bytes)
                .map_err(|error| Error::corrupt("the header of a large value cannot be read").with_source(error)),
            _ => Err(Error::corrupt("the header of a large value has no data")),
        }
    }
}

/// The bytes of a value as its parts hold them.
pub(super) fn to_bytes(value: Value) -> Vec<u8> {
    match value {
        Value::Text(text) => text.into_bytes(),
        Value::Json(json) => json.as_str().as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes,
        // Only these three are ever kept in parts.
        Value::Null | Value::Integer(_) | Value::Boolean(_) | Value::Timestamp(_) => Vec::new(),
    }
}

/// The value that parts hold.
pub(super) fn from_bytes(column_type: ColumnType, bytes: Vec<u8>) -> Result<Value> {
    let text = |bytes| {
        String::from_utf8(bytes).map_err(|error| Error::corrupt("the parts of a text are not text").with_source(error))
    };
    match column_type {
        ColumnType::Bytes => Ok(Value::Bytes(bytes)),
        ColumnType::Json => Ok(Value::Json(Json::from_text(text(bytes)?)?)),
        _ => Ok(Value::Text(text(bytes)?)),
    }
}

/// The key of one part; 0 is the header.
pub(super) fn key(id: &str, number: i64) -> Key {
    Key::new(Part::KIND, [Value::from(id), Value::from(number)])
}

/// Changes when the parts may be removed; `None` keeps them.
pub(super) fn set_unclaimed(id: &str, condition: Condition, unclaimed_at: Option<Timestamp>) -> Operation {
    let unclaimed_at = unclaimed_at.map_or(Value::Null, Value::from);
    Operation::Update { key: key(id, 0), condition, set: vec![(PartColumn::unclaimed_at as usize, unclaimed_at)] }
}

/// Removes all parts of a value at once.
pub(super) fn removal(marker: &Marker) -> Transaction {
    let delete = |number| Operation::Delete { key: key(&marker.id, number), condition: Condition::Exists };
    Transaction::new((0..=marker.parts).map(delete).collect())
}

impl Chunks {
    /// Stores the parts of a value, unclaimed until `deadline`. Answers whether none of them was there before.
    pub(super) async fn write(&self, large: &Large, deadline: Timestamp) -> Result<bool> {
        let Large { marker, header, bytes } = large;
        let header = serde_json::to_vec(header)
            .map_err(|error| Error::invalid("the header of a large value cannot be written").with_source(error))?;
        let part = |number, data, unclaimed_at| {
            let id = marker.id.as_str().into();
            let part = Part { id, number, data, created_at: self.clock.now(), unclaimed_at };
            Operation::Insert(part.to_record())
        };
        // The header goes first: what has one is found by the sweep.
        let insert = part(0, header.clone(), Some(deadline));
        let is_new = match self.inner.commit_one(Transaction::new(vec![insert])).await {
            Ok(_) => true,
            Err(error) if error.is_already_exists() => {
                let set = vec![
                    (PartColumn::data as usize, Value::Bytes(header)),
                    (PartColumn::unclaimed_at as usize, Value::from(deadline)),
                ];
                let again = Operation::Update { key: key(&marker.id, 0), condition: Condition::Exists, set };
                self.inner.commit_one(Transaction::new(vec![again])).await?;
                false
            }
            Err(error) => return Err(error),
        };
        let chunks = bytes.chunks(self.layout.part_bytes()).zip(1..);
        let inserts = chunks.map(|(data, number)| Transaction::new(vec![part(number, data.to_vec(), None)]));
        for answer in self.inner.commit(inserts.collect()).await {
            match answer {
                // The same value of the same transaction, from an earlier try.
                Err(error) if !error.is_already_exists() => return Err(error),
                _ => {}
            }
        }
        Ok(is_new)
    }

    /// Keeps the parts of a value that a record refers to now. Writes them again if they were swept away meanwhile.
    pub(super) async fn claim_parts(&self, large: &Large) -> Result<()> {
        loop {
            let claim = set_unclaimed(&large.marker.id, Condition::Exists, None);
            match self.inner.commit_one(Transaction::new(vec![claim])).await {
                Err(error) if error.is_not_found() => self.write(large, self.deadline()).await?,
                answer => return answer.map(|_| ()),
            };
        }
    }
}
