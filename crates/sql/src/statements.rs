//! The statements over one kind, generated from its declaration.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::{Claim, Condition, Error, Index, Kind, Result, Scan, Schema, Value};

use crate::dialect::{Dialect, IndexHint};
use crate::tables::{REVISION, TRANSACTION_ID, index_name, nullable};
use crate::text::{Query, Sql};

/// The statements over every kind of a schema.
#[derive(Debug)]
pub struct Catalog {
    kinds: HashMap<&'static str, Statements>,
}

impl Catalog {
    /// Generates the statements over the kinds of `schema`.
    pub fn new(dialect: &'static Dialect, schema: &Schema) -> Self {
        Self { kinds: schema.kinds.iter().map(|kind| (kind.name, Statements::new(dialect, kind))).collect() }
    }

    /// The statements over `kind`.
    ///
    /// # Errors
    /// `Invalid` if the schema has no such kind.
    pub fn of(&self, kind: &Kind) -> Result<&Statements> {
        self.kinds
            .get(kind.name)
            .ok_or_else(|| Error::invalid(format!("the schema of this database has no kind {:?}", kind.name)))
    }
}

/// The statements over one kind.
#[derive(Debug)]
pub struct Statements {
    dialect: &'static Dialect,
    kind: &'static Kind,
    /// Stores a record; takes all columns and the transaction.
    pub insert: String,
    /// Reads all columns and the revision of a record; takes the key.
    pub get: String,
    /// Reads the revision and the transaction of a record; takes the key.
    pub trace: String,
    /// Removes a record; takes the key.
    pub delete: String,
    /// Removes a record at a revision; takes the key and the revision.
    pub delete_at_revision: String,
    /// Counts the records.
    pub count: String,
    brief: String,
    detailed: String,
    updates: Mutex<HashMap<Shape, Arc<str>>>,
}

/// Which columns an update sets, and whether it is held to a revision. The program's own code decides; there are few.
type Shape = (Vec<usize>, bool);

impl Statements {
    fn new(dialect: &'static Dialect, kind: &'static Kind) -> Self {
        let all: Vec<usize> = (0..kind.columns.len()).collect();

        let mut insert = Sql::new(dialect, "INSERT INTO ");
        insert.name(kind.name).push(" (").columns(kind, &all).push(", ").name(REVISION).push(", ");
        insert.name(TRANSACTION_ID).push(") VALUES (").list(", ", &all, |sql, _| {
            sql.parameter();
        });
        insert.push(", 1, ").parameter().push(")");

        let detailed = select(dialect, kind, true);
        let get = format!("{detailed} WHERE {}", by_key(dialect, kind));

        let mut trace = Sql::new(dialect, "SELECT ");
        trace.name(REVISION).push(", ").name(TRANSACTION_ID).push(" FROM ").name(kind.name);
        trace.push(" WHERE ").equal(kind, kind.key);

        let mut delete = Sql::new(dialect, "DELETE FROM ");
        delete.name(kind.name).push(" WHERE ").equal(kind, kind.key);
        let mut delete_at_revision = Sql::new(dialect, "DELETE FROM ");
        delete_at_revision.name(kind.name).push(" WHERE ").equal(kind, kind.key);
        delete_at_revision.push(" AND ").name(REVISION).push(" = ").parameter();

        let mut count = Sql::new(dialect, "SELECT count(*) FROM ");
        count.name(kind.name);

        Self {
            dialect,
            kind,
            insert: insert.finish(),
            get,
            trace: trace.finish(),
            delete: delete.finish(),
            delete_at_revision: delete_at_revision.finish(),
            count: count.finish(),
            brief: select(dialect, kind, false),
            detailed,
            updates: Mutex::default(),
        }
    }

