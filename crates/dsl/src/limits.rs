//! How large a definition may be.

/// Limits on the source of a definition, so that no source can exhaust memory or the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the source in bytes, also with all its aliases written out; 10 MiB by default.
    pub max_bytes: usize,
    /// Nesting of objects and arrays, 100 by default. More than [`Limits::DEEPEST`] counts as that.
    pub max_depth: usize,
    /// Number of values, with all aliases written out; 1,000,000 by default.
    pub max_values: usize,
}

impl Limits {
    /// The deepest nesting that any limit allows; it fits a stack of 1 MiB.
    pub const DEEPEST: usize = 128;

    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(Self::DEEPEST)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 10 * 1024 * 1024, max_depth: 100, max_values: 1_000_000 }
    }
}
