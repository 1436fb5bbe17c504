//! A service that hangs, then fails, then answers: an attempt's time limit, and pauses between attempts.
//!
//! Run it with `cargo run -p aquifer --example retry_timeout`. Look at the attempts it prints: the first is given up after half a
//! second. Each is recorded; the pauses would go on after a restart.

use std::time::Duration;

use aquifer::OpenOptions;
use aquifer::engine::code::{Context, Retry, StepError, StepOptions, Workflow};
use aquifer::engine::{DEFAULT_TENANT, Engine, EngineOptions};

async fn ask(attempt: u32) -> Result<String, StepError> {
    println!("attempt {attempt}");
    match attempt {
        1 => std::future::pending().await,
        2 => Err(StepError::new("503 from the service")),
        _ => Ok("42".to_owned()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = aquifer::open("memory:", &OpenOptions::default()).await?;
    let engine = Engine::open(store, EngineOptions::default()).await?;
    let workflow = Workflow::builder("stubborn").function(|ctx: Context, (): ()| async move {
        let options = StepOptions::new()
            .timeout(Duration::from_millis(500))
            .retry(Retry::exponential(5, Duration::from_millis(200)).max_delay(Duration::from_secs(5)));
        ctx.step_with("ask", options, |step| ask(step.attempt())).await
    })?;
    println!("the answer is {}", engine.run_code(&DEFAULT_TENANT.into(), &workflow, &()).await?);
    engine.shutdown().await;
    Ok(())
}