    /// Changes columns of a record. Takes the new values, the transaction, the key and, if the condition has one, the revision.
    /// Where the dialect can, it returns the new revision unless the condition tells it.
    pub fn update(&self, set: &[(usize, Value)], condition: Condition) -> Arc<str> {
        let at_revision = matches!(condition, Condition::Revision(_));
        let shape = (set.iter().map(|(column, _)| *column).collect(), at_revision);
        let mut updates = self.updates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            updates.entry(shape).or_insert_with_key(|(columns, _)| self.write_update(columns, at_revision).into()),
        )
    }

    fn write_update(&self, columns: &[usize], at_revision: bool) -> String {
        let mut sql = Sql::new(self.dialect, "UPDATE ");
        sql.name(self.kind.name).push(" SET ");
        for column in columns {
            sql.column(self.kind, *column).push(" = ").parameter().push(", ");
        }
        sql.name(REVISION).push(" = ").name(REVISION).push(" + 1, ").name(TRANSACTION_ID).push(" = ").parameter();
        sql.push(" WHERE ").equal(self.kind, self.kind.key);
        if at_revision {
            sql.push(" AND ").name(REVISION).push(" = ").parameter();
        } else if self.dialect.returning {
            sql.push(" RETURNING ").name(REVISION);
        }
        sql.finish()
    }

    /// Looks for another record than the one with `key` that has these values of a unique constraint; returns a row if
    /// there is one. `None` if one of the values is null, which the constraint does not hold.
    pub fn taken(&self, unique: &Index, values: Vec<Value>, key: &[Value]) -> Option<Query> {
        if values.iter().any(Value::is_null) {
            return None;
        }
        let mut sql = Sql::new(self.dialect, "SELECT 1 FROM ");
        sql.name(self.kind.name).push(" WHERE ").equal(self.kind, unique.columns);
        sql.push(" AND NOT (").equal(self.kind, self.kind.key).push(")");
        let values = values.into_iter().chain(key.iter().cloned()).collect();
        Some(Query { text: sql.finish(), values })
    }

    /// Reads one record more than a page of `scan` holds, so that it shows whether there is a next page. `None` if nothing can
    /// follow the cursor.
    ///
    /// # Errors
    /// `Invalid` for an unknown index, or a cursor of another listing.
    pub fn scan(&self, scan: &Scan) -> Result<Option<Query>> {
        let range = Range {
            index: scan.declared_index()?,
            prefix: &scan.prefix,
            lower: scan.lower.clone(),
            upper: scan.upper.clone(),
            descending: scan.descending,
            limit: scan.limit + 1,
        };
        let select = if scan.detail { &self.detailed } else { &self.brief };
        Ok(self.range(select, range, scan.resume_after()?))
    }

    /// Reads the records that a claim takes, with all columns, and locks them where the dialect can.
    ///
    /// # Errors
    /// `Invalid` for an unknown index.
    pub fn claim(&self, claim: &Claim) -> Result<Option<Query>> {
        let index = self.kind.index(claim.index);
        let index = index.ok_or_else(|| Error::invalid(format!("{} has no index {:?}", self.kind, claim.index)))?;
        Ok(self.range(&self.detailed, Range::of(claim, index), None).map(|mut query| {
            query.text.push_str(self.dialect.skip_locked);
            query
        }))
    }

    /// Finds, locks and writes the records of a claim as one statement, and returns them as they are afterwards, lowest first. Takes
    /// the query's values and then those that the claim sets. For dialects that can do it: PostgreSQL.
    ///
    /// # Errors
    /// `Invalid` for an unknown index.
    pub fn claim_at_once(&self, claim: &Claim) -> Result<Option<Query>> {
        let index = self.kind.index(claim.index);
        let index = index.ok_or_else(|| Error::invalid(format!("{} has no index {:?}", self.kind, claim.index)))?;
        let order = self.kind.order(Some(index));
        let mut due = Sql::new(self.dialect, "SELECT ");
        due.list(", ", order.iter().enumerate(), |sql, (place, column)| {
            sql.column(self.kind, *column).push(" AS ").value(place);
        });
        due.push(" FROM ").name(self.kind.name);
        let Some(mut query) = self.range(&due.finish(), Range::of(claim, index), None) else { return Ok(None) };
        let mut sql = Sql::after(self.dialect, query.values.len(), "WITH due AS (");
        sql.push(&query.text).push(self.dialect.skip_locked).push("), claimed AS (UPDATE ");
        sql.name(self.kind.name).push(" AS t SET ");
        for (column, _) in &claim.set {
            sql.column(self.kind, *column).push(" = ").parameter().push(", ");
        }
        sql.name(REVISION).push(" = t.").name(REVISION).push(" + 1 FROM due WHERE ");
        let keys = order.iter().enumerate().filter(|(_, column)| self.kind.key.contains(column));
        sql.list(" AND ", keys, |sql, (place, column)| {
            sql.push("t.").column(self.kind, *column).push(" = due.").value(place);
        });
        let all: Vec<usize> = (0..self.kind.columns.len()).collect();
        sql.push(" RETURNING t.*, due.*) SELECT ").columns(self.kind, &all).push(", ").name(REVISION);
        sql.push(" FROM claimed ORDER BY ").list(", ", 0..order.len(), |sql, place| {
            sql.value(place);
        });
        query.text = sql.finish();
        Ok(Some(query))
    }

    fn range(&self, select: &str, range: Range<'_>, after: Option<Vec<Value>>) -> Option<Query> {
        let Range { index, prefix, mut lower, mut upper, descending, limit } = range;
        let order = self.order(index);
        let full_order = self.kind.order(index);
        let mut sql = Sql::new(self.dialect, select);
        match index {
            Some(index) => sql.hint(&index_name(self.kind, index)),
            // Where the planner may take any index, it may take one for the key too.
            None if self.dialect.index_hint == IndexHint::ForceIndex => sql.hint("PRIMARY"),
            None => &mut sql,
        };
        let mut conditions = Conditions { sql, kind: self.kind, values: prefix.to_vec(), any: false };
        for column in full_order.iter().take(prefix.len()) {
            conditions.and().column(self.kind, *column).push(" = ").parameter();
        }
        let rest = order.get(prefix.len()..).unwrap_or_default();
        let mut past = None;
        if let Some(after) = &after {
            let after = after.get(prefix.len()..order.len())?;
            // What lies past the cursor lies within the bound behind it, or the other way round: the index takes one of them.
            let bound = if descending { &mut upper } else { &mut lower };
            if within(after.first()?, bound, descending) {
                *bound = Bound::Unbounded;
                past = Some(after);
            }
        }
        let ranged = full_order.get(prefix.len()).copied();
        let is_bounded = !matches!((&lower, &upper), (Bound::Unbounded, Bound::Unbounded));
        let held = index.and_then(|index| index.columns.get(prefix.len()..)).unwrap_or_default();
        for column in nullable(self.kind, held) {
            // Says that the partial index holds what is looked for. A bound says so too, and must be what the index is entered by.
            if !(is_bounded && ranged == Some(column)) {
                conditions.and().column(self.kind, column).push(" IS NOT NULL");
            }
        }
        if let Some(after) = past {
            conditions.past(rest, after, descending, self.dialect.row_values);
        }
        if let Some(column) = ranged {
            conditions.bound(column, lower, " >= ", " > ");
            conditions.bound(column, upper, " <= ", " < ");
        }
        let Conditions { mut sql, mut values, .. } = conditions;
        if !rest.is_empty() {
            sql.push(" ORDER BY ").list(", ", rest, |sql, column| {
                sql.column(self.kind, *column).push(if descending { " DESC" } else { "" });
            });
        }
        sql.push(" LIMIT ").parameter();
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        Some(Query { text: sql.finish(), values })
    }

    /// The columns that order a listing. A unique constraint needs no columns of the key after its own: it holds
    /// no nulls, so that its own order is total.
    fn order(&self, index: Option<&Index>) -> Vec<usize> {
        match index {
            Some(index) if self.kind.uniques.iter().any(|unique| unique.name == index.name) => index.columns.to_vec(),
            index => self.kind.order(index),
        }
    }
}

