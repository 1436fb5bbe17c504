//! Statements that write many rows at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::{ColumnType, Kind, Value};

use super::batch::{Group, Row, Shape};
use super::parameter::Parameter;
use super::session::{Step, Write};
use crate::dialect::{Bulk, Dialect};
use crate::json_rows::JsonRows;
use crate::tables::{REVISION, TRANSACTION_ID};
use crate::text::Sql;

/// The most bytes of values in one statement, so that no database's longest packet is exceeded.
const MAX_BYTES: usize = 8 << 20;
/// The same for rows in a document, in which a byte may take six. A row that is larger is written by itself, without one.
const MAX_DOCUMENT_BYTES: usize = 2 << 20;

/// Writes the statements for groups, and keeps the texts that do not depend on the number of rows.
#[derive(Debug)]
pub(crate) struct Writer {
    dialect: &'static Dialect,
    texts: Mutex<HashMap<TextKey, Arc<str>>>,
}

/// The kind, the shape, and whether it is for one row that needs no document.
type TextKey = (&'static str, Shape, bool);

impl Writer {
    pub(crate) fn new(dialect: &'static Dialect) -> Self {
        Self { dialect, texts: Mutex::default() }
    }

    /// Whether an update can tell the revisions that it gave.
    pub(crate) fn returns_revisions(&self) -> bool {
        self.dialect.bulk == Bulk::Arrays
    }

    /// The steps that write `group`, each with the rows that it writes.
    pub(crate) fn steps<'a, 'g>(&self, group: &'g Group<'a>) -> Vec<(Step<'g>, &'g [Row<'a>])> {
        let types = types(group.kind, &group.shape);
        let write = match &group.shape {
            Shape::Check { .. } => Write::Revisions,
            Shape::Update { at_revision: false, .. } if self.returns_revisions() => Write::Revisions,
            Shape::Insert | Shape::Update { .. } | Shape::Claim { .. } | Shape::Delete { .. } => Write::Count,
        };
        let (most, bytes) = self.at_once(types.len());
        chunks(&group.rows, most, bytes)
            .into_iter()
            .map(|rows| {
                let text = self.text(group.kind, &group.shape, &types, rows.len());
                let parameters = self.parameters(&types, rows);
                (Step { text, parameters, write, expected: rows.len() }, rows)
            })
            .collect()
    }

    /// How many rows, and how many bytes of them, one statement takes.
    fn at_once(&self, columns: usize) -> (usize, usize) {
        match self.dialect.bulk {
            Bulk::Arrays => (usize::MAX, MAX_BYTES),
            Bulk::Document => (usize::MAX, MAX_DOCUMENT_BYTES),
            // SQLite takes at most 500 terms of a compound SELECT, but any number of VALUES.
            Bulk::Values => ((self.dialect.max_parameters / columns.max(1)).max(1), MAX_BYTES),
        }
    }

    fn parameters<'g>(&self, types: &[Typed], rows: &'g [Row<'_>]) -> Vec<Parameter<'g>> {
        let rows: Vec<Vec<Cow<'g, Value>>> =
            rows.iter().map(|row| row.values.iter().map(|value| Cow::Borrowed(value.as_ref())).collect()).collect();
        parameters(self.dialect, types, rows)
    }

    fn text(&self, kind: &'static Kind, shape: &Shape, types: &[Typed], rows: usize) -> Arc<str> {
        if self.dialect.bulk == Bulk::Values {
            return self.write_text(kind, shape, types, rows).into();
        }
        let is_plain = is_plain(self.dialect, rows);
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts
            .entry((kind.name, shape.clone(), is_plain))
            .or_insert_with(|| self.write_text(kind, shape, types, rows).into());
        Arc::clone(text)
    }

    fn write_text(&self, kind: &'static Kind, shape: &Shape, types: &[Typed], rows: usize) -> String {
        let source = Source { dialect: self.dialect, types, rows };
        if is_plain(self.dialect, rows) {
            return plain(self.dialect, kind, shape);
        }
        match shape {
            Shape::Insert => insert(&source, kind),
            Shape::Update { columns, at_revision } => update(&source, kind, columns, true, *at_revision),
            Shape::Claim { columns } => update(&source, kind, columns, false, false),
            Shape::Check { at_revision } => check(&source, kind, *at_revision),
            Shape::Delete { at_revision } => delete(&source, kind, *at_revision),
        }
    }
}

/// The type of one value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) of: ColumnType,
    /// Whether it is text that a key or an index holds.
    is_short: bool,
}

impl Typed {
    /// A number of ours.
    const NUMBER: Self = Self { of: ColumnType::Integer, is_short: false };

    /// That of a column.
    pub(crate) fn column(kind: &Kind, column: usize) -> Self {
        let of = kind.columns.get(column).map_or(ColumnType::Text, |column| column.column_type);
        Self { of, is_short: kind.is_short(column) }
    }
}

/// The types of the values in a row of a group.
fn types(kind: &Kind, shape: &Shape) -> Vec<Typed> {
    let of = |column: &usize| Typed::column(kind, *column);
    let key = || kind.key.iter().map(of);
    let revision = |at_revision: bool| at_revision.then_some(Typed::NUMBER);
    match shape {
        Shape::Insert => (0..kind.columns.len()).map(|column| of(&column)).chain([Typed::NUMBER; 2]).collect(),
        Shape::Update { columns, at_revision } => {
            columns.iter().map(of).chain([Typed::NUMBER]).chain(key()).chain(revision(*at_revision)).collect()
        }
        Shape::Claim { columns } => columns.iter().map(of).chain(key()).collect(),
        Shape::Check { at_revision } | Shape::Delete { at_revision } => key().chain(revision(*at_revision)).collect(),
    }
}

/// Whether a statement over so many rows is one that takes the values themselves.
pub(crate) fn is_plain(dialect: &Dialect, rows: usize) -> bool {
    dialect.bulk == Bulk::Document && rows == 1
}

/// The parameters of a statement over rows of these types.
pub(crate) fn parameters<'v>(dialect: &Dialect, types: &[Typed], rows: Vec<Vec<Cow<'v, Value>>>) -> Vec<Parameter<'v>> {
    let one = |typed: &Typed, value| Parameter::One(typed.of, value);
    match dialect.bulk {
        Bulk::Document if !is_plain(dialect, rows.len()) => vec![document(&rows)],
        Bulk::Document | Bulk::Values => {
            rows.into_iter().flat_map(|row| types.iter().zip(row).map(|(typed, value)| one(typed, value))).collect()
        }
        Bulk::Arrays => {
            let mut columns: Vec<Vec<Cow<'v, Value>>> = types.iter().map(|_| Vec::with_capacity(rows.len())).collect();
            for row in rows {
                columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            }
            types.iter().zip(columns).map(|(typed, column)| Parameter::Many(typed.of, column)).collect()
        }
    }
}

