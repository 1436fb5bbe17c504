//! Reading records and listings.

use std::collections::HashMap;

use aquifer_core::{ColumnType, Error, Key, Kind, Page, Record, Result, Scan, Stats, Value};

use super::backend::Shared;
use super::batch::identity;
use super::driver::{Driver, Purpose};
use super::fault::Fault;
use super::lookup::{column_type, find, record};
use super::parameter::Parameter;
use crate::text::Query;

impl<D: Driver> Shared<D> {
    /// The records with these keys: one statement for each kind.
    pub(super) async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut kinds: Vec<&'static Kind> = Vec::new();
        for key in keys {
            self.catalog.of(key.kind)?;
            if !kinds.contains(&key.kind) {
                kinds.push(key.kind);
            }
        }
        let mut session = self.driver.session(Purpose::Read).await?;
        let mut found = HashMap::with_capacity(keys.len());
        for kind in kinds {
            let mut values: Vec<&[Value]> = Vec::new();
            for key in keys.iter().filter(|key| key.kind == kind) {
                // One that is asked for twice is read once.
                if found.insert(identity(key), None).is_none() {
                    values.push(&key.values);
                }
            }
            let entries = find(&mut *session, self.driver.dialect(), kind, kind.key, &values, false).await;
            for entry in entries.map_err(Fault::into_error)? {
                found.insert(identity(&entry.record.key()), Some(entry.record));
            }
        }
        Ok(keys.iter().map(|key| found.get(&identity(key)).cloned().flatten()).collect())
    }

    /// One page of a listing.
    pub(super) async fn scan(&self, scan: &Scan) -> Result<Page> {
        let Some(query) = self.catalog.of(scan.kind)?.scan(scan)? else {
            return Ok(Page { records: Vec::new(), next: None });
        };
        let purpose = if scan.is_lookup() { Purpose::Read } else { Purpose::Listing };
        let mut session = self.driver.session(purpose).await?;
        let rows = session.rows(&query.text, &parameters(&query), &stored(scan.kind)).await;
        let mut rows = rows.map_err(Fault::into_error)?;
        let more = rows.len() > scan.limit;
        rows.truncate(scan.limit);
        let records = rows.into_iter().map(|row| record(scan.kind, row)).collect::<Result<Vec<_>>>()?;
        let next = match records.last() {
            Some(last) if more => Some(scan.cursor_after(last)?),
            _ => None,
        };
        Ok(Page { records, next })
    }

    /// What is stored.
    pub(super) async fn stats(&self) -> Result<Stats> {
        let mut records = Vec::with_capacity(self.schema.kinds.len());
        {
            let mut session = self.driver.session(Purpose::Listing).await?;
            for kind in self.schema.kinds {
                let count = &self.catalog.of(kind)?.count;
                let rows = session.rows(count, &[], &[ColumnType::Integer]).await.map_err(Fault::into_error)?;
                match rows.first().map(Vec::as_slice) {
                    Some([Value::Integer(count)]) => records.push((kind.name, u64::try_from(*count).unwrap_or(0))),
                    _ => return Err(Error::corrupt("the database counted nothing")),
                }
            }
        }
        let (bytes, facts) = self.driver.facts().await?;
        Ok(Stats { records, bytes, facts })
    }
}

/// The types of a row that a record is read from.
pub(super) fn stored(kind: &Kind) -> Vec<ColumnType> {
    kind.columns.iter().map(|column| column.column_type).chain([ColumnType::Integer]).collect()
}

/// The parameters of a generated statement, none of which is null.
pub(super) fn parameters(query: &Query) -> Vec<Parameter<'_>> {
    query.values.iter().map(|value| Parameter::of(value.column_type().unwrap_or(ColumnType::Text), value)).collect()
}

/// The parameters that stand for columns of `kind` that are set.
pub(super) fn assigned<'a>(kind: &'static Kind, set: &'a [(usize, Value)]) -> Vec<Parameter<'a>> {
    set.iter().map(|(column, value)| Parameter::of(column_type(kind, *column), value)).collect()
}
