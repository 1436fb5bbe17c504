//! The work that tasks do outside: HTTP calls, shell commands and scripts.
//!
//! The engine evaluates every expression first; this crate receives plain data, does the work and answers with
//! plain data or a [`Failure`]. It knows nothing of workflows, and it never evaluates what it is given: data reaches
//! a server as parts of a request, and a program as arguments, environment or standard input, never as command text.
//!
//! Every operation is a future that may be dropped at any time: dropping it aborts the request, or kills the process
//! and all its children.

mod failure;
pub mod http;
pub mod process;

pub use failure::{Failure, Kind};
