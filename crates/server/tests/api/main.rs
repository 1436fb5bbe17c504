//! The interface over real HTTP, against a server on the memory backend.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "harness and helpers are tests too")]

mod contract;
mod events;
mod executions;
mod harness;
mod hostile;
mod operation;
mod workflows;
