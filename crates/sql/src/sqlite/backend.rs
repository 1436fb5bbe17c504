//! The contract over the threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Error, Key, Kind, Migration, Notifier, Page, Pong, Record, Result, Scan,
    Schema, Stats, Transaction, Watch, check,
};
use async_trait::async_trait;

use super::NAME;
use super::checkpoint::{Checkpointer, Log};
use super::connection::{locate, open_reader, open_writer};
use super::options::SqliteOptions;
use super::session::{Database, Session};
use super::workers::Workers;
use crate::dialect::SQLITE;
use crate::statements::Catalog;

/// The store contract over one SQLite file.
///
/// Several handles and several processes may use the same file.
#[derive(Debug)]
pub struct SqliteBackend {
    schema: &'static Schema,
    capabilities: Capabilities,
    database: Arc<Database>,
    pub(super) writer: Arc<Workers<Session>>,
    /// The writer itself for a database in memory, which has one connection.
    readers: Arc<Workers<Session>>,
    checkpointer: Option<Checkpointer>,
    notifier: Arc<Notifier>,
    is_closed: AtomicBool,
}

impl SqliteBackend {
    /// Opens the database for the kinds of `schema`, and starts its threads. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// `Invalid` if the path does not lead to a database of Aquifer's, or to one that may be created; `Unauthorized` if the
    /// rights are missing; `Unavailable` if another process keeps the file locked for longer than the busy timeout.
    pub fn open(options: SqliteOptions, schema: &'static Schema) -> Result<Self> {
        Self::start(options.clamped(), schema).map_err(|error| named(error, "open"))
    }

    fn start(options: SqliteOptions, schema: &'static Schema) -> Result<Self> {
        let file = locate(&options)?;
        let database = Arc::new(Database { file, catalog: Catalog::new(&SQLITE, schema) });
        let session = |connection| Session { connection, database: Arc::clone(&database) };
        let log = Arc::new(Log::default());

        let mut writer = session(open_writer(&options, &database.file)?);
        if options.is_memory() {
            let writer = Arc::new(Workers::spawn("aquifer-sqlite", vec![writer])?);
            return Ok(Self::over(schema, false, database, Arc::clone(&writer), writer, None));
        }
        let mut readers = Vec::with_capacity(options.readers);
        for _ in 0..options.readers {
            readers.push(session(open_reader(&options, &database.file)?));
        }
        let mover = match options.read_only {
            true => None,
            false => {
                writer.measure_log(Arc::clone(&log))?;
                Some(session(open_writer(&options, &database.file)?))
            }
        };
        let readers = Arc::new(Workers::spawn("aquifer-sqlite-read", readers)?);
        let writer = Arc::new(Workers::spawn("aquifer-sqlite-write", vec![writer])?);
        let checkpointer = mover.map(|mover| Checkpointer::spawn(log, mover, Arc::clone(&writer))).transpose()?;
        Ok(Self::over(schema, true, database, writer, readers, checkpointer))
    }

    fn over(
        schema: &'static Schema,
        durable: bool,
        database: Arc<Database>,
        writer: Arc<Workers<Session>>,
        readers: Arc<Workers<Session>>,
        checkpointer: Option<Checkpointer>,
    ) -> Self {
        let capabilities = Capabilities {
            max_record_bytes: 16 << 20,
            max_operations: 1000,
            max_transaction_bytes: 64 << 20,
            concurrent_commits: 1,
            scans_may_lag: false,
            native_expiry: false,
            push: false,
            durable,
        };
        let (notifier, is_closed) = (Arc::default(), AtomicBool::new(false));
        Self { schema, capabilities, database, writer, readers, checkpointer, notifier, is_closed }
    }

    /// Looks for damage in the file: what SQLite's `quick_check` finds, nothing if all is well. Reads the whole file.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read.
    pub async fn quick_check(&self) -> Result<Vec<String>> {
        self.read("quick_check", Session::quick_check).await
    }

    async fn read<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.readers.run(move |session| job(session)).await;
        done.flatten().map_err(|error| named(error, operation))
    }

    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        job: impl FnOnce(&Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.writer.run(move |session| job(session)).await;
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.tidy();
        }
        done.flatten().map_err(|error| named(error, operation))
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn migrate(&self) -> Result<Migration> {
        let schema = self.schema;
        self.write("migrate", move |session| session.migrate(schema)).await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        keys.iter().try_for_each(check::key).map_err(|error| named(error, "get"))?;
        let keys = keys.to_vec();
        self.read("get", move |session| session.get(&keys)).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let mut sifted = check::sift(transactions, |transaction| self.check(transaction));
        let applied = self.apply(std::mem::take(&mut sifted.accepted)).await;
        sifted.answers(applied).into_iter().map(|answer| answer.map_err(|error| named(error, "commit"))).collect()
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        check::scan(scan).map_err(|error| named(error, "scan"))?;
        let scan = scan.clone();
        self.read("scan", move |session| session.scan(&scan)).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        check::claim(claim).map_err(|error| named(error, "claim"))?;
        let claim = claim.clone();
        let notifier = Arc::clone(&self.notifier);
        self.write("claim", move |session| {
            let records = session.claim(&claim)?;
            if notifier.is_watched() {
                for record in &records {
                    notifier.notify(record.kind, record.key().partition());
                }
            }
            Ok(records)
        })
        .await
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(named(Error::unavailable("the database is closed"), "watch"));
        }
        self.database.catalog.of(kind).map_err(|error| named(error, "watch"))?;
        Ok(self.notifier.watch(kind))
    }

    async fn ping(&self) -> Result<Pong> {
        self.read("ping", Session::pong).await
    }

    async fn stats(&self) -> Result<Stats> {
        let schema = self.schema;
        self.read("stats", move |session| session.stats(schema)).await
    }

    async fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        self.readers.close().await;
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.close().await;
        }
        // The last connection: SQLite moves the log into the file and removes it.
        self.writer.close().await;
        Ok(())
    }
}

impl SqliteBackend {
    fn check(&self, transaction: &Transaction) -> Result<()> {
        check::transaction(transaction, &self.capabilities)?;
        transaction.operations.iter().try_for_each(|it| self.database.catalog.of(it.kind()).map(|_| ()))
    }

    async fn apply(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        let count = transactions.len();
        if count == 0 {
            return Vec::new();
        }
        let notifier = Arc::clone(&self.notifier);
        let done = self.write("commit", move |session| {
            let answers = session.commit(&transactions);
            notifier.notify_applied(&transactions, &answers);
            Ok(answers)
        });
        match done.await {
            Ok(answers) => answers,
            Err(error) => (0..count).map(|_| Err(error.duplicate())).collect(),
        }
    }
}

fn named(error: Error, operation: &'static str) -> Error {
    error.with_backend(NAME).with_operation(operation)
}
