//! A few connections to one server, each shared by many callers at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use aquifer_core::{Error, Result};
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use crate::connect::Connector;
use crate::error::closed;

/// The longest that a server which does not answer is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Connections that are made when they are needed, and made again when they broke: one attempt at a time for each, with pauses that grow
/// and differ, so that a server which restarts is not stormed.
pub(crate) struct Pool {
    connector: Connector,
    seats: Vec<Seat>,
    next: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Default)]
struct Seat {
    held: Lock<Option<(usize, MultiplexedConnection)>>,
    attempts: Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    made: usize,
    failed: u32,
    not_before: Option<Instant>,
    last: Option<Error>,
}

/// A connection, and where it is from.
pub(crate) struct Lease {
    pub(crate) connection: MultiplexedConnection,
    seat: usize,
    number: usize,
}

impl Pool {
    pub(crate) fn new(connector: Connector, size: usize) -> Self {
        let seats = (0..size.max(1)).map(|_| Seat::default()).collect();
        Self { connector, seats, next: AtomicUsize::new(0), closed: AtomicBool::new(false) }
    }

    /// Makes the first connection.
    pub(crate) async fn connect(&self) -> Result<()> {
        self.seat(0).await.map(|_| ())
    }

    /// A connection, the next in turn.
    pub(crate) async fn take(&self) -> Result<Lease> {
        self.seat(self.next.fetch_add(1, Ordering::Relaxed) % self.seats.len()).await
    }

    async fn seat(&self, place: usize) -> Result<Lease> {
        let Some(seat) = self.seats.get(place) else { return Err(closed()) };
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let leased = |held: &Option<(usize, MultiplexedConnection)>| {
            let (number, connection) = held.as_ref()?;
            Some(Lease { connection: connection.clone(), seat: place, number: *number })
        };
        if let Some(lease) = leased(&seat.held()) {
            return Ok(lease);
        }
        let mut attempts = seat.attempts.lock().await;
        // Somebody else may have connected meanwhile.
        if let Some(lease) = leased(&seat.held()) {
            return Ok(lease);
        }
        if let (Some(not_before), Some(last)) = (attempts.not_before, &attempts.last)
            && Instant::now() < not_before
        {
            return Err(last.duplicate());
        }
        match self.connector.connect().await {
            Ok(connection) => {
                let number = attempts.made + 1;
                *attempts = Attempts { made: number, ..Attempts::default() };
                *seat.held() = Some((number, connection.clone()));
                if self.closed.load(Ordering::Acquire) {
                    seat.held().take();
                    return Err(closed());
                }
                Ok(Lease { connection, seat: place, number })
            }
            Err(error) => {
                attempts.not_before = Some(Instant::now() + pause(attempts.failed));
                attempts.failed = attempts.failed.saturating_add(1);
                attempts.last = Some(error.duplicate());
                tracing::debug!(target = self.connector.target(), %error, "no connection");
                Err(error)
            }
        }
    }

    /// Lets go of a connection that broke, unless there is a new one already.
    pub(crate) fn drop_connection(&self, lease: &Lease) {
        if let Some(seat) = self.seats.get(lease.seat) {
            let mut held = seat.held();
            if held.as_ref().is_some_and(|(number, _)| *number == lease.number) {
                *held = None;
            }
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for seat in &self.seats {
            seat.held().take();
        }
    }
}

impl Seat {
    // Nothing panics while it holds the lock.
    fn held(&self) -> std::sync::MutexGuard<'_, Option<(usize, MultiplexedConnection)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Half to the whole of a time that doubles.
pub(crate) fn pause(failed: u32) -> Duration {
    let longest = Duration::from_millis(50).saturating_mul(1 << failed.min(6)).min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}
