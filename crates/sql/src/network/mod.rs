//! The store contract over a SQL server behind a network, written once for all of them.
//!
//! A database brings a [`Driver`]: connections ([`Session`]) that run statements, and what is its own, such as how it creates its
//! tables. [`NetworkBackend`] does the rest.

mod driver;
mod fault;
mod parameter;

pub use driver::{Driver, Purpose, Session, Step, Write, Written};
pub use fault::Fault;
pub use parameter::Parameter;
