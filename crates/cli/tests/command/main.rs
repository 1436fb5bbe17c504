//! The real binary, from the outside: what it prints, where, and what it returns.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

mod bench;
mod completions;
mod database;
mod guide;
mod guides;
mod resume;
mod run;
mod scripts;
mod serve;
mod settings;
mod strom;
mod support;
mod validate;
mod workflows;
