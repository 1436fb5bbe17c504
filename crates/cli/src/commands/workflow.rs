//! `aquifer workflow`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Context;
use super::document::{Column, list, show};
use crate::client::{Client, PlaceArgs, Request};
use crate::definitions::read_all;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Format, cell, print, print_json};

/// Stores and shows workflows, on a server or straight on a database
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    Apply(ApplyArgs),
    List(ListArgs),
    Show(ShowArgs),
    Versions(VersionsArgs),
    Delete(DeleteArgs),
}

/// Stores definitions as the newest versions of their workflows
#[derive(Debug, Args)]
#[command(after_help = "\
All files are checked before any is stored. A definition that is the newest version already stays as it is.

Examples:
  aquifer workflow apply hello.yaml
  aquifer workflow apply *.yaml --server http://127.0.0.1:7400")]
pub(crate) struct ApplyArgs {
    /// The definitions, in YAML or JSON; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lists workflows, a page at a time
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer workflow list --namespace shop --limit 20")]
pub(crate) struct ListArgs {
    /// Only those of this namespace
    #[arg(long)]
    namespace: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Shows a workflow
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer workflow show shop/order\n  aquifer workflow show wf_01... --output json")]
pub(crate) struct ShowArgs {
    /// Its id, or [NAMESPACE/]NAME
    workflow: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lists the versions of a workflow
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer workflow versions shop/order")]
pub(crate) struct VersionsArgs {
    /// Its id, or [NAMESPACE/]NAME
    workflow: String,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Deletes a workflow with all its versions
#[derive(Debug, Args)]
#[command(after_help = "\
A workflow that has executions cannot be deleted.

Examples:
  aquifer workflow delete shop/order")]
pub(crate) struct DeleteArgs {
    /// Its id, or [NAMESPACE/]NAME
    workflow: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// What every command on workflows and executions takes.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// How the result is printed: the documents of the REST interface, or for people
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "pretty")]
    pub(crate) output: Format,
}

/// Which page of a listing.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// The most lines
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    /// Goes on after the page that gave this cursor
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl PageArgs {
    /// Asks for this page.
    pub(crate) fn of(&self, request: Request) -> Request {
        let limit = self.limit.map(|limit| limit.to_string());
        request.query("limit", limit.as_deref()).query("cursor", self.cursor.as_deref())
    }
}

impl WorkflowCommand {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Apply(arguments) => &arguments.common,
            Self::List(arguments) => &arguments.common,
            Self::Show(arguments) => &arguments.common,
            Self::Versions(arguments) => &arguments.common,
            Self::Delete(arguments) => &arguments.common,
        }
    }

    /// Where the workflows are.
    pub(crate) fn place(&self) -> &PlaceArgs {
        &self.common().place
    }
}

/// What the id of a workflow begins with.
const WORKFLOW_ID: &str = "wf_";

/// The namespace of a workflow that is named without one, as in the REST interface.
const DEFAULT_NAMESPACE: &str = "default";

const WORKFLOWS: &[Column] = &[
    ("ID", "id"),
    ("NAMESPACE", "namespace"),
    ("NAME", "name"),
    ("VERSIONS", "latest_version"),
    ("UPDATED", "updated_at"),
];
const VERSIONS: &[Column] = &[("NUMBER", "number"), ("VERSION", "label"), ("CREATED", "created_at")];

/// Runs the command.
///
/// # Errors
/// If it is refused, or nobody answers.
pub(crate) async fn run(command: WorkflowCommand, context: &Context) -> Result<Exit> {
    if let WorkflowCommand::Apply(arguments) = &command {
        return apply(arguments, context).await;
    }
    let client = Client::connect(context, false).await?;
    let done = ask(&client, &command).await;
    client.close().await;
    done.map(|()| Exit::Done)
}

async fn ask(client: &Client, command: &WorkflowCommand) -> Result<()> {
    let format = command.common().output;
    match command {
        WorkflowCommand::Apply(_) => Ok(()),
        WorkflowCommand::List(arguments) => {
            let request = Request::get(&["workflows"]).query("namespace", arguments.namespace.as_deref());
            list(&client.send(arguments.page.of(request)).await?, WORKFLOWS, format)
        }
        WorkflowCommand::Show(arguments) => {
            let id = id_of(client, &arguments.workflow).await?;
            show(&client.send(Request::get(&["workflows", &id])).await?, format)
        }
        WorkflowCommand::Versions(arguments) => {
            let id = id_of(client, &arguments.workflow).await?;
            let request = Request::get(&["workflows", &id, "versions"]);
            list(&client.send(arguments.page.of(request)).await?, VERSIONS, format)
        }
        WorkflowCommand::Delete(arguments) => {
            let id = id_of(client, &arguments.workflow).await?;
            client.send(Request::delete(&["workflows", &id])).await?;
            if format == Format::Pretty { print(&format!("workflow {id} deleted\n")) } else { Ok(()) }
        }
    }
}

async fn apply(arguments: &ApplyArgs, context: &Context) -> Result<Exit> {
    let sources = read_all(arguments.files.iter(), context.colored)?;
    let client = Client::connect(context, true).await?;
    let mut done = Ok(());
    for source in sources {
        let request = Request::post(&["workflows"]).body("application/yaml", source.bytes);
        done = match client.send(request).await {
            Ok(document) => match arguments.common.output {
                Format::Json => print_json(&document),
                Format::Pretty => print(&applied(&source.name, &document)),
            },
            Err(failure) => Err(failure),
        };
        if done.is_err() {
            break;
        }
    }
    client.close().await;
    done.map(|()| Exit::Done)
}

fn applied(file: &str, document: &serde_json::Value) -> String {
    let is = |name: &str| document.get(name).and_then(serde_json::Value::as_bool) == Some(true);
    let workflow = document.get("workflow").unwrap_or(document);
    let what = match (is("created"), is("changed")) {
        (true, _) => "created".to_owned(),
        (false, true) => format!("changed, version {}", cell(document, "version")),
        (false, false) => format!("unchanged, version {}", cell(document, "version")),
    };
    let name = format!("{}/{}", cell(workflow, "namespace"), cell(workflow, "name"));
    format!("{file}: workflow {name} {what} ({})\n", cell(workflow, "id"))
}

/// The namespace and name that a person gave a workflow by; `None` for an id.
pub(crate) fn name_in(named: &str) -> Option<(&str, &str)> {
    match named.split_once('/') {
        None if named.starts_with(WORKFLOW_ID) => None,
        None => Some((DEFAULT_NAMESPACE, named)),
        name => name,
    }
}

/// The id of a workflow that a person named by its id or its name.
///
/// # Errors
/// If there is none of this name.
pub(crate) async fn id_of(client: &Client, named: &str) -> Result<String> {
    let Some((namespace, name)) = name_in(named) else { return Ok(named.to_owned()) };
    let request = Request::get(&["workflows"]).query("namespace", Some(namespace)).query("name", Some(name));
    let page = client.send(request).await?;
    let found = page.get("items").and_then(|items| items.get(0)).map(|workflow| cell(workflow, "id"));
    found.filter(|id| !id.is_empty()).ok_or_else(|| {
        Failure::failed(format!("there is no workflow {name:?} in the namespace {namespace:?}"))
            .with_hint("list them with: aquifer workflow list")
    })
}
