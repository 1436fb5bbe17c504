//! What a line of the journal says: how each record of a batch changed.

use std::collections::BTreeSet;

use aquifer_core::{Error, Key, Kind, Record, Result, Schema, Value};
use aquifer_memory::Entry;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::image::Image;
use crate::text::{self, Cell, Columns};

/// How one record changed.
pub(crate) enum Change<'a> {
    /// It is new, or another one than before.
    Put(&'a Entry),
    /// It was changed: only what differs from before is written, because records hold large values that rarely change.
    Set(&'a Record, &'a Entry),
    /// It is gone.
    Delete(&'a Key),
}

impl<'a> Change<'a> {
    /// The change of the record called `key`; `None` if there was none and is none.
    pub(crate) fn between(key: &'a Key, before: Option<&'a Record>, after: Option<&'a Entry>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(Self::Put(after)),
            // It was removed and came again within the batch.
            (Some(before), Some(after)) if after.record.revision <= before.revision => Some(Self::Put(after)),
            (Some(before), Some(after)) => Some(Self::Set(before, after)),
            (Some(_), None) => Some(Self::Delete(key)),
        }
    }
}

/// The text of a batch, on one line.
///
/// # Errors
/// None that a record which passed [`aquifer_core::check`] could cause.
pub(crate) fn encode(changes: &[Change<'_>]) -> Result<String> {
    serde_json::to_string(changes)
        .map_err(|error| Error::invalid("a record cannot be written as JSON").with_source(error))
}

impl Serialize for Change<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Put(entry) => {
                map.serialize_entry("put", entry.record.kind.name)?;
                map.serialize_entry("record", &Columns { entry, written: &|_| true })?;
            }
            Self::Set(before, entry) => {
                let after = &entry.record;
                // Exactly: numbers that are equal once they are read may be written differently on purpose.
                let differs = |column: usize| match (before.values.get(column), after.values.get(column)) {
                    (Some(before), Some(after)) => before.compare(after).is_ne(),
                    _ => true,
                };
                map.serialize_entry("set", after.kind.name)?;
                let written = |column: usize| after.kind.key.contains(&column) || differs(column);
                map.serialize_entry("record", &Columns { entry, written: &written })?;
                let cleared =
                    |column: &usize| differs(*column) && after.values.get(*column).is_some_and(Value::is_null);
                let columns = after.kind.columns.iter().enumerate();
                let cleared: Vec<_> =
                    columns.filter(|(column, _)| cleared(column)).map(|(_, column)| column.name).collect();
                if !cleared.is_empty() {
                    map.serialize_entry("clear", &cleared)?;
                }
            }
            Self::Delete(key) => {
                map.serialize_entry("delete", key.kind.name)?;
                map.serialize_entry("record", &KeyColumns(key))?;
            }
        }
        map.end()
    }
}

struct KeyColumns<'a>(&'a Key);

impl Serialize for KeyColumns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.kind.key.iter().filter_map(|column| self.0.kind.columns.get(*column));
        serializer.collect_map(columns.map(|column| column.name).zip(self.0.values.iter().map(Cell)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    put: Option<String>,
    set: Option<String>,
    delete: Option<String>,
    #[serde(borrow)]
    record: &'a RawValue,
    #[serde(default)]
    clear: BTreeSet<String>,
}

/// Makes the changes of a batch in `image`. The error says what does not fit, without the place.
pub(crate) fn replay(schema: &'static Schema, body: &str, image: &mut Image) -> Result<(), String> {
    let changes: Vec<Written<'_>> = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let kind = |name: &str| schema.kind(name).ok_or_else(|| format!("there is no kind {name:?}"));
    for change in changes {
        let members = text::members(change.record.get())?;
        match (&change.put, &change.set, &change.delete) {
            (Some(name), None, None) => image.put(text::entry(kind(name)?, members)?),
            (None, Some(name), None) => set(kind(name)?, members, &change.clear, image)?,
            (None, None, Some(name)) => {
                let kind = kind(name)?;
                image.delete(&key(kind, &members)?).ok_or_else(|| missing(kind))?;
            }
            _ => return Err("a change is one of put, set and delete".to_owned()),
        }
    }
    Ok(())
}

fn set(
    kind: &'static Kind,
    mut members: text::Members<'_>,
    clear: &BTreeSet<String>,
    image: &mut Image,
) -> Result<(), String> {
    let key = key(kind, &members)?;
    let entry = image.get_mut(&key).ok_or_else(|| missing(kind))?;
    let (revision, transaction) = text::marks(&mut members)?;
    if revision <= entry.record.revision {
        return Err(format!("a record of {} is at revision {} already", kind.name, entry.record.revision));
    }
    for (column, value) in kind.columns.iter().zip(&mut entry.record.values) {
        if let Some(text) = members.remove(column.name) {
            *value = text::cell(column, text)?;
        } else if clear.contains(column.name) {
            *value = Value::Null;
        }
    }
    entry.record.revision = revision;
    entry.transaction = transaction;
    text::refuse_rest(kind, &members)
}

fn key(kind: &'static Kind, members: &text::Members<'_>) -> Result<Key, String> {
    let columns = kind.key.iter().filter_map(|column| kind.columns.get(*column));
    let value = |column: &aquifer_core::Column| match members.get(column.name) {
        Some(text) => text::cell(column, text),
        None => Err(format!("{} is missing", column.name)),
    };
    Ok(Key { kind, values: columns.map(value).collect::<Result<_, _>>()? })
}

fn missing(kind: &Kind) -> String {
    format!("a record of {} that changes here is not there", kind.name)
}
