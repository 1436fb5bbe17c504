//! `aquifer execution`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Context;
use super::document::{Column, list, show};
use super::workflow::{CommonArgs, PageArgs, id_of, name_in};
use crate::client::{Client, PlaceArgs, Request};
use crate::failure::{Exit, Result};
use crate::input::{Limit, read_input};
use crate::output::{Format, cell, note, print, print_json};

/// Starts, shows and controls executions, on a server or straight on a database
#[derive(Debug, Subcommand)]
pub(crate) enum ExecutionCommand {
    Start(StartArgs),
    List(ListArgs),
    Show(ShowArgs),
    Events(EventsArgs),
    Logs(LogsArgs),
    Cancel(CancelArgs),
    Suspend(SuspendArgs),
    Resume(ResumeArgs),
}

/// Starts an execution of a workflow
#[derive(Debug, Args)]
#[command(after_help = "\
Straight on a database, whoever works on that database goes on with it: `aquifer serve`, or
`aquifer resume`. With --wait this command does, and exits with 0 if the execution completed and with 1
if it faulted or was cancelled.

Examples:
  aquifer execution start shop/order --input '{\"number\": 7}' --idempotency-key order-7
  aquifer execution start wf_01... --version 3 --wait --server http://127.0.0.1:7400")]
pub(crate) struct StartArgs {
    /// The workflow's id, or [NAMESPACE/]NAME
    workflow: String,
    /// The input: JSON, @FILE, or - for standard input [default: {}]
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    input: Option<String>,
    /// The number of the version, or what the definition calls it [default: the newest]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Starting twice with one key starts once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Waits until the execution has ended
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lists executions, the newest first, a page at a time
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer execution list --status faulted --workflow shop/order")]
pub(crate) struct ListArgs {
    /// Only those of this workflow: its id, or [NAMESPACE/]NAME
    #[arg(long)]
    workflow: Option<String>,
    /// Only those that are pending, running, waiting, suspended, cancelled, faulted or completed
    #[arg(long)]
    status: Option<String>,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Shows an execution
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer execution show ex_01... --output json")]
pub(crate) struct ShowArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lists the events of an execution
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer execution events ex_01... --cursor 12")]
pub(crate) struct EventsArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lists what an execution has logged
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer execution logs ex_01...")]
pub(crate) struct LogsArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Cancels an execution: what it does outside is stopped
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer execution cancel ex_01...")]
pub(crate) struct CancelArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Pauses an execution
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer execution suspend ex_01...")]
pub(crate) struct SuspendArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Lets a suspended execution go on
#[derive(Debug, Args)]
#[command(after_help = "\
Straight on a database, whoever works on that database goes on with it; `aquifer resume` sees it to its end.

Examples:
  aquifer execution resume ex_01...")]
pub(crate) struct ResumeArgs {
    /// The execution's id
    execution: String,
    #[command(flatten)]
    common: CommonArgs,
}

impl ExecutionCommand {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Start(arguments) => &arguments.common,
            Self::List(arguments) => &arguments.common,
            Self::Show(arguments) => &arguments.common,
            Self::Events(arguments) => &arguments.common,
            Self::Logs(arguments) => &arguments.common,
            Self::Cancel(arguments) => &arguments.common,
            Self::Suspend(arguments) => &arguments.common,
            Self::Resume(arguments) => &arguments.common,
        }
    }

    /// Where the executions are.
    pub(crate) fn place(&self) -> &PlaceArgs {
        &self.common().place
    }
}

/// How many seconds a start may take to be answered because it waits for the end.
const FIRST_WAIT: &str = "30";

/// How often to look for the end of an execution that takes longer.
const POLL: Duration = Duration::from_secs(1);

const EXECUTIONS: &[Column] = &[
    ("ID", "id"),
    ("NAMESPACE", "namespace"),
    ("NAME", "name"),
    ("VERSION", "version"),
    ("STATUS", "status"),
    ("CREATED", "created_at"),
    ("ENDED", "ended_at"),
];
const LOGS: &[Column] = &[("TIME", "created_at"), ("LEVEL", "level"), ("TASK", "task"), ("MESSAGE", "message")];

/// Runs the command.
///
/// # Errors
/// If it is refused, or nobody answers.
pub(crate) async fn run(command: ExecutionCommand, context: &Context) -> Result<Exit> {
    let input = match &command {
        ExecutionCommand::Start(StartArgs { input: Some(input), .. }) => {
            read_input(input, Limit::of_input(context.settings.engine.max_input_bytes))?
        }
        _ => json!({}),
    };
    let client = Client::connect(context, false).await?;
    let done = ask(&client, &command, input).await;
    client.close().await;
    done
}

