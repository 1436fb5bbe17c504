//! What is stored, for people.

use aquifer_core::{Error, Result, Stats};

use crate::backend::LibsqlBackend;
use crate::error::of_step;
use crate::hrana::{Access, Batch, Cell, Failure};

impl LibsqlBackend {
    /// Counts the records of every kind.
    pub(crate) async fn count(&self) -> Result<Stats> {
        let mut batch = Batch::default();
        let sqlite = batch.push("SELECT sqlite_version()", Vec::new());
        let pages = batch.push("PRAGMA page_count", Vec::new());
        let page = batch.push("PRAGMA page_size", Vec::new());
        let mut counts = Vec::with_capacity(self.schema.kinds.len());
        for kind in self.schema.kinds {
            counts.push((kind.name, batch.push(self.catalog.of(kind)?.count.as_str(), Vec::new())));
        }
        let reply = self.client.run(&batch, Access::Read).await.map_err(Failure::into_error)?;
        let first = |step| reply.rows(step).first().and_then(|row| row.first());
        let number = |step| first(step).and_then(Cell::number);
        let mut records = Vec::with_capacity(counts.len());
        for (name, step) in counts {
            if let Some(error) = reply.error(step) {
                return Err(of_step(error, self.client.place_name()));
            }
            records.push((name, number(step).ok_or_else(|| Error::corrupt("a count is no number"))?));
        }
        // Some servers do not tell.
        let bytes = number(pages).zip(number(page)).map(|(pages, size)| pages.saturating_mul(size));
        let sqlite = first(sqlite).and_then(Cell::as_text).unwrap_or_default();
        let facts = vec![("server_version", self.describe(sqlite)), ("url", self.client.place_name().to_owned())];
        Ok(Stats { records, bytes, facts })
    }
}
