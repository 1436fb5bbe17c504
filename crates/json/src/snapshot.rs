//! The snapshot: everything as one readable JSON document.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use aquifer_core::{Capabilities, Error, Operation, Result, Schema, Transaction, check};
use aquifer_memory::Entry;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::disk::Disk;
use crate::fault;
use crate::image::Image;
use crate::journal::Link;
use crate::text::{self, Columns, Members};

const VERSION: u32 = 1;

/// Names that stand beside the kinds at the top of a snapshot.
pub(crate) const RESERVED: [&str; 4] = ["version", "schema", "database", "generation"];

/// Everything that one snapshot holds.
pub(crate) struct Snapshot<'a> {
    /// The schema that the records follow.
    pub(crate) schema: &'static Schema,
    /// What ties the journal to it.
    pub(crate) link: &'a Link,
    /// All records, kind after kind in the order of the schema.
    pub(crate) entries: &'a [Entry],
}

impl Snapshot<'_> {
    /// Writes the snapshot to a new file, durable when this returns, and returns its length.
    pub(crate) fn write(&self, disk: &dyn Disk, path: &Path, like: &Path) -> io::Result<u64> {
        let mut file = disk.create(path, like)?;
        let mut counter = Counter { out: BufWriter::with_capacity(1 << 16, &mut file), written: 0 };
        serde_json::to_writer_pretty(&mut counter, self)?;
        counter.write_all(b"\n")?;
        counter.flush()?;
        let written = counter.written;
        drop(counter);
        file.sync()?;
        Ok(written)
    }
}

impl Serialize for Snapshot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        map.serialize_entry("schema", &self.schema.version)?;
        map.serialize_entry("database", &self.link.database)?;
        map.serialize_entry("generation", &self.link.generation)?;
        let mut rest = self.entries;
        for kind in self.schema.kinds {
            let count = rest.iter().take_while(|entry| entry.record.kind == *kind).count();
            let (own, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            map.serialize_entry(kind.name, &Records(own))?;
            rest = others;
        }
        map.end()
    }
}

struct Records<'a>(&'a [Entry]);

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|entry| Columns { entry, written: &|_| true }))
    }
}

struct Counter<W> {
    out: W,
    written: u64,
}

impl<W: Write> Write for Counter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a snapshot: the version of the schema that it was written with, what ties the journal to it, and its records.
///
/// # Errors
/// `Invalid` if the file is not a database of ours, or is a newer one; `Corrupt` if it is damaged, with the place.
pub(crate) fn read(path: &Path, bytes: &[u8], schema: &'static Schema) -> Result<(u32, Link, Image)> {
    let mut members = top(path, bytes)?;
    let version: u32 = member(path, &mut members, "version")?;
    if version > VERSION {
        return Err(newer(path, format_args!("file version {version}")));
    }
    let stored: u32 = member(path, &mut members, "schema")?;
    if stored > schema.version {
        return Err(newer(path, format_args!("schema version {stored}, while this one has {}", schema.version)));
    }
    let link = Link {
        database: member(path, &mut members, "database")?,
        generation: member(path, &mut members, "generation")?,
    };
    let mut image = Image::default();
    for (name, records) in members {
        let kind = schema.kind(&name).ok_or_else(|| fault::corrupt(path, &name, "there is no such kind of record"))?;
        let records: Vec<&RawValue> =
            serde_json::from_str(records.get()).map_err(|error| fault::corrupt(path, &name, error))?;
        for (position, record) in records.into_iter().enumerate() {
            let damaged = |reason: String| fault::corrupt(path, format_args!("{name}[{position}]"), reason);
            let entry = text::members(record.get()).and_then(|members| text::entry(kind, members)).map_err(damaged)?;
            // People edit this file: what they write is held to the same rules as what programs commit.
            let insert = Transaction::new(vec![Operation::Insert(entry.record.clone())]);
            check::transaction(&insert, &UNLIMITED).map_err(|error| damaged(error.to_string()))?;
            if !image.insert(entry) {
                return Err(damaged("another record has the same key".to_owned()));
            }
        }
    }
    Ok((stored, link, image))
}

const UNLIMITED: Capabilities = Capabilities {
    max_record_bytes: usize::MAX,
    max_operations: usize::MAX,
    max_transaction_bytes: usize::MAX,
    concurrent_commits: 1,
    scans_may_lag: false,
    native_expiry: false,
    push: false,
    durable: true,
};

/// Splits the document, refusing what is not a database with an explanation.
fn top<'a>(path: &Path, bytes: &'a [u8]) -> Result<Members<'a>> {
    let shown = path.display();
    let another = "name another path";
    if bytes.trim_ascii().is_empty() {
        return Err(Error::invalid(format!("{shown} is empty and no database: remove it, or {another}")));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::invalid(format!("{shown} is not a JSON file: {another}")).with_source(error))?;
    let document: &RawValue = serde_json::from_str(text).map_err(|error| {
        if text.contains("\"generation\":") {
            return fault::corrupt(path, format_args!("line {} column {}", error.line(), error.column()), &error)
                .with_source(error);
        }
        Error::invalid(format!("{shown} is not a JSON file: {another}")).with_source(error)
    })?;
    let members = text::members(document.get())
        .map_err(|_| Error::invalid(format!("{shown} is JSON, but no database of aquifer: {another}")))?;
    if RESERVED.iter().all(|name| members.contains_key(*name)) {
        return Ok(members);
    }
    if members.contains_key("flows") {
        return Err(Error::invalid(format!(
            "{shown} is a strom file, which is left as it is: name a new path for the database and import the flows with `aquifer import strom {shown}`"
        )));
    }
    Err(Error::invalid(format!("{shown} is JSON, but no database of aquifer: {another}")))
}

fn member<'a, T: Deserialize<'a>>(path: &Path, members: &mut Members<'a>, name: &str) -> Result<T> {
    let text = members.remove(name).ok_or_else(|| fault::corrupt(path, name, "it is missing"))?;
    serde_json::from_str(text.get()).map_err(|error| fault::corrupt(path, name, error))
}

/// The refusal of what a newer version wrote.
pub(crate) fn newer(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("{} was written by a newer version of aquifer ({what}): use that version", path.display()))
}
