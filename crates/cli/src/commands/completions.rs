//! `aquifer completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::{Exit, Result};
use crate::output::print;

/// Prints what makes a shell complete this command
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aquifer completions bash > ~/.local/share/bash-completion/completions/aquifer
  aquifer completions zsh > ~/.zfunc/_aquifer")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn run(arguments: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "aquifer", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
