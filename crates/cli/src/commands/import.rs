//! `aquifer import`.

use std::path::PathBuf;

use aquifer::core::kinds::{Tenant, Workflow, WorkflowVersion};
use aquifer::core::{
    Entity, Error, ErrorKind, Json, MAX_DOCUMENT_BYTES, Operation, Store, Stored, Tenancy, TenantId, Transaction, check,
};
use aquifer::engine::DEFAULT_TENANT;
use aquifer::{OpenOptions, StromFlow, mask};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Context;
use crate::arguments::DatabaseArgs;
use crate::config::{DatabaseSettings, Source};
use crate::database::{self, Whereabouts};
use crate::failure::{Exit, Failure, Result};
use crate::input::{Limit, name_of, read_text};
use crate::output::{Format, note, print, print_json};

/// Stores workflows of other programs
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    Strom(StromArgs),
}

/// Stores the flows of a file of Strom as workflows
#[derive(Debug, Args)]
#[command(after_help = "\
A flow becomes the workflow strom/ID with the flow's name as its title. One that is there with the
same content is left alone; with other content it becomes the workflow's newest version. White
space and the order of members are no content. All flows are checked before any is stored.
`aquifer export strom` writes them as they came, members that Aquifer does not know included.

Examples:
  aquifer import strom flows.json
  aquifer import strom flows.json --database-url sqlite:aquifer.db --output json")]
pub(crate) struct StromArgs {
    /// The file, {"version": 1, "flows": [...]}; - is standard input
    file: PathBuf,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// How the result is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    output: Format,
}

/// A file holds all flows of an installation; of each there are a few copies in memory while it is stored.
const LIMIT: Limit = Limit { bytes: 64 << 20, fix: "import its flows in several files" };

/// Runs the command.
///
/// # Errors
/// If the file holds no flows of Strom, or the database cannot be used.
pub(crate) async fn run(command: ImportCommand, context: &Context) -> Result<Exit> {
    let ImportCommand::Strom(arguments) = command;
    let name = name_of(&arguments.file);
    let flows = aquifer::import_strom(&read_text(&arguments.file, LIMIT)?)
        .map_err(|error| refused(format!("{name}: {}", error.message())))?;
    let place = &context.settings.database;
    let store = database::open(place, OpenOptions::default()).await?;
    let import = Import { file: &name, place, store: &store, records: store.tenant(&context.settings.server.tenant) };
    let imported = import.all(&flows).await;
    database::close_store(&store).await;
    let counts = imported?;
    let database = mask(&place.url);
    match arguments.output {
        Format::Json => print_json(&Imported { database, counts })?,
        Format::Pretty => {
            let Counts { created, updated, unchanged } = counts;
            let flows = created + updated + unchanged;
            let flows = if flows == 1 { "1 flow".to_owned() } else { format!("{flows} flows") };
            print(&format!("{name}: {flows}: {created} created, {updated} updated, {unchanged} unchanged\n"))?;
            let flag = match place.source {
                Source::Flag("--database-url") => format!(" --database-url {database}"),
                _ => String::new(),
            };
            match database::whereabouts(place) {
                Ok(Whereabouts::Nowhere) => note("the database is in memory: nothing is kept"),
                _ => note(&format!(
                    "next: aquifer workflow list --namespace strom{flag}\n      aquifer export strom{flag}"
                )),
            }
        }
    }
    Ok(Exit::Done)
}

/// What is printed with `--output json`.
#[derive(Debug, Serialize)]
struct Imported {
    database: String,
    #[serde(flatten)]
    counts: Counts,
}

/// What became of the flows.
#[derive(Debug, Default, Serialize)]
struct Counts {
    created: usize,
    updated: usize,
    unchanged: usize,
}

/// A flow that is to be stored.
struct Change {
    /// The revision of the workflow that is there already; `None` for a new one.
    revision: Option<u64>,
    workflow: Workflow,
    version: WorkflowVersion,
}

struct Import<'a> {
    file: &'a str,
    place: &'a DatabaseSettings,
    store: &'a Store,
    records: Tenancy,
}

