//! The memory backend: ordered maps, and the reference for every other backend.
//!
//! What it answers is what the contract means: the conformance suite compares every other backend with it.
//!
//! ```
//! use aquifer_core::{Backend, BackendExt, Key, Operation, Record, SCHEMA, Transaction, Value};
//! use aquifer_memory::MemoryBackend;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let backend = MemoryBackend::new(&SCHEMA);
//! backend.migrate().await?;
//! let kind = SCHEMA.kind("tenants").ok_or_else(|| aquifer_core::Error::invalid("no tenants"))?;
//! let now = aquifer_core::Timestamp::EPOCH;
//! let acme = Record::new(kind, vec!["acme".into(), "Acme".into(), Value::Null, now.into(), now.into()]);
//! let committed = backend.commit_one(Transaction::new(vec![Operation::Insert(acme)])).await?;
//! assert_eq!(committed.revisions, [1]);
//! assert!(backend.get_one(Key::new(kind, ["acme"])).await?.is_some());
//! # Ok::<(), aquifer_core::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod judge;
mod order;
mod plan;
mod state;
mod table;

pub use backend::MemoryBackend;
pub use judge::{Wanted, judge, sets_unique, touched, wanted};
pub use plan::Plan;
pub use table::Entry;
