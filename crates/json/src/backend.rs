//! The contract over the database.

use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Page, Pong, Record, Result, Retry, Scan,
    Schema, Stats, Transaction, Watch,
};
use aquifer_memory::{MemoryBackend, Plan};
use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::database::{CAPABILITIES, Database};
use crate::disk::{Disk, FileSystem};
use crate::fault;
use crate::options::JsonOptions;
use crate::registry;

const NAME: &str = "json";

/// A handle on a database in a JSON file.
///
/// All handles of one process on one file share its data; a second process is refused. The database is closed when its
/// last handle is closed or dropped. Closing writes a new snapshot, so that the file itself shows everything.
#[derive(Debug)]
pub struct JsonBackend {
    schema: &'static Schema,
    open: Mutex<Option<Arc<Open>>>,
}

/// What an open handle holds.
#[derive(Debug)]
struct Open {
    schema: &'static Schema,
    database: Arc<Database>,
    memory: MemoryBackend,
}

impl JsonBackend {
    /// Opens the database for the kinds of `schema`, without migrating it. Reads all of it, and blocks meanwhile.
    ///
    /// The options of the first handle on a file hold for all.
    ///
    /// # Errors
    /// `Invalid` if the file is something else, or of a newer version, or its directory is missing; `Unavailable` if
    /// another process has it open; `Unauthorized` if it must not be written; `Corrupt`, with the place, if it is damaged.
    /// Nothing is changed on disk then.
    pub fn open(options: JsonOptions, schema: &'static Schema) -> Result<Self> {
        Self::open_on(options, schema, Arc::new(FileSystem))
    }

    pub(crate) fn open_on(options: JsonOptions, schema: &'static Schema, disk: Arc<dyn Disk>) -> Result<Self> {
        let database = registry::open(&options, schema, disk).map_err(|error| named(error, "open"))?;
        let memory = database.memory.handle_for(schema);
        Ok(Self { schema, open: Mutex::new(Some(Arc::new(Open { schema, database, memory }))) })
    }

    fn opened(&self, operation: &'static str) -> Result<Arc<Open>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or_else(|| named(Error::unavailable("the backend is closed"), operation))
    }

    fn ready(&self, operation: &'static str) -> Result<Arc<Open>> {
        let open = self.opened(operation)?;
        open.database.ready(self.schema).map_err(|error| named(error, operation))?;
        Ok(open)
    }

    /// Decides on a change, makes it durable, and only then lets it be seen.
    async fn write<A: Send + 'static>(
        &self,
        operation: &'static str,
        decide: impl FnOnce(&MemoryBackend) -> Result<Plan<A>> + Send,
    ) -> Result<A> {
        let open = self.ready(operation)?;
        let mut writer = Arc::clone(&open.database.writer).lock_owned().await;
        // Another handle may have migrated meanwhile.
        open.database.ready(self.schema)?;
        let plan = decide(&open.memory)?;
        if plan.is_empty() {
            return Ok(open.memory.apply(plan));
        }
        let keys: Vec<Key> = plan.changes().map(|(key, _)| key.clone()).collect();
        let before = open.memory.get(&keys).await?;
        let (reply, answer) = oneshot::channel();
        // From here on it happens whether or not the caller waits for it.
        spawn_blocking(move || {
            let recorded = open.database.record(&mut writer, &plan, &before);
            // Whoever dropped the receiver no longer wants to know.
            let _ = reply.send(recorded.map(|()| open.memory.apply(plan)));
            if writer.is_full()
                && let Err(error) = open.database.compact(&mut writer, open.schema, &open.memory)
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot write a new snapshot yet");
            }
            // The writer goes last: whoever waits for it to close the database then finds nobody else using it.
            drop(open);
            drop(writer);
        });
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

#[cfg(test)]
impl JsonBackend {
    /// Everything in memory.
    pub(crate) fn dump(&self) -> Vec<aquifer_memory::Entry> {
        self.opened("dump").unwrap().memory.dump()
    }

