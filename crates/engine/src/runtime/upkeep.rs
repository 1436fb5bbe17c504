//! Clearing up what has expired and what crashes left behind, now and then.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Inner;

/// How long a process rests between two sweeps, about: each waits a while of its own, so that not all of them sweep at once.
const REST: Duration = Duration::from_secs(10 * 60);

/// How much one step of a sweep removes at the most.
const STEP: usize = 500;

impl Inner {
    pub(crate) async fn upkeep_loop(self: Arc<Self>) {
        loop {
            let rest = REST.mul_f64(0.5 + fastrand::f64());
            tokio::select! {
                () = self.store.clock().sleep_until(self.now().saturating_add(rest)) => {}
                () = self.stop.cancelled() => return,
            }
            loop {
                match self.store.sweep(STEP).await {
                    Ok(swept) if swept >= STEP && !self.stop.is_cancelled() => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%error, "what has expired could not be removed now");
                        break;
                    }
                }
            }
        }
    }
}
