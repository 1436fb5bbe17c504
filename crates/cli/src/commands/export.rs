//! `aquifer export`.

use std::path::{Path, PathBuf};

use aquifer::core::{Error, Paging, Tenancy, WorkflowFilter};
use aquifer::{OpenOptions, StromExport, StromFlow, mask};
use clap::{Args, Subcommand};

use super::Context;
use crate::arguments::DatabaseArgs;
use crate::database;
use crate::failure::{Exit, Failure, Result};
use crate::output::{note, print};
use crate::replace::Replacement;

/// Writes workflows as files of other programs
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    Strom(StromArgs),
}

/// Writes the workflows that came from Strom as a file of Strom
#[derive(Debug, Args)]
#[command(after_help = "\
Writes the newest version of each flow as it was imported, byte for byte, the first imported
first. A file that is there is replaced once the new one is complete.

Examples:
  aquifer export strom flows.json
  aquifer export strom --database-url sqlite:aquifer.db | jq '.flows[].name'")]
pub(crate) struct StromArgs {
    /// The file to write; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
}

/// How many workflows are read at once.
const PAGE: usize = 100;

/// Runs the command.
///
/// # Errors
/// If the database cannot be used, or the file cannot be written.
pub(crate) async fn run(command: ExportCommand, context: &Context) -> Result<Exit> {
    let ExportCommand::Strom(arguments) = command;
    let place = &context.settings.database;
    let store = database::open(place, OpenOptions { create: false, ..OpenOptions::default() }).await?;
    let exported = export(&store.tenant(&context.settings.server.tenant), &arguments.file).await;
    database::close_store(&store).await;
    let database = mask(&place.url);
    note(&match exported? {
        0 => format!("{database} holds no flows of strom: import some with `aquifer import strom FILE`"),
        1 => format!("1 flow exported from {database}"),
        flows => format!("{flows} flows exported from {database}"),
    });
    Ok(Exit::Done)
}

/// Where the text goes.
enum Sink {
    Stdout { began: bool },
    File(Replacement),
}

impl Sink {
    fn write(&mut self, text: &str) -> Result<()> {
        match self {
            Self::Stdout { began } => {
                *began = true;
                print(text)
            }
            Self::File(file) => file.write(text),
        }
    }

    /// What a failure means once this was written.
    fn failed(&self, failure: Failure) -> Failure {
        match self {
            Self::Stdout { began: true } => failure.midway().with_hint("what is on standard output is not complete"),
            _ => failure,
        }
    }
}

async fn export(records: &Tenancy, path: &Path) -> Result<usize> {
    let mut sink = match path == Path::new("-") {
        true => Sink::Stdout { began: false },
        false => Sink::File(Replacement::begin(path)?),
    };
    let filter = WorkflowFilter { namespace: Some(StromFlow::NAMESPACE.to_owned()), ..WorkflowFilter::default() };
    let mut paging = Paging::first(PAGE).oldest_first();
    let (mut export, mut count) = (StromExport::default(), 0);
    loop {
        let page = records.list_workflows(&filter, &paging).await.map_err(|error| sink.failed(error.into()))?;
        for workflow in page.items.iter().filter(|workflow| StromFlow::is_workflow(workflow)) {
            let flow = newest(records, workflow).await.map_err(|error| sink.failed(error.into()))?;
            sink.write(&export.add(&flow))?;
            count += 1;
        }
        if page.next.is_none() {
            break;
        }
        paging = paging.after(page.next);
    }
    sink.write(&export.finish())?;
    if let Sink::File(file) = sink {
        file.finish()?;
    }
    Ok(count)
}

async fn newest(records: &Tenancy, workflow: &aquifer::core::kinds::Workflow) -> Result<StromFlow, Error> {
    StromFlow::from_version(&*records.get_version(&workflow.id, workflow.latest_version).await?)
}
