//! Running programs, waited for or not.

use std::{
    io::ErrorKind,
    os::unix::process::ExitStatusExt,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin},
    time::timeout,
};

use super::{
    ProcessCall, Return,
    command::{Prepared, prepare, stdin_file, text},
    output::{Captured, Keep, TooLarge},
};
use crate::Failure;

/// How much of standard error is kept for error messages.
const TAIL_BYTES: usize = 4 * 1024;
const TAIL_LINES: usize = 20;

/// How long a program's streams may stay open after its end, held by something that left its process group.
const DRAIN_WAIT: Duration = Duration::from_secs(1);

/// Runs a program to its end and returns what `return_` asks for.
///
/// With [`Return::Code`] and [`Return::All`] any exit code is data. Dropping the future kills the program and all
/// that it started; so does the end of the program for what it left running.
///
/// # Errors
///
/// * `Configuration` 400: unknown language, or data that cannot be passed on; nothing was run.
/// * `Runtime` 500: the interpreter is missing, the program cannot be started, it writes more than the limit, or its
///   exit code is not 0 (the last lines of standard error are in the detail).
pub async fn run(call: ProcessCall) -> Result<Value, Failure> {
    let mut prepared = prepare(&call)?;
    let input = input(&call);
    let (stdout, stderr) = kept(call.return_, call.limits.max_output_bytes);
    prepared
        .command
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(if stdout.is_some() { Stdio::piped() } else { Stdio::null() })
        .stderr(if stderr.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = spawn(&mut prepared)?;
    let group = Group::of(&child);
    let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut stdout = Captured::new(stdout.unwrap_or(Keep::Tail(0)));
    let mut stderr = Captured::new(stderr.unwrap_or(Keep::Tail(0)));
    let status = {
        let mut ended = pin!(async {
            let status = child.wait().await;
            drop(group);
            status
        });
        let too_much = |stream| {
            Failure::runtime(format!(
                "{} wrote more than {} bytes to standard {stream}",
                prepared.name, call.limits.max_output_bytes
            ))
        };
        // All three at once, so that neither side waits for the other to empty a full pipe.
        let mut streams = pin!(async {
            tokio::try_join!(
                async {
                    feed(stdin, &input).await;
                    Ok(())
                },
                async { stdout.read(out).await.map_err(|TooLarge| too_much("output")) },
                async { stderr.read(err).await.map_err(|TooLarge| too_much("error")) },
            )
        });
        tokio::select! {
            status = &mut ended => {
                if let Ok(streamed) = timeout(DRAIN_WAIT, streams).await {
                    streamed?;
                }
                status
            }
            streamed = &mut streams => {
                streamed?;
                ended.await
            }
        }
        .map_err(|e| Failure::runtime(format!("{} was lost: {e}", prepared.name)))?
    };
    result(call.return_, prepared.name, status, &stdout, &stderr)
}

/// Starts a program and does not wait for it (`await: false`): its output is discarded, and it outlives the task.
///
/// The tokio runtime removes the program's temporary directory when the program ends.
///
/// # Errors
///
/// As [`run`], for what shows before the program has started.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub fn spawn_detached(call: ProcessCall) -> Result<(), Failure> {
    let mut prepared = prepare(&call)?;
    let input = input(&call);
    let stdin = if input.is_empty() { Stdio::null() } else { stdin_file(prepared.directory.path(), &input)? };
    prepared.command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawn(&mut prepared)?;
    tokio::spawn(async move {
        // Nobody is left to hear about the outcome; waiting keeps the directory, and reaps the child.
        let _ = child.wait().await;
        drop(prepared.directory);
    });
    Ok(())
}

/// A running process group, killed on drop.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It fails if the whole group has ended, which is as good.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

fn spawn(prepared: &mut Prepared) -> Result<Child, Failure> {
    prepared.command.spawn().map_err(|e| {
        let (name, needs) = (prepared.name, prepared.needs);
        Failure::runtime(match e.kind() {
            ErrorKind::NotFound => format!("{name} was not found on the PATH of the server: install {needs} there"),
            ErrorKind::ArgumentListTooLong => {
                format!("{name} cannot be started: arguments and environment are too long; pass large data on stdin")
            }
            _ => format!("{name} cannot be started: {e}"),
        })
    })
}

fn input(call: &ProcessCall) -> Vec<u8> {
    match &call.stdin {
        None | Some(Value::Null) => Vec::new(),
        Some(value) => text(value).into_bytes(),
    }
}

/// What to keep of standard output and standard error; `None` is nothing at all.
fn kept(return_: Return, limit: usize) -> (Option<Keep>, Option<Keep>) {
    match return_ {
        Return::Stdout => (Some(Keep::All(limit)), Some(Keep::Tail(TAIL_BYTES))),
        Return::Stderr => (None, Some(Keep::All(limit))),
        Return::Code => (None, None),
        Return::All => (Some(Keep::All(limit)), Some(Keep::All(limit))),
        Return::None => (None, Some(Keep::Tail(TAIL_BYTES))),
    }
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A program need not read its input: then the pipe breaks, and that is no error.
        let _ = stdin.write_all(input).await;
    }
}

fn result(
    return_: Return,
    name: &str,
    status: ExitStatus,
    stdout: &Captured,
    stderr: &Captured,
) -> Result<Value, Failure> {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    match return_ {
        Return::Code => return Ok(json!(code)),
        Return::All => {
            return Ok(json!({ "code": code, "stdout": stdout.text(), "stderr": stderr.text() }));
        }
        Return::Stdout | Return::Stderr | Return::None => {}
    }
    if code != 0 {
        let said = stderr.last_lines(TAIL_LINES);
        let end = match status.signal() {
            Some(signal) => format!("{name} was ended by signal {signal}"),
            None => format!("{name} ended with exit code {code}"),
        };
        return Err(Failure::runtime(if said.is_empty() { end } else { format!("{end}: {said}") }));
    }
    Ok(match return_ {
        Return::Stdout => Value::String(stdout.text()),
        Return::Stderr => Value::String(stderr.text()),
        Return::Code | Return::All | Return::None => Value::Null,
    })
}
