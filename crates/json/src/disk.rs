//! The few file operations that durability rests on, apart so that tests can make each of them fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Where files live.
pub(crate) trait Disk: Debug + Send + Sync {
    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A new, empty file in place of whatever was there, with the permissions of `like` if that exists, otherwise for
    /// its owner only.
    fn create(&self, path: &Path, like: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// An existing file, to be written from its end.
    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Puts a file in the place of another in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes renames within a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// An open file that is written at its end.
pub(crate) trait DiskFile: Write + Debug + Send {
    /// Makes everything written so far durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file; what is written next follows there.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// The file system.
#[derive(Debug)]
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path, like: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = private().create(true).truncate(true).open(path)?;
        match fs::metadata(like) {
            Ok(metadata) => file.set_permissions(metadata.permissions())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Box::new(file))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(unix)]
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    // Other systems have no such operation: their renames are journaled by the file system.
    #[cfg(not(unix))]
    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(|_| ())
    }
}

/// Options to write a file that only its owner may read when it is new: records hold what users keep private.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
