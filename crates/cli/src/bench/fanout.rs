//! 50 steps in parallel.

use std::time::{Duration, Instant};

use aquifer::engine::Engine;
use aquifer::engine::code::{Context, StepError, Workflow};
use futures_util::future::try_join_all;

use super::report::{Fanout, Latency};
use super::sequence::failed;
use super::tenant;
use crate::failure::Result;

const STEPS: u64 = 50;

async fn fan_out(context: Context, number: u64) -> std::result::Result<u64, StepError> {
    let context = &context;
    let steps = (0..STEPS).map(|branch| async move {
        let key = format!("branch-{branch}");
        context.step::<u64, _, _>(&key, (), move || async move { Ok(branch + number) }).await
    });
    Ok(try_join_all(steps).await?.into_iter().sum())
}

pub(super) async fn measure(engine: &Engine, duration: Duration) -> Result<Fanout> {
    let workflow = Workflow::builder("bench-fanout").version("1.0.0").function(fan_out).map_err(failed)?;
    engine.run_code(&tenant(), &workflow, &0).await.map_err(failed)?;
    let mut workflows = Vec::new();
    let began = Instant::now();
    while began.elapsed() < duration {
        let before = Instant::now();
        engine.run_code(&tenant(), &workflow, &1).await.map_err(failed)?;
        workflows.push(before.elapsed());
    }
    let steps_per_second = workflows.len() as f64 * STEPS as f64 / began.elapsed().as_secs_f64();
    Ok(Fanout { workflow: Latency::of(workflows), steps_per_second })
}
