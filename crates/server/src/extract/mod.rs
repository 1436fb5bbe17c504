//! What routes take out of requests. Every refusal is a problem document.

mod body;
mod caller;
mod key;
mod params;
mod path;

pub(crate) use body::{DefinitionBody, JsonBody};
pub(crate) use caller::Caller;
pub(crate) use key::IdempotencyKey;
pub(crate) use params::{Params, number_order, sort, status, time_order};
pub(crate) use path::Segments;
