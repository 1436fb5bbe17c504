//! Backends around backends: each adds one thing and passes everything else on.

mod chunk;
mod fault;
mod group_commit;
mod observe;
mod pass_on;
mod retry;
mod waves;

pub use chunk::{Chunks, Swept};
pub use fault::{Fault, Faults};
pub use group_commit::GroupCommit;
pub use observe::Observe;
pub use retry::{Retries, RetryOptions};
pub use waves::{Placed, waves};