/// Rows as one JSON document, with times as MySQL writes them.
fn document(rows: &[Vec<Cow<'_, Value>>]) -> Parameter<'static> {
    let mut document = JsonRows::default();
    for row in rows {
        let values: Vec<Cow<'_, Value>> = row
            .iter()
            .map(|value| match value.as_ref() {
                Value::Timestamp(time) => Cow::Owned(Value::Text(time.to_string().replace('T', " ").replace('Z', ""))),
                other => Cow::Borrowed(other),
            })
            .collect();
        document.push(values.iter().map(AsRef::as_ref), &[]);
    }
    Parameter::One(ColumnType::Text, Cow::Owned(Value::Text(document.finish())))
}

/// Splits rows so that none of the parts is too large for one statement.
fn chunks<'r, 'a>(rows: &'r [Row<'a>], most: usize, most_bytes: usize) -> Vec<&'r [Row<'a>]> {
    let (mut parts, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (position, row) in rows.iter().enumerate() {
        let size = row.size();
        if position > from && (position - from >= most || bytes + size > most_bytes) {
            parts.extend(rows.get(from..position));
            (from, bytes) = (position, 0);
        }
        bytes += size;
    }
    parts.extend(rows.get(from..).filter(|rest| !rest.is_empty()));
    parts
}

/// The rows of a statement as a table `u` with the columns `v0`, `v1`, ..., and `place`, which counts the rows from 1.
pub(crate) struct Source<'a> {
    pub(crate) dialect: &'static Dialect,
    pub(crate) types: &'a [Typed],
    pub(crate) rows: usize,
}