    /// Waits for what is being written, and holds up what comes next.
    pub(crate) async fn writing(&self) -> tokio::sync::OwnedMutexGuard<crate::writer::Writer> {
        Arc::clone(&self.opened("write").unwrap().database.writer).lock_owned().await
    }
}

fn named(error: Error, operation: &'static str) -> Error {
    error.with_backend(NAME).with_operation(operation)
}

fn stopped() -> Error {
    Error::unavailable("the program stopped in the middle of a write").with_retry(Retry::Unknown)
}

#[async_trait]
impl Backend for JsonBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn migrate(&self) -> Result<Migration> {
        let open = self.opened("migrate")?;
        let mut writer = Arc::clone(&open.database.writer).lock_owned().await;
        open.database.not_newer(self.schema).map_err(|error| named(error, "migrate"))?;
        let (from, to) = (open.database.stored(), self.schema.version);
        if open.database.lay_out(to) {
            open.memory.migrate().await.map_err(|error| named(error, "migrate"))?;
        }
        if from < to {
            spawn_blocking(move || open.database.compact(&mut writer, open.schema, &open.memory))
                .await
                .unwrap_or_else(|_| Err(stopped()))
                .map_err(|error| named(error, "migrate"))?;
        }
        Ok(Migration { from, to })
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.ready("get")?.memory.get(keys).await.map_err(|error| named(error, "get"))
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let committed = self.write("commit", |memory| Ok(memory.prepare(&transactions))).await;
        match committed {
            Ok(answers) => answers.into_iter().map(|answer| answer.map_err(|error| named(error, "commit"))).collect(),
            // What a transaction was to be answered may rest on others that were not applied either.
            Err(error) => {
                let error = named(error, "commit");
                transactions.iter().map(|_| Err(error.duplicate())).collect()
            }
        }
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.ready("scan")?.memory.scan(scan).await.map_err(|error| named(error, "scan"))
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.write("claim", |memory| memory.prepare_claim(claim)).await.map_err(|error| named(error, "claim"))
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.opened("watch")?.memory.watch(kind).await.map_err(|error| named(error, "watch"))
    }

    async fn ping(&self) -> Result<Pong> {
        let open = self.opened("ping")?;
        let directory = open.database.paths.directory().to_owned();
        let pong = Pong { schema_version: open.database.stored(), server: String::new() };
        spawn_blocking(move || match std::fs::metadata(&directory) {
            Ok(_) => Ok(pong),
            Err(error) => Err(named(fault::io("reach", &directory, error), "ping")),
        })
        .await
        .unwrap_or_else(|_| Err(named(stopped(), "ping")))
    }

    async fn stats(&self) -> Result<Stats> {
        let open = self.opened("stats")?;
        let stats = open.memory.stats().await.map_err(|error| named(error, "stats"))?;
        let (snapshot, journal) = open.database.writer.lock().await.length();
        let facts = vec![
            ("path", open.database.paths.snapshot.display().to_string()),
            ("snapshot_bytes", snapshot.to_string()),
            ("journal_bytes", journal.to_string()),
        ];
        Ok(Stats { bytes: Some(snapshot + journal), facts, ..stats })
    }

    async fn close(&self) -> Result<()> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(open) = open else { return Ok(()) };
        // Waits for what is being written.
        let mut writer = Arc::clone(&open.database.writer).lock_owned().await;
        let closed = spawn_blocking(move || {
            // Everything is durable already: this is for those who read the file.
            if Arc::strong_count(&open.database) == 1
                && writer.has_news()
                && open.database.ready(open.schema).is_ok()
                && let Err(error) = open.database.compact(&mut writer, open.schema, &open.memory)
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot write a new snapshot on closing");
            }
        });
        closed.await.map_err(|_| named(stopped(), "close"))
    }
}
