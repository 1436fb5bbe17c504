//! The only one who writes the files of a database.

use std::sync::Arc;

use aquifer_core::{Error, Result, Schema};
use aquifer_memory::Entry;

use crate::disk::Disk;
use crate::fault;
use crate::journal::{Journal, Link};
use crate::paths::Paths;
use crate::snapshot::Snapshot;

/// What the files hold at the moment, and the way to add to them.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) paths: Paths,
    /// The snapshot in place; `None` before the first.
    pub(crate) link: Option<Link>,
    /// Its journal; `None` until that is made, which must happen before the next write.
    pub(crate) journal: Option<Journal>,
    pub(crate) snapshot_length: u64,
    /// The bytes that the journal may have in any case.
    pub(crate) journal_limit: u64,
    /// Set where compaction failed: how long the journal must be before it is tried again.
    pub(crate) patience: u64,
}

impl Writer {
    /// Adds a batch to the journal; durable when this returns.
    ///
    /// # Errors
    /// As [`Journal::append`]; `Invalid` before the first migration.
    pub(crate) fn append(&mut self, batch: &str) -> Result<()> {
        self.journal()?.append(batch)
    }

    /// The bytes on disk.
    pub(crate) fn length(&self) -> (u64, u64) {
        (self.snapshot_length, self.journal.as_ref().map_or(0, Journal::length))
    }

    /// Whether the journal holds anything that the snapshot does not.
    pub(crate) fn has_news(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::has_batches)
    }

    /// Whether the journal has grown so long that a new snapshot is worth its while.
    pub(crate) fn is_full(&self) -> bool {
        let (snapshot, journal) = self.length();
        journal > self.journal_limit.max(snapshot).max(self.patience)
    }

    /// Writes everything as a new snapshot, and begins a new journal.
    ///
    /// The steps are in an order in which a crash between any two of them loses nothing and repeats nothing: the new
    /// snapshot is durable before it takes the place of the old one; as soon as it has, the old journal is recognised
    /// by its generation as contained in it. Only then does the new journal take its place.
    ///
    /// # Errors
    /// If the new snapshot cannot be put in place, everything is as before. If the new journal cannot, the next write
    /// tries again before it does anything else.
    pub(crate) fn compact(&mut self, schema: &'static Schema, entries: &[Entry]) -> Result<()> {
        let link = match &self.link {
            Some(link) => Link { database: link.database.clone(), generation: link.generation + 1 },
            None => Link { database: format!("{:016x}", fastrand::u64(..)), generation: 1 },
        };
        let temporary = self.paths.new_snapshot();
        let snapshot = Snapshot { schema, link: &link, entries };
        let written = snapshot.write(&*self.disk, &temporary, &self.paths.snapshot).and_then(|length| {
            self.disk.rename(&temporary, &self.paths.snapshot)?;
            Ok(length)
        });
        match written {
            Ok(length) => self.snapshot_length = length,
            Err(error) => {
                self.patience = self.length().1.saturating_add(self.journal_limit);
                // It may not have come to be; what stays is overwritten by the next attempt.
                let _ = self.disk.remove(&temporary);
                return Err(fault::io("write", &self.paths.snapshot, error));
            }
        }
        self.link = Some(link);
        self.journal = None;
        self.patience = 0;
        self.journal().map(|_| ())
    }

    fn journal(&mut self) -> Result<&mut Journal> {
        let Some(link) = &self.link else {
            return Err(Error::invalid("the database is not set up yet: migrate it first"));
        };
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => {
                // Until the new snapshot is certain to stay, nothing may follow it.
                self.disk
                    .sync_directory(self.paths.directory())
                    .map_err(|error| fault::io("write", &self.paths.snapshot, error))?;
                Journal::create(
                    &*self.disk,
                    &self.paths.journal,
                    &self.paths.new_journal(),
                    &self.paths.snapshot,
                    link,
                )?
            }
        };
        Ok(self.journal.insert(journal))
    }
}
