//! What can go wrong on the way to a server.

use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    Pass,
    /// Everything arrives later by this time, in each direction.
    Latency(Duration),
    /// No more than this many bytes arrive in a second, in each direction of each connection.
    Throttle(u32),
    /// New connections are accepted and reset at once.
    ResetNew,
    /// New connections are refused: nobody listens.
    Refuse,
    /// Connections are open and nothing arrives any more, in either direction. Those that were used meanwhile stay so.
    HalfOpen,
    /// Of one reply only the first bytes arrive, then the connection is reset; after that all is well again.
    CutReply {
        /// The reply is that to the next request which contains these bytes; to any request if they are empty.
        to: Vec<u8>,
        /// How many bytes of it arrive.
        after: usize,
    },
}

impl Fault {
    /// The server gets the next request that contains these bytes, and does what it says; its reply is lost, and the
    /// connection reset. After that all is well again.
    pub fn drop_reply(to: impl Into<Vec<u8>>) -> Self {
        Self::CutReply { to: to.into(), after: 0 }
    }
}

/// The current fault, and what the connections of a proxy have in common.
#[derive(Debug, Default)]
pub(super) struct Faults {
    current: Mutex<Fault>,
    /// Changes when all connections are to be reset.
    pub(super) resets: watch::Sender<u64>,
    pub(super) accepted: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) cut: AtomicUsize,
}

impl Faults {
    pub(super) fn set(&self, fault: Fault) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(super) fn now(&self) -> Fault {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many bytes of the reply that now comes may pass, if it is to be cut; only one reply is.
    pub(super) fn take_cut(&self) -> Option<usize> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Fault::CutReply { after, .. } = *current else { return None };
        *current = Fault::Pass;
        Some(after)
    }
}
