//! Reading records by their keys, or by their values of a unique constraint.

use std::borrow::Cow;

use aquifer_core::{ColumnType, Error, Kind, Record, Result, Value};
use aquifer_memory::Entry;

use super::bulk::{self, Source, Typed, is_plain};
use super::fault::Fault;
use super::session::Session;
use crate::dialect::{Bulk, Dialect};
use crate::tables::{REVISION, TRANSACTION_ID, index_name};
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
    let types: Vec<Typed> = columns.iter().map(|column| Typed::column(kind, *column)).collect();
    let mut stored = kind.columns.iter().map(|column| column.column_type).collect::<Vec<_>>();
    stored.extend([ColumnType::Integer; 2]);
    let mut found = Vec::new();
    for values in values.chunks(MOST.min(dialect.max_parameters / columns.len().max(1))) {
        let text = text(dialect, kind, columns, &types, values.len(), locks);
        let looked_for = values.iter().map(|row| row.iter().map(Cow::Borrowed).collect()).collect();
        let rows = session.rows(&text, &bulk::parameters(dialect, &types, looked_for), &stored).await?;
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
    types: &[Typed],
    rows: usize,
    locks: bool,
) -> String {
    let mut sql = Sql::new(dialect, "SELECT ");
    for column in kind.columns {
        sql.push("t.").name(column.name).push(", ");
    }
    sql.push("t.").name(REVISION).push(", t.").name(TRANSACTION_ID).push(" FROM ");
    let locked = if locks { dialect.for_update } else { "" };
    if dialect.bulk != Bulk::Values && !is_plain(dialect, rows) {
        let source = Source { dialect, types, rows };
        source.table(&mut sql);
        source.joined(&mut sql, kind, unique_index(kind, columns).as_deref());
        source.matches(&mut sql, kind, columns, 0, false);
        sql.lock(locked);
        return sql.finish();
    }
    sql.name(kind.name).push(" AS t WHERE ");
    if is_plain(dialect, rows) {
        sql.equal(kind, columns);
    } else {
        sql.push("(").columns(kind, columns).push(") IN (VALUES ").list(", ", 0..rows, |sql, _| {
            sql.push("(").list(", ", columns, |sql, _| {
                sql.parameter();
            });
            sql.push(")");
        });
        sql.push(")");
    }
    sql.lock(locked);
    sql.finish()
}

/// The name of the index of a unique constraint over `columns`; `None` for the key.
fn unique_index(kind: &Kind, columns: &[usize]) -> Option<String> {
    kind.uniques.iter().find(|unique| unique.columns == columns).map(|unique| index_name(kind, unique))
}
