//! Putting records together again.

use std::collections::HashMap;

use super::Chunks;
use super::marker::{Marker, unescape};
use super::parts::{from_bytes, key};
use crate::backend::BackendExt;
use crate::error::{Error, Result};
use crate::kinds::PartColumn;
use crate::record::Record;
use crate::value::Value;

/// How often a record is read again because its parts went away under the reader.
const TRIES: usize = 10;

/// The bytes of parts, by id and number.
type Parts = HashMap<(String, i64), Vec<u8>>;

impl Chunks {
    /// The records with their large values in place. A record that was deleted meanwhile is left out.
    pub(super) async fn whole(&self, records: Vec<Record>) -> Result<Vec<Record>> {
        let mut whole = Vec::with_capacity(records.len());
        let parts = self.load(&records).await?;
        for record in records {
            if self.is_complete(&record, &parts)? {
                whole.push(self.assemble(record, &parts)?);
            } else {
                whole.extend(self.read_again(record).await?);
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
            if self.is_complete(&current, &parts)? {
                return self.assemble(current, &parts).map(Some);
            }
            if current.revision == record.revision {
                return Err(
                    Error::corrupt("parts of a large value are missing").with_key(key.kind.name, key.to_string())
                );
            }
            record = current;
        }
        Err(Error::unavailable("the record keeps changing while it is read").with_key(key.kind.name, key.to_string()))
    }

    /// The parts that the records refer to, as far as they are there.
    async fn load(&self, records: &[Record]) -> Result<Parts> {
        let mut names = Vec::new();
        for record in records {
            for (_, marker) in self.markers(record)? {
                names.extend((1..=marker.parts).map(|number| (marker.id.clone(), number)));
            }
        }
        if names.is_empty() {
            return Ok(Parts::new());
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
        let columns = self.layout.shape(record.kind).map_or(&[][..], |shape| &shape.columns);
        let values = columns.iter().filter_map(|column| Some((*column, record.values.get(*column)?)));
        values
            .filter_map(|(column, value)| Marker::of(value).map(|marker| Some((column, marker?))).transpose())
            .collect()
    }

    fn is_complete(&self, record: &Record, parts: &Parts) -> Result<bool> {
        let markers = self.markers(record)?;
        Ok(markers
            .iter()
            .all(|(_, Marker { id, parts: last })| (1..=*last).all(|number| parts.contains_key(&(id.clone(), number)))))
    }

    /// A stored record with its values in place.
    fn assemble(&self, mut record: Record, parts: &Parts) -> Result<Record> {
        for column in self.layout.shape(record.kind).map_or(&[][..], |shape| &shape.columns) {
            let (Some(value), Some(declared)) = (record.values.get_mut(*column), record.kind.columns.get(*column))
            else {
                continue;
            };
            *value = match Marker::of(value)? {
                None => unescape(std::mem::replace(value, Value::Null)),
                Some(Marker { id, parts: last }) => {
                    let data = (1..=last).filter_map(|number| parts.get(&(id.clone(), number)));
                    from_bytes(declared.column_type, data.flatten().copied().collect())?
                }
            };
        }
        Ok(record)
    }
}
