//! Statements that write many rows at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aquifer_core::{ColumnType, Kind, Value};

use super::batch::{Group, Row, Shape};
use super::parameter::Parameter;
use super::session::{Step, Write};
use crate::dialect::{Bulk, Dialect};
use crate::tables::{REVISION, TRANSACTION_ID};
use crate::text::Sql;

/// The most bytes of values in one statement, so that no database's longest packet is exceeded.
const MAX_BYTES: usize = 8 << 20;

/// Writes the statements for groups, and keeps the texts that do not depend on the number of rows.
#[derive(Debug)]
pub(crate) struct Writer {
    dialect: &'static Dialect,
    texts: Mutex<HashMap<(&'static str, Shape), Arc<str>>>,
}

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
            Shape::Insert | Shape::Update { .. } | Shape::Delete { .. } => Write::Count,
        };
        chunks(&group.rows, self.rows_at_once(types.len()))
            .into_iter()
            .map(|rows| {
                let text = self.text(group.kind, &group.shape, &types, rows.len());
                let parameters = self.parameters(&types, rows);
                (Step { text, parameters, write, expected: rows.len() }, rows)
            })
            .collect()
    }

    fn rows_at_once(&self, columns: usize) -> usize {
        match self.dialect.bulk {
            Bulk::Arrays => usize::MAX,
            // SQLite takes at most 500 terms of a compound SELECT, but any number of VALUES.
            Bulk::Union | Bulk::Values => (self.dialect.max_parameters / columns.max(1)).max(1),
        }
    }

    fn parameters<'g>(&self, types: &[ColumnType], rows: &'g [Row<'_>]) -> Vec<Parameter<'g>> {
        let value = |row: &'g Row<'_>, column: usize| -> Cow<'g, Value> {
            row.values.get(column).map_or(Cow::Owned(Value::Null), |value| Cow::Borrowed(value.as_ref()))
        };
        let columns = || types.iter().copied().enumerate();
        match self.dialect.bulk {
            Bulk::Arrays => columns()
                .map(|(column, of)| Parameter::Many(of, rows.iter().map(|row| value(row, column)).collect()))
                .collect(),
            Bulk::Union | Bulk::Values => rows
                .iter()
                .flat_map(|row| columns().map(move |(column, of)| Parameter::One(of, value(row, column))))
                .collect(),
        }
    }

    fn text(&self, kind: &'static Kind, shape: &Shape, types: &[ColumnType], rows: usize) -> Arc<str> {
        if self.dialect.bulk != Bulk::Arrays {
            return self.write_text(kind, shape, types, rows).into();
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = texts.get(&(kind.name, shape.clone())) {
            return Arc::clone(text);
        }
        let text: Arc<str> = self.write_text(kind, shape, types, rows).into();
        texts.insert((kind.name, shape.clone()), Arc::clone(&text));
        text
    }

    fn write_text(&self, kind: &'static Kind, shape: &Shape, types: &[ColumnType], rows: usize) -> String {
        let source = Source { dialect: self.dialect, types, rows };
        match shape {
            Shape::Insert => insert(&source, kind),
            Shape::Update { columns, at_revision } => update(&source, kind, columns, *at_revision),
            Shape::Check { at_revision } => check(&source, kind, *at_revision),
            Shape::Delete { at_revision } => delete(&source, kind, *at_revision),
        }
    }
}

/// The types of the values in a row of a group.
fn types(kind: &Kind, shape: &Shape) -> Vec<ColumnType> {
    let of = |column: &usize| kind.columns.get(*column).map_or(ColumnType::Text, |column| column.column_type);
    let key = || kind.key.iter().map(of);
    let revision = |at_revision: bool| at_revision.then_some(ColumnType::Integer);
    match shape {
        Shape::Insert => kind.columns.iter().map(|column| column.column_type).chain([ColumnType::Integer; 2]).collect(),
        Shape::Update { columns, at_revision } => {
            columns.iter().map(of).chain([ColumnType::Integer]).chain(key()).chain(revision(*at_revision)).collect()
        }
        Shape::Check { at_revision } | Shape::Delete { at_revision } => key().chain(revision(*at_revision)).collect(),
    }
}

