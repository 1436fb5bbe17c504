//! What was measured, as it is checked in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RESULTS;
use crate::command::{Failure, Result};

/// Everything that was measured, on one machine.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    pub(super) machine: Machine,
    /// By the backend's name.
    pub(super) backends: BTreeMap<String, Measured>,
}

/// Where it was measured.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    /// As the operating system calls it; empty if it does not say.
    pub(super) processor: String,
}

/// One backend's figures.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// The day, as in 2026-01-31.
    pub(super) date: String,
    /// The server, with its version; empty where the program itself holds the data.
    pub(super) server: String,
    pub(super) report: Report,
}

/// What `aquifer bench --output json` printed, as far as it matters here.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// As the database says itself.
    pub(super) server: String,
    pub(super) capabilities: Capabilities,
    pub(super) bare: Option<Bare>,
    pub(super) sequence: Sequence,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Capabilities {
    pub(super) max_record_bytes: u64,
    pub(super) max_operations: u64,
    pub(super) max_transaction_bytes: u64,
    pub(super) concurrent_commits: u64,
    pub(super) scans_may_lag: bool,
    pub(super) native_expiry: bool,
    pub(super) push: bool,
    pub(super) durable: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bare {
    pub(super) commit_us_p50: f64,
    pub(super) commit_us_p50_after: f64,
    pub(super) batched_rows_per_second: f64,
    pub(super) batched_rows_per_second_after: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sequence {
    pub(super) step: Latency,
    pub(super) concurrency: u64,
    pub(super) alone_steps_per_second: f64,
    pub(super) steps_per_second: f64,
    pub(super) speedup: f64,
    /// What part of the machine's processors was in use with many at once, from 0 to 1, and what part by the engine's process.
    pub(super) processors_used: f64,
    pub(super) processors_used_by_engine: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Latency {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

impl Results {
    /// # Errors
    /// If the text is not that of results.
    pub(super) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Failure(format!("{RESULTS}: {error}")))
    }

    /// The text to check in.
    ///
    /// # Errors
    /// Never, for what was parsed.
    pub(super) fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Failure(format!("{RESULTS}: {error}")))?;
        Ok(format!("{text}\n"))
    }
}

impl Report {
    /// # Errors
    /// If the document is not that of a benchmark with the workload `sequence`.
    pub(super) fn of(document: Value) -> Result<Self> {
        serde_json::from_value(document).map_err(|error| Failure(format!("the benchmark's output: {error}")))
    }

    /// A step's median in commits of one row by the bare driver.
    pub(super) fn step_in_commits(&self) -> Option<f64> {
        let bare = self.bare.as_ref()?;
        Some(self.sequence.step.p50_us / mean(bare.commit_us_p50, bare.commit_us_p50_after))
    }

    /// Steps a second with many at once, as a part of the bare driver's rows a second in batches.
    pub(super) fn part_of_rows(&self) -> Option<f64> {
        let bare = self.bare.as_ref()?;
        let rows = mean(bare.batched_rows_per_second, bare.batched_rows_per_second_after);
        Some(self.sequence.steps_per_second / rows)
    }

    /// Whether the database alone was as fast before as after, but for a third: else other work disturbed the run.
    pub(super) fn is_steady(&self) -> bool {
        let near = |a: f64, b: f64| a.max(b) <= a.min(b) * 4.0 / 3.0;
        self.bare.as_ref().is_none_or(|bare| {
            near(bare.commit_us_p50, bare.commit_us_p50_after)
                && near(bare.batched_rows_per_second, bare.batched_rows_per_second_after)
        })
    }
}

/// The database alone is measured before and after.
fn mean(before: f64, after: f64) -> f64 {
    f64::midpoint(before, after)
}
