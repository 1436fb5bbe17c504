//! Reading records by their keys, or by their values of a unique constraint.

use std::borrow::Cow;

use aquifer_core::{ColumnType, Error, Kind, Record, Result, Value};
use aquifer_memory::Entry;

use super::bulk::Source;
use super::fault::Fault;
use super::parameter::Parameter;
use super::session::Session;
use crate::dialect::{Bulk, Dialect};
use crate::tables::{REVISION, TRANSACTION_ID};
use crate::text::Sql;

/// The most values that one statement looks for.
const MOST: usize = 1000;

/// The records of `kind` that have one of these values in `columns`, each with the transaction that wrote it last, in any order.
/// Locked for writing until the transaction ends, in the order of `values`, if `locks`.
pub(crate) async fn find(
    session: &mut dyn Session,
    dialect: &'static Dialect,
    kind: &'static Kind,
    columns: &[usize],
    values: &[&[Value]],
    locks: bool,
) -> Result<Vec<Entry>, Fault> {
    let types: Vec<ColumnType> = columns.iter().map(|column| column_type(kind, *column)).collect();
    let mut stored = kind.columns.iter().map(|column| column.column_type).collect::<Vec<_>>();
    stored.extend([ColumnType::Integer; 2]);
    let mut found = Vec::new();
    for values in values.chunks(MOST.min(dialect.max_parameters / columns.len().max(1))) {
        let text = text(dialect, kind, columns, &types, values.len(), locks);
        let rows = session.rows(&text, &parameters(dialect, &types, values), &stored).await?;
        for row in rows {
            found.push(entry(kind, row)?);
        }
    }
    Ok(found)
}

/// The type of a column.
pub(crate) fn column_type(kind: &Kind, column: usize) -> ColumnType {
    kind.columns.get(column).map_or(ColumnType::Text, |column| column.column_type)
}

/// The record in a row of all columns and the revision.
///
/// # Errors
/// `Corrupt` where the row does not hold what the schema says.
pub(crate) fn record(kind: &'static Kind, mut row: Vec<Value>) -> Result<Record> {
    match row.pop() {
        Some(Value::Integer(revision)) if row.len() == kind.columns.len() => {
            Ok(Record { kind, values: row, revision: u64::try_from(revision).unwrap_or(0) })
        }
        _ => Err(Error::corrupt("a row does not hold what the schema says").with_record_kind(kind.name)),
    }
}

fn entry(kind: &'static Kind, mut row: Vec<Value>) -> Result<Entry> {
    let transaction = match row.pop() {
        Some(Value::Integer(transaction)) => u64::try_from(transaction).unwrap_or(0),
        _ => 0,
    };
    Ok(Entry { record: record(kind, row)?, transaction })
}

fn text(
    dialect: &'static Dialect,
    kind: &Kind,
    columns: &[usize],
    types: &[ColumnType],
    rows: usize,
    locks: bool,
) -> String {
    let mut sql = Sql::new(dialect, "SELECT ");
    for column in kind.columns {
        sql.push("t.").name(column.name).push(", ");
    }
    sql.push("t.").name(REVISION).push(", t.").name(TRANSACTION_ID).push(" FROM ");
    if dialect.bulk == Bulk::Arrays {
        let source = Source { dialect, types, rows };
        source.table(&mut sql);
        sql.push(" JOIN ").name(kind.name).push(" AS t ON ");
        source.matches(&mut sql, kind, columns, 0, false);
        if locks {
            sql.push(dialect.for_update).push(" OF t");
        }
        return sql.finish();
    }
    sql.name(kind.name).push(" AS t WHERE (").columns(kind, columns).push(") IN (");
    sql.push(if dialect.bulk == Bulk::Values { "VALUES " } else { "" }).list(", ", 0..rows, |sql, _| {
        sql.push("(").list(", ", columns, |sql, _| {
            sql.parameter();
        });
        sql.push(")");
    });
    sql.push(")");
    if locks {
        sql.push(dialect.for_update);
    }
    sql.finish()
}

fn parameters<'v>(dialect: &Dialect, types: &[ColumnType], values: &[&'v [Value]]) -> Vec<Parameter<'v>> {
    let value = |row: &&'v [Value], column: usize| row.get(column).map_or(Cow::Owned(Value::Null), Cow::Borrowed);
    let columns = || types.iter().copied().enumerate();
    if dialect.bulk == Bulk::Arrays {
        return columns()
            .map(|(column, of)| Parameter::Many(of, values.iter().map(|row| value(row, column)).collect()))
            .collect();
    }
    values.iter().flat_map(|row| columns().map(move |(column, of)| Parameter::One(of, value(row, column)))).collect()
}