impl Source<'_> {
    /// Begins a statement; where the rows have to stand before it, with them.
    pub(crate) fn begin(&self, start: &str) -> Sql {
        let mut sql = Sql::new(self.dialect, "");
        if self.dialect.bulk == Bulk::Values {
            sql.push("WITH u(").list(", ", 0..self.types.len(), |sql, column| {
                sql.value(column);
            });
            sql.push(", place) AS (VALUES ").list(", ", 1..=self.rows, |sql, place| {
                sql.push("(").list(", ", self.types, |sql, _| {
                    sql.parameter();
                });
                sql.push(", ").push(&place.to_string()).push(")");
            });
            sql.push(") ");
        }
        sql.push(start);
        sql
    }

    /// Names the rows in a list of tables.
    pub(crate) fn table(&self, sql: &mut Sql) {
        match self.dialect.bulk {
            Bulk::Values => {
                sql.push("u");
            }
            Bulk::Arrays => {
                sql.push("UNNEST(").list(", ", self.types, |sql, of| {
                    sql.parameter().push(array(of.of));
                });
                sql.push(") WITH ORDINALITY AS u(").list(", ", 0..self.types.len(), |sql, column| {
                    sql.value(column);
                });
                sql.push(", place)");
            }
            Bulk::Document => {
                sql.push("JSON_TABLE(").parameter().push(", '$[*]' COLUMNS (place FOR ORDINALITY");
                for (column, typed) in self.types.iter().enumerate() {
                    let of = match typed.of {
                        // As text, which the server reads as JSON, or turns into bytes, when it is stored.
                        ColumnType::Json | ColumnType::Bytes => self.dialect.types.text,
                        of => self.dialect.types.of(of, typed.is_short),
                    };
                    sql.push(", ").value(column).push(" ").push(of);
                    sql.push(&format!(" PATH '$[{column}]' ERROR ON ERROR"));
                }
                sql.push(")) AS u");
            }
        }
    }

    /// Names the table of `kind` after the rows, which lead: it is looked into by the key, or by the index of that name.
    pub(crate) fn joined(&self, sql: &mut Sql, kind: &Kind, index: Option<&str>) {
        if self.dialect.bulk == Bulk::Document {
            sql.push(" STRAIGHT_JOIN ").name(kind.name).push(" AS t");
            sql.hint(index.unwrap_or("PRIMARY")).push(" ON ");
        } else {
            sql.push(" JOIN ").name(kind.name).push(" AS t ON ");
        }
    }

    /// Names a value of a row, as it is stored.
    fn stored(&self, sql: &mut Sql, column: usize) {
        let is_hexadecimal = self.dialect.bulk == Bulk::Document
            && self.types.get(column).is_some_and(|typed| typed.of == ColumnType::Bytes);
        match is_hexadecimal {
            true => sql.push("UNHEX(u.").value(column).push(")"),
            false => sql.push("u.").value(column),
        };
    }

    /// That the columns of `t` equal the values from `from` on, and the revision the one after them.
    pub(crate) fn matches(&self, sql: &mut Sql, kind: &Kind, columns: &[usize], from: usize, at_revision: bool) {
        for (number, column) in columns.iter().enumerate() {
            sql.push(if number == 0 { "" } else { " AND " }).push("t.").column(kind, *column);
            sql.push(" = u.").value(from + number);
        }
        if at_revision {
            sql.push(" AND t.").name(REVISION).push(" = u.").value(from + columns.len());
        }
    }
}

/// The cast that tells an array's type.
fn array(of: ColumnType) -> &'static str {
    match of {
        ColumnType::Text => "::text[]",
        ColumnType::Integer => "::bigint[]",
        ColumnType::Boolean => "::boolean[]",
        ColumnType::Timestamp => "::timestamptz[]",
        ColumnType::Json => "::jsonb[]",
        ColumnType::Bytes => "::bytea[]",
    }
}

fn insert(source: &Source<'_>, kind: &Kind) -> String {
    let mut sql = Sql::new(source.dialect, "INSERT INTO ");
    inserted(&mut sql, kind);
    if source.dialect.bulk == Bulk::Values {
        sql.push("VALUES ").list(", ", 0..source.rows, |sql, _| {
            sql.push("(").list(", ", source.types, |sql, _| {
                sql.parameter();
            });
            sql.push(")");
        });
    } else {
        sql.push("SELECT ").list(", ", 0..source.types.len(), |sql, column| source.stored(sql, column));
        sql.push(" FROM ");
        source.table(&mut sql);
    }
    sql.finish()
}

/// Adds the table of `kind` with all of its columns.
fn inserted(sql: &mut Sql, kind: &Kind) {
    let all: Vec<usize> = (0..kind.columns.len()).collect();
    sql.name(kind.name).push(" (").columns(kind, &all).push(", ").name(REVISION).push(", ");
    sql.name(TRANSACTION_ID).push(") ");
}

