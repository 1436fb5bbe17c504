//! Asking a backend again that cannot answer now.

use std::time::Duration;

use aquifer_core::{Clock, Error, ErrorKind, Retry};

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that grow, with jitter, so that those who wait for a database do not all come at once when it is back.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    pub(crate) async fn pause(&mut self, clock: &dyn Clock) {
        clock.sleep_until(clock.now().saturating_add(self.0.mul_f64(0.5 + fastrand::f64() / 2.0))).await;
        self.0 = self.0.saturating_mul(2).min(LONGEST);
    }
}

/// Whether the backend will never do it. Rights that were taken away can be given back, and passwords be set right: that is
/// no reason to fault what runs.
pub(crate) fn is_refusal(error: &Error) -> bool {
    error.retry() == Retry::Permanent && error.kind() != ErrorKind::Unauthorized
}
