//! What a user does with Aquifer, on every backend and its real server: workflows to their end, processes that are killed, servers
//! that restart, and a network that loses what it carries.
//!
//! Each case is a test of its own, `BACKEND::CASE`.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

mod cases;
mod place;
#[path = "../storm/mod.rs"]
mod storm;
mod work;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use place::PLACES;

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // For whoever looks for a fault: AQUIFER_TEST_LOG=info.
    if let Ok(filter) = std::env::var("AQUIFER_TEST_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    }
    let mut trials = Vec::new();
    for place in PLACES {
        for case in cases::CASES.iter().filter(|case| case.needs.are_met_by(place)) {
            let name = format!("{}::own_server_{}", place.name(), case.name);
            trials.push(Trial::test(name, || {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                runtime.map_err(|error| error.to_string())?.block_on((case.run)(place));
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
