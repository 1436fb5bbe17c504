//! Running executions: what one process does with the machines and journals of many.

mod adopt;
mod control;
mod effects;
mod engine;
mod plans;
mod process;
mod reclaim;
mod registry;
mod runner;
mod start;
mod upkeep;
mod worker;

pub(crate) use adopt::Action;
pub use control::ControlError;
pub(crate) use engine::Inner;
pub use engine::{Applied, ApplyError, DEFAULT_TENANT, Engine};
pub(crate) use runner::ended;
pub use start::{Start, StartError, Started, VersionRef, WorkflowRef};
