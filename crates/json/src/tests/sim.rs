//! A disk that forgets what was not synced, and fails on demand.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::disk::{Disk, DiskFile};

/// Files by name; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimDisk {
    state: Arc<Mutex<State>>,
    /// Whether whoever syncs a file is held up.
    gate: Arc<(Mutex<bool>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<OsString, usize>,
    /// What the names are after a crash, but for the changes since, each of which may or may not have been written.
    durable_names: BTreeMap<OsString, usize>,
    pending: Vec<Vec<(OsString, Option<usize>)>>,
    operations: usize,
    fails: Option<Fails>,
}

#[derive(Debug, Default, Clone)]
struct File {
    content: Vec<u8>,
    durable: Vec<u8>,
}

/// Which operations fail: those from the `first`, `count` of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fails {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) kind: io::ErrorKind,
}

impl SimDisk {
    pub(crate) fn failing(fails: Fails) -> Self {
        let disk = Self::default();
        disk.fail(Some(fails));
        disk
    }

    /// Holds up everybody who syncs a file, or lets them go.
    pub(crate) fn hold(&self, held: bool) {
        *self.gate.0.lock().unwrap() = held;
        self.gate.1.notify_all();
    }

    /// Counts from the operations so far.
    pub(crate) fn fail(&self, fails: Option<Fails>) {
        let mut state = self.state();
        let done = state.operations;
        state.fails = fails.map(|fails| Fails { first: done.saturating_add(fails.first), ..fails });
    }

    pub(crate) fn operations(&self) -> usize {
        self.state().operations
    }

    /// What the disk holds after a loss of power now: what was synced, and some of what was not.
    pub(crate) fn crashed(&self, random: &mut fastrand::Rng) -> Self {
        let state = self.state();
        let mut names = state.durable_names.clone();
        for change in &state.pending {
            if random.bool() {
                apply(&mut names, change);
            }
        }
        let files = state
            .files
            .iter()
            .map(|file| {
                let content = file.after_crash(random);
                File { durable: content.clone(), content }
            })
            .collect();
        let state = State { files, durable_names: names.clone(), names, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)), gate: Arc::default() }
    }

    /// A file's content as programs see it.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(&OsString::from(name)).map(|file| state.files[*file].content.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl File {
    fn after_crash(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        match self.content.strip_prefix(self.durable.as_slice()) {
            Some(more) => {
                let mut content = self.durable.clone();
                let kept = if random.bool() { more.len() } else { random.usize(..=more.len()) };
                content.extend_from_slice(&more[..kept]);
                // Some file systems note the new length before the data.
                if random.bool() {
                    let zeros = random.usize(..=more.len() - kept);
                    content.resize(content.len() + zeros, 0);
                }
                content
            }
            None if random.bool() => self.durable.clone(),
            None => self.content.clone(),
        }
    }
}

impl State {
    /// Counts an operation, which fails if it is its turn.
    fn step(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.fails {
            Some(fails) if number >= fails.first && number - fails.first < fails.count => Err(fails.kind.into()),
            _ => Ok(()),
        }
    }

    /// Changes names, all at once, but not yet for good.
    fn rename(&mut self, change: Vec<(OsString, Option<usize>)>) {
        apply(&mut self.names, &change);
        self.pending.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(name(path)).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn apply(names: &mut BTreeMap<OsString, usize>, change: &[(OsString, Option<usize>)]) {
    for (name, file) in change {
        match file {
            Some(file) => names.insert(name.clone(), *file),
            None => names.remove(name),
        };
    }
}

fn name(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap()
}

impl Disk for SimDisk {
    // Reading is not counted: it changes nothing.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.files[state.find(path)?].content.clone())
    }

    fn create(&self, path: &Path, _like: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.step()?;
        state.files.push(File::default());
        let file = state.files.len() - 1;
        state.rename(vec![(name(path).to_owned(), Some(file))]);
        Ok(Box::new(SimFile { disk: self.clone(), file }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.step()?;
        Ok(Box::new(SimFile { disk: self.clone(), file: state.find(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let file = state.find(from)?;
        state.rename(vec![(name(from).to_owned(), None), (name(to).to_owned(), Some(file))]);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.rename(vec![(name(path).to_owned(), None)]);
        Ok(())
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.durable_names = state.names.clone();
        state.pending.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        let step = state.step();
        let content = &mut state.files[self.file].content;
        // A write that fails may have written a part.
        let written = if step.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        content.extend_from_slice(written);
        step.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn sync(&mut self) -> io::Result<()> {
        let (gate, opened) = &*self.disk.gate;
        drop(opened.wait_while(gate.lock().unwrap(), |held| *held).unwrap());
        let mut state = self.disk.state();
        state.step()?;
        let file = &mut state.files[self.file];
        file.durable = file.content.clone();
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        state.files[self.file].content.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}
