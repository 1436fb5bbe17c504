//! Workflows of 3 steps, each durable before the next begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aquifer::engine::Engine;
use aquifer::engine::code::{Context, StepError, Workflow};

use super::processors::Processors;
use super::report::{Latency, Sequence};
use super::tenant;
use crate::failure::{Failure, Result};

/// Workflows run before anything is measured.
const WARM_UP: usize = 50;

const STEPS: u32 = 3;

async fn three_steps(context: Context, number: u64) -> std::result::Result<u64, StepError> {
    let number: u64 = context.step("first", (), move || async move { Ok(number + 1) }).await?;
    let number: u64 = context.step("second", (), move || async move { Ok(number + 1) }).await?;
    context.step("third", (), move || async move { Ok(number + 1) }).await
}

pub(super) fn failed(error: impl std::error::Error + 'static) -> Failure {
    Failure::failed("a workflow of the benchmark failed").with_source(&error)
}

pub(super) async fn measure(engine: &Engine, concurrency: usize, duration: Duration) -> Result<Sequence> {
    let workflow = Workflow::builder("bench-sequence").version("1.0.0").function(three_steps).map_err(failed)?;
    for number in 0..WARM_UP {
        engine.run_code(&tenant(), &workflow, &(number as u64)).await.map_err(failed)?;
    }
    let (mut steps, mut workflows) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < duration {
        let before = Instant::now();
        let handle = engine.start_code(&tenant(), &workflow, &1).await.map_err(failed)?;
        let started = Instant::now();
        handle.output().await.map_err(failed)?;
        steps.push(started.elapsed() / STEPS);
        workflows.push(before.elapsed());
    }
    let alone_steps_per_second = workflows.len() as f64 * f64::from(STEPS) / began.elapsed().as_secs_f64();
    let done = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let before = Processors::look();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let (engine, workflow, done) = (engine.clone(), workflow.clone(), Arc::clone(&done));
        callers.spawn(async move {
            while began.elapsed() < duration {
                engine.run_code(&tenant(), &workflow, &1).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), aquifer::engine::code::RunError>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.map_err(failed)?.map_err(failed)?;
    }
    let used = Processors::look().zip(before).and_then(|(after, before)| after.used_since(&before));
    let workflows_per_second = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let steps_per_second = workflows_per_second * f64::from(STEPS);
    Ok(Sequence {
        step: Latency::of(steps),
        workflow: Latency::of(workflows),
        alone_steps_per_second,
        concurrency,
        workflows_per_second,
        steps_per_second,
        speedup: steps_per_second / alone_steps_per_second,
        processors_used: used.map(|used| used.by_all),
        processors_used_by_engine: used.map(|used| used.by_this_process),
    })
}
