use std::time::Duration;

use jiff::Timestamp;

/// What one evaluation may use, and the time it believes it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The longest an evaluation may run, in wall-clock time.
    pub time: Duration,
    /// The most bytes that values made by an evaluation may occupy at any moment, the result included.
    /// The input and the arguments are borrowed and do not count.
    pub memory: usize,
    /// What `now` yields: always given by the caller, so that a replayed evaluation repeats itself.
    pub now: Timestamp,
}

impl Bounds {
    /// The default limit on time: one second.
    pub const TIME: Duration = Duration::from_secs(1);
    /// The default limit on memory: 64 MiB.
    pub const MEMORY: usize = 64 << 20;

    /// The default limits, at the given time.
    pub const fn at(now: Timestamp) -> Self {
        Self { time: Self::TIME, memory: Self::MEMORY, now }
    }
}
