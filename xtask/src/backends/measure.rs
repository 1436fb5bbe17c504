//! Measuring: one backend after the other, each on a server of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use aquifer_testkit::{Instance, Options, Server};

use super::results::{Machine, Measured, Report, Results};
use super::texts::{BACKENDS, Backend, Place};
use super::{RESULTS, read, write};
use crate::command::{Failure, Result, cargo, output, root, run as run_command};
use crate::nearest::did_you_mean;

/// How many workflows run at once where throughput is measured.
const CONCURRENCY: &str = "64";

/// Measures the backends called `names`, or all, and writes what was measured after each.
///
/// # Errors
/// For an unknown name, or results of another machine, before anything runs; otherwise after all were tried, if one failed.
pub(super) fn run(names: &[String], binary: Option<&Path>, seconds: u64) -> Result {
    let backends = chosen(names)?;
    let mut results = match read(&root().join(RESULTS))? {
        Some(text) if !names.is_empty() => Results::parse(&text)?,
        _ => Results { machine: machine(), ..Results::default() },
    };
    if results.machine != machine() {
        return Err(Failure(format!("{RESULTS} is of another machine: measure all backends, without --backend")));
    }
    let binary = match binary {
        Some(binary) => binary.to_owned(),
        None => build()?,
    };
    let mut failed = Vec::new();
    for backend in backends {
        println!("measuring {}", backend.name);
        match measure(backend, &binary, seconds) {
            Ok(measured) => {
                if !measured.report.is_steady() {
                    eprintln!("{}: the database alone was not as fast after as before; measure again", backend.name);
                }
                results.backends.insert(backend.name.to_owned(), measured);
                write(RESULTS, &results.text()?)?;
            }
            Err(Failure(message)) => {
                eprintln!("{}: {message}", backend.name);
                failed.push(backend.name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure(format!("not measured: {}", failed.join(", ")))) }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Backend>> {
    let all = BACKENDS.iter();
    if names.is_empty() {
        return Ok(all.collect());
    }
    let find = |name: &String| {
        all.clone().find(|backend| backend.name == name).ok_or_else(|| {
            let hint = did_you_mean(name, BACKENDS.iter().map(|backend| backend.name));
            Failure(format!("there is no backend {name:?}{hint}"))
        })
    };
    names.iter().map(find).collect()
}

/// The release build.
fn build() -> Result<PathBuf> {
    let arguments = ["build", "--release", "--package", "aquifer-cli"];
    run_command(&mut cargo(&arguments))?;
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&metadata).map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    let target = metadata.get("target_directory").and_then(serde_json::Value::as_str).unwrap_or("target");
    Ok(Path::new(target).join("release").join("aquifer"))
}

fn machine() -> Machine {
    let cores = available_parallelism().map_or(0, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let processor = model.map(|(_, name)| name.trim().to_owned()).unwrap_or_default();
    Machine { cores, processor }
}

fn measure(backend: &Backend, binary: &Path, seconds: u64) -> Result<Measured> {
    let folder = Folder::new(backend.name)?;
    let (url, server) = match backend.place {
        Place::Memory => ("memory:".to_owned(), String::new()),
        Place::File(scheme) => (format!("{scheme}:{}", folder.0.join("aquifer.db").display()), String::new()),
        Place::Server(server) => return measure_server(server, binary, seconds, &folder),
    };
    bench(&url, server, binary, seconds, &folder)
}

fn measure_server(server: Server, binary: &Path, seconds: u64, folder: &Folder) -> Result<Measured> {
    let options = Options { durable: true, ..Options::default() };
    let instance = Instance::start_with(server, options).map_err(|error| Failure(error.to_string()))?;
    let (kind, version) = (instance.kind(), instance.version());
    let name = match (server, kind) {
        // The interface's name would say DynamoDB, and this is not it.
        (Server::Dynamodb, _) => format!("Dynoxide {version}"),
        (Server::Mongodb, "documentdb") => format!("{version}, behind a gateway of the test tools"),
        _ => String::new(),
    };
    bench(instance.url(), name, binary, seconds, folder)
}

/// Runs the benchmark on an empty database; `server` is what it is called if not as it says itself.
fn bench(url: &str, server: String, binary: &Path, seconds: u64, folder: &Folder) -> Result<Measured> {
    let seconds = seconds.to_string();
    let binary = std::path::absolute(binary).map_err(|error| Failure(format!("{}: {error}", binary.display())))?;
    let mut command = Command::new(binary);
    command.args(["bench", "--workload", "sequence", "--concurrency", CONCURRENCY, "--seconds", &seconds]);
    // In a folder without settings or a file .env.
    command.args(["--output", "json", "--database-url", url]).current_dir(&folder.0).stdin(Stdio::null());
    let text = output(&mut command)?;
    let document = serde_json::from_str(&text).map_err(|error| Failure(format!("the benchmark's output: {error}")))?;
    let report = Report::of(document)?;
    let server = if server.is_empty() { report.server.clone() } else { server };
    Ok(Measured { date: today()?, server, report })
}

fn today() -> Result<String> {
    Ok(output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned())
}

/// An empty folder on the disk that the project is built on: a temporary one may be in memory. It goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Self> {
        let path = root().join("target").join(format!("backends-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is in the folder of what is built.
        let _ = fs::remove_dir_all(&self.0);
    }
}
