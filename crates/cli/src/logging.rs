//! The log: lines on standard error.

use std::io;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{LogFormat, LogSettings};
use crate::failure::{Failure, Result};

/// Starts the log of this process.
///
/// # Errors
/// If the level cannot be read, or there is a log already.
pub(crate) fn start(settings: &LogSettings, colored: bool) -> Result<()> {
    let targets: Targets = settings
        .level
        .parse()
        .map_err(|error: tracing_subscriber::filter::ParseError| Failure::unusable("log.level").with_source(&error))?;
    let lines = match settings.format {
        LogFormat::Text => fmt::layer().with_writer(io::stderr).with_ansi(colored).with_filter(targets).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(io::stderr).with_filter(targets).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines)
        .try_init()
        .map_err(|error| Failure::failed("the log cannot be started").with_source(&error))
}
