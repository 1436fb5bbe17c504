//! When programs end, and what ends with them.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
};

use aquifer_effects::process::{Arguments, ProcessCall, spawn_detached};
use serde_json::json;
use tempfile::TempDir;

use super::{PATIENCE, run, script, shell};

/// A named pipe. What holds it open for writing is alive: its reader sees the end when the last such process has ended.
struct Fifo {
    path: PathBuf,
    _directory: TempDir,
}

impl Fifo {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        Self { path, _directory: directory }
    }

    /// The lines that are written to the pipe; the channel closes when no writer is left.
    fn lines(&self) -> Receiver<String> {
        let (sender, receiver) = channel();
        let path = self.path.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(File::open(path).expect("a fifo")).lines() {
                let _ = sender.send(line.expect("a line"));
            }
        });
        receiver
    }
}

fn with_argument(call: ProcessCall, path: &Path) -> ProcessCall {
    ProcessCall { arguments: Arguments::Positional(vec![json!(path.to_str())]), ..call }
}

/// Waits for a line; `None` is the end of the pipe.
async fn next(lines: Receiver<String>) -> (Option<String>, Receiver<String>) {
    tokio::task::spawn_blocking(move || match lines.recv_timeout(PATIENCE) {
        Ok(line) => (Some(line), lines),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => (None, lines),
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("nothing happened to the pipe"),
    })
    .await
    .expect("a line or the end")
}

#[tokio::test]
async fn dropping_the_future_kills_the_program_and_its_children() {
    let fifo = Fifo::new();
    let lines = fifo.lines();
    let command = "exec 9>\"$1\"; sleep 1000 & (sleep 1000 & wait) & echo \"$PWD\" >&9; wait";
    let running = tokio::spawn(run(with_argument(shell(command), &fifo.path)));
    let (directory, lines) = next(lines).await;
    running.abort();
    assert!(running.await.expect_err("aborted").is_cancelled());
    assert_eq!(next(lines).await.0, None, "a process is left");
    let directory = directory.expect("the working directory");
    assert!(!Path::new(&directory).exists(), "{directory} is left");
}

#[tokio::test]
async fn dropping_the_future_kills_a_script_that_ignores_polite_signals() {
    let fifo = Fifo::new();
    let lines = fifo.lines();
    let code = "\
import signal, subprocess, sys
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
pipe = open(sys.argv[1], 'w')
subprocess.Popen(['sleep', '1000'], stdout=pipe)
print('ready', file=pipe, flush=True)
signal.pause()
";
    let running = tokio::spawn(run(with_argument(script("python", code), &fifo.path)));
    let (line, lines) = next(lines).await;
    assert_eq!(line.as_deref(), Some("ready"));
    running.abort();
    assert_eq!(next(lines).await.0, None, "a process is left");
}

#[tokio::test]
async fn what_a_program_leaves_in_the_background_ends_with_it() {
    let fifo = Fifo::new();
    let lines = fifo.lines();
    // The child holds standard output, so that waiting for its end would take as long as the child.
    let call = with_argument(shell("exec 9>\"$1\"; sleep 1000 & echo done"), &fifo.path);
    assert_eq!(run(call).await, Ok(json!("done")));
    assert_eq!(next(lines).await.0, None, "a process is left");
}

#[tokio::test]
async fn a_child_that_left_the_group_does_not_hold_the_result_up() {
    let fifo = Fifo::new();
    let code = "\
import subprocess, sys
subprocess.Popen(['sh', '-c', 'read line < \"$1\"', 'sh', sys.argv[1]], start_new_session=True)
print('done')
";
    let call = with_argument(script("python", code), &fifo.path);
    assert_eq!(run(call).await, Ok(json!("done")));
    // Lets the child go. This would block for ever if it had not lived so long.
    let path = fifo.path.clone();
    tokio::task::spawn_blocking(move || File::create(path).expect("a fifo").write_all(b"go\n"))
        .await
        .expect("no panic")
        .expect("written");
}

#[tokio::test]
async fn an_unread_pipe_does_not_hold_a_program_up_that_closes_its_streams() {
    assert_eq!(
        run(shell("echo early; exec 1>&- 2>&-; i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done")).await,
        Ok(json!("early"))
    );
}

#[tokio::test]
async fn a_detached_program_outlives_its_task_and_has_its_data() {
    let fifo = Fifo::new();
    let call = ProcessCall {
        stdin: Some(json!({"a": 1})),
        environment: super::members(json!({"v": "value"})),
        ..with_argument(shell("echo noise; echo \"$v $(cat) $AQUIFER_IDEMPOTENCY_KEY\" >\"$1\""), &fifo.path)
    };
    spawn_detached(call).expect("started");
    let path = fifo.path.clone();
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        File::open(path).expect("a fifo").read_to_string(&mut text).map(|_| text)
    })
    .await
    .expect("no panic");
    assert_eq!(text.expect("text"), "value {\"a\":1} key-1\n");
}

#[tokio::test]
async fn a_detached_program_that_cannot_start_is_an_error() {
    let call = ProcessCall { working_directory: Some("/does/not/exist".into()), ..shell("true") };
    assert!(spawn_detached(call).is_err());
}

#[tokio::test]
async fn many_programs_run_at_once() {
    let runs: Vec<_> =
        (0..50).map(|n| tokio::spawn(run(with_argument(shell("echo \"$1\""), Path::new(&n.to_string()))))).collect();
    for (n, run) in runs.into_iter().enumerate() {
        assert_eq!(run.await.expect("no panic"), Ok(json!(n.to_string())));
    }
}
