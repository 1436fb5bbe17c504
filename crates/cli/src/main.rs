//! The `aquifer` command.

mod arguments;
mod bench;
mod client;
mod commands;
mod config;
mod database;
mod definitions;
mod diagnostics;
mod failure;
mod follow;
mod input;
mod logging;
mod output;
mod progress;
mod replace;
mod signals;

use std::process::ExitCode;

use arguments::Arguments;
use failure::{Exit, Failure, Result};

fn main() -> ExitCode {
    // Before anything makes a TLS connection; it fails only if somebody did it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = arguments::parse();
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let text = failure.text();
            if !text.is_empty() {
                output::note(text.trim_end());
            }
            failure.exit().into()
        }
    }
}

fn run(arguments: Arguments) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("the program cannot start its threads").with_source(&error))?;
    let exit = runtime.block_on(commands::run(arguments));
    // What still blocks, such as a read of standard input, must not keep the process.
    runtime.shutdown_background();
    exit
}
