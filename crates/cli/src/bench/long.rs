//! One workflow of 1,000 and one of 3,000 steps in a row: a step's cost must not grow with what lies behind it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aquifer::engine::Engine;
use aquifer::engine::code::{Context, StepError, Workflow};

use super::report::{Long, LongRun, micros};
use super::sequence::failed;
use super::tenant;
use crate::failure::Result;

pub(super) async fn measure(engine: &Engine) -> Result<Long> {
    let mut runs = Vec::new();
    for steps in [1_000, 3_000] {
        runs.push(run(engine, steps).await?);
    }
    Ok(Long { runs })
}

async fn run(engine: &Engine, steps: usize) -> Result<LongRun> {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let recorded = Arc::clone(&times);
    let workflow = Workflow::builder("bench-long")
        .version("1.0.0")
        .function(move |context: Context, steps: usize| {
            let times = Arc::clone(&recorded);
            async move {
                for number in 0..steps {
                    context
                        .step::<usize, _, _>(&format!("step-{number}"), (), move || async move { Ok(number) })
                        .await?;
                    times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                }
                Ok::<usize, StepError>(steps)
            }
        })
        .map_err(failed)?;
    engine.run_code(&tenant(), &workflow, &steps).await.map_err(failed)?;
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    // The mean of a hundred steps, the first ten left out as a warm-up.
    let mean = |from: usize| match (times.get(from), times.get(from + 100)) {
        (Some(first), Some(last)) => micros(last.duration_since(*first)) / 100.0,
        _ => f64::NAN,
    };
    Ok(LongRun { steps, first_hundred_us: mean(10), last_hundred_us: mean(steps.saturating_sub(101)) })
}
