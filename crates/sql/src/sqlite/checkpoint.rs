//! Moving the write-ahead log into the database file without letting commits wait for it.
//!
//! A thread of its own moves most of the log while commits go on. What was added meanwhile is little: the writer moves it between two
//! commits, which then lets SQLite begin the log anew. So the log stays near [`Log::FULL`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aquifer_core::Result;

use super::session::Session;
use super::workers::Workers;

/// How much the write-ahead log holds.
#[derive(Debug, Default)]
pub(super) struct Log {
    bytes: AtomicU64,
    /// The size at which it was last moved without being begun anew since, as somebody reads an old state.
    moved_at: AtomicU64,
    is_being_moved: AtomicBool,
}

impl Log {
    /// From how many bytes on the log is moved into the database file.
    const FULL: u64 = 32 << 20;
    /// How much it grows before it is moved again where it could not be begun anew.
    const STEP: u64 = 8 << 20;

    fn grown_to(&self, bytes: u64) {
        if bytes < self.bytes.swap(bytes, Ordering::Relaxed) {
            self.moved_at.store(0, Ordering::Relaxed);
        }
    }

    /// Whether the log is to be moved now, which the caller then does.
    fn claim(&self) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let is_due = bytes >= Self::FULL && bytes >= self.moved_at.load(Ordering::Relaxed) + Self::STEP;
        if !is_due || self.is_being_moved.swap(true, Ordering::Relaxed) {
            return false;
        }
        self.moved_at.store(bytes, Ordering::Relaxed);
        true
    }
}

/// What moves the log of one database.
#[derive(Debug)]
pub(super) struct Checkpointer {
    log: Arc<Log>,
    mover: Workers<Session>,
    writer: Arc<Workers<Session>>,
}

impl Checkpointer {
    /// Starts the thread that moves the log, over a connection of its own.
    pub(super) fn spawn(log: Arc<Log>, mover: Session, writer: Arc<Workers<Session>>) -> Result<Self> {
        Ok(Self { log, mover: Workers::spawn("aquifer-sqlite-log", vec![mover])?, writer })
    }

    /// Starts moving the log if it is full. Returns at once.
    pub(super) fn tidy(&self) {
        if !self.log.claim() {
            return;
        }
        let (log, writer) = (Arc::clone(&self.log), Arc::clone(&self.writer));
        self.mover.submit(move |mover| {
            mover.move_log();
            let rest = Arc::clone(&log);
            let submitted = writer.submit(move |writer| {
                writer.move_log();
                rest.is_being_moved.store(false, Ordering::Relaxed);
            });
            if !submitted {
                log.is_being_moved.store(false, Ordering::Relaxed);
            }
        });
    }

    /// Ends the thread.
    pub(super) async fn close(&self) {
        self.mover.close().await;
    }
}

impl Session {
    /// Lets `log` know after each commit how much the log holds.
    pub(super) fn measure_log(&mut self, log: Arc<Log>) -> Result<()> {
        let page = self.number("PRAGMA page_size")?;
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            log.grown_to(u64::from(pages.unsigned_abs()) * page);
            Ok(())
        };
        self.connection.wal_hook(Some(hook)).map_err(|error| self.failed(error))
    }

    fn move_log(&self) {
        // Another process may be at it already; then it is moved by that one.
        if let Err(error) = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())) {
            tracing::warn!(%error, file = %self.database.file.display(), "the write-ahead log cannot be moved");
        }
    }
}
