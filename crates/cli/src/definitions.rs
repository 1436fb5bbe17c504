//! Reading definitions and refusing those that do not run, all at once.

use std::path::{Path, PathBuf};

use aquifer::dsl::Limits;
use aquifer::engine::Engine;

use crate::diagnostics::render;
use crate::failure::{Exit, Failure, Result};
use crate::input::{Limit, name_of, read_bytes};
use crate::output::note;

/// A definition that runs.
#[derive(Debug)]
pub(crate) struct Source {
    /// What messages call it.
    pub(crate) name: String,
    /// The definition, byte for byte.
    pub(crate) bytes: Vec<u8>,
    /// What it says.
    pub(crate) workflow: aquifer::dsl::Workflow,
}

/// Reads definitions.
///
/// # Errors
/// If any cannot be read or does not run; what is wrong with each is on standard error then.
pub(crate) fn read_all<'a>(paths: impl Iterator<Item = &'a PathBuf>, colored: bool) -> Result<Vec<Source>> {
    let (mut sources, mut is_good) = (Vec::new(), true);
    for path in paths {
        match read(path) {
            Ok(source) => sources.push(source),
            Err(Refused::Unreadable(failure)) => {
                is_good = false;
                note(failure.text().trim_end());
            }
            Err(Refused::Invalid(diagnostics)) => {
                is_good = false;
                note(render(&diagnostics, colored).trim_end());
            }
        }
    }
    if is_good { Ok(sources) } else { Err(Failure::reported(Exit::Unusable)) }
}

/// Why a definition cannot be run.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its file cannot be read.
    Unreadable(Failure),
    /// It is wrong.
    Invalid(aquifer::dsl::Diagnostics),
}

/// Reads one definition.
///
/// # Errors
/// If it cannot be read or does not run.
pub(crate) fn read(path: &Path) -> Result<Source, Refused> {
    let name = name_of(path);
    let limit = Limit { bytes: Limits::default().max_bytes, fix: "split the definition up" };
    let bytes = read_bytes(path, limit).map_err(Refused::Unreadable)?;
    let workflow = Engine::validate(&bytes, &name).map_err(Refused::Invalid)?;
    Ok(Source { name, bytes, workflow })
}