async fn ask(client: &Client, command: &ExecutionCommand, input: Value) -> Result<Exit> {
    let format = command.common().output;
    match command {
        ExecutionCommand::Start(arguments) => return start(client, arguments, input).await,
        ExecutionCommand::List(arguments) => {
            let workflow = match &arguments.workflow {
                Some(workflow) => Some(id_of(client, workflow).await?),
                None => None,
            };
            let request = Request::get(&["executions"])
                .query("workflow_id", workflow.as_deref())
                .query("status", arguments.status.as_deref());
            list(&client.send(arguments.page.of(request)).await?, EXECUTIONS, format)?;
        }
        ExecutionCommand::Show(arguments) => {
            show(&client.send(Request::get(&["executions", &arguments.execution])).await?, format)?;
        }
        ExecutionCommand::Events(arguments) => {
            let request = Request::get(&["executions", &arguments.execution, "events"]);
            events(&client.send(arguments.page.of(request)).await?, format)?;
        }
        ExecutionCommand::Logs(arguments) => {
            let request = Request::get(&["executions", &arguments.execution, "logs"]);
            list(&client.send(arguments.page.of(request)).await?, LOGS, format)?;
        }
        ExecutionCommand::Cancel(arguments) => control(client, &arguments.execution, "cancel", format).await?,
        ExecutionCommand::Suspend(arguments) => control(client, &arguments.execution, "suspend", format).await?,
        ExecutionCommand::Resume(arguments) => {
            control(client, &arguments.execution, "resume", format).await?;
            say_who_goes_on(client, &arguments.execution);
        }
    }
    Ok(Exit::Done)
}

async fn start(client: &Client, arguments: &StartArgs, input: Value) -> Result<Exit> {
    let mut body = json!({ "input": input });
    match name_in(&arguments.workflow) {
        Some((namespace, name)) => {
            body["namespace"] = json!(namespace);
            body["name"] = json!(name);
        }
        None => body["workflow_id"] = json!(arguments.workflow),
    }
    if let Some(version) = &arguments.version {
        body["version"] = version.parse::<i64>().map_or_else(|_| json!(version), |number| json!(number));
    }
    let key = arguments.idempotency_key.as_deref();
    let wait = arguments.wait.then_some(FIRST_WAIT);
    let request = Request::post(&["executions"]).query("wait", wait).header("idempotency-key", key).json(&body);
    let mut execution = client.send(request).await?;
    let id = cell(&execution, "id");
    while arguments.wait && !has_ended(&execution) {
        tokio::time::sleep(POLL).await;
        execution = client.send(Request::get(&["executions", &id])).await?;
    }
    match arguments.common.output {
        Format::Json => print_json(&execution)?,
        Format::Pretty if arguments.wait => show(&execution, Format::Pretty)?,
        Format::Pretty => print(&format!("execution {id} started\n"))?,
    }
    if arguments.wait {
        let is_completed = cell(&execution, "status") == "completed";
        return Ok(if is_completed { Exit::Done } else { Exit::Failed });
    }
    say_who_goes_on(client, &id);
    Ok(Exit::Done)
}

fn has_ended(execution: &Value) -> bool {
    matches!(cell(execution, "status").as_str(), "completed" | "faulted" | "cancelled")
}

/// Without a server, what was started goes on only if somebody works on the database.
fn say_who_goes_on(client: &Client, id: &str) {
    if let Some(flag) = client.direct_flag() {
        note(&format!("it goes on with `aquifer serve{flag}`, or with `aquifer resume {id}{flag}`"));
    }
}

async fn control(client: &Client, id: &str, verb: &str, format: Format) -> Result<()> {
    let execution = client.send(Request::post(&["executions", id, verb])).await?;
    match format {
        Format::Json => print_json(&execution),
        Format::Pretty => print(&format!("execution {id} is {}\n", cell(&execution, "status"))),
    }
}

fn events(page: &Value, format: Format) -> Result<()> {
    if format == Format::Json {
        return print_json(page);
    }
    let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let event = item.get("event").unwrap_or(item);
            let task = event.pointer("/data/task").cloned().unwrap_or_default();
            json!({
                "number": item.get("number"), "time": event.get("time"), "type": event.get("type"), "task": task,
            })
        })
        .collect();
    let columns: &[Column] = &[("NUMBER", "number"), ("TIME", "time"), ("TYPE", "type"), ("TASK", "task")];
    list(&json!({ "items": rows, "next_cursor": page.get("next_cursor") }), columns, Format::Pretty)
}
