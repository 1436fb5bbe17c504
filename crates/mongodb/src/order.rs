//! The filters of scans: a range of an index, and where the page before ended.

use std::ops::Bound;

use aquifer_core::{Index, Kind, Result, Scan, Value};
use mongodb::bson::{Bson, Document, doc};

use crate::layout::{ID, name, present, sorted_by};
use crate::values::{id_of, to_bson};

/// What a scan asks of the database.
#[derive(Debug, PartialEq)]
pub(crate) struct Query {
    /// Which records.
    pub(crate) filter: Document,
    /// In which order.
    pub(crate) sort: Document,
}

/// The query of a scan; `None` if nothing can be left.
///
/// # Errors
/// `Invalid` for a cursor of another listing.
pub(crate) fn query(scan: &Scan) -> Result<Option<Query>> {
    let index = scan.declared_index()?;
    let after = scan.resume_after()?;
    let range = Range { kind: scan.kind, prefix: &scan.prefix, lower: &scan.lower, upper: &scan.upper };
    let direction = if scan.descending { -1 } else { 1 };
    Ok(match index {
        None => Some(Query { filter: range.of_key(after.as_deref(), scan.descending), sort: doc! { ID: direction } }),
        Some(index) => {
            let columns = sorted_by(scan.kind, Some(index)).into_iter();
            let sort = columns.map(|column| (name(scan.kind, column).to_owned(), direction.into())).collect();
            range.of_index(index, after.as_deref(), scan.descending).map(|filter| Query { filter, sort })
        }
    })
}

/// The filter of a claim: the records of the index up to a value.
pub(crate) fn due(kind: &'static Kind, index: &'static Index, prefix: &[Value], up_to: Option<&Value>) -> Query {
    let upper = up_to.map_or(Bound::Unbounded, |value| Bound::Included(value.clone()));
    let range = Range { kind, prefix, lower: &Bound::Unbounded, upper: &upper };
    let columns = sorted_by(kind, Some(index)).into_iter();
    let sort = columns.map(|column| (name(kind, column).to_owned(), 1.into())).collect();
    Query { filter: range.of_index(index, None, false).unwrap_or_default(), sort }
}

/// Values that the first columns equal, and bounds of the next.
struct Range<'a> {
    kind: &'static Kind,
    prefix: &'a [Value],
    lower: &'a Bound<Value>,
    upper: &'a Bound<Value>,
}

