//! Writes that come again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bson::RawDocumentBuf;
use tokio::sync::Mutex as AsyncMutex;

/// How many sessions are remembered; the oldest are forgotten first.
const SESSIONS: usize = 20_000;

/// The last numbered write of a session, with its answer.
pub(crate) type LastWrite = Option<(i64, RawDocumentBuf)>;

/// The last numbered write of every session. MongoDB keeps the same in `config.transactions`.
#[derive(Debug, Default)]
pub(crate) struct Retried(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    sessions: HashMap<Vec<u8>, (u64, Arc<AsyncMutex<LastWrite>>)>,
    clock: u64,
}

impl Retried {
    /// The place for a session's last write. Whoever writes holds its lock, so that the same write coming again waits for the answer.
    pub(crate) fn session(&self, session: &[u8]) -> Arc<AsyncMutex<LastWrite>> {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.clock += 1;
        let clock = remembered.clock;
        if remembered.sessions.len() >= SESSIONS {
            let border = clock.saturating_sub(SESSIONS as u64 / 2);
            remembered.sessions.retain(|_, (used, _)| *used > border);
        }
        let (used, last) = remembered.sessions.entry(session.to_vec()).or_default();
        *used = clock;
        Arc::clone(last)
    }
}
