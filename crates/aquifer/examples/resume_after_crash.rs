//! A workflow that outlives its process: kill this program with ctrl-c or `kill -9`, and run it again.
//!
//! Run it with `cargo run -p aquifer --example resume_after_crash` and stop it after a few steps. Look at the second run: it goes
//! on with the step that was under way, and carries out no step again that was done. The data is in `resume.db`.

use std::time::Duration;

use aquifer::OpenOptions;
use aquifer::engine::code::{Context, StepError, Workflow};
use aquifer::engine::{DEFAULT_TENANT, Engine, EngineOptions, Start};

async fn count(ctx: Context, steps: u32) -> Result<u32, StepError> {
    let mut sum = 0;
    for number in 1..=steps {
        let body = move || async move {
            println!("step {number} of {steps}");
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(number)
        };
        sum += ctx.step(&format!("step {number}"), (), body).await?;
    }
    Ok(sum)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = aquifer::open("sqlite:resume.db", &OpenOptions::default()).await?;
    let engine = Engine::open(store, EngineOptions::default()).await?;
    let workflow = Workflow::builder("count").function(count)?;
    engine.register(&workflow);
    // The key makes the second run find the execution of the first instead of starting another.
    let request = Start { idempotency_key: Some("the only one".to_owned()), ..workflow.request(&10)? };
    let started = engine.start(&DEFAULT_TENANT.into(), request).await?;
    println!("{} {}", if started.existing { "going on with" } else { "started" }, started.execution_id);
    let ended = engine.wait(&DEFAULT_TENANT.into(), &started.execution_id).await?;
    println!("{}: {}", ended.status, ended.output.as_deref().unwrap_or("no output"));
    engine.shutdown().await;
    Ok(())
}