/// A stretch of an index to read.
struct Range<'a> {
    index: Option<&'a Index>,
    prefix: &'a [Value],
    lower: Bound<Value>,
    upper: Bound<Value>,
    descending: bool,
    limit: usize,
}

impl<'a> Range<'a> {
    /// What a claim looks through.
    fn of(claim: &'a Claim, index: &'a Index) -> Self {
        Self {
            index: Some(index),
            prefix: &claim.prefix,
            lower: Bound::Unbounded,
            upper: claim.up_to.clone().map_or(Bound::Unbounded, Bound::Included),
            descending: false,
            limit: claim.limit,
        }
    }
}

/// A `WHERE` clause that grows.
struct Conditions {
    sql: Sql,
    kind: &'static Kind,
    values: Vec<Value>,
    any: bool,
}

impl Conditions {
    fn and(&mut self) -> &mut Sql {
        self.sql.push(if self.any { " AND " } else { " WHERE " });
        self.any = true;
        &mut self.sql
    }

    fn bound(&mut self, column: usize, bound: Bound<Value>, included: &str, excluded: &str) {
        let (operator, value) = match bound {
            Bound::Unbounded => return,
            Bound::Included(value) => (included, value),
            Bound::Excluded(value) => (excluded, value),
        };
        let kind = self.kind;
        self.and().column(kind, column).push(operator).parameter();
        self.values.push(value);
    }

