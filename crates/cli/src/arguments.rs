//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands;
use crate::config::{DATABASE_KEY, Flags, LISTEN_KEY, WAIT_KEY, is_set};

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

Without a command, flags of `serve` start the server: aquifer --port 3000.
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
        let mut flags = Flags { config: self.config.clone(), ..Flags::default() };
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
    /// The database: sqlite:PATH, json:PATH, memory: or a server's URL [default: the setting database.url]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Tries a database that cannot be reached yet for so long [default: the setting database.wait]
    #[arg(long, value_name = "SECONDS")]
    wait_for_database: Option<String>,
}

impl DatabaseArgs {
    /// Adds the settings that these flags set.
    pub(crate) fn add_to(&self, flags: &mut Flags) {
        flags.add(DATABASE_KEY, self.database_url.as_deref(), "--database-url");
        flags.add(WAIT_KEY, self.wait_for_database.as_deref(), "--wait-for-database");
    }
}

/// Where the server listens.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// The address and port; port 0 takes a free one [default: the setting server.listen]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "port")]
    listen: Option<String>,
    /// The port, on the host of the setting server.listen
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

impl ListenArgs {
    /// Adds the settings that these flags set.
    pub(crate) fn add_to(&self, flags: &mut Flags) {
        flags.add(LISTEN_KEY, self.listen.as_deref(), "--listen");
        flags.port = self.port;
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

/// Reads the command line. Where it names no command and begins with a flag of `serve`, it is `serve`'s.
pub(crate) fn parse() -> Arguments {
    Arguments::parse_from(with_command(std::env::args_os().collect()))
}

/// The variable that says, where nothing at all is given, that the program is started as Strom is.
const SERVES: &str = "STROM_DATABASE_URL";

fn with_command(mut given: Vec<OsString>) -> Vec<OsString> {
    let known = Arguments::command();
    let serve = known.find_subcommand("serve");
    let takes = |command: &clap::Command, name: &str| {
        let flag = command.get_arguments().find(|argument| argument.get_long() == Some(name))?;
        Some(flag.get_action().takes_values())
    };
    let mut place = 1;
    while let Some(argument) = given.get(place).and_then(|argument| argument.to_str()) {
        let Some(flag) = argument.strip_prefix("--") else { return given };
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        match takes(&known, name) {
            Some(takes_value) => place += if takes_value && value.is_none() { 2 } else { 1 },
            None if serve.is_some_and(|serve| takes(serve, name).is_some()) => {
                given.insert(1, "serve".into());
                return given;
            }
            None => return given,
        }
    }
    if given.len() <= 1 && is_set(SERVES) {
        given.push("serve".into());
    }
    given
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as engine.lease=30s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(given: &[&str]) -> Vec<OsString> {
        with_command(["aquifer"].iter().chain(given).map(Into::into).collect())
    }

    #[test]
    fn flags_of_serve_alone_are_serves() {
        for given in [
            &["--port", "3000"][..],
            &["--database-url", "memory:"],
            &["--database-url=memory:"],
            &["--log-level", "info", "--port=1"],
            &["--no-color", "--set=engine.lease=1s", "--listen", "127.0.0.1:0"],
        ] {
            let expected: Vec<OsString> = ["aquifer", "serve"].iter().chain(given).map(Into::into).collect();
            assert_eq!(completed(given), expected);
        }
    }

    #[test]
    fn other_command_lines_stay_as_they_are() {
        for given in [
            &["--help"][..],
            &["--version"],
            &["--prot", "3000"],
            &["config"],
            &["--log-level", "info", "config"],
            &["serve", "--port", "3000"],
            &["--", "--port"],
            &["-h"],
            &["--set"],
        ] {
            let expected: Vec<OsString> = ["aquifer"].iter().chain(given).map(Into::into).collect();
            assert_eq!(completed(given), expected);
        }
    }
}
