#![doc = include_str!("../docs.md")]

mod backend;
mod bare;
mod batch;
mod database;
mod disk;
mod fault;
mod image;
mod journal;
mod options;
mod paths;
mod registry;
mod snapshot;
mod strom;
#[cfg(test)]
mod tests;
mod text;
mod writer;

pub use backend::JsonBackend;
pub use bare::bare_rates;
pub use options::JsonOptions;
pub use strom::{StromExport, StromFlow, export_strom, import_strom};
