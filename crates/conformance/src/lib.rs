#![doc = include_str!("../README.md")]
#![expect(clippy::expect_used, clippy::panic, reason = "the whole crate is a test: it fails by panicking")]

mod cases;
mod generate;
mod harness;
mod inventory;
mod runner;
mod schema;
mod support;

pub use harness::{Database, Harness};
pub use inventory::{CASES, Case, Run};
pub use runner::{main, run};
