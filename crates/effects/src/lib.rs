//! The work that tasks do outside: HTTP calls, shell commands and scripts.
//!
//! The engine evaluates every expression first; this crate receives plain data, does the work and answers with
//! plain data or a [`Failure`]. It knows nothing of workflows, and it never evaluates what it is given: data reaches
//! a server as parts of a request, and a program as arguments, environment or standard input, never as command text.
//!
//! Every operation is a future that may be dropped at any time: dropping it aborts the request, or kills the process
//! and all its children.
//!
//! ```
//! use aquifer_effects::process::{Arguments, Limits, ProcessCall, Program, Return, run};
//! use serde_json::{Map, json};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let call = ProcessCall {
//!     program: Program::Shell { command: "echo \"hello, $1\"; exit 3".to_owned() },
//!     stdin: None,
//!     arguments: Arguments::Positional(vec![json!("world; rm -rf /")]),
//!     environment: Map::new(),
//!     return_: Return::All,
//!     working_directory: None,
//!     idempotency_key: "order-7/1".to_owned(),
//!     limits: Limits::default(),
//! };
//! let outcome = json!({ "code": 3, "stdout": "hello, world; rm -rf /", "stderr": "" });
//! assert_eq!(run(call).await, Ok(outcome));
//! # }
//! ```

mod failure;
pub mod http;
pub mod process;

pub use failure::{Failure, Kind};