    /// Only what comes after `values` in the order of `columns`.
    fn past(&mut self, columns: &[usize], values: &[Value], descending: bool, row_values: bool) {
        let kind = self.kind;
        let (strictly, from) = if descending { (" < ", " <= ") } else { (" > ", " >= ") };
        if row_values {
            self.and().push("(").columns(kind, columns).push(")").push(strictly).push("(");
            self.sql.list(", ", columns, |sql, _| {
                sql.parameter();
            });
            self.sql.push(")");
            self.values.extend_from_slice(values);
            return;
        }
        // The same, spelled out: a >= ? AND (a > ? OR (a = ? AND (b > ?))).
        let (Some(column), Some(value)) = (columns.first(), values.first()) else { return };
        self.and().column(kind, *column).push(from).parameter();
        self.values.push(value.clone());
        self.and();
        for (position, (column, value)) in columns.iter().zip(values).enumerate() {
            self.sql.push("(").column(kind, *column).push(strictly).parameter();
            self.values.push(value.clone());
            if position + 1 < columns.len() {
                self.sql.push(" OR (").column(kind, *column).push(" = ").parameter().push(" AND ");
                self.values.push(value.clone());
            }
        }
        let closing = (columns.len() * 2).saturating_sub(1);
        self.sql.push(&")".repeat(closing));
    }
}

/// Whether `value` keeps to the bound that a listing starts at.
fn within(value: &Value, bound: &Bound<Value>, descending: bool) -> bool {
    let (limit, included) = match bound {
        Bound::Unbounded => return true,
        Bound::Included(limit) => (limit, true),
        Bound::Excluded(limit) => (limit, false),
    };
    let order = if descending { limit.compare(value) } else { value.compare(limit) };
    order.is_gt() || included && order.is_eq()
}

fn select(dialect: &'static Dialect, kind: &Kind, detail: bool) -> String {
    let mut sql = Sql::new(dialect, "SELECT ");
    for column in kind.columns {
        if column.detail && !detail {
            sql.push("NULL, ");
        } else {
            sql.name(column.name).push(", ");
        }
    }
    sql.name(REVISION).push(" FROM ").name(kind.name);
    sql.finish()
}

fn by_key(dialect: &'static Dialect, kind: &Kind) -> String {
    let mut sql = Sql::new(dialect, "");
    sql.equal(kind, kind.key);
    sql.finish()
}
