//! Writing a file that is there as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// A file that takes the place of another, or of none, once it is complete. Until then what was there stays.
#[derive(Debug)]
pub(crate) struct Replacement {
    file: BufWriter<File>,
    /// What is written: beside the target, or the target itself where that is no ordinary file, such as a pipe.
    written: PathBuf,
    /// What is named.
    target: PathBuf,
    is_done: bool,
}

impl Replacement {
    /// Begins to write.
    ///
    /// # Errors
    /// If the file or its directory cannot be written.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let unwritable = |error: &io::Error| unwritable(path, error);
        let there = fs::metadata(path).ok();
        if there.as_ref().is_some_and(|there| there.is_dir()) {
            return Err(Failure::unusable(format!("{} is a directory: name a file in it", path.display())));
        }
        let (target, written) = match &there {
            Some(there) if !there.is_file() => (path.to_owned(), path.to_owned()),
            // The file behind a link is replaced, not the link.
            Some(_) => {
                let target = fs::canonicalize(path).map_err(|error| unwritable(&error))?;
                (target.clone(), beside(&target))
            }
            None => (path.to_owned(), beside(path)),
        };
        let file = File::options().write(true).create(true).truncate(true).open(&written);
        let replacement =
            Self { file: BufWriter::new(file.map_err(|error| unwritable(&error))?), written, target, is_done: false };
        if let Some(there) = there.filter(|_| replacement.is_beside()) {
            let kept = replacement.file.get_ref().set_permissions(there.permissions());
            kept.map_err(|error| unwritable(&error))?;
        }
        Ok(replacement)
    }

    /// Writes the next piece.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        self.file.write_all(text.as_bytes()).map_err(|error| unwritable(&self.target, &error))
    }

    /// Puts the file in its place. It is on the disk when this returns.
    ///
    /// # Errors
    /// If it cannot be written; what was there is there still.
    pub(crate) fn finish(mut self) -> Result<()> {
        let written = self.file.flush().and_then(|()| match self.is_beside() {
            true => self.file.get_ref().sync_all().and_then(|()| fs::rename(&self.written, &self.target)),
            false => Ok(()),
        });
        written.map_err(|error| unwritable(&self.target, &error))?;
        self.is_done = true;
        Ok(())
    }

    fn is_beside(&self) -> bool {
        self.written != self.target
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.is_done && self.is_beside() {
            // Whoever failed has said so; what is left beside harms nobody.
            let _ = fs::remove_file(&self.written);
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    name.into()
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::unusable(format!("cannot write {}: name a file that can be written", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_there_stays_until_the_new_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        for (before, text) in [(None, "first"), (Some("first"), "second")] {
            let mut new = Replacement::begin(&path).unwrap();
            new.write("nev").unwrap();
            drop(new);
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), before);
            let mut new = Replacement::begin(&path).unwrap();
            new.write(text).unwrap();
            assert_eq!(fs::read_to_string(&path).ok().as_deref(), before);
            new.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(directory.path()), ["a.json"]);
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let text = Replacement::begin(directory.path()).unwrap_err().text();
        assert!(text.contains("is a directory"), "{text}");
        let text = Replacement::begin(&directory.path().join("none/a.json")).unwrap_err().text();
        assert!(text.contains("cannot write") && text.contains("none/a.json"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("a.json"), directory.path().join("link"));
        fs::write(&path, "first").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        let mut new = Replacement::begin(&link).unwrap();
        new.write("second").unwrap();
        new.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}
