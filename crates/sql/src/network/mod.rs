//! The store contract over a SQL server behind a network, written once for all of them.
//!
//! A database brings a [`Driver`]: connections ([`Session`]) that run statements, and what is its own, such as how it creates its
//! tables. [`NetworkBackend`] does the rest.

mod backend;
mod batch;
mod bulk;
mod claim;
mod commit;
mod driver;
mod fault;
mod lookup;
mod parameter;
mod pool;
mod read;
mod session;
#[cfg(test)]
mod tests;

pub use backend::NetworkBackend;
pub use driver::{Driver, Purpose};
pub use fault::Fault;
pub use parameter::Parameter;
pub use pool::{Connect, Pool, PoolOptions, Pooled};
pub use session::{Session, Step, Write, Written, write_step_by_step};
