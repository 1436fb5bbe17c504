#![doc = include_str!("../README.md")]

mod args;
mod changes;
mod client;
mod commands;
mod cursors;
mod failure;
mod faults;
mod gateway;
mod greeting;
mod retried;
mod transactions;
mod wire;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;

fn main() -> ExitCode {
    let args = Args::parse();
    let served = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
        .and_then(|runtime| runtime.block_on(gateway::serve(args)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aquifer-mongo-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}