/// Splits rows so that none of the parts is too large for one statement.
fn chunks<'r, 'a>(rows: &'r [Row<'a>], most: usize) -> Vec<&'r [Row<'a>]> {
    let (mut parts, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (position, row) in rows.iter().enumerate() {
        let size = row.size();
        if position > from && (position - from >= most || bytes + size > MAX_BYTES) {
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
    pub(crate) types: &'a [ColumnType],
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
                    sql.parameter().push(array(*of));
                });
                sql.push(") WITH ORDINALITY AS u(").list(", ", 0..self.types.len(), |sql, column| {
                    sql.value(column);
                });
                sql.push(", place)");
            }
            Bulk::Union => {
                sql.push("(").list(" UNION ALL ", 1..=self.rows, |sql, place| {
                    sql.push("SELECT ").list(", ", 0..self.types.len(), |sql, column| {
                        sql.parameter();
                        if place == 1 {
                            sql.push(" AS ").value(column);
                        }
                    });
                    sql.push(", ").push(&place.to_string()).push(if place == 1 { " AS place" } else { "" });
                });
                sql.push(") AS u");
            }
        }
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
    let all: Vec<usize> = (0..kind.columns.len()).collect();
    let mut sql = Sql::new(source.dialect, "INSERT INTO ");
    sql.name(kind.name).push(" (").columns(kind, &all).push(", ").name(REVISION).push(", ");
    sql.name(TRANSACTION_ID).push(") ");
    if source.dialect.bulk == Bulk::Arrays {
        sql.push("SELECT ").list(", ", 0..source.types.len(), |sql, column| {
            sql.push("u.").value(column);
        });
        sql.push(" FROM ");
        source.table(&mut sql);
    } else {
        sql.push("VALUES ").list(", ", 0..source.rows, |sql, _| {
            sql.push("(").list(", ", source.types, |sql, _| {
                sql.parameter();
            });
            sql.push(")");
        });
    }
    sql.finish()
}

fn update(source: &Source<'_>, kind: &Kind, columns: &[usize], at_revision: bool) -> String {
    let mut sql = source.begin("UPDATE ");
    let joins = source.dialect.bulk == Bulk::Union;
    sql.name(kind.name).push(" AS t ");
    if joins {
        sql.push("JOIN ");
        source.table(&mut sql);
        sql.push(" ON ");
        source.matches(&mut sql, kind, kind.key, columns.len() + 1, at_revision);
        sql.push(" ");
    }
    sql.push("SET ");
    let target = if joins { "t." } else { "" };
    for (number, column) in columns.iter().enumerate() {
        sql.push(target).column(kind, *column).push(" = u.").value(number).push(", ");
    }
    sql.push(target).name(REVISION).push(" = t.").name(REVISION).push(" + 1, ");
    sql.push(target).name(TRANSACTION_ID).push(" = u.").value(columns.len());
    if !joins {
        sql.push(" FROM ");
        source.table(&mut sql);
        sql.push(" WHERE ");
        source.matches(&mut sql, kind, kind.key, columns.len() + 1, at_revision);
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
    sql.push(" JOIN ").name(kind.name).push(" AS t ON ");
    source.matches(&mut sql, kind, kind.key, 0, at_revision);
    sql.push(source.dialect.for_share);
    if source.dialect.bulk == Bulk::Arrays {
        sql.push(" OF t");
    }
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
        Bulk::Union => {
            let mut sql = source.begin("DELETE t FROM ");
            sql.name(kind.name).push(" AS t JOIN ");
            source.table(&mut sql);
            sql.push(" ON ");
            source.matches(&mut sql, kind, kind.key, 0, at_revision);
            sql.finish()
        }
        Bulk::Values => {
            let mut sql = source.begin("DELETE FROM ");
            sql.name(kind.name).push(" WHERE (").columns(kind, kind.key);
            sql.push(if at_revision { ", " } else { "" });
            if at_revision {
                sql.name(REVISION);
            }
            sql.push(") IN (SELECT ").list(", ", 0..source.types.len(), |sql, column| {
                sql.value(column);
            });
            sql.push(" FROM u)");
            sql.finish()
        }
    }
}