impl Range<'_> {
    /// Records by their `_id`, which is a document of the key's columns and is ordered as they are.
    fn of_key(&self, after: Option<&[Value]>, descending: bool) -> Document {
        let mut bounds: Vec<Document> = Vec::new();
        let mut bound = |operator: &str, id: Document| bounds.push(doc! { ID: { operator: id } });
        // Everything that begins with these values lies between the two.
        let first = |values: &[Value]| id_of(self.kind, values);
        let last = |values: &[Value]| {
            let mut id = id_of(self.kind, values);
            if let Some(next) = self.kind.key.get(values.len()) {
                id.insert(name(self.kind, *next), Bson::MaxKey);
            }
            id
        };
        let joined = |value: &Value| self.prefix.iter().chain([value]).cloned().collect::<Vec<_>>();
        match self.lower {
            Bound::Included(value) => bound("$gte", first(&joined(value))),
            Bound::Excluded(value) => bound("$gt", last(&joined(value))),
            Bound::Unbounded if self.prefix.is_empty() => {}
            Bound::Unbounded => bound("$gte", first(self.prefix)),
        }
        match self.upper {
            Bound::Included(value) => bound("$lte", last(&joined(value))),
            Bound::Excluded(value) => bound("$lt", first(&joined(value))),
            Bound::Unbounded if self.prefix.is_empty() => {}
            Bound::Unbounded => bound("$lte", last(self.prefix)),
        }
        if let Some(after) = after {
            bound(if descending { "$lt" } else { "$gt" }, first(after));
        }
        match bounds.len() {
            0 => Document::new(),
            1 => bounds.remove(0),
            _ => doc! { "$and": bounds },
        }
    }

    /// Records of an index; `None` if nothing can be left after the page before.
    ///
    /// Where a page goes on, there is one branch for each column that may differ from the last record: each is one range of
    /// the index, and the database merges them in order.
    fn of_index(&self, index: &'static Index, after: Option<&[Value]>, descending: bool) -> Option<Document> {
        let order = self.kind.order(Some(index));
        let Some(after) = after else {
            let bounds = (self.lower.clone(), self.upper.clone());
            return Some(self.branch(index, &order, self.prefix, &bounds));
        };
        let columns = sorted_by(self.kind, Some(index)).len();
        let mut branches = Vec::new();
        for place in self.prefix.len()..columns {
            let (Some(equal), Some(last)) = (after.get(..place), after.get(place)) else { break };
            let beyond = Bound::Excluded(last.clone());
            let bounds = if place == self.prefix.len() {
                // A cursor outside of the bounds must not widen them.
                match descending {
                    false => (higher(self.lower, &beyond), self.upper.clone()),
                    true => (self.lower.clone(), lower(self.upper, &beyond)),
                }
            } else if descending {
                (Bound::Unbounded, beyond)
            } else {
                (beyond, Bound::Unbounded)
            };
            // What equals the last record in the bounded column is in the range only if that one is.
            let ranged = after.get(self.prefix.len());
            if place > self.prefix.len() && !ranged.is_some_and(|value| within(value, self.lower, self.upper)) {
                continue;
            }
            branches.push(self.branch(index, &order, equal, &bounds));
        }
        match branches.len() {
            0 => None,
            1 => branches.pop(),
            _ => Some(doc! { "$or": branches }),
        }
    }

    fn branch(
        &self,
        index: &'static Index,
        order: &[usize],
        equal: &[Value],
        bounds: &(Bound<Value>, Bound<Value>),
    ) -> Document {
        let mut filter: Document = order
            .iter()
            .zip(equal)
            .filter_map(|(column, value)| Some((self.field(*column), to_bson(value)?)))
            .collect();
        if let Some(column) = order.get(equal.len()) {
            let mut range = Document::new();
            match &bounds.0 {
                Bound::Included(value) => drop(range.insert("$gte", to_bson(value))),
                Bound::Excluded(value) => drop(range.insert("$gt", to_bson(value))),
                Bound::Unbounded => {}
            }
            match &bounds.1 {
                Bound::Included(value) => drop(range.insert("$lte", to_bson(value))),
                Bound::Excluded(value) => drop(range.insert("$lt", to_bson(value))),
                Bound::Unbounded => {}
            }
            if !range.is_empty() {
                filter.insert(self.field(*column), range);
            }
        }
        // The index holds no other documents; saying so lets the database use it.
        for column in present(self.kind, index) {
            if !filter.contains_key(name(self.kind, column)) {
                filter.insert(self.field(column), doc! { "$exists": true });
            }
        }
        filter
    }

    fn field(&self, column: usize) -> String {
        name(self.kind, column).to_owned()
    }
}

fn within(value: &Value, lower: &Bound<Value>, upper: &Bound<Value>) -> bool {
    let above = match lower {
        Bound::Included(bound) => value.compare(bound).is_ge(),
        Bound::Excluded(bound) => value.compare(bound).is_gt(),
        Bound::Unbounded => true,
    };
    let below = match upper {
        Bound::Included(bound) => value.compare(bound).is_le(),
        Bound::Excluded(bound) => value.compare(bound).is_lt(),
        Bound::Unbounded => true,
    };
    above && below
}

/// The tighter of two lower bounds, of which the second excludes its value.
fn higher(a: &Bound<Value>, b: &Bound<Value>) -> Bound<Value> {
    match (a, b) {
        (Bound::Included(x) | Bound::Excluded(x), Bound::Excluded(y)) if x.compare(y).is_gt() => a.clone(),
        _ => b.clone(),
    }
}

