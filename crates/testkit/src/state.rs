//! What `cargo xtask servers up` started, written down for the tests and for `down`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

use crate::run::Daemon;
use crate::{Error, Result};

/// The servers that were started, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// What is known of each.
    pub(crate) servers: BTreeMap<String, Entry>,
}

/// One server that was started.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Which program it is, where there is a choice: `mongod` or `documentdb`; else the server's name.
    pub kind: String,
    /// What the program calls its version.
    pub version: String,
    /// How it was obtained, in a few words.
    pub obtained: String,
    /// Whether what it acknowledges survives a crash of the machine.
    pub durable: bool,
    /// The folder with the certificates for its clients.
    pub(crate) files: Option<PathBuf>,
    /// The folder with its data, its configuration and its logs.
    pub(crate) folder: PathBuf,
    /// Its processes, in the order in which they were started.
    pub(crate) daemons: Vec<Daemon>,
}

/// The folder of the state file: `AQUIFER_TEST_SERVERS`, or else `target/test-servers` in the workspace.
pub fn state_folder() -> PathBuf {
    match env::var_os("AQUIFER_TEST_SERVERS").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => workspace().join("target/test-servers"),
    }
}

/// The root of the workspace that this crate was built in.
pub(crate) fn workspace() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_path_buf()
}

impl State {
    /// Reads the state file; without one, nothing was started.
    ///
    /// # Errors
    /// If the file is there and cannot be read or understood.
    pub(crate) fn read() -> Result<Self> {
        let file = state_folder().join("servers.json");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::new(format!("{} cannot be read: {error}", file.display()))),
        };
        serde_json::from_str(&text).map_err(Error::because(format!("{} is not understood", file.display())))
    }

    /// Writes the state file in one step, so that who reads it meanwhile sees the old one or the new one.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub(crate) fn write(&self) -> Result {
        let folder = state_folder();
        let failed = |error: io::Error| Error::new(format!("{} cannot be written: {error}", folder.display()));
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
        serde_json::to_writer_pretty(&mut file, self).map_err(Error::because("the state of the servers"))?;
        file.persist(folder.join("servers.json")).map_err(|error| failed(error.error))?;
        Ok(())
    }
}
