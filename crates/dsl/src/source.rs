//! Source text to a tree in which every key and value knows its place.

mod tree;

pub use tree::Locations;
pub(crate) use tree::{Kind, Member, Node};
