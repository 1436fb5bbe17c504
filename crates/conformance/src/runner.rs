//! Runs every case against every harness, each as a test of its own.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Builder;

use crate::harness::Harness;
use crate::inventory::{CASES, Case};

/// How long a case may take on the slowest of databases.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs the suite as a test binary: `fn main()` of a test target with `harness = false`.
///
/// Tests are called `harness::theme::case`. The binary takes the arguments of Rust's own test binaries.
pub fn main(harnesses: impl IntoIterator<Item = Arc<dyn Harness>>) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for harness in harnesses {
        for case in CASES {
            let harness = Arc::clone(&harness);
            let name = format!("{}::{}::{}", harness.name(), case.theme, case.name);
            trials.push(Trial::test(name, move || run(harness.as_ref(), case).map_err(Failed::from)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs one case on a fresh database of `harness`, on a runtime of its own.
///
/// # Errors
/// A message if the database cannot be made, or if the case does not come to an end.
///
/// # Panics
/// If the backend does not keep the contract.
pub fn run(harness: &dyn Harness, case: &Case) -> Result<(), String> {
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let database = harness.database().await.map_err(|error| format!("no database to test with: {error:?}"))?;
        let finished = tokio::time::timeout(LIMIT, (case.run)(database.as_ref())).await;
        finished.map_err(|_| format!("not finished after {} seconds", LIMIT.as_secs()))
    })
}
