//! How many durable steps a second: 64 workflows of 3 steps at a time.
//!
//! Run it with `cargo run --release -p aquifer --example steps_per_second -- sqlite:steps.db`, and look at the figures: every
//! step's outcome is committed before the next step begins. Without an argument everything stays in memory.

use std::time::{Duration, Instant};

use aquifer::OpenOptions;
use aquifer::engine::code::{Context, RunError, Workflow};
use aquifer::engine::{DEFAULT_TENANT, Engine, EngineOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "memory:".to_owned());
    let store = aquifer::open(&url, &OpenOptions::default()).await?;
    let engine = Engine::open(store, EngineOptions::default()).await?;
    let sequence = Workflow::builder("sequence").function(|ctx: Context, n: u64| async move {
        let a: u64 = ctx.step("a", (), move || async move { Ok(n + 1) }).await?;
        let b: u64 = ctx.step("b", (), move || async move { Ok(a + 1) }).await?;
        ctx.step("c", (), move || async move { Ok(b + 1) }).await
    })?;
    let long = Workflow::builder("long").function(|ctx: Context, steps: u64| async move {
        for n in 0..steps {
            ctx.step(&format!("step {n}"), (), || async { Ok(()) }).await?;
        }
        Ok(())
    })?;
    let tenant = DEFAULT_TENANT.into();

    let (time, begin) = (Duration::from_secs(5), Instant::now());
    let mut runs = Vec::new();
    for _ in 0..64 {
        let (engine, sequence) = (engine.clone(), sequence.clone());
        runs.push(tokio::spawn(async move {
            let mut count = 0_u64;
            while begin.elapsed() < time {
                engine.run_code(&DEFAULT_TENANT.into(), &sequence, &count).await?;
                count += 1;
            }
            Ok::<_, RunError>(count)
        }));
    }
    let mut count = 0;
    for run in runs {
        count += run.await??;
    }
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    println!("64 at a time: {rate:.0} workflows/s, {:.0} steps/s", rate * 3.0);

    for steps in [1000, 3000] {
        let begin = Instant::now();
        engine.run_code(&tenant, &long, &steps).await?;
        println!("{steps} steps in a row: {:?} a step", begin.elapsed() / u32::try_from(steps)?);
    }
    engine.shutdown().await;
    Ok(())
}
