//! One open database of this process: what is in memory, and the writer of its files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aquifer_core::{Capabilities, Error, Record, Result, Schema};
use aquifer_memory::{MemoryBackend, Plan};
use tokio::sync::Mutex;

use crate::batch::{self, Change};
use crate::disk::Disk;
use crate::fault;
use crate::image::Image;
use crate::journal::{self, Journal};
use crate::options::JsonOptions;
use crate::paths::{Lock, Paths};
use crate::registry;
use crate::snapshot;
use crate::text;
use crate::writer::Writer;

/// What the backend can take. The whole of the data is in memory, so its limits are there for everybody's sake.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    max_record_bytes: 16 << 20,
    max_operations: 1000,
    max_transaction_bytes: 64 << 20,
    concurrent_commits: 1,
    scans_may_lag: false,
    native_expiry: false,
    push: true,
    durable: true,
};

/// One open database, shared by the handles of this process.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) paths: Paths,
    /// What is durable, for all to read.
    pub(crate) memory: MemoryBackend,
    /// Whoever has it may write.
    pub(crate) writer: Arc<Mutex<Writer>>,
    /// The version of the stored schema; 0 before the first migration.
    stored: AtomicU32,
    /// The version of the schema that the records in memory follow.
    layout: AtomicU32,
    // Goes when the last use of the database has ended, writes in flight included.
    lock: Option<Lock>,
}

impl Database {
    /// Reads the files and takes the lock on them. Changes nothing on disk but the lock, and a half-written line at the
    /// end of the journal.
    pub(crate) fn open(
        paths: Paths,
        options: &JsonOptions,
        schema: &'static Schema,
        disk: Arc<dyn Disk>,
    ) -> Result<Self> {
        check_names(schema)?;
        let lock = Lock::take(&paths)?;
        let mut writer = Writer {
            disk,
            paths: paths.clone(),
            link: None,
            journal: None,
            snapshot_length: 0,
            journal_limit: options.journal_limit,
            patience: 0,
        };
        let memory = MemoryBackend::new(schema).with_capabilities(CAPABILITIES);
        let loaded = load(&mut writer, schema).and_then(|(stored, image)| {
            memory.load(image.into_entries())?;
            Ok(stored)
        });
        let stored = match loaded {
            Ok(stored) => stored,
            Err(error) => {
                lock.undo();
                return Err(error);
            }
        };
        Ok(Self {
            paths,
            memory,
            writer: Arc::new(Mutex::new(writer)),
            stored: AtomicU32::new(stored),
            layout: AtomicU32::new(schema.version),
            lock: Some(lock),
        })
    }

    /// The version of the stored schema; 0 before the first migration.
    pub(crate) fn stored(&self) -> u32 {
        self.stored.load(Ordering::Acquire)
    }

    /// Whether a program with `schema` may work with what is stored.
    ///
    /// # Errors
    /// `Invalid` if it must migrate first, or is too old.
    pub(crate) fn ready(&self, schema: &Schema) -> Result<()> {
        self.not_newer(schema)?;
        if self.stored() == schema.version && self.layout.load(Ordering::Acquire) == schema.version {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} is not set up for this version: migrate it first",
            self.paths.snapshot.display()
        )))
    }

    /// Whether what is stored is no newer than `schema`.
    ///
    /// # Errors
    /// `Invalid` if it is.
    pub(crate) fn not_newer(&self, schema: &Schema) -> Result<()> {
        let newest = self.stored().max(self.layout.load(Ordering::Acquire));
        if newest > schema.version {
            return Err(snapshot::newer(
                &self.paths.snapshot,
                format_args!("schema version {newest}, while this one has {}", schema.version),
            ));
        }
        Ok(())
    }

    /// Notes that the records in memory follow the schema of this version; says whether they did not before.
    pub(crate) fn lay_out(&self, version: u32) -> bool {
        self.layout.swap(version, Ordering::AcqRel) != version
    }

    /// Makes a plan durable, before anybody may see what it changes.
    pub(crate) fn record<A>(&self, writer: &mut Writer, plan: &Plan<A>, before: &[Option<Record>]) -> Result<()> {
        let changes: Vec<_> = plan
            .changes()
            .zip(before)
            .filter_map(|((key, after), before)| Change::between(key, before.as_ref(), after))
            .collect();
        if changes.is_empty() {
            return Ok(());
        }
        writer.append(&batch::encode(&changes)?)
    }

    /// Writes everything that `memory` holds as a new snapshot.
    pub(crate) fn compact(&self, writer: &mut Writer, schema: &'static Schema, memory: &MemoryBackend) -> Result<()> {
        writer.compact(schema, &memory.dump())?;
        self.stored.store(schema.version, Ordering::Release);
        Ok(())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let lock = self.lock.take();
        registry::forget(&self.paths.snapshot, move || drop(lock));
    }
}

/// Reads both files; returns the version of the stored schema, 0 if there is nothing, and the records.
fn load(writer: &mut Writer, schema: &'static Schema) -> Result<(u32, Image)> {
    let disk = Arc::clone(&writer.disk);
    let (path, journal_path) = (writer.paths.snapshot.clone(), writer.paths.journal.clone());
    let snapshot = fault::found(disk.read(&path)).map_err(|error| fault::io("read", &path, error))?;
    let journal = fault::found(disk.read(&journal_path)).map_err(|error| fault::io("read", &journal_path, error))?;
    let Some(snapshot) = snapshot else {
        return match journal {
            None => Ok((0, Image::default())),
            Some(_) => Err(Error::corrupt(format!(
                "{} is missing, but its journal is there: restore the file, or move {} away to start anew",
                path.display(),
                journal_path.display()
            ))),
        };
    };
    let (stored, link, mut image) = snapshot::read(&path, &snapshot, schema)?;
    writer.snapshot_length = snapshot.len() as u64;
    if let Some(bytes) = journal {
        let contents = journal::read(&journal_path, &bytes)?;
        let another = |what: &str| {
            Error::corrupt(format!("{} {what} {}: restore both files together", journal_path.display(), path.display()))
        };
        if contents.link.database != link.database {
            return Err(another("belongs to another database than"));
        }
        if contents.link.generation > link.generation {
            return Err(another("is newer than"));
        }
        // An older one was on its way out when a crash came: the snapshot holds all of it.
        if contents.link == link {
            for (line, batch) in &contents.batches {
                batch::replay(schema, batch, &mut image)
                    .map_err(|reason| fault::corrupt(&journal_path, format_args!("line {line}"), reason))?;
            }
            if contents.torn > 0 {
                tracing::info!(
                    bytes = contents.torn,
                    journal = %journal_path.display(),
                    "cut a line off the journal that a crash left half written"
                );
            }
            writer.journal = Some(Journal::open(&*disk, &journal_path, &contents)?);
        }
    }
    writer.link = Some(link);
    Ok((stored, image))
}

/// Refuses a schema whose names have another meaning in the files.
fn check_names(schema: &Schema) -> Result<()> {
    for kind in schema.kinds {
        if snapshot::RESERVED.contains(&kind.name) {
            return Err(Error::invalid(format!("no kind can be called {:?} in a JSON file", kind.name)));
        }
        if let Some(column) =
            kind.columns.iter().find(|column| [text::REVISION, text::TRANSACTION].contains(&column.name))
        {
            return Err(Error::invalid(format!("no column can be called {:?} in a JSON file", column.name))
                .with_record_kind(kind.name));
        }
    }
    Ok(())
}
