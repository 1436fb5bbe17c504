//! `aquifer run`.

use std::path::PathBuf;

use aquifer::OpenOptions;
use aquifer::core::TenantId;
use aquifer::engine::{ApplyError, DEFAULT_TENANT, Engine, Start, StartError, Started, VersionRef, WorkflowRef};
use clap::Args;
use serde_json::{Value, json};

use super::Context;
use crate::config::{DatabaseSettings, Source as SettingSource};
use crate::database;
use crate::definitions::{Source, read_all};
use crate::diagnostics::render;
use crate::failure::{Exit, Failure, Result};
use crate::follow::{EventFile, Followed, ReportArgs, conclude, trace_to};
use crate::input::{Limit, read_input};
use crate::output::note;
use crate::signals::Signals;

/// Runs a definition to its end and prints how it ended
#[derive(Debug, Args)]
#[command(after_help = "\
Prints one document: {\"status\": \"completed|faulted|cancelled\", \"output\": ..., \"error\": a problem or null}.
Exits with 0 if the execution completed, 1 if it faulted or was cancelled, and 2 if what was given
cannot be used: the arguments, a file, the definition, the input, the database.

Without --database-url nothing outlives the command. With it the execution is durable, and
`aquifer resume` continues it; meanwhile the command is one of the workers on that database. The
settings' database is not used here. Ctrl-C cancels the execution, and a second one quits at once.

Examples:
  aquifer run hello.yaml --input '{\"name\": \"Ada\"}'
  aquifer run hello.yaml --input @input.json --output json --trace tasks.jsonl
  aquifer run order.yaml --with ship.yaml --secrets secrets.json --database-url sqlite:orders.db")]
pub(crate) struct RunArgs {
    /// The definition, in YAML or JSON; - is standard input
    file: PathBuf,
    /// The input: JSON, @FILE, or - for standard input [default: {}]
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    input: Option<String>,
    /// A further definition, for `run: workflow`; may be repeated
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Makes the execution durable in this database: sqlite:PATH, json:PATH or a server's URL
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
}

/// Runs the definition.
///
/// # Errors
/// Whatever keeps the execution from coming to an end.
pub(crate) async fn run(arguments: RunArgs, context: &Context) -> Result<Exit> {
    let report = arguments.report;
    if arguments.input.as_deref() == Some("-") && arguments.file == *"-" {
        return Err(Failure::unusable("the definition and the input cannot both come from standard input"));
    }
    let mut sources = read_all(arguments.with.iter().chain([&arguments.file]), context.colored)?;
    let input = match &arguments.input {
        Some(input) => read_input(input, Limit::of_input(context.settings.engine.max_input_bytes))?,
        None => json!({}),
    };
    let mut options = database::engine_options(&context.settings, report.secrets.as_deref())?;
    let events = report.events_out.as_deref().map(EventFile::create).transpose()?;
    let trace = match report.trace.as_deref().map(trace_to).transpose()? {
        Some((file, observer)) => {
            options.observer = observer;
            Some(file)
        }
        None => None,
    };
    let is_durable = arguments.database_url.is_some();
    let (place, tenant) = match arguments.database_url {
        Some(url) => {
            let place = context.settings.database_at(&url, "--database-url")?;
            (place, context.settings.server.tenant.clone())
        }
        // Nobody else is there to share it with.
        None => {
            let place = DatabaseSettings {
                url: "memory:".to_owned(),
                source: SettingSource::Default,
                ..context.settings.database.clone()
            };
            (place, TenantId::from(DEFAULT_TENANT))
        }
    };
    let store = database::open(&place, OpenOptions::default()).await?;
    let engine = Engine::open(store, options).await.map_err(|error| database::named(error, &place))?;
    let main = sources.pop();
    let signals = Signals::listen()?;
    let started = start(&engine, &tenant, &sources, main.as_ref(), input, context.colored).await;
    let ended = match &started {
        Ok(started) => {
            let id = &started.execution_id;
            if is_durable {
                note(&format!("execution {id} started"));
            }
            Ok(Followed { engine: &engine, tenant: &tenant, id, signals, events, trace }.until_it_ends().await)
        }
        Err(_) => Err(()),
    };
    database::close(engine).await;
    let id = started?.execution_id;
    match ended {
        Ok(Ok(execution)) => conclude(&execution, report.output),
        Ok(Err(failure)) if is_durable => {
            let url = aquifer::mask(&place.url);
            Err(failure.with_hint(format!("continue it with: aquifer resume {id} --database-url {url}")))
        }
        Ok(Err(failure)) => Err(failure),
        Err(()) => Err(Failure::reported(Exit::Failed)),
    }
}

/// Stores the definitions and starts the main one.
async fn start(
    engine: &Engine,
    tenant: &TenantId,
    others: &[Source],
    main: Option<&Source>,
    input: Value,
    colored: bool,
) -> Result<Started> {
    for other in others {
        apply(engine, tenant, other, colored).await?;
    }
    let main = main.ok_or_else(|| Failure::unusable("there is no definition to run"))?;
    let applied = apply(engine, tenant, main, colored).await?;
    let request = Start {
        workflow: WorkflowRef::Id(applied.workflow.entity.id),
        version: VersionRef::Number(applied.version),
        input,
        idempotency_key: None,
        tags: None,
        user_id: None,
    };
    engine.start(tenant, request).await.map_err(|error| match error {
        StartError::Store(error) => Failure::from(error),
        error => Failure::unusable(error.to_string()),
    })
}

async fn apply(engine: &Engine, tenant: &TenantId, source: &Source, colored: bool) -> Result<aquifer::engine::Applied> {
    engine.apply(tenant, &source.bytes, &source.name).await.map_err(|error| match error {
        ApplyError::Invalid(diagnostics) => {
            note(render(&diagnostics, colored).trim_end());
            Failure::reported(Exit::Unusable)
        }
        ApplyError::Store(error) => Failure::from(error),
    })
}
