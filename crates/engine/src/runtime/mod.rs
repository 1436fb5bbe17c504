//! Running executions: what one process does with the machines and journals of many.

mod adopt;
mod control;
mod effects;
mod engine;
mod plans;
mod process;
mod registry;
mod runner;
mod start;
mod worker;

pub use control::ControlError;
pub use engine::{Applied, ApplyError, DEFAULT_TENANT, Engine};
pub use start::{Start, StartError, Started, VersionRef, WorkflowRef};