/// The tighter of two upper bounds, of which the second excludes its value.
fn lower(a: &Bound<Value>, b: &Bound<Value>) -> Bound<Value> {
    match (a, b) {
        (Bound::Included(x) | Bound::Excluded(x), Bound::Excluded(y)) if x.compare(y).is_lt() => a.clone(),
        _ => b.clone(),
    }
}

#[cfg(test)]
mod tests {
    use aquifer_core::{Record, SCHEMA};

    use super::*;

    fn kind() -> &'static Kind {
        SCHEMA.kind("executions").unwrap()
    }

    fn ended_at(scan: &Scan) -> Scan {
        let mut values = vec![Value::Null; kind().columns.len()];
        for (name, value) in [("tenant_id", "t"), ("status", "s"), ("id", "ex_1")] {
            values[kind().column(name).unwrap()] = value.into();
        }
        let last = Record { kind: kind(), values, revision: 1 };
        scan.clone().after(Some(scan.cursor_after(&last).unwrap()))
    }

    #[test]
    fn a_page_of_an_index_is_one_range() {
        let scan = Scan::index(kind(), "by_status").equals("t").equals("s");
        let first = query(&scan).unwrap().unwrap();
        assert_eq!(first.filter, doc! { "tenant_id": "t", "status": "s" });
        assert_eq!(first.sort, doc! { "tenant_id": 1, "status": 1, "id": 1 });
        let next = query(&ended_at(&scan)).unwrap().unwrap();
        assert_eq!(next.filter, doc! { "tenant_id": "t", "status": "s", "id": { "$gt": "ex_1" } });
        let back = scan.descending(true);
        let next = query(&ended_at(&back)).unwrap().unwrap();
        assert_eq!(next.filter, doc! { "tenant_id": "t", "status": "s", "id": { "$lt": "ex_1" } });
        assert_eq!(next.sort, doc! { "tenant_id": -1, "status": -1, "id": -1 });
    }

    #[test]
    fn a_page_goes_on_in_a_branch_for_each_column() {
        let scan = Scan::index(kind(), "by_status").equals("t");
        let next = query(&ended_at(&scan)).unwrap().unwrap();
        let branches = [
            doc! { "tenant_id": "t", "status": { "$gt": "s" } },
            doc! { "tenant_id": "t", "status": "s", "id": { "$gt": "ex_1" } },
        ];
        assert_eq!(next.filter, doc! { "$or": branches.to_vec() });
        // A cursor below the range begins the range, and one beyond it ends it.
        let ranged = scan.from(Bound::Included("u".into()));
        let next = query(&ended_at(&ranged)).unwrap().unwrap();
        assert_eq!(next.filter, doc! { "tenant_id": "t", "status": { "$gte": "u" } });
    }

    #[test]
    fn an_index_with_nulls_says_that_it_has_none() {
        let scan = Scan::index(kind(), "by_due");
        assert_eq!(query(&scan).unwrap().unwrap().filter, doc! { "wake_at": { "$exists": true } });
    }

    #[test]
    fn keys_are_ranges_of_ids() {
        let scan = Scan::key(kind()).equals("t");
        let first = query(&scan).unwrap().unwrap();
        let from = doc! { "_id": { "$gte": { "tenant_id": "t" } } };
        let to = doc! { "_id": { "$lte": { "tenant_id": "t", "id": Bson::MaxKey } } };
        assert_eq!(first.filter, doc! { "$and": [from.clone(), to.clone()] });
        let next = query(&ended_at(&scan)).unwrap().unwrap();
        let after = doc! { "_id": { "$gt": { "tenant_id": "t", "id": "ex_1" } } };
        assert_eq!(next.filter, doc! { "$and": [from, to, after] });
    }
}
