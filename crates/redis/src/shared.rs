//! What all operations work with.

use aquifer_core::{Capabilities, Schema};

use crate::layout::Layout;
use crate::link::Link;
use crate::script::Scripts;

/// One open database.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) schema: &'static Schema,
    pub(crate) layout: Layout,
    pub(crate) scripts: Scripts,
    pub(crate) link: Link,
    pub(crate) capabilities: Capabilities,
    /// The most entries of a stream; 0 for no limit.
    pub(crate) stream_max_length: u64,
}
