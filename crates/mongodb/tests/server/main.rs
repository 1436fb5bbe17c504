//! The MongoDB backend with a server: faults, the network, what checks hold, and what a person finds.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod faults;
mod layout;
mod network;
mod notes;
mod place;
mod skew;
mod watch;
