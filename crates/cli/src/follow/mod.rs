//! Seeing an execution to its end: what it reports on the way, and what signals do to it.

mod events;
mod outcome;
mod trace;

use std::path::PathBuf;
use std::time::Duration;

use aquifer::core::kinds::Execution;
use aquifer::core::{ExecutionId, Stored, TenantId};
use aquifer::engine::{ControlError, Engine};
use clap::Args;

use crate::failure::{Failure, Result};
use crate::output::{Format, note};
use crate::progress::spinner;
use crate::signals::{INTERRUPTED, Signals, Told};

pub(crate) use events::EventFile;
pub(crate) use outcome::conclude;
pub(crate) use trace::{TraceFile, trace_to};

/// How often the files of events and tasks are brought up to date.
const TICK: Duration = Duration::from_millis(200);

/// What `run` and `resume` report, and how.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// How the result is printed: as one line of JSON, or indented
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    pub(crate) output: Format,
    /// Writes every CloudEvent to a file, one JSON object a line: of the execution, then of those it started
    #[arg(long, value_name = "FILE")]
    pub(crate) events_out: Option<PathBuf>,
    /// Writes a line to a file for each task that ended, in order
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// A JSON object of secrets: the values of the names under `use.secrets`
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
}

/// An execution that somebody waits for.
pub(crate) struct Followed<'a> {
    /// Who runs it.
    pub(crate) engine: &'a Engine,
    /// Whose it is.
    pub(crate) tenant: &'a TenantId,
    /// Which it is.
    pub(crate) id: &'a ExecutionId,
    /// What the process is told, listened to since before the execution began.
    pub(crate) signals: Signals,
    /// Where its events go.
    pub(crate) events: Option<EventFile>,
    /// Where its tasks go.
    pub(crate) trace: Option<TraceFile>,
}

impl Followed<'_> {
    /// Waits until the execution has ended. Ctrl-C cancels it, and a second one ends the process.
    ///
    /// # Errors
    /// If the store fails, a file cannot be written, or the process is told to terminate.
    pub(crate) async fn until_it_ends(mut self) -> Result<Stored<Execution>> {
        let spinner = spinner(self.id.to_string());
        let (engine, tenant, id) = (self.engine.clone(), self.tenant, self.id);
        let wait = engine.wait(tenant, id);
        tokio::pin!(wait);
        let mut tick = tokio::time::interval(TICK);
        let mut is_cancelled = false;
        let ended = loop {
            tokio::select! {
                ended = &mut wait => break ended?,
                told = self.signals.next() => match told {
                    Told::Interrupt if is_cancelled => std::process::exit(INTERRUPTED),
                    Told::Interrupt => {
                        is_cancelled = true;
                        spinner.suspend(|| note("cancelling the execution; Ctrl-C again quits at once"));
                        tokio::spawn(cancel(engine.clone(), tenant.clone(), id.clone()));
                    }
                    Told::Terminate => return Err(Failure::failed(format!("told to terminate before {id} ended"))),
                },
                _ = tick.tick() => self.catch_up().await?,
            }
        };
        spinner.finish_and_clear();
        self.catch_up().await?;
        if let Some(events) = &mut self.events {
            events.add_descendants(self.engine, self.tenant, self.id).await?;
        }
        Ok(ended)
    }

    async fn catch_up(&mut self) -> Result<()> {
        if let Some(trace) = &mut self.trace {
            trace.catch_up(self.id)?;
        }
        if let Some(events) = &mut self.events {
            events.catch_up(self.engine, self.tenant, self.id).await?;
        }
        Ok(())
    }
}

async fn cancel(engine: Engine, tenant: TenantId, id: ExecutionId) {
    match engine.cancel(&tenant, &id).await {
        Ok(_) | Err(ControlError::Ended(_)) => {}
        Err(error) => note(&format!("the execution cannot be cancelled: {error}; Ctrl-C again quits")),
    }
}
