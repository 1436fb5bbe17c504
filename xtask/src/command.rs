//! Running other programs.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// Why a task failed, for people.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) String);

/// The outcome of a task.
pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

/// The same cargo that runs this program, in the root of the workspace, reading no input.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// Runs a command to its end, with its output where ours goes.
pub(crate) fn run(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| cannot_run(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("{} failed ({status})", shown(command)))) }
}

/// Whether a command can be run and succeeds; its output goes nowhere.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What a command that succeeds prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_run(command, &error))?;
    if !output.status.success() {
        return Err(Failure(format!("{} failed ({})", shown(command), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command, passes on what it prints as it comes, and returns the lines with whether it succeeded.
pub(crate) fn watch(command: &mut Command) -> Result<(Vec<String>, bool)> {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| cannot_run(command, &error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Both at once: a pipe that nobody reads stops the one who writes.
    let errors = thread::spawn(move || stderr.map(|stderr| pass_on(stderr, std::io::stderr())).unwrap_or_default());
    let mut lines = stdout.map(|stdout| pass_on(stdout, std::io::stdout())).unwrap_or_default();
    lines.extend(errors.join().unwrap_or_default());
    let status = child.wait().map_err(|error| cannot_run(command, &error))?;
    Ok((lines, status.success()))
}

fn pass_on(from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(std::result::Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        // Nobody may be listening any more; the command goes on all the same.
        let _ = writeln!(to, "{line}");
        lines.push(line);
    }
    lines
}

fn cannot_run(command: &Command, error: &std::io::Error) -> Failure {
    Failure(format!("cannot run {}: {error}", shown(command)))
}

fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
