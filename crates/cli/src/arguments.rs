//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::config::Flags;

/// A durable workflow engine that runs on the database you already have
#[derive(Debug, Parser)]
#[command(
    name = "aquifer",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = EXAMPLES,
    after_long_help = AFTER_LONG_HELP
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  aquifer run hello.yaml --input '{\"name\": \"Ada\"}'
  aquifer serve --database-url sqlite:aquifer.db";

const AFTER_LONG_HELP: &str = "\
Examples:
  aquifer run hello.yaml --input '{\"name\": \"Ada\"}'
  aquifer serve --database-url sqlite:aquifer.db

Exit codes:
  0    what was asked is done; `run` and `resume`: the execution completed
  1    it was tried and did not succeed; `run` and `resume`: the execution faulted or was cancelled
  2    what was given cannot be used: arguments, settings, files, definitions, input, the database
  130  a second Ctrl-C ended the program at once

Results go to standard output; notes, diagnostics and the log go to standard error.";

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The file of settings, instead of aquifer.toml in the working directory
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets any setting, such as engine.lease=30s; `aquifer config` shows all
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// What is logged on standard error: off, error, warn, info, debug, trace, or target=level pairs
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Prints no colours, as NO_COLOR in the environment does
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl Global {
    /// The settings that these flags set.
    pub(crate) fn flags(&self) -> Flags {
        let mut flags = Flags { config: self.config.clone(), values: Vec::new() };
        for (key, value) in &self.set {
            flags.add(key, Some(value), "--set");
        }
        flags.add("log.level", self.log_level.as_deref(), "--log-level");
        flags
    }
}

/// Which database to use.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The database: sqlite:PATH, json:PATH or memory: [default: the setting database.url]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl DatabaseArgs {
    /// Adds the settings that these flags set.
    pub(crate) fn add_to(&self, flags: &mut Flags) {
        flags.add("database.url", self.database_url.as_deref(), "--database-url");
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(commands::run::RunArgs),
    Resume(commands::resume::ResumeArgs),
    Validate(commands::validate::ValidateArgs),
    Serve(commands::serve::ServeArgs),
    #[command(subcommand)]
    Workflow(commands::workflow::WorkflowCommand),
    #[command(subcommand)]
    Execution(commands::execution::ExecutionCommand),
    #[command(subcommand)]
    Db(commands::db::DbCommand),
    #[command(subcommand)]
    Import(commands::import::ImportCommand),
    #[command(subcommand)]
    Export(commands::export::ExportCommand),
    Bench(crate::bench::BenchArgs),
    Config(commands::config::ConfigArgs),
    Completions(commands::completions::CompletionsArgs),
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as engine.lease=30s".to_owned()),
    }
}
