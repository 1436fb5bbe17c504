//! Opening connections, and transactions on them.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use aquifer_core::{Error, ErrorKind, Result, Retry};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::{failed, read_only};
use super::options::{Durability, SqliteOptions};
use super::session::Session;

/// Marks a file as Aquifer's: `Aqfr`.
pub(super) const APPLICATION_ID: i32 = 0x4171_6672;
/// More than there are statements, so that each is prepared once.
const STATEMENT_CACHE: usize = 512;

/// The file that the options name, checked for what a person gets wrong.
pub(super) fn locate(options: &SqliteOptions) -> Result<PathBuf> {
    if options.is_memory() {
        return Ok(options.path.clone());
    }
    let file = std::path::absolute(&options.path)
        .map_err(|error| Error::invalid(format!("{:?} is no path", options.path)).with_source(error))?;
    if file.is_dir() {
        return Err(Error::invalid(format!("{} is a directory: name a file in it", file.display())));
    }
    if let Some(directory) = file.parent()
        && !directory.is_dir()
    {
        return Err(Error::invalid(format!("the directory {} does not exist: create it first", directory.display())));
    }
    if !options.create && !file.exists() {
        return Err(Error::invalid(format!("{} does not exist: create it with mode=rwc", file.display())));
    }
    Ok(file)
}

/// Opens a connection that writes, unless the options forbid it.
///
/// # Errors
/// `Invalid` if the file is not Aquifer's; it is not touched then.
pub(super) fn open_writer(options: &SqliteOptions, file: &Path) -> Result<Connection> {
    let access = match (options.read_only, options.create) {
        (true, _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        (false, true) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        (false, false) => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = open(options, file, access)?;
    // SQLite opens a file that it may not write for reading, without a word.
    if !options.read_only && connection.is_readonly("main").unwrap_or(false) {
        return Err(read_only(&file.display()));
    }
    recognise(&connection, file)?;
    if !options.read_only && !options.is_memory() {
        // Switching needs the file for itself for a moment, and SQLite does not always wait for that.
        patiently(options.busy_timeout, file, || connection.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(())))?;
        let synchronous = match options.durability {
            Durability::Full => "FULL",
            Durability::Process => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous).map_err(|error| failed(error, file))?;
        // The checkpointer does it, so that no commit waits for it.
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(|error| failed(error, file))?;
    }
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(options: &SqliteOptions, file: &Path) -> Result<Connection> {
    open(options, file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open(options: &SqliteOptions, file: &Path, access: OpenFlags) -> Result<Connection> {
    // Each connection stays on its thread, so that SQLite needs no locks of its own.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(|error| failed(error, file))?;
    connection.busy_handler(Some(waiter(options.busy_timeout))).map_err(|error| failed(error, file))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection
        .execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384")
        .map_err(|error| failed(error, file))?;
    Ok(connection)
}

/// Refuses a database that somebody else made.
fn recognise(connection: &Connection, file: &Path) -> Result<()> {
    let read = |text| connection.query_row(text, (), |row| row.get::<_, i64>(0)).map_err(|error| failed(error, file));
    let id = read("PRAGMA application_id")?;
    if id == i64::from(APPLICATION_ID) || (id == 0 && read("SELECT count(*) FROM sqlite_schema")? == 0) {
        return Ok(());
    }
    // A libSQL server lets nobody set the id of the files that it writes.
    if id == 0 && read("SELECT count(*) FROM sqlite_schema WHERE name = 'aquifer_meta'")? > 0 {
        return Ok(());
    }
    Err(Error::invalid(format!("{} is not a database of Aquifer's: name another file", file.display())))
}

/// Waits for a lock that another connection holds. SQLite's own way sleeps up to 100 ms at a time: beside a busy writer
/// that is hardly ever the moment at which the lock is free.
fn waiter(wait: Duration) -> impl FnMut(i32) -> bool + Send {
    let mut end = Instant::now();
    move |attempts| {
        if attempts == 0 {
            end = Instant::now() + wait;
        }
        let pause = Duration::from_micros(50 << attempts.clamp(0, 4));
        thread::sleep(pause);
        Instant::now() < end
    }
}

/// Repeats what SQLite refuses because another process holds a lock, until it works or `wait` is over.
fn patiently<T>(wait: Duration, file: &Path, mut attempt: impl FnMut() -> rusqlite::Result<T>) -> Result<T> {
    let end = Instant::now() + wait;
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && Instant::now() < end => thread::sleep(Duration::from_millis(1)),
            other => return other.map_err(|error| failed(error, file)),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl Session {
    /// Runs `work` in a transaction that holds the write lock from its beginning, and makes what it wrote durable.
    ///
    /// # Errors
    /// Those of `work`, and of the database; nothing was applied unless the error says that this is unknown.
    pub(super) fn in_transaction<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin()?;
        let done = work().and_then(|value| self.end().map(|()| value));
        if done.is_err() {
            self.rollback();
        }
        done
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(&self) -> Result<()> {
        if self.connection.is_readonly("main").unwrap_or(false) {
            let message = format!("{} was opened read-only: open it without mode=ro", self.database.file.display());
            return Err(Error::new(ErrorKind::Unauthorized, message));
        }
        self.run("BEGIN IMMEDIATE")
    }

    /// Gives up what the transaction wrote, if there is still one: SQLite ends it by itself after some errors.
    pub(super) fn rollback(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction cannot be rolled back");
        }
    }

    fn end(&self) -> Result<()> {
        let mut statement = self.prepare("COMMIT")?;
        match statement.raw_execute() {
            Ok(_) => Ok(()),
            // The log could not be written to its end.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) || is_busy(&error) => {
                Err(self.failed(error))
            }
            // It may have been written although the disk did not say so.
            Err(error) => Err(self.failed(error).with_retry(Retry::Unknown)),
        }
    }

    /// Runs one statement that takes nothing and gives nothing, and keeps it for the next time.
    pub(super) fn run(&self, text: &str) -> Result<()> {
        self.prepare(text)?.raw_execute().map(|_| ()).map_err(|error| self.failed(error))
    }
}
