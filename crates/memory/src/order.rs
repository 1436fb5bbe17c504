//! Places in an ordered map of values.

use std::cmp::Ordering;
use std::ops::Bound;

use aquifer_core::Value;

/// A place in the order of an index or of the key: a record's own place, or a border between records.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    values: Vec<Value>,
    /// Whether this lies after everything that begins with the values; records and lower borders lie before.
    after: bool,
}

impl Place {
    /// The place of a record with these values, and the border before all that begin with them.
    pub(crate) fn at(values: Vec<Value>) -> Self {
        Self { values, after: false }
    }

    /// The border after everything that begins with these values.
    pub(crate) fn after(values: Vec<Value>) -> Self {
        Self { values, after: true }
    }

    /// The border after everything that begins as this place does.
    pub(crate) fn into_after(self) -> Self {
        Self { after: true, ..self }
    }

    /// The borders of what begins with `prefix` and continues between the bounds: the first within, the first beyond.
    pub(crate) fn range(prefix: &[Value], lower: &Bound<Value>, upper: &Bound<Value>) -> (Self, Self) {
        let join = |value: &Value| prefix.iter().chain([value]).cloned().collect();
        let from = match lower {
            Bound::Unbounded => Self::at(prefix.to_vec()),
            Bound::Included(value) => Self::at(join(value)),
            Bound::Excluded(value) => Self::after(join(value)),
        };
        let to = match upper {
            Bound::Unbounded => Self::after(prefix.to_vec()),
            Bound::Included(value) => Self::after(join(value)),
            Bound::Excluded(value) => Self::at(join(value)),
        };
        (from, to)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        for (a, b) in self.values.iter().zip(&other.values) {
            let order = a.compare(b);
            if order.is_ne() {
                return order;
            }
        }
        match self.values.len().cmp(&other.values.len()) {
            Ordering::Equal => self.after.cmp(&other.after),
            Ordering::Less if self.after => Ordering::Greater,
            Ordering::Greater if other.after => Ordering::Less,
            order => order,
        }
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}
