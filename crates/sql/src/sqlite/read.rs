//! Reading records.

use std::fs;

use aquifer_core::{Key, Page, Record, Result, Scan, Schema, Stats, Trace};

use rusqlite::ErrorCode;

use super::session::Session;
use super::values;

impl Session {
    /// The records with these keys.
    pub(super) fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        keys.iter().map(|key| self.get_one(key)).collect()
    }

    /// The record with this key. SQLite takes its snapshot now, so that it holds every commit before.
    pub(super) fn get_one(&self, key: &Key) -> Result<Option<Record>> {
        let mut statement = self.prepare(&self.database.catalog.of(key.kind)?.get)?;
        self.bind(&mut statement, &key.values)?;
        let mut rows = statement.raw_query();
        let row = rows.next().map_err(|error| self.failed(error))?;
        row.map(|row| values::record(key.kind, row)).transpose()
    }

    /// What the record with this key tells of the transaction that wrote it last.
    pub(super) fn trace(&self, key: &Key) -> Result<Option<Trace>> {
        let mut statement = self.prepare(&self.database.catalog.of(key.kind)?.trace)?;
        self.bind(&mut statement, &key.values)?;
        let mut rows = statement.raw_query();
        let Some(row) = rows.next().map_err(|error| self.failed(error))? else { return Ok(None) };
        let number = |column| row.get_ref(column).ok().and_then(values::number).unwrap_or(0);
        Ok(Some(Trace { revision: number(0), transaction: number(1) }))
    }

    /// One page of a listing.
    pub(super) fn scan(&self, scan: &Scan) -> Result<Page> {
        let Some(query) = self.database.catalog.of(scan.kind)?.scan(scan)? else {
            return Ok(Page { records: Vec::new(), next: None });
        };
        let mut records = self.rows(&query, |row| values::record(scan.kind, row))?;
        let more = records.len() > scan.limit;
        records.truncate(scan.limit);
        let next = match records.last() {
            Some(last) if more => Some(scan.cursor_after(last)?),
            _ => None,
        };
        Ok(Page { records, next })
    }

    /// What is stored.
    pub(super) fn stats(&self, schema: &Schema) -> Result<Stats> {
        let mut records = Vec::with_capacity(schema.kinds.len());
        for kind in schema.kinds {
            records.push((kind.name, self.number(&self.database.catalog.of(kind)?.count)?));
        }
        let bytes = self.number("PRAGMA page_count")?.saturating_mul(self.number("PRAGMA page_size")?);
        let mut log = self.database.file.clone().into_os_string();
        log.push("-wal");
        let log = fs::metadata(log).map_or(0, |log| log.len());
        let facts = vec![
            ("sqlite_version", rusqlite::version().to_owned()),
            ("path", self.database.file.display().to_string()),
            ("wal_bytes", log.to_string()),
        ];
        Ok(Stats { records, bytes: Some(bytes), facts })
    }

    /// What SQLite's own check finds wrong with the file.
    pub(super) fn quick_check(&self) -> Result<Vec<String>> {
        let mut statement = self.prepare("PRAGMA quick_check")?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        loop {
            match rows.next().and_then(|row| row.map(|row| row.get(0)).transpose()) {
                Ok(None) => return Ok(found),
                Ok(Some(line)) if line == "ok" => {}
                Ok(Some(line)) => found.push(line),
                // The check itself stumbles over some kinds of damage.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                    found.push(error.to_string());
                    return Ok(found);
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// The one number that a statement gives.
    pub(super) fn number(&self, text: &str) -> Result<u64> {
        let number: i64 = self.connection.query_row(text, (), |row| row.get(0)).map_err(|error| self.failed(error))?;
        Ok(u64::try_from(number).unwrap_or(0))
    }
}
