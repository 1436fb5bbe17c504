//! Results that are read piece by piece.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Postgres;
use sqlx::pool::PoolConnection;

/// How long an unread cursor is kept.
const LIFE: Duration = Duration::from_secs(120);

/// What the engine needs to go on.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// The engine's own note of where it stands.
    pub(crate) continuation: Vec<u8>,
    /// The connection that holds the rest, where the engine keeps it there.
    pub(crate) connection: Option<PoolConnection<Postgres>>,
}

/// The cursors that are open.
#[derive(Debug, Default)]
pub(crate) struct Cursors(Mutex<HashMap<i64, (Instant, Cursor)>>);

impl Cursors {
    /// Keeps a cursor, and forgets those that nobody reads.
    pub(crate) fn put(&self, id: i64, cursor: Cursor) {
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dead = Vec::new();
        cursors.retain(|_, (used, cursor)| {
            let alive = used.elapsed() < LIFE;
            if !alive {
                dead.extend(cursor.connection.take());
            }
            alive
        });
        cursors.insert(id, (Instant::now(), cursor));
        drop(cursors);
        dead.into_iter().for_each(discard);
    }

    /// Takes a cursor out, to read on or to close it.
    pub(crate) fn take(&self, id: i64) -> Option<Cursor> {
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cursors.remove(&id).map(|(_, cursor)| cursor)
    }
}

impl Cursor {
    /// Gives up what is left.
    pub(crate) fn close(self) {
        self.connection.into_iter().for_each(discard);
    }
}

/// Closes a connection, for what the engine left open on it.
fn discard(connection: PoolConnection<Postgres>) {
    drop(connection.detach());
}
