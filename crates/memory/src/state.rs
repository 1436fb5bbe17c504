//! Everything that is stored.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use aquifer_core::{Error, Key, Kind, Migration, Page, Record, Result, Scan, Schema, Value};

use crate::order::Place;
use crate::plan::Changes;
use crate::table::{Entry, Table};

#[derive(Debug)]
pub(crate) struct State {
    /// The version that [`aquifer_core::Backend::migrate`] last brought; 0 before.
    version: u32,
    tables: HashMap<&'static str, Table>,
}

impl State {
    pub(crate) fn new(schema: &'static Schema) -> Self {
        let tables = schema.kinds.iter().map(|kind| (kind.name, Table::new(kind))).collect();
        Self { version: 0, tables }
    }

    /// The version of the stored schema; 0 before the first migration.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn table(&self, kind: &'static Kind) -> Result<&Table> {
        self.tables.get(kind.name).ok_or_else(|| unknown(kind))
    }

    fn table_mut(&mut self, kind: &'static Kind) -> Result<&mut Table> {
        self.tables.get_mut(kind.name).ok_or_else(|| unknown(kind))
    }

    /// Lays the stored records out anew for a schema that may have gained kinds, columns and indexes.
    pub(crate) fn migrate(&mut self, schema: &'static Schema) -> Result<Migration> {
        let from = self.version;
        if from > schema.version {
            return Err(Error::invalid(format!(
                "what is stored has schema version {from}, newer than {}: use a newer program",
                schema.version
            )));
        }
        if from < schema.version {
            for kind in schema.kinds {
                let mut table = Table::new(kind);
                if let Some(old) = self.tables.get(kind.name) {
                    for entry in old.iter() {
                        let entry = Entry { record: fit(&entry.record, kind), transaction: entry.transaction };
                        table.put(Place::at(entry.record.key().values), Some(Arc::new(entry)));
                    }
                }
                self.tables.insert(kind.name, table);
            }
            self.version = schema.version;
        }
        Ok(Migration { from, to: self.version })
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<&Arc<Entry>>> {
        Ok(self.table(key.kind)?.get(&Place::at(key.values.clone())))
    }

    pub(crate) fn apply(&mut self, changes: Changes) {
        for ((kind, place), change) in changes.records {
            if let Some(table) = self.tables.get_mut(kind) {
                table.put(place, change.entry);
            }
        }
    }

    pub(crate) fn put(&mut self, entry: Entry) -> Result<()> {
        self.table_mut(entry.record.kind)?.put(Place::at(entry.record.key().values), Some(Arc::new(entry)));
        Ok(())
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Result<()> {
        self.table_mut(key.kind)?.put(Place::at(key.values.clone()), None);
        Ok(())
    }

    pub(crate) fn scan(&self, scan: &Scan) -> Result<Page> {
        let table = self.table(scan.kind)?;
        let (from, to) = Place::range(&scan.prefix, &scan.lower, &scan.upper);
        let (mut from, mut to) = (Bound::Included(from), Bound::Excluded(to));
        if let Some(values) = scan.resume_after()? {
            // A cursor that lies outside of the bounds must not widen them.
            let last = Place::at(values);
            match (&from, &to) {
                (_, Bound::Excluded(end)) if scan.descending => to = Bound::Excluded(last.min(end.clone())),
                (Bound::Included(start), _) if !scan.descending && last >= *start => from = Bound::Excluded(last),
                _ => {}
            }
        }
        let found = table.range(scan.index, from, to);
        let mut found: Box<dyn Iterator<Item = &Arc<Entry>>> =
            if scan.descending { Box::new(found.rev()) } else { found };
        let records: Vec<Record> =
            found.by_ref().take(scan.limit).map(|entry| listed(&entry.record, scan.detail)).collect();
        let next = match records.last() {
            Some(last) if found.next().is_some() => Some(scan.cursor_after(last)?),
            _ => None,
        };
        Ok(Page { records, next })
    }

    pub(crate) fn tables<'a>(&'a self, schema: &'static Schema) -> impl Iterator<Item = &'a Table> {
        schema.kinds.iter().filter_map(|kind| self.tables.get(kind.name))
    }
}

fn unknown(kind: &'static Kind) -> Error {
    Error::invalid("the schema has no such kind").with_record_kind(kind.name)
}

fn listed(record: &Record, detail: bool) -> Record {
    let mut record = record.clone();
    if !detail {
        for (column, value) in record.kind.columns.iter().zip(&mut record.values) {
            if column.detail {
                *value = Value::Null;
            }
        }
    }
    record
}

/// The same record under a newer declaration: columns are found by name, and new ones are null.
fn fit(record: &Record, kind: &'static Kind) -> Record {
    let value = |name: &str| record.kind.column(name).and_then(|position| record.values.get(position)).cloned();
    let values = kind.columns.iter().map(|column| value(column.name).unwrap_or(Value::Null)).collect();
    Record { kind, values, revision: record.revision }
}
