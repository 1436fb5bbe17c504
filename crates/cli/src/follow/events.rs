//! The file of events: one CloudEvent a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use aquifer::core::kinds::Execution;
use aquifer::core::{Entity, ExecutionId, Scan, TenantId};
use aquifer::engine::Engine;

use crate::failure::{Failure, Result};

/// How many events or executions are read at once.
const PAGE: usize = 200;

/// A file that receives an execution's events.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
    last: i64,
}

impl EventFile {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned(), file: BufWriter::new(create(path)?), last: 0 })
    }

    /// Writes what has happened since the last time.
    ///
    /// # Errors
    /// If the events cannot be read or written.
    pub(crate) async fn catch_up(&mut self, engine: &Engine, tenant: &TenantId, id: &ExecutionId) -> Result<()> {
        self.last = self.copy(engine, tenant, id, self.last).await?;
        self.file.flush().map_err(|error| unwritable(&self.path, &error))
    }

    /// Writes the events of the executions that this one started, and of those that they started, in the order of their start.
    ///
    /// # Errors
    /// As for [`EventFile::catch_up`].
    pub(crate) async fn add_descendants(&mut self, engine: &Engine, tenant: &TenantId, id: &ExecutionId) -> Result<()> {
        let mut parents = vec![id.clone()];
        while let Some(parent) = parents.pop() {
            let mut scan = Scan::index(Execution::KIND, "by_parent").equals(tenant).equals(&parent).limit(PAGE);
            loop {
                let page = engine.store().backend().scan(&scan).await?;
                for record in page.records {
                    let child = Execution::from_record(record)?.id;
                    self.copy(engine, tenant, &child, 0).await?;
                    parents.push(child);
                }
                let Some(next) = page.next else { break };
                scan = scan.after(Some(next));
            }
        }
        self.file.flush().map_err(|error| unwritable(&self.path, &error))
    }

    /// Writes the events above `last`; returns the number of the newest.
    async fn copy(&mut self, engine: &Engine, tenant: &TenantId, id: &ExecutionId, mut last: i64) -> Result<i64> {
        loop {
            let events = engine.events(tenant, id, last, PAGE).await?;
            let Some(newest) = events.last().map(|event| event.number) else { return Ok(last) };
            for event in events {
                writeln!(self.file, "{}", event.cloud_event).map_err(|error| unwritable(&self.path, &error))?;
            }
            last = newest;
        }
    }
}

/// Creates a file for a report, or empties it.
pub(super) fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| {
        Failure::unusable(format!("cannot write {}: name a file in a directory that exists", path.display()))
            .with_source(&error)
    })
}

/// The failure of a report that cannot be written.
pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}", path.display())).with_source(error)
}
