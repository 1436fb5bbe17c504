//! How a step is carried out: how often, how long, and with what pauses.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde_json::{Map, Value};

/// How a step is carried out. The default is one attempt without a time limit; `()` and a [`Retry`] convert into it.
///
/// ```
/// use std::time::Duration;
/// use aquifer_engine::code::{Retry, StepOptions};
///
/// let options = StepOptions::new()
///     .retry(Retry::exponential(5, Duration::from_millis(100)).max_delay(Duration::from_secs(5)).jitter(0.2))
///     .timeout(Duration::from_secs(30));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StepOptions {
    pub(super) retry: Option<Retry>,
    pub(super) timeout: Option<Duration>,
}

impl StepOptions {
    /// One attempt without a time limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tries again after a failure. The pauses are durable: they go on after a restart.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Gives up an attempt after this time: it fails with a timeout error, and may be retried.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The most attempts; at least 1.
    pub(super) fn attempts(&self) -> u32 {
        self.retry.map_or(1, |retry| retry.attempts.max(1))
    }

    /// How long to wait after the `attempt`-th attempt failed.
    pub(super) fn delay(&self, attempt: u32, seed: (&str, &str)) -> Duration {
        self.retry.map_or(Duration::ZERO, |retry| retry.delay_after(attempt, seed))
    }

    /// Adds what differs from the default to the description of a step.
    pub(super) fn describe(&self, step: &mut Map<String, Value>) {
        if let Some(timeout) = self.timeout {
            step.insert("timeoutSeconds".to_owned(), Value::from(timeout.as_secs_f64()));
        }
        if let Some(retry) = &self.retry {
            step.insert("retry".to_owned(), retry.describe());
        }
    }
}

impl From<()> for StepOptions {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<Retry> for StepOptions {
    fn from(retry: Retry) -> Self {
        Self::default().retry(retry)
    }
}

/// How often a step is tried, and how long the pauses between attempts are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    attempts: u32,
    backoff: Backoff,
    delay: Duration,
    max_delay: Duration,
    jitter: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backoff {
    Constant,
    Linear,
    Exponential,
}

impl Retry {
    fn new(attempts: u32, backoff: Backoff, delay: Duration) -> Self {
        Self { attempts, backoff, delay, max_delay: Duration::from_secs(24 * 3600), jitter: 0.0 }
    }

    /// At most `attempts` attempts, with pauses of `delay`.
    pub fn constant(attempts: u32, delay: Duration) -> Self {
        Self::new(attempts, Backoff::Constant, delay)
    }

    /// At most `attempts` attempts, with pauses of `delay`, 2 × `delay`, 3 × `delay`…
    pub fn linear(attempts: u32, delay: Duration) -> Self {
        Self::new(attempts, Backoff::Linear, delay)
    }

    /// At most `attempts` attempts, with pauses of `delay`, 2 × `delay`, 4 × `delay`…
    pub fn exponential(attempts: u32, delay: Duration) -> Self {
        Self::new(attempts, Backoff::Exponential, delay)
    }

    /// The longest pause; a day unless it is set.
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// Makes each pause longer or shorter by up to this share of it, from 0 to 1, so that many executions that failed
    /// together do not come back together.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        self
    }

    /// The pause after the `attempt`-th attempt. The jitter follows from the seed, so that nothing has to be stored for a pause
    /// to end at the same time after a restart.
    fn delay_after(&self, attempt: u32, seed: (&str, &str)) -> Duration {
        let factor = match self.backoff {
            Backoff::Constant => 1,
            Backoff::Linear => attempt,
            Backoff::Exponential => 2_u32.saturating_pow(attempt.saturating_sub(1)),
        };
        let delay = self.delay.saturating_mul(factor).min(self.max_delay);
        if self.jitter == 0.0 {
            return delay;
        }
        let mut hasher = DefaultHasher::new();
        (seed, attempt).hash(&mut hasher);
        let share = fastrand::Rng::with_seed(hasher.finish()).f64() * 2.0 - 1.0;
        Duration::try_from_secs_f64(delay.as_secs_f64() * (1.0 + share * self.jitter))
            .unwrap_or(self.max_delay)
            .min(self.max_delay)
    }

    fn describe(&self) -> Value {
        serde_json::json!({
            "attempts": self.attempts,
            "backoff": match self.backoff {
                Backoff::Constant => "constant",
                Backoff::Linear => "linear",
                Backoff::Exponential => "exponential",
            },
            "delaySeconds": self.delay.as_secs_f64(),
            "maxDelaySeconds": self.max_delay.as_secs_f64(),
            "jitter": self.jitter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn delays(retry: Retry) -> Vec<u64> {
        (1..=4).map(|attempt| retry.delay_after(attempt, ("ex_1", "a")).as_secs()).collect()
    }

    #[test]
    fn pauses_grow_as_said_up_to_the_limit() {
        assert_eq!(delays(Retry::constant(9, 3 * SECOND)), [3, 3, 3, 3]);
        assert_eq!(delays(Retry::linear(9, 3 * SECOND)), [3, 6, 9, 12]);
        assert_eq!(delays(Retry::exponential(9, 3 * SECOND)), [3, 6, 12, 24]);
        assert_eq!(delays(Retry::exponential(9, 3 * SECOND).max_delay(10 * SECOND)), [3, 6, 10, 10]);
        let longest = Retry::exponential(u32::MAX, Duration::MAX).delay_after(u32::MAX, ("", ""));
        assert_eq!(longest, Duration::from_secs(24 * 3600));
    }

    #[test]
    fn jitter_spreads_pauses_and_repeats_itself() {
        let retry = Retry::constant(9, 100 * SECOND).jitter(0.5);
        let pauses: Vec<Duration> = (0..50).map(|n| retry.delay_after(1, ("ex_1", &n.to_string()))).collect();
        assert!(pauses.iter().all(|pause| (50..=150).contains(&pause.as_secs())), "{pauses:?}");
        assert!(pauses.iter().any(|pause| pause.as_secs() < 75) && pauses.iter().any(|pause| pause.as_secs() > 125));
        assert_eq!(retry.delay_after(1, ("ex_1", "7")), pauses[7]);
        assert_eq!(delays(Retry::constant(2, SECOND).jitter(f64::NAN)), [1, 1, 1, 1]);
    }
}
