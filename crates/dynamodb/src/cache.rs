//! What this process knows of records that it has read or written, so that it need not read them before it writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::{Trace, Value};

use crate::layout::Place;

/// How many records are remembered, give or take as many again.
const CAPACITY: usize = 20_000;

/// What is known of one version of a record. A version is named by its revision together with its transaction: a write that demands
/// both applies to exactly what is known, or not at all.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) trace: Trace,
    /// The values of [`crate::layout::Table::watched`].
    pub(crate) watched: Arc<[Value]>,
}

/// Remembers the records that were used last.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Place, Known>,
    old: HashMap<Place, Known>,
}

impl Generations {
    fn keep(&mut self, place: Place, known: Known) {
        if self.young.len() >= CAPACITY {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(place, known);
    }
}

impl Cache {
    /// What is known of a record. It may be out of date.
    pub(crate) fn get(&self, place: &Place) -> Option<Known> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = generations.young.get(place) {
            return Some(known.clone());
        }
        let (place, known) = generations.old.remove_entry(place)?;
        generations.keep(place, known.clone());
        Some(known)
    }

    /// Remembers a record as it is now.
    pub(crate) fn put(&self, place: Place, known: Known) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.old.remove(&place);
        generations.keep(place, known);
    }

    /// Forgets a record.
    pub(crate) fn forget(&self, place: &Place) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.remove(place);
        generations.old.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: usize) -> Place {
        Place { table: 0, partition: vec![], sort: number.to_be_bytes().into() }
    }

    fn known(revision: u64) -> Known {
        Known { trace: Trace { revision, transaction: 7 }, watched: Arc::new([]) }
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let cache = Cache::default();
        cache.put(place(0), known(1));
        for number in 1..3 * CAPACITY {
            cache.put(place(number), known(1));
            assert!(cache.get(&place(0)).is_some());
        }
        assert!(cache.get(&place(1)).is_none());
        cache.put(place(0), known(2));
        assert_eq!(cache.get(&place(0)).map(|known| known.trace.revision), Some(2));
        cache.forget(&place(0));
        assert!(cache.get(&place(0)).is_none());
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * CAPACITY);
    }
}
