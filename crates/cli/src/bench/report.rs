//! The figures, for programs and for people.

use std::fmt;
use std::time::Duration;

use aquifer::core::{BareRates, Capabilities};
use aquifer::{Health, mask};
use serde::Serialize;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    database: String,
    aquifer: &'static str,
    backend: &'static str,
    /// Name and version of the database, as it says itself; empty where there is none.
    server: String,
    /// The backend's own, without what the layers above it add.
    capabilities: Capabilities,
    /// The database alone; `None` in memory.
    bare: Option<Bare>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<Sequence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fanout: Option<Fanout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) long: Option<Long>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<List>,
}

/// What the database's bare driver does on the same disk, before and after the rest.
#[derive(Debug, Serialize)]
struct Bare {
    commit_us_p50: f64,
    commit_us_p99: f64,
    batched_rows_per_second: f64,
    commit_us_p50_after: Option<f64>,
    batched_rows_per_second_after: Option<f64>,
}

/// The middle and the end of a distribution, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Latency {
    /// Of samples in any order.
    pub(crate) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |percent: usize| {
            let place = samples.len().saturating_mul(percent) / 100;
            micros(samples.get(place.min(samples.len().saturating_sub(1))).copied().unwrap_or_default())
        };
        Self { p50_us: at(50), p99_us: at(99) }
    }
}

/// Microseconds with a fraction.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[derive(Debug, Serialize)]
pub(crate) struct Sequence {
    /// From the acknowledged start to the end, one workflow at a time, for each of its steps.
    pub(crate) step: Latency,
    /// From before the start to the end, one workflow at a time.
    pub(crate) workflow: Latency,
    /// One workflow at a time, its start included.
    pub(crate) alone_steps_per_second: f64,
    pub(crate) concurrency: usize,
    /// With `concurrency` workflows at once.
    pub(crate) workflows_per_second: f64,
    pub(crate) steps_per_second: f64,
    /// `steps_per_second` divided by `alone_steps_per_second`: what group commit and parallel work bring.
    pub(crate) speedup: f64,
    /// What part of the machine's processors was in use while `concurrency` workflows ran, from 0 to 1; on Linux only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processors_used: Option<f64>,
    /// What part of them this process used: the engine, and a database within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processors_used_by_engine: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Fanout {
    /// One workflow of 50 parallel steps at a time.
    pub(crate) workflow: Latency,
    pub(crate) steps_per_second: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Long {
    pub(crate) runs: Vec<LongRun>,
}

#[derive(Debug, Serialize)]
pub(crate) struct LongRun {
    pub(crate) steps: usize,
    pub(crate) first_hundred_us: f64,
    pub(crate) last_hundred_us: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct List {
    pub(crate) pages: Vec<ListPages>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListPages {
    pub(crate) executions: usize,
    /// Pages of 100, filtered by workflow and status, newest first.
    pub(crate) page: Latency,
}

impl Report {
    pub(crate) fn new(url: &str, health: Health) -> Self {
        Self {
            database: mask(url),
            aquifer: env!("CARGO_PKG_VERSION"),
            backend: health.backend,
            server: health.server,
            capabilities: health.capabilities,
            bare: None,
            sequence: None,
            fanout: None,
            long: None,
            list: None,
        }
    }

    pub(crate) fn bare(&mut self, rates: Option<BareRates>) {
        self.bare = rates.map(|rates| {
            let latency = Latency::of(rates.commits);
            Bare {
                commit_us_p50: latency.p50_us,
                commit_us_p99: latency.p99_us,
                batched_rows_per_second: rates.rows_per_second,
                commit_us_p50_after: None,
                batched_rows_per_second_after: None,
            }
        });
    }

    pub(crate) fn bare_again(&mut self, rates: Option<BareRates>) {
        if let (Some(bare), Some(rates)) = (&mut self.bare, rates) {
            bare.commit_us_p50_after = Some(micros(rates.median_commit()));
            bare.batched_rows_per_second_after = Some(rates.rows_per_second);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aquifer {} on {}", self.aquifer, self.database)?;
        if !self.server.is_empty() {
            write!(f, " ({})", self.server)?;
        }
        writeln!(f)?;
        if let Some(bare) = &self.bare {
            writeln!(f, "\nthe database alone, before and after")?;
            let (commit, rows) = (bare.commit_us_p50_after, bare.batched_rows_per_second_after);
            let after = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
            writeln!(f, "  commit of one row     {:>9.0} us {:>9} us", bare.commit_us_p50, after(commit))?;
            writeln!(f, "  rows in batches       {:>9.0} /s {:>9} /s", bare.batched_rows_per_second, after(rows))?;
        }
        if let Some(sequence) = &self.sequence {
            writeln!(f, "\nsequence: workflows of 3 steps")?;
            write!(
                f,
                "  a step, one at a time {:>9.0} us p50 {:>7.0} us p99",
                sequence.step.p50_us, sequence.step.p99_us
            )?;
            if let Some(bare) = &self.bare {
                write!(f, "   {:.2} bare commits", sequence.step.p50_us / bare.commit_us_p50)?;
            }
            let workflow = sequence.workflow;
            writeln!(f, "\n  a workflow            {:>9.0} us p50 {:>7.0} us p99", workflow.p50_us, workflow.p99_us)?;
            write!(f, "  {:>4} at once          {:>9.0} steps/s", sequence.concurrency, sequence.steps_per_second)?;
            if let Some(bare) = &self.bare {
                let part = sequence.steps_per_second / bare.batched_rows_per_second;
                write!(f, "   {part:.2} of the rows/s in batches")?;
            }
            writeln!(f, "\n                        {:>9.0} workflows/s", sequence.workflows_per_second)?;
            let (alone, speedup) = (sequence.alone_steps_per_second, sequence.speedup);
            writeln!(
                f,
                "     1 at once          {alone:>9.0} steps/s   {speedup:.1} times as many with {}",
                sequence.concurrency
            )?;
            if let (Some(used), Some(own)) = (sequence.processors_used, sequence.processors_used_by_engine) {
                let (used, own) = (used * 100.0, own * 100.0);
                writeln!(
                    f,
                    "  processors in use     {used:>9.0} % with {}, {own:.0} % by the engine",
                    sequence.concurrency
                )?;
            }
        }
        if let Some(fanout) = &self.fanout {
            writeln!(f, "\nfanout: 50 parallel steps")?;
            writeln!(
                f,
                "  a workflow            {:>9.0} us p50 {:>7.0} us p99",
                fanout.workflow.p50_us, fanout.workflow.p99_us
            )?;
            writeln!(f, "                        {:>9.0} steps/s", fanout.steps_per_second)?;
        }
        if let Some(long) = &self.long {
            writeln!(f, "\nlong: steps in a row")?;
            for run in &long.runs {
                let growth = run.last_hundred_us / run.first_hundred_us;
                writeln!(
                    f,
                    "  {:>5} steps           {:>9.0} us the first hundred {:>7.0} us the last   {growth:.2}",
                    run.steps, run.first_hundred_us, run.last_hundred_us
                )?;
            }
        }
        if let Some(list) = &self.list {
            writeln!(f, "\nlist: pages of 100, filtered by workflow and status")?;
            for pages in &list.pages {
                let page = pages.page;
                writeln!(
                    f,
                    "  {:>9} stored      {:>9.0} us p50 {:>7.0} us p99",
                    pages.executions, page.p50_us, page.p99_us
                )?;
            }
        }
        Ok(())
    }
}
