//! What the conformance suite cannot know: wrong options, TLS, fail-over, restarts, memory that is full, and what other programs see.

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod faults;
mod layout;
mod open;
mod own;
mod records;
mod sentinel;
