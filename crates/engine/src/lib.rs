//! The durable execution engine of Aquifer.
//!
//! - a *plan* is a version, compiled: every expression parsed, every schema built;
//! - a *machine* interprets a plan, without I/O: pure tasks run in memory, and it says what is to be done outside;
//! - a *journal* writes down each turn of a machine as one transaction: continuation, steps and events together;
//! - [`code`] is the other way to write a workflow: in Rust, on the same journal and runtime;
//! - the *runtime* drives many executions in one process, and takes over from processes that died.

mod backoff;
mod chain;
pub mod code;
mod data;
mod depth;
mod entry;
mod journal;
mod machine;
mod options;
mod plan;
mod redact;
mod runtime;

pub use aquifer_effects::http::HttpOptions;
pub use chain::verify_events;
pub use entry::Event;
pub use options::{EngineOptions, MapSecrets, NoSecrets, Observer, SecretSource};
pub use runtime::{
    Applied, ApplyError, ControlError, DEFAULT_TENANT, Engine, Start, StartError, Started, VersionRef, WorkflowRef,
};
