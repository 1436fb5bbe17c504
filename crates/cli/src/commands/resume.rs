//! `aquifer resume`.

use aquifer::OpenOptions;
use aquifer::core::kinds::{Execution, Status};
use aquifer::core::{BackendExt, Entity, ExecutionId, Key, Stored, TenantId};
use aquifer::engine::{ControlError, Engine};
use clap::Args;

use super::Context;
use crate::arguments::DatabaseArgs;
use crate::database;
use crate::failure::{Exit, Failure, Result};
use crate::follow::{EventFile, Followed, ReportArgs, conclude, trace_to};
use crate::output::note;
use crate::signals::Signals;

/// Continues a durable execution to its end and prints how it ended
#[derive(Debug, Args)]
#[command(after_help = "\
Continues an execution that was suspended, or whose process died: after such a death others wait for
the setting engine.lease before they take over. One that another process runs is waited for, and one
that has ended is printed as it is. Prints and exits as `aquifer run` does.

Examples:
  aquifer resume ex_01... --database-url sqlite:orders.db")]
pub(crate) struct ResumeArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    report: ReportArgs,
}

/// Continues the execution.
///
/// # Errors
/// Whatever keeps the execution from coming to an end.
pub(crate) async fn run(arguments: ResumeArgs, context: &Context) -> Result<Exit> {
    let report = arguments.report;
    let place = &context.settings.database;
    let tenant = &context.settings.server.tenant;
    let id = ExecutionId::from(arguments.execution);
    let mut options = database::engine_options(&context.settings, report.secrets.as_deref())?;
    let store = database::open(place, OpenOptions { create: false, ..OpenOptions::default() }).await?;
    // Before anything is written: a report must not replace a file for an execution that does not exist.
    let key = Key::new(Execution::KIND, [tenant.as_str(), id.as_str()]);
    let found = store.backend().get_one(key).await.map_err(|error| database::named(error, place))?;
    let Some(found) = found else {
        database::close_store(&store).await;
        return Err(Failure::unusable(format!("there is no execution {id} in {}", aquifer::mask(&place.url)))
            .with_hint("list them with: aquifer execution list"));
    };
    let found = Stored::<Execution>::from_record(found)?;
    let events = report.events_out.as_deref().map(EventFile::create).transpose()?;
    let trace = match report.trace.as_deref().map(trace_to).transpose()? {
        Some((file, observer)) => {
            options.observer = observer;
            Some(file)
        }
        None => None,
    };
    let signals = Signals::listen()?;
    let engine = Engine::open(store, options).await.map_err(|error| database::named(error, place))?;
    let ended = match wake(&engine, tenant, &found).await {
        Ok(()) => Followed { engine: &engine, tenant, id: &id, signals, events, trace }.until_it_ends().await,
        Err(failure) => Err(failure),
    };
    database::close(engine).await;
    conclude(&ended?.entity, report.output)
}

/// Resumes the execution if it is suspended; otherwise it comes by itself, or has ended.
async fn wake(engine: &Engine, tenant: &TenantId, execution: &Execution) -> Result<()> {
    let id = &execution.id;
    if execution.status.is_final() {
        note(&format!("execution {id} had ended already: it is {}", execution.status));
    }
    if execution.status != Status::Suspended {
        return Ok(());
    }
    match engine.resume(tenant, id).await {
        // Somebody else was faster.
        Ok(_) | Err(ControlError::Ended(_) | ControlError::NotSuspended(_)) => Ok(()),
        Err(ControlError::NotFound(message)) => Err(Failure::unusable(message)),
        Err(ControlError::Store(error)) => Err(Failure::from(error)),
    }
}
