//! The file of tasks: a line for each that ended.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aquifer::core::ExecutionId;
use aquifer::engine::Observer;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::events::{create, unwritable};
use crate::failure::Result;

/// A task that ended, as it is written.
#[derive(Debug, Serialize)]
struct Ended {
    task: String,
    name: String,
    status: String,
}

/// Passes on what the engine reports.
#[derive(Debug)]
struct Sender(UnboundedSender<(ExecutionId, Ended)>);

impl Observer for Sender {
    fn task_ended(&self, execution: &ExecutionId, task: &str, name: &str, status: &str) {
        let ended = Ended { task: task.to_owned(), name: name.to_owned(), status: status.to_owned() };
        // Whoever dropped the receiver no longer wants to know.
        let _ = self.0.send((execution.clone(), ended));
    }
}

/// A file that receives an execution's tasks.
#[derive(Debug)]
pub(crate) struct TraceFile {
    path: PathBuf,
    file: BufWriter<File>,
    ended: UnboundedReceiver<(ExecutionId, Ended)>,
}

/// Creates the file, or empties it, and the observer that fills it.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn trace_to(path: &Path) -> Result<(TraceFile, Arc<dyn Observer>)> {
    let file = BufWriter::new(create(path)?);
    let (sender, ended) = unbounded_channel();
    Ok((TraceFile { path: path.to_owned(), file, ended }, Arc::new(Sender(sender))))
}

impl TraceFile {
    /// Writes the tasks of this execution that have ended since the last time; those of others have other definitions.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn catch_up(&mut self, id: &ExecutionId) -> Result<()> {
        while let Ok((execution, ended)) = self.ended.try_recv() {
            if execution == *id {
                let written = serde_json::to_writer(&mut self.file, &ended).map_err(std::io::Error::from);
                written.and_then(|()| writeln!(self.file)).map_err(|error| unwritable(&self.path, &error))?;
            }
        }
        self.file.flush().map_err(|error| unwritable(&self.path, &error))
    }
}
