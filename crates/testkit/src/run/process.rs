//! Processes that are not our children, or not any more.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

use super::daemon::command;
use crate::{Error, Result};

/// A process, such that another one that gets its number later is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) number: u32,
    /// When it started, as the system counts; `None` where the system does not say.
    started: Option<u64>,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn with_number(number: u32) -> Self {
        Self { number, started: fate(number).map(|fate| fate.started) }
    }

    /// Whether it still runs; one that has ended and that nobody has asked after does not.
    pub(crate) fn is_alive(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        if test_kill_process(pid).is_err() {
            return false;
        }
        match (fate(self.number), self.started) {
            (Some(fate), Some(started)) => !fate.ended && fate.started == started,
            // Linux tells of every process there is.
            (None, Some(_)) => false,
            _ => true,
        }
    }

    /// Sends it a signal, unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().filter(|_| self.is_alive()) {
            // It may end at this very moment, which is what the signal was for.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end; whether it came in time.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// The processes that it has started and that run now, where the system says it.
    pub(crate) fn children(&self) -> Vec<Self> {
        let number = self.number.to_string();
        let text = fs::read_to_string(Path::new("/proc").join(&number).join("task").join(&number).join("children"));
        let numbers = text.unwrap_or_default();
        numbers.split_whitespace().filter_map(|number| number.parse().ok()).map(Self::with_number).collect()
    }

    /// Lets it, and what it has started, write no file beyond this size, or any file again.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> Result {
        let size = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        // As the servers' user: root itself may not everywhere.
        let mut command = command(Path::new("prlimit"))?;
        command.args(["--pid", &self.number.to_string(), &format!("--fsize={size}:")]);
        let output = command.output().map_err(Error::because("prlimit"))?;
        // Whoever has ended meanwhile needs no limit.
        if !output.status.success() && self.is_alive() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::new(format!("the files of process {}: {reason}", self.number)));
        }
        self.children().iter().try_for_each(|child| child.limit_files(bytes))
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.number).ok().and_then(Pid::from_raw)
    }
}

/// What Linux says of a process.
struct Fate {
    ended: bool,
    started: u64,
}

fn threads(number: u32) -> usize {
    fs::read_dir(Path::new("/proc").join(number.to_string()).join("task")).map_or(0, Iterator::count)
}

fn fate(number: u32) -> Option<Fate> {
    let text = fs::read_to_string(Path::new("/proc").join(number.to_string()).join("stat")).ok()?;
    // The name comes second, in parentheses, and may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    // The first thread may have ended before the others, which still hold the files and ports.
    let ended = matches!(fields.next()?, "Z" | "X") && threads(number) <= 1;
    let started = fields.nth(18)?.parse().ok()?;
    Some(Fate { ended, started })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_lives_until_it_is_killed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::with_number(child.id());
        assert!(process.is_alive());
        process.signal(Signal::KILL);
        // Nobody has asked after it yet: it is a zombie, and counts as ended.
        assert!(process.wait(Duration::from_secs(10)));
        child.wait().unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn another_process_of_that_number_is_not_taken_for_it() {
        let mut process = Process::with_number(std::process::id());
        assert!(process.is_alive());
        process.started = Some(0);
        assert!(!process.is_alive());
    }
}
