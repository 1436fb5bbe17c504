//! Real database servers for tests, and what breaks the way to them.
#![doc = include_str!("../README.md")]

mod error;
mod find;
mod instance;
mod obtain;
mod proxy;
mod run;
mod server;
mod servers;
mod shared;
mod state;
mod tls;

pub use error::{Error, Result};
pub use find::{mongodb_kind, tls_files, try_url, url};
pub use instance::{Instance, Options};
pub use obtain::apt_get;
pub use proxy::{Fault, Proxy};
pub use server::Server;
pub use shared::{Outcome, down, status, up};
pub use state::{Entry, state_folder};
pub use tls::TlsFiles;