impl Import<'_> {
    /// Stores what is new, after everything was found to be right.
    async fn all(&self, flows: &[StromFlow]) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut changes = Vec::new();
        for (position, flow) in flows.iter().enumerate() {
            match self.change(flow).await {
                Ok(Some(change)) => changes.push((position, change)),
                Ok(None) => counts.unchanged += 1,
                Err(error) => return Err(self.failed(position, error)),
            }
        }
        if !changes.is_empty() {
            ensure_tenant(self.store, self.records.id()).await?;
        }
        for (position, Change { revision, workflow, version }) in changes {
            let stored = match revision {
                None => self.records.create_workflow(workflow, version).await,
                Some(revision) => self.records.add_version(Stored { entity: workflow, revision }, version).await,
            };
            match stored {
                Ok(_) if revision.is_none() => counts.created += 1,
                Ok(_) => counts.updated += 1,
                Err(error) => {
                    let failure = self.failed(position, error);
                    return Err(match counts.created + counts.updated {
                        0 => failure,
                        done => failure.midway().with_hint(format!(
                            "{done} flows are stored: run the command again, which leaves them alone"
                        )),
                    });
                }
            }
        }
        Ok(counts)
    }

    /// What is to be stored for a flow; `None` if its content is there.
    async fn change(&self, flow: &StromFlow) -> Result<Option<Change>, Error> {
        let (fresh, version) = flow.to_records(self.records.id(), self.store.now())?;
        let change = match self.records.find_workflow(&fresh.namespace, &fresh.name).await? {
            None => Change { revision: None, workflow: fresh, version },
            Some(found) if !StromFlow::is_workflow(&found) => {
                return Err(Error::invalid(format!(
                    "the workflow {}/{} is there and did not come from strom: delete it, or give the flow another id",
                    found.namespace, found.name
                )));
            }
            Some(found) => {
                let newest = self.records.get_version(&found.id, found.latest_version).await?;
                if StromFlow::from_version(&newest)?.has_content_of(flow) {
                    return Ok(None);
                }
                newer(found, fresh, version)?
            }
        };
        self.fits(&change)?;
        Ok(Some(change))
    }

    /// Refuses what the store would refuse once others are stored.
    fn fits(&self, change: &Change) -> Result<(), Error> {
        let Workflow { title, tags, .. } = &change.workflow;
        if title.as_ref().is_some_and(|title| title.contains('\0')) {
            return Err(Error::invalid("the name holds the character U+0000: remove it"));
        }
        for (name, text) in [("name", title.as_deref()), ("state", tags.as_ref().map(Json::as_str))] {
            if text.is_some_and(|text| text.len() > MAX_DOCUMENT_BYTES) {
                let message = format!("the {name} takes at most {MAX_DOCUMENT_BYTES} bytes: shorten it");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
        }
        let records = [change.workflow.to_record(), change.version.to_record()];
        let transaction = Transaction::new(records.into_iter().map(Operation::Insert).collect());
        check::transaction(&transaction, &self.store.backend().capabilities())
    }

    fn failed(&self, position: usize, error: Error) -> Failure {
        let is_input = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge);
        let place = format!("{}: flows[{position}]", self.file);
        if is_input {
            return refused(format!("{place}: {}", error.message()));
        }
        Failure::unusable(format!("{place} cannot be stored")).with_source(&error).with_hint(format!(
            "the database is {}, from {}",
            mask(&self.place.url),
            self.place.source
        ))
    }
}

fn refused(message: String) -> Failure {
    Failure::unusable(message).with_hint("nothing was stored; mend the file and run the command again")
}

/// The next version of a workflow that is there.
fn newer(found: Stored<Workflow>, fresh: Workflow, version: WorkflowVersion) -> Result<Change, Error> {
    let number = found.latest_version.saturating_add(1);
    let version = WorkflowVersion { workflow_id: found.id.clone(), number, label: number.to_string(), ..version };
    let Stored { entity, revision } = found;
    let tags = tags(entity.tags.as_ref(), fresh.tags.as_ref())?;
    let Workflow { title, auto_restart, .. } = fresh;
    let workflow = Workflow { latest_version: number, title, auto_restart, tags, ..entity };
    Ok(Change { revision: Some(revision), workflow, version })
}

/// The flow's tags, and those that people have added to the workflow.
fn tags(kept: Option<&Json>, fresh: Option<&Json>) -> Result<Option<Json>, Error> {
    let read = |tags: Option<&Json>| tags.map(Json::decode::<Map<String, Value>>).transpose();
    let mut tags = read(kept)?.unwrap_or_default();
    tags.retain(|name, _| !name.starts_with("strom_"));
    tags.extend(read(fresh)?.unwrap_or_default());
    Json::encode(&tags).map(Some)
}

/// Creates the default tenant, as an engine does; any other has to be there.
async fn ensure_tenant(store: &Store, id: &TenantId) -> Result<()> {
    let missing = match store.get_tenant(id).await {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    if !missing.is_not_found() {
        return Err(missing.into());
    }
    if id.as_str() != DEFAULT_TENANT {
        return Err(Failure::from(missing).with_hint("name another with the setting server.tenant"));
    }
    let now = store.now();
    let tenant =
        Tenant { id: id.clone(), name: "default".to_owned(), metadata: None, created_at: now, updated_at: now };
    match store.create_tenant(tenant).await {
        // Another process was faster.
        Err(error) if !error.is_already_exists() => Err(error.into()),
        _ => Ok(()),
    }
}
