//! An order: a declared graph with a condition, and state that a step changes together with its outcome.
//!
//! Run it with `cargo run -p aquifer --example order_processing`. Look at `build`: each step's input is the output of the step
//! before, checked by the compiler; and at `charge`, whose receipt number is stored in the same transaction as its outcome.

use aquifer::OpenOptions;
use aquifer::engine::code::{Context, LogLevel, Retry, StepError, Workflow, pass, step};
use aquifer::engine::{DEFAULT_TENANT, Engine, EngineOptions};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    number: u32,
    cents: u64,
}

async fn check(_: Context, order: Order) -> Result<Order, StepError> {
    if order.cents == 0 { Err(StepError::permanent("an order of nothing")) } else { Ok(order) }
}

async fn discount(_: Context, order: Order) -> Result<Order, StepError> {
    Ok(Order { cents: order.cents - order.cents / 10, ..order })
}

async fn charge(ctx: Context, order: Order) -> Result<String, StepError> {
    ctx.state().set("receipt", &format!("R-{}", order.number))?;
    ctx.set_progress(90);
    ctx.log(LogLevel::Info, format!("charging {} cents under {}", order.cents, ctx.idempotency_key()));
    Ok(format!("order {} paid: {} cents", order.number, order.cents))
}

fn build() -> Result<Workflow<Order, String>, Box<dyn std::error::Error>> {
    Ok(Workflow::builder("order")
        .namespace("shop")
        .version("1.0.0")
        .tag("team", "orders")
        .step(step("check", check))
        .condition(|order: &Order| order.cents > 10_000, step("discount", discount), pass())
        .then(step("charge", charge).retry(Retry::exponential(5, Duration::from_millis(200)).jitter(0.2)))
        .build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = aquifer::open("memory:", &OpenOptions::default()).await?;
    let engine = Engine::open(store, EngineOptions::default()).await?;
    let workflow = build()?;
    for order in [Order { number: 1, cents: 2_000 }, Order { number: 2, cents: 20_000 }] {
        println!("{}", engine.run_code(&DEFAULT_TENANT.into(), &workflow, &order).await?);
    }
    let nothing = engine.run_code(&DEFAULT_TENANT.into(), &workflow, &Order { number: 3, cents: 0 }).await;
    println!("{}", nothing.err().map(|error| error.to_string()).unwrap_or_default());
    engine.shutdown().await;
    Ok(())
}
