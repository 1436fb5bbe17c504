//! What bounds an evaluation: a count of steps that leads to a look at the clock, and a balance of bytes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::Bounds;

/// Steps between two looks at the clock. A step takes some ten nanoseconds.
const STEPS: usize = 1024;

/// How deep calls, and the expressions within each other, may nest while they are evaluated.
const MAX_NESTING: u32 = 10_000;

/// How deep values may nest that an expression makes or returns.
///
/// Below serde_json's own limit (128) by enough for a record around the result: what an expression yields can
/// be read back after it was written.
pub(crate) const MAX_DEPTH: u32 = 100;

/// How deep a walk through values descends; an input deeper than that can be passed on but not walked.
pub(crate) const MAX_WALK: u32 = 400;

/// Stack that must remain before another level of evaluation; more is allocated otherwise.
///
/// Enough for the walks through values that a level may start, and for serde_json, without optimisation.
const RED_ZONE: usize = 640 << 10;
const STACK: usize = 4 << 20;

/// The bounds of one evaluation, and what is left of them.
pub(crate) struct Meter {
    steps: Cell<usize>,
    deadline: Cell<Option<Instant>>,
    time: Duration,
    used: Cell<usize>,
    memory: usize,
    nesting: Cell<u32>,
    now: Timestamp,
}

/// The bound that an evaluation ran into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    Time(Duration),
    Memory(usize),
    Depth(&'static str, u32),
    Size(String),
}

impl Meter {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        Self {
            steps: Cell::new(STEPS),
            deadline: Cell::new(None),
            time: bounds.time,
            used: Cell::new(0),
            memory: bounds.memory,
            nesting: Cell::new(0),
            now: bounds.now,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Counts `steps` of work that is about to be done.
    #[inline]
    pub(crate) fn work(&self, steps: usize) -> Result<(), Exhausted> {
        match self.steps.get().checked_sub(steps) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => self.look_at_clock(),
        }
    }

    /// The clock starts at the first look, so that short expressions never ask for the time.
    #[cold]
    fn look_at_clock(&self) -> Result<(), Exhausted> {
        self.steps.set(STEPS);
        let now = Instant::now();
        match self.deadline.get() {
            None => self.deadline.set(now.checked_add(self.time)),
            Some(deadline) if now >= deadline => {
                self.steps.set(0);
                return Err(Exhausted::Time(self.time));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Fails if `bytes` more would exceed the bound; does not take them.
    pub(crate) fn fits(&self, bytes: usize) -> Result<(), Exhausted> {
        if self.used.get().saturating_add(bytes) > self.memory {
            return Err(Exhausted::Memory(self.memory));
        }
        Ok(())
    }

    /// As [`Self::fits`], and counts the work to fill the bytes.
    pub(crate) fn check(&self, bytes: usize) -> Result<(), Exhausted> {
        self.fits(bytes)?;
        self.work(bytes / 64)
    }

    /// Takes `bytes` for the rest of the evaluation.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        self.check(bytes)?;
        self.used.set(self.used.get() + bytes);
        Ok(())
    }

    /// Runs `step` one level deeper, on a fresh piece of stack if little is left.
    pub(crate) fn nested<T, E: From<Exhausted>>(&self, step: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let nesting = self.nesting.get();
        if nesting >= MAX_NESTING {
            return Err(Exhausted::Depth("calls nest", MAX_NESTING).into());
        }
        self.nesting.set(nesting + 1);
        let result = on_enough_stack(step);
        self.nesting.set(nesting);
        result
    }
}

/// Runs `step` on a fresh piece of stack if little is left.
pub(crate) fn on_enough_stack<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, STACK, step)
}

/// Bytes that belong to a value: given back when it is dropped.
pub(crate) struct Charge<'a> {
    meter: &'a Meter,
    bytes: usize,
}

impl<'a> Charge<'a> {
    pub(crate) fn new(meter: &'a Meter, bytes: usize) -> Result<Self, Exhausted> {
        meter.take(bytes)?;
        Ok(Self { meter, bytes })
    }

    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.meter.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    pub(crate) fn meter(&self) -> &'a Meter {
        self.meter
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.meter.used.set(self.meter.used.get() - self.bytes);
    }
}

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(time) => write!(f, "the expression ran longer than {time:?}"),
            Self::Memory(bytes) => write!(f, "the expression needs more than {bytes} bytes of memory"),
            Self::Depth(what, limit) => write!(f, "{what} deeper than {limit} levels"),
            Self::Size(message) => f.write_str(message),
        }
    }
}
