//! The journal: one line for each batch of commits, each with a checksum over itself and all before it.
//!
//! A line is 16 hexadecimal digits, a space, JSON, and a line end. The first one says which snapshot the journal continues.

use std::path::{Path, PathBuf};
use std::str;

use aquifer_core::{Error, Result, Retry};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::{Disk, DiskFile};
use crate::fault;

/// Ties a journal to the snapshot that it continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// A random name that the database keeps for life.
    pub(crate) database: String,
    /// Counts the snapshots of the database.
    pub(crate) generation: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    #[serde(flatten)]
    link: Link,
}

const VERSION: u32 = 1;
const DIGITS: usize = 16;

/// The checksum of a line, which covers the checksum before it: a line that was lost, doubled or moved shows.
type Sum = [u8; DIGITS];

fn sum(before: &Sum, body: &str) -> Sum {
    let digest = Sha256::new().chain_update(before).chain_update(body).finalize();
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        for (digit, half) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = b"0123456789abcdef".get(usize::from(half)).copied().unwrap_or(b'0');
        }
    }
    digits
}

fn line(sum: &Sum, body: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(DIGITS + 2 + body.len());
    line.extend_from_slice(sum);
    line.push(b' ');
    line.extend_from_slice(body.as_bytes());
    line.push(b'\n');
    line
}

/// A journal that is open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    sum: Sum,
    /// How many bytes of the file are good and durable.
    length: u64,
    /// Whether anything follows the head.
    batches: bool,
    /// Whether there may be more in the file than that, which must go before anything else is written.
    overhang: bool,
}

impl Journal {
    /// Creates the journal that continues the snapshot of `link`, durable when it returns, in place of whatever was there.
    pub(crate) fn create(disk: &dyn Disk, path: &Path, temporary: &Path, like: &Path, link: &Link) -> Result<Self> {
        let head = serde_json::to_string(&Head { version: VERSION, link: link.clone() })
            .map_err(|error| Error::corrupt("the head of a journal cannot be written").with_source(error))?;
        let sum = sum(&[0; DIGITS], &head);
        let head = line(&sum, &head);
        let created = disk.create(temporary, like).and_then(|mut file| {
            file.write_all(&head)?;
            file.sync()?;
            disk.rename(temporary, path)?;
            disk.sync_directory(path.parent().unwrap_or(path))?;
            Ok(file)
        });
        let file = created.map_err(|error| fault::io("write", path, error))?;
        Ok(Self { file, path: path.to_owned(), sum, length: head.len() as u64, batches: false, overhang: false })
    }

    /// Opens the journal that was read as `contents`, and cuts off what a crash left half written.
    pub(crate) fn open(disk: &dyn Disk, path: &Path, contents: &Contents<'_>) -> Result<Self> {
        let file = disk.append(path).map_err(|error| fault::io("write", path, error))?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            sum: contents.sum,
            length: contents.length as u64,
            batches: !contents.batches.is_empty(),
            overhang: contents.torn > 0,
        };
        journal.cut()?;
        Ok(journal)
    }

    /// The bytes that are good and durable.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether anything follows the head.
    pub(crate) fn has_batches(&self) -> bool {
        self.batches
    }

    /// Adds a line; when this returns, it is durable.
    ///
    /// # Errors
    /// Transient if nothing of it remains; [`Retry::Unknown`] if a restart may find it. A later call tries again to
    /// remove it first.
    pub(crate) fn append(&mut self, body: &str) -> Result<()> {
        // Until then, a restart may find the transactions that failed before, and this may be one of them again.
        self.cut().map_err(|error| error.with_retry(Retry::Unknown))?;
        let sum = sum(&self.sum, body);
        let line = line(&sum, body);
        self.overhang = true;
        if let Err(error) = self.file.write_all(&line).and_then(|()| self.file.sync()) {
            let failed = fault::io("write", &self.path, error);
            return Err(match self.cut() {
                Ok(()) => failed,
                Err(_) => failed.with_retry(Retry::Unknown),
            });
        }
        self.overhang = false;
        self.length += line.len() as u64;
        self.sum = sum;
        self.batches = true;
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        if self.overhang {
            self.file
                .truncate(self.length)
                .and_then(|()| self.file.sync())
                .map_err(|error| fault::io("cut a half-written line off", &self.path, error))?;
            self.overhang = false;
        }
        Ok(())
    }
}

/// What a journal file holds.
#[derive(Debug)]
pub(crate) struct Contents<'a> {
    /// The snapshot that it continues.
    pub(crate) link: Link,
    /// The batches, each with the number of its line.
    pub(crate) batches: Vec<(usize, &'a str)>,
    /// How many bytes at the end were half written when a crash came.
    pub(crate) torn: usize,
    length: usize,
    sum: Sum,
}

/// Reads a journal.
///
/// A last line without an end was cut short by a crash, so nobody was told that it is there; the same holds for one with
/// zero bytes, which is what some file systems leave of blocks that were not written yet.
///
/// # Errors
/// `Corrupt` for any other damage, with the line; `Invalid` for a journal of a newer version.
pub(crate) fn read<'a>(path: &Path, bytes: &'a [u8]) -> Result<Contents<'a>> {
    let mut before = [0; DIGITS];
    let mut length = 0;
    let mut head = None;
    let mut batches = Vec::new();
    for (count, whole) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some((sum, body)) = parse(whole, &before) else {
            let last = length + whole.len() == bytes.len();
            let torn = last && count > 0 && (!whole.ends_with(b"\n") || whole.contains(&0));
            if torn {
                break;
            }
            let line = count + 1;
            return Err(fault::corrupt(
                path,
                format_args!("line {line}"),
                "the checksum does not fit; restore the file from a backup, or cut it before this line and lose what follows",
            ));
        };
        before = sum;
        length += whole.len();
        match head {
            None => head = Some(self::head(path, body)?),
            Some(_) => batches.push((count + 1, body)),
        }
    }
    let link = head.ok_or_else(|| fault::corrupt(path, "line 1", "it is empty; restore it from a backup"))?;
    Ok(Contents { link, batches, torn: bytes.len() - length, length, sum: before })
}

fn parse<'a>(whole: &'a [u8], before: &Sum) -> Option<(Sum, &'a str)> {
    let (digits, rest) = whole.strip_suffix(b"\n")?.split_first_chunk::<DIGITS>()?;
    let body = str::from_utf8(rest.strip_prefix(b" ")?).ok()?;
    (sum(before, body) == *digits).then_some((*digits, body))
}

fn head(path: &Path, body: &str) -> Result<Link> {
    let head: Head = serde_json::from_str(body).map_err(|error| fault::corrupt(path, "line 1", error))?;
    if head.version > VERSION {
        return Err(Error::invalid(format!(
            "{} was written by a newer version of aquifer (journal version {}): use that version",
            path.display(),
            head.version
        )));
    }
    Ok(head.link)
}
