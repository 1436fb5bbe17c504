//! What a database does without Aquifer, for benchmarks to compare with.

use std::time::{Duration, Instant};

/// The size of the value in each row that is written, in bytes.
pub const BARE_ROW_BYTES: usize = 300;

/// How many rows a batch has.
pub const BARE_BATCH: usize = 64;

/// The limits of a database, measured through its bare driver.
#[derive(Debug, Clone, PartialEq)]
pub struct BareRates {
    /// How long durable commits of one row took, one at a time; sorted.
    pub commits: Vec<Duration>,
    /// Rows a second in durable commits of [`BARE_BATCH`] rows.
    pub rows_per_second: f64,
}

impl BareRates {
    /// Measures for about `duration`, half of it each way. `commit` writes that many rows durably.
    ///
    /// # Errors
    /// What `commit` says.
    pub fn measure<E>(duration: Duration, mut commit: impl FnMut(usize) -> Result<(), E>) -> Result<Self, E> {
        let mut commits = Vec::new();
        let began = Instant::now();
        while began.elapsed() < duration / 2 {
            let one = Instant::now();
            commit(1)?;
            commits.push(one.elapsed());
        }
        commits.sort_unstable();
        let began = Instant::now();
        let mut rows = 0;
        while began.elapsed() < duration / 2 {
            commit(BARE_BATCH)?;
            rows += BARE_BATCH;
        }
        let rows_per_second = rows as f64 / began.elapsed().as_secs_f64();
        Ok(Self { commits, rows_per_second })
    }

    /// The same for a driver that is asynchronous.
    ///
    /// # Errors
    /// What `commit` says.
    pub async fn measure_async<E, F>(duration: Duration, mut commit: impl FnMut(usize) -> F) -> Result<Self, E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let mut commits = Vec::new();
        let began = Instant::now();
        while began.elapsed() < duration / 2 {
            let one = Instant::now();
            commit(1).await?;
            commits.push(one.elapsed());
        }
        commits.sort_unstable();
        let began = Instant::now();
        let mut rows = 0;
        while began.elapsed() < duration / 2 {
            commit(BARE_BATCH).await?;
            rows += BARE_BATCH;
        }
        let rows_per_second = rows as f64 / began.elapsed().as_secs_f64();
        Ok(Self { commits, rows_per_second })
    }

    /// The median of the commits of one row.
    pub fn median_commit(&self) -> Duration {
        self.commits.get(self.commits.len() / 2).copied().unwrap_or_default()
    }
}
