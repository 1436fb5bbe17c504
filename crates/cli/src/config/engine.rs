//! How workflows run.

use std::time::Duration;

use aquifer::engine::{EngineOptions, HttpOptions};

use super::setting::Setting;
use super::values::{Values, boolean, duration, size};
use crate::failure::Result;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "engine.lease",
        default: Some("15s"),
        doc: "a worker that gave no sign of life for so long counts as dead, and others take its executions",
    },
    Setting {
        key: "engine.poll",
        default: Some("1s"),
        doc: "how often a worker looks for work that nobody told it of",
    },
    Setting { key: "engine.park_after", default: Some("5s"), doc: "an execution that waits for longer leaves memory" },
    Setting {
        key: "engine.grace",
        default: Some("10s"),
        doc: "how long the end of the program waits for HTTP calls and programs under way",
    },
    Setting { key: "engine.evaluation_time", default: Some("1s"), doc: "the longest that one expression may take" },
    Setting {
        key: "engine.evaluation_memory",
        default: Some("64MiB"),
        doc: "the most memory that the values of one expression may take",
    },
    Setting { key: "engine.max_input_bytes", default: Some("10MiB"), doc: "the largest input of an execution" },
    Setting {
        key: "engine.processes",
        default: Some("true"),
        doc: "whether workflows may run shell commands and scripts on this machine",
    },
];

/// How workflows run.
#[derive(Debug, Clone)]
pub(crate) struct EngineSettings {
    lease: Duration,
    poll: Duration,
    park_after: Duration,
    /// How long the end of the program waits.
    pub(crate) grace: Duration,
    evaluation_time: Duration,
    evaluation_memory: usize,
    /// The largest input, in bytes.
    pub(crate) max_input_bytes: usize,
    processes: bool,
}

impl EngineSettings {
    pub(super) fn read(values: &Values) -> Result<Self> {
        Ok(Self {
            lease: values.read("engine.lease", duration)?,
            poll: values.read("engine.poll", duration)?,
            park_after: values.read("engine.park_after", duration)?,
            grace: values.read("engine.grace", duration)?,
            evaluation_time: values.read("engine.evaluation_time", duration)?,
            evaluation_memory: values.read("engine.evaluation_memory", size)?,
            max_input_bytes: values.read("engine.max_input_bytes", size)?,
            processes: values.read("engine.processes", boolean)?,
        })
    }

    pub(super) fn options(&self, http: HttpOptions) -> EngineOptions {
        EngineOptions {
            lease: self.lease,
            poll: self.poll,
            park_after: self.park_after,
            grace: self.grace,
            evaluation_time: self.evaluation_time,
            evaluation_memory: self.evaluation_memory,
            max_input_bytes: self.max_input_bytes,
            processes: self.processes,
            http,
            ..EngineOptions::default()
        }
    }
}
