//! Putting records together again.

use std::collections::HashMap;

use super::Chunks;
use super::marker::{Marker, Stored, unescape};
use super::parts::{from_bytes, key};
use crate::backend::BackendExt;
use crate::error::{Error, Result};
use crate::kinds::PartColumn;
use crate::record::Record;
use crate::value::Value;

/// How often a record is read again because its parts went away under the reader.
const TRIES: usize = 10;

impl Chunks {
    /// The records with their large values in place. A record that was deleted meanwhile is left out.
    pub(super) async fn whole(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        let mut whole = Vec::with_capacity(records.len());
        let parts = self.load(&records).await?;
        for record in records {
            match assemble(self, record.clone(), &parts)? {
                Some(record) => whole.push(record),
                None => whole.extend(self.read_again(record).await?),
            }
        }
        Ok(whole)
    }

    /// Reads a record whose parts were replaced between the reading of the two.
    async fn read_again(&self, mut record: Record) -> Result<Option<Record>> {
        let key = record.key();
        for _ in 0..TRIES {
            let Some(current) = self.inner.get_one(key.clone()).await? else { return Ok(None) };
            let parts = self.load(std::slice::from_ref(&current)).await?;
            if let Some(whole) = assemble(self, current.clone(), &parts)? {
                return Ok(Some(whole));
            }
            if current == record {
                return Err(
                    Error::corrupt("parts of a large value are missing").with_key(key.kind.name, key.to_string())
                );
            }
            record = current;
        }
        Err(Error::unavailable("the record keeps changing while it is read").with_key(key.kind.name, key.to_string()))
    }

    /// The parts that the records refer to, by id and number.
    async fn load(&self, records: &[Record]) -> Result<HashMap<(String, i64), Vec<u8>>> {
        let mut names = Vec::new();
        for record in records {
            for (_, marker) in self.markers(record)? {
                names.extend((1..=marker.parts).map(|number| (marker.id.clone(), number)));
            }
        }
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<_> = names.iter().map(|(id, number)| key(id, *number)).collect();
        let found = self.inner.get(&keys).await?;
        let parts = names.into_iter().zip(found).filter_map(|(name, part)| {
            match part?.values.into_iter().nth(PartColumn::data as usize) {
                Some(Value::Bytes(data)) => Some((name, data)),
                _ => None,
            }
        });
        Ok(parts.collect())
    }

    /// The columns of a stored record that refer to parts.
    pub(super) fn markers(&self, record: &Record) -> Result<Vec<(usize, Marker)>> {
        let mut markers = Vec::new();
        for column in self.layout.shape(record.kind).map_or(&[][..], |shape| &shape.columns) {
            if let Some(value) = record.values.get(*column)
                && let Stored::Parts(marker) = unescape(value.clone())?
            {
                markers.push((*column, marker));
            }
        }
        Ok(markers)
    }
}

/// A record with its large values in place; `None` if a part is missing.
fn assemble(chunks: &Chunks, mut record: Record, parts: &HashMap<(String, i64), Vec<u8>>) -> Result<Option<Record>> {
    for column in chunks.layout.shape(record.kind).map_or(&[][..], |shape| &shape.columns) {
        let (Some(value), Some(declared)) = (record.values.get_mut(*column), record.kind.columns.get(*column)) else {
            continue;
        };
        *value = match unescape(std::mem::replace(value, Value::Null))? {
            Stored::Plain(plain) => plain,
            Stored::Parts(marker) => {
                let mut bytes = Vec::new();
                for number in 1..=marker.parts {
                    match parts.get(&(marker.id.clone(), number)) {
                        Some(data) => bytes.extend_from_slice(data),
                        None => return Ok(None),
                    }
                }
                from_bytes(declared.column_type, bytes)?
            }
        };
    }
    Ok(Some(record))
}
