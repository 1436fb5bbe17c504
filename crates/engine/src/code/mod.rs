//! Workflows written in Rust, on the same durable core as those of the DSL.
//!
//! A workflow is an async function whose steps are recorded under their keys: when its execution is taken up again, by this
//! process or another, the function runs from its beginning and finds the results of the steps that are done. A graph of declared
//! steps is a function of that kind too; see [`Builder::step`].
//!
//! ```
//! use aquifer_engine::code::{Context, StepError, Workflow};
//! # use std::sync::Arc;
//! # use aquifer_core::{Backend, Store, SystemClock, kinds::SCHEMA};
//! # use aquifer_engine::{DEFAULT_TENANT, Engine, EngineOptions};
//!
//! async fn double_twice(ctx: Context, number: u64) -> Result<u64, StepError> {
//!     let twice: u64 = ctx.step("first", (), move || async move { Ok(number * 2) }).await?;
//!     ctx.step("second", (), move || async move { Ok(twice * 2) }).await
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let backend = aquifer_memory::MemoryBackend::new(&SCHEMA);
//! # backend.migrate().await?;
//! # let store = Store::new(Arc::new(backend), Arc::new(SystemClock));
//! let engine = Engine::open(store, EngineOptions::default()).await?;
//! let workflow = Workflow::builder("double-twice").version("1.0.0").function(double_twice)?;
//! let output = engine.run_code(&DEFAULT_TENANT.into(), &workflow, &21).await?;
//! assert_eq!(output, 84);
//! # engine.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempt;
mod builder;
mod context;
mod desk;
mod engine;
mod error;
mod flow;
mod history;
mod options;
mod registry;
mod run;
mod runner;
mod start;
mod state;
mod workflow;

pub use aquifer_core::kinds::LogLevel;
pub use builder::{BuildError, Builder, FlowBuilder};
pub use context::Context;
pub use engine::{Handle, RunError};
pub use error::StepError;
pub use flow::{Branches, Flow, IntoFlow, Step, pass, step};
pub use options::{Retry, StepOptions};
pub(crate) use registry::Registry;
pub(crate) use runner::is_code;
pub(crate) use start::Wanted;
pub use state::State;
pub use workflow::Workflow;
