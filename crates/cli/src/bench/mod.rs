//! `aquifer bench`: how fast the engine is on a database, beside what the database does alone.

mod fanout;
mod list;
mod long;
mod processors;
mod report;
mod sequence;

use std::path::Path;
use std::time::Duration;

use aquifer::core::kinds::Execution;
use aquifer::core::{Entity, Scan, Store, TenantId};
use aquifer::engine::{DEFAULT_TENANT, Engine};
use aquifer::{OpenOptions, mask};

use crate::commands::Context;
use crate::database;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Format, note, print, print_json};
use report::Report;

/// The database that is measured unless one is named; removed afterwards.
const DEFAULT_DATABASE: &str = "aquifer-bench.db";

const LONG_HELP: &str = "\
What the workloads measure, every step durable before its workflow goes on:
  sequence  what a step costs (one workflow at a time), and how many steps a second are done with
            --concurrency workflows at once
  fanout    how long 50 steps take that are started together, one workflow at a time
  long      whether a step grows dearer with the steps that lie behind it
  list      whether a page grows dearer with the executions that are stored: 100 of one workflow
            and one status, with 1,000 and with --executions stored

What the ratios mean:
  bare commits              a step's median, divided by that of a durable commit of one row through
                            the bare driver in the same run; 1: a step costs no more than that
  of the rows/s in batches  steps a second, divided by the rows a second that the bare driver
                            writes in durable batches of 64; 1: every row that it could is a step
  times as many             steps a second with --concurrency workflows at once, divided by those
                            with one at a time: what sharing commits and processors brings
  last of a line of `long`  the mean of the last hundred steps, divided by that of the first
                            hundred; 1: the cost is constant

The database alone is measured before and after the rest: where the two differ much, other work
disturbed the run. In memory there is no driver, and no ratio to it.

Examples:
  aquifer bench
  aquifer bench --workload sequence --workload fanout --seconds 10
  aquifer bench --database-url json:bench.json --executions 100000 --output json";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// Workflows of 3 steps, each durable before the next begins.
    Sequence,
    /// 50 steps in parallel.
    Fanout,
    /// One workflow of 1,000 and one of 3,000 steps in a row.
    Long,
    /// Pages of a filtered listing, with few and with many executions stored.
    List,
}

/// Measures Aquifer on a database, and the database alone in the same run
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  aquifer bench\n  aquifer bench --workload sequence --output json",
    after_long_help = LONG_HELP
)]
pub(crate) struct BenchArgs {
    /// The database to measure; it must hold no executions. Without it, a new SQLite file in the working directory, removed
    /// afterwards
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// What to measure; everything if not given
    #[arg(long, value_enum)]
    pub(crate) workload: Vec<Workload>,
    /// How many workflows run at once where `sequence` measures throughput
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) concurrency: usize,
    /// How long each measurement takes that is not of a fixed amount, in seconds
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) seconds: u64,
    /// How many executions the longer listing has
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) executions: usize,
    /// How to print the figures
    #[arg(long, value_enum, default_value = "pretty")]
    pub(crate) output: Format,
}

/// Runs the benchmark.
///
/// # Errors
/// What the database says, or what does not work as it should.
pub(crate) async fn run(arguments: BenchArgs, context: &Context) -> Result<Exit> {
    let own = arguments.database_url.is_none();
    let url = arguments.database_url.clone().unwrap_or_else(|| format!("sqlite:{DEFAULT_DATABASE}"));
    if own && Path::new(DEFAULT_DATABASE).exists() {
        return Err(Failure::unusable(format!("{DEFAULT_DATABASE} is there already"))
            .with_hint("remove it, or name a database with --database-url"));
    }
    let measured = measure(&arguments, &url, context).await;
    if own {
        for suffix in ["", "-wal", "-shm"] {
            // What is not there need not be removed.
            let _ = std::fs::remove_file(format!("{DEFAULT_DATABASE}{suffix}"));
        }
    }
    let report = measured?;
    match arguments.output {
        Format::Json => print_json(&report)?,
        Format::Pretty => print(&report.to_string())?,
    }
    Ok(Exit::Done)
}

async fn measure(arguments: &BenchArgs, url: &str, context: &Context) -> Result<Report> {
    let seconds = Duration::from_secs(arguments.seconds.max(1));
    let workloads = if arguments.workload.is_empty() {
        vec![Workload::Sequence, Workload::Fanout, Workload::Long, Workload::List]
    } else {
        arguments.workload.clone()
    };
    let settings = context.settings.database_at(url, "--database-url")?;
    let url = settings.url.as_str();
    let store = database::open(&settings, OpenOptions::default()).await?;
    refuse_used(&store, url).await?;
    let engine = Engine::open(store, database::engine_options(&context.settings, None)?).await?;
    // The capabilities of the backend itself: the store's layers take larger records apart.
    let health = aquifer::check(url, settings.wait).await.map_err(|error| database::named(error, &settings))?;
    let mut report = Report::new(url, health);
    note("measuring the database alone");
    report.bare(aquifer::bare_rates(url, seconds).await?);
    for workload in workloads {
        note(&format!("measuring {}", name(workload)));
        match workload {
            Workload::Sequence => {
                report.sequence = Some(sequence::measure(&engine, arguments.concurrency.max(1), seconds).await?);
            }
            Workload::Fanout => report.fanout = Some(fanout::measure(&engine, seconds).await?),
            Workload::Long => report.long = Some(long::measure(&engine).await?),
            Workload::List => report.list = Some(list::measure(engine.store(), arguments.executions).await?),
        }
    }
    // Once more at the end: a machine that others use shows in the difference.
    report.bare_again(aquifer::bare_rates(url, seconds).await?);
    database::close(engine).await;
    Ok(report)
}

fn name(workload: Workload) -> &'static str {
    match workload {
        Workload::Sequence => "sequence",
        Workload::Fanout => "fanout",
        Workload::Long => "long",
        Workload::List => "list",
    }
}

/// A database in use is not the place for a benchmark.
async fn refuse_used(store: &Store, url: &str) -> Result<()> {
    let scan = Scan::key(Execution::KIND).limit(1);
    if store.backend().scan(&scan).await?.records.is_empty() {
        return Ok(());
    }
    Err(Failure::unusable(format!("{} holds executions", mask(url))).with_hint("name an empty database"))
}

/// The tenant that everything is measured in.
fn tenant() -> TenantId {
    DEFAULT_TENANT.into()
}
