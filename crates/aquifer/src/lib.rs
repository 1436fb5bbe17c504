//! Aquifer: a durable workflow engine that runs on the database you already have.
//!
//! One dependency for a program that embeds it: [`engine`] runs workflows, [`dsl`] reads their definitions, [`core`]
//! is the store contract underneath, and [`open`] makes a store from a URL.
//!
//! ```
//! use aquifer::OpenOptions;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let store = aquifer::open("memory:", &OpenOptions::default()).await?;
//! store.backend().ping().await?;
//! # Ok::<(), aquifer::core::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod database;
mod mask;
mod network;
mod open;
mod scheme;

pub use aquifer_core as core;
pub use aquifer_dsl as dsl;
pub use aquifer_engine as engine;

pub use aquifer_core::Store;
pub use aquifer_json::{StromExport, StromFlow, export_strom, import_strom};
pub use check::{Health, SchemaState, check};
pub use database::{bare_rates, path_of};
pub use mask::mask;
pub use open::{OpenOptions, open};
pub use scheme::Scheme;
