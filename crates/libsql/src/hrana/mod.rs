//! A client of the public protocol "Hrana over HTTP", version 2: batches of statements, each of which runs if a condition over those
//! before it holds.

mod batch;
mod client;
mod reply;

pub(crate) use batch::{Argument, Batch, Condition, StepId, all, any, not};
pub(crate) use client::{Access, Client, Failure};
pub(crate) use reply::{Cell, Reply, StepError};
