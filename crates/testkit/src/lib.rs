//! Real database servers for tests, and what breaks the way to them.
#![doc = include_str!("../README.md")]

mod error;
mod find;
mod server;
mod state;
mod tls;

pub use error::{Error, Result};
pub use find::{mongodb_kind, tls_files, try_url, url};
pub use server::Server;
pub use state::{Entry, State, state_folder};
pub use tls::TlsFiles;
