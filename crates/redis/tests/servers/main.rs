//! What the conformance suite cannot know: wrong options, TLS, fail-over, restarts, memory that is full, and what other programs see.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "these are tests, and what helps them")]

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod faults;
mod layout;
mod open;
mod own;
mod records;
mod sentinel;