fn update(source: &Source<'_>, kind: &Kind, columns: &[usize], names_transaction: bool, at_revision: bool) -> String {
    let key = columns.len() + usize::from(names_transaction);
    let mut sql = source.begin("UPDATE ");
    let joins = source.dialect.bulk == Bulk::Document;
    if joins {
        source.table(&mut sql);
        source.joined(&mut sql, kind, None);
        source.matches(&mut sql, kind, kind.key, key, at_revision);
    } else {
        sql.name(kind.name).push(" AS t");
    }
    sql.push(" SET ");
    let target = if joins { "t." } else { "" };
    for (number, column) in columns.iter().enumerate() {
        sql.push(target).column(kind, *column).push(" = ");
        source.stored(&mut sql, number);
        sql.push(", ");
    }
    sql.push(target).name(REVISION).push(" = t.").name(REVISION).push(" + 1");
    if names_transaction {
        sql.push(", ").push(target).name(TRANSACTION_ID).push(" = u.").value(columns.len());
    }
    if !joins {
        sql.push(" FROM ");
        source.table(&mut sql);
        sql.push(" WHERE ");
        source.matches(&mut sql, kind, kind.key, key, at_revision);
    }
    if source.dialect.bulk == Bulk::Arrays && !at_revision {
        sql.push(" RETURNING u.place, t.").name(REVISION);
    }
    sql.finish()
}

fn check(source: &Source<'_>, kind: &Kind, at_revision: bool) -> String {
    let mut sql = source.begin("SELECT u.place, t.");
    sql.name(REVISION).push(" FROM ");
    source.table(&mut sql);
    source.joined(&mut sql, kind, None);
    source.matches(&mut sql, kind, kind.key, 0, at_revision);
    sql.lock(source.dialect.for_share);
    sql.finish()
}

fn delete(source: &Source<'_>, kind: &Kind, at_revision: bool) -> String {
    match source.dialect.bulk {
        Bulk::Arrays => {
            let mut sql = source.begin("DELETE FROM ");
            sql.name(kind.name).push(" AS t USING ");
            source.table(&mut sql);
            sql.push(" WHERE ");
            source.matches(&mut sql, kind, kind.key, 0, at_revision);
            sql.finish()
        }
        Bulk::Document => {
            let mut sql = source.begin("DELETE t FROM ");
            source.table(&mut sql);
            source.joined(&mut sql, kind, None);
            source.matches(&mut sql, kind, kind.key, 0, at_revision);
            sql.finish()
        }
        Bulk::Values => {
            let mut sql = source.begin("DELETE FROM ");
            sql.name(kind.name).push(" WHERE (").columns(kind, kind.key);
            if at_revision {
                sql.push(", ").name(REVISION);
            }
            sql.push(") IN (SELECT ").list(", ", 0..source.types.len(), |sql, column| {
                sql.value(column);
            });
            sql.push(" FROM u)");
            sql.finish()
        }
    }
}

/// The statement over one row that takes its values as they are, in the same order.
fn plain(dialect: &'static Dialect, kind: &Kind, shape: &Shape) -> String {
    let keyed = |sql: &mut Sql, at_revision: bool| {
        sql.push(" WHERE ").equal(kind, kind.key);
        if at_revision {
            sql.push(" AND ").name(REVISION).push(" = ").parameter();
        }
    };
    let mut sql = Sql::new(dialect, "");
    match shape {
        Shape::Insert => {
            sql.push("INSERT INTO ");
            inserted(&mut sql, kind);
            sql.push("VALUES (").list(", ", 0..kind.columns.len() + 2, |sql, _| {
                sql.parameter();
            });
            sql.push(")");
        }
        Shape::Update { columns, at_revision } => {
            set(&mut sql, kind, columns);
            sql.push(", ").name(TRANSACTION_ID).push(" = ").parameter();
            keyed(&mut sql, *at_revision);
        }
        Shape::Claim { columns } => {
            set(&mut sql, kind, columns);
            keyed(&mut sql, false);
        }
        Shape::Check { at_revision } => {
            sql.push("SELECT 1 AS place, t.").name(REVISION).push(" FROM ").name(kind.name).push(" AS t");
            keyed(&mut sql, *at_revision);
            sql.lock(dialect.for_share);
        }
        Shape::Delete { at_revision } => {
            sql.push("DELETE FROM ").name(kind.name);
            keyed(&mut sql, *at_revision);
        }
    }
    sql.finish()
}

/// Adds what an update sets, but for the transaction.
fn set(sql: &mut Sql, kind: &Kind, columns: &[usize]) {
    sql.push("UPDATE ").name(kind.name).push(" SET ");
    for column in columns {
        sql.column(kind, *column).push(" = ").parameter().push(", ");
    }
    sql.name(REVISION).push(" = ").name(REVISION).push(" + 1");
}
