//! One module for each command.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod db;
mod document;
pub(crate) mod execution;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod validate;
pub(crate) mod workflow;

use crate::arguments::{Arguments, Command};
use crate::bench;
use crate::config::Settings;
use crate::failure::{Exit, Result};
use crate::logging;
use crate::output::is_colored;

/// What a command works with besides its own arguments.
#[derive(Debug)]
pub(crate) struct Context {
    /// All settings.
    pub(crate) settings: Settings,
    /// Whether standard error takes colours.
    pub(crate) colored: bool,
}

/// Reads the settings, starts the log and runs the command.
///
/// # Errors
/// Whatever keeps the command from being done.
pub(crate) async fn run(arguments: Arguments) -> Result<Exit> {
    let Arguments { global, command } = arguments;
    if let Command::Completions(arguments) = command {
        return completions::run(&arguments);
    }
    let mut flags = global.flags();
    match &command {
        Command::Run(_) | Command::Validate(_) | Command::Bench(_) | Command::Completions(_) => {}
        Command::Config(arguments) => arguments.add_to(&mut flags),
        Command::Resume(arguments) => arguments.database.add_to(&mut flags),
        Command::Serve(arguments) => arguments.add_to(&mut flags),
        Command::Workflow(command) => command.place().add_to(&mut flags),
        Command::Execution(command) => command.place().add_to(&mut flags),
        Command::Db(command) => command.database().add_to(&mut flags),
        Command::Import(import::ImportCommand::Strom(arguments)) => arguments.database.add_to(&mut flags),
        Command::Export(export::ExportCommand::Strom(arguments)) => arguments.database.add_to(&mut flags),
    }
    let settings = Settings::load(&flags)?;
    let colored = is_colored(global.no_color);
    logging::start(&settings.log, colored)?;
    let context = Context { settings, colored };
    match command {
        Command::Run(arguments) => run::run(arguments, &context).await,
        Command::Resume(arguments) => resume::run(arguments, &context).await,
        Command::Validate(arguments) => validate::run(&arguments, &context),
        Command::Serve(arguments) => serve::run(arguments, &context).await,
        Command::Workflow(command) => workflow::run(command, &context).await,
        Command::Execution(command) => execution::run(command, &context).await,
        Command::Db(command) => db::run(command, &context).await,
        Command::Import(command) => import::run(command, &context).await,
        Command::Export(command) => export::run(command, &context).await,
        Command::Bench(arguments) => bench::run(arguments, &context).await,
        Command::Config(arguments) => config::run(&arguments, &context),
        Command::Completions(arguments) => completions::run(&arguments),
    }
}
