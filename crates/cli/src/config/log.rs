//! What is logged.

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::setting::Setting;
use super::values::Values;
use crate::failure::Result;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "log.level",
        default: Some("warn"),
        doc: "what is logged on standard error: off, error, warn, info, debug, trace, or target=level pairs",
    },
    Setting { key: "log.format", default: Some("text"), doc: "how a line of the log looks: text or json" },
];

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// What is logged.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    /// Levels and targets.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
}

impl LogSettings {
    pub(super) fn read(values: &Values) -> Result<Self> {
        Ok(Self { level: values.read("log.level", level)?, format: values.read("log.format", format)? })
    }
}

fn level(value: &str) -> Result<String, String> {
    // A word alone that is no level would count as the name of a target.
    let is_clear = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    match value.parse::<Targets>() {
        Ok(_) if value.split(',').all(is_clear) => Ok(value.to_owned()),
        _ => Err("off, error, warn, info, debug, trace, or target=level pairs".to_owned()),
    }
}

fn format(value: &str) -> Result<LogFormat, String> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".to_owned()),
    }
}
