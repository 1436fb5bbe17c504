use serde_json::{Map, Value};

use super::{Export, Output, TaskList};
use crate::Expression;

/// `emit`: an event to publish.
#[derive(Debug, Clone)]
pub struct Emit {
    /// `event.with`: attributes of a CloudEvent; `type` is there, `source` may be absent.
    pub with: Map<String, Value>,
    /// JSON pointer of `event.with`.
    pub pointer: String,
}

/// `listen`: events to wait for.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Which events.
    pub to: Consumption,
    /// What of each event the output has.
    pub read: ReadAs,
    /// Tasks to perform for each event.
    pub foreach: Option<SubscriptionIterator>,
}

/// What is read of a consumed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadAs {
    /// Its data.
    #[default]
    Data,
    /// The whole event.
    Envelope,
    /// Its raw data.
    Raw,
}

/// Which events are consumed.
#[derive(Debug, Clone)]
pub enum Consumption {
    /// One event for each filter, in any order.
    All(Vec<EventFilter>),
    /// One event that passes any filter (every event, if there is no filter), or several up to `until`.
    Any {
        /// The filters.
        filters: Vec<EventFilter>,
        /// When to stop.
        until: Option<Until>,
    },
    /// One event.
    One(EventFilter),
}

/// When to stop consuming events.
#[derive(Debug, Clone)]
pub enum Until {
    /// When this is true after an event.
    Expression(Expression),
    /// When these events were consumed; never itself with an `until`.
    Events(Box<Consumption>),
}

/// Which events pass.
#[derive(Debug, Clone)]
pub struct EventFilter {
    /// Attributes that must match, all of them; values may be `${ ... }`.
    pub with: Map<String, Value>,
    /// Correlations by name.
    pub correlate: Vec<Correlation>,
    /// JSON pointer of the filter.
    pub pointer: String,
}

/// A link between events, or between an event and the execution.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// Its name.
    pub name: String,
    /// What of the event is compared.
    pub from: Expression,
    /// What it must be, a constant or `${ ... }`; when absent, what the first event had.
    pub expect: Option<String>,
}

/// `foreach`: tasks to perform for each event or message.
#[derive(Debug, Clone)]
pub struct SubscriptionIterator {
    /// Name of the variable with the current item, `item` by default.
    pub item: String,
    /// Name of the variable with its position from 0, `index` by default.
    pub at: String,
    /// The tasks.
    pub tasks: TaskList,
    /// Transformation of each item's output.
    pub output: Output,
    /// What replaces the context after each item.
    pub export: Export,
}
