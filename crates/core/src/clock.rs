//! Time, injected.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::timestamp::Timestamp;

/// Where the time comes from. Everything that waits or stamps asks one of these, so that tests own the time.
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// Waits until the clock shows `time`; returns at once if it has passed.
    async fn sleep_until(&self, time: Timestamp);
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.saturating_add(since)
    }

    async fn sleep_until(&self, time: Timestamp) {
        // The wall clock may be set while we sleep, so look at it again at least once a minute.
        loop {
            let left = time.duration_since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(60))).await;
        }
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    sleepers: BTreeMap<Timestamp, Vec<oneshot::Sender<()>>>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Manual { now, sleepers: BTreeMap::new() })))
    }

    /// Moves the clock forward and wakes whoever slept until then.
    pub fn advance(&self, duration: Duration) {
        let mut manual = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        manual.now = manual.now.saturating_add(duration);
        let now = manual.now;
        let (due, later) = std::mem::take(&mut manual.sleepers).into_iter().partition(|(time, _)| *time <= now);
        manual.sleepers = later;
        let due: BTreeMap<_, _> = due;
        for sleeper in due.into_values().flatten() {
            // A sleeper that was dropped no longer cares.
            let _ = sleeper.send(());
        }
    }

    /// The earliest time that anybody sleeps until.
    pub fn next_sleeper(&self) -> Option<Timestamp> {
        let mut manual = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        manual.sleepers.retain(|_, sleepers| {
            sleepers.retain(|sleeper| !sleeper.is_closed());
            !sleepers.is_empty()
        });
        manual.sleepers.keys().next().copied()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now
    }

    async fn sleep_until(&self, time: Timestamp) {
        let woken = {
            let mut manual = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if manual.now >= time {
                return;
            }
            let (wake, woken) = oneshot::channel();
            manual.sleepers.entry(time).or_default().push(wake);
            woken
        };
        // The sender is dropped only with the clock itself.
        let _ = woken.await;
    }
}
