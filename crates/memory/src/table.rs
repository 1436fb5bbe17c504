//! The records of one kind, with an ordered map for every declared index.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use aquifer_core::{Index, Kind, Record};

use crate::order::Place;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// The transaction that wrote it last, so that a retried one is recognised; see [`aquifer_core::Transaction::id`].
    pub transaction: u64,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) kind: &'static Kind,
    records: BTreeMap<Place, Arc<Entry>>,
    // In the order of the kind's indexes, then its unique constraints.
    indexes: Vec<BTreeMap<Place, Arc<Entry>>>,
}

impl Table {
    pub(crate) fn new(kind: &'static Kind) -> Self {
        let indexes = kind.indexes.iter().chain(kind.uniques).map(|_| BTreeMap::new()).collect();
        Self { kind, records: BTreeMap::new(), indexes }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn get(&self, key: &Place) -> Option<&Arc<Entry>> {
        self.records.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.records.values()
    }

    /// Puts `entry` where `key` is, or takes away what is there.
    pub(crate) fn put(&mut self, key: Place, entry: Option<Arc<Entry>>) {
        let before = match &entry {
            Some(entry) => self.records.insert(key, Arc::clone(entry)),
            None => self.records.remove(&key),
        };
        let declared = self.kind.indexes.iter().chain(self.kind.uniques);
        for (index, map) in declared.zip(&mut self.indexes) {
            if let Some(place) = before.as_ref().and_then(|before| place_in(index, &before.record)) {
                map.remove(&place);
            }
            if let Some(entry) = &entry
                && let Some(place) = place_in(index, &entry.record)
            {
                map.insert(place, Arc::clone(entry));
            }
        }
    }

    /// The entries of an index (`None`: of the key) between two borders, in order.
    pub(crate) fn range(
        &self,
        index: Option<&str>,
        from: Bound<Place>,
        to: Bound<Place>,
    ) -> Box<dyn DoubleEndedIterator<Item = &Arc<Entry>> + '_> {
        let map = match index {
            None => Some(&self.records),
            Some(name) => {
                let mut declared = self.kind.indexes.iter().chain(self.kind.uniques);
                declared.position(|index| index.name == name).and_then(|position| self.indexes.get(position))
            }
        };
        match map {
            Some(map) if !is_empty(&from, &to) => Box::new(map.range((from, to)).map(|(_, entry)| entry)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

// A range of the standard maps panics when it ends before it begins.
fn is_empty(from: &Bound<Place>, to: &Bound<Place>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}

/// Where an index holds `record`; `None` where one of its columns is null.
pub(crate) fn place_in(index: &Index, record: &Record) -> Option<Place> {
    let values = record.pick(&record.kind.order(Some(index)));
    let sparse = values.iter().take(index.columns.len()).any(aquifer_core::Value::is_null);
    (!sparse).then(|| Place::at(values))
}
