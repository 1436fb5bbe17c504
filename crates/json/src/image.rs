//! All records while the files are read, before they are handed to memory.

use std::collections::HashMap;
use std::collections::hash_map;

use aquifer_core::{Key, Value};
use aquifer_memory::Entry;

/// Records by kind and key.
#[derive(Debug, Default)]
pub(crate) struct Image {
    entries: HashMap<(&'static str, String), Entry>,
}

impl Image {
    /// Stores an entry over what has its key.
    pub(crate) fn put(&mut self, entry: Entry) {
        self.entries.insert(address(&entry.record.key()), entry);
    }

    /// Stores an entry; `false` if another has its key.
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        match self.entries.entry(address(&entry.record.key())) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(entry);
                true
            }
            hash_map::Entry::Occupied(_) => false,
        }
    }

    /// The entry with this key, to be changed.
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut Entry> {
        self.entries.get_mut(&address(key))
    }

    /// Removes the entry with this key; `None` if there is none.
    pub(crate) fn delete(&mut self, key: &Key) -> Option<Entry> {
        self.entries.remove(&address(key))
    }

    /// All entries, in no order.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.entries.into_values()
    }
}

fn address(key: &Key) -> (&'static str, String) {
    let mut text = String::new();
    for value in &key.values {
        match value {
            // The length keeps "a", "bc" and "ab", "c" apart.
            Value::Text(part) => text.push_str(&format!("{}:{part}", part.len())),
            other => text.push_str(&format!("{other:?},")),
        }
    }
    (key.kind.name, text)
}
