//! The statements that create and extend tables.

use aquifer_core::{Column, ColumnType, Index, Kind, Schema};

use crate::dialect::{Comments, Dialect};
use crate::text::Sql;

/// The column that counts the writes of a record.
pub(crate) const REVISION: &str = "revision";
/// The column that names the transaction that last wrote a record.
pub(crate) const TRANSACTION_ID: &str = "transaction_id";

/// The statements that bring the tables of `schema` from version `from` to what it declares; from 0 all of it.
pub fn migration(dialect: &'static Dialect, schema: &Schema, from: u32) -> Vec<String> {
    let mut statements = Vec::new();
    for kind in schema.kinds {
        if kind.since > from {
            statements.push(create_table(dialect, schema, kind));
            statements.extend(comment(dialect, kind, None));
        } else {
            let added = kind.columns.iter().enumerate().filter(|(_, column)| column.since > from);
            statements.extend(added.map(|(position, column)| add_column(dialect, kind, position, column)));
        }
        let indexes = kind.indexes.iter().map(|index| (index, false));
        let uniques = kind.uniques.iter().map(|index| (index, true));
        for (index, unique) in indexes.chain(uniques) {
            let is_inline = kind.since > from && dialect.inline_indexes;
            if (kind.since > from || index.since > from) && !is_inline {
                statements.push(create_index(dialect, kind, index, unique));
            }
        }
        for column in kind.columns.iter().filter(|column| kind.since.max(column.since) > from) {
            statements.extend(comment(dialect, kind, Some(column)));
            if dialect.searches_json && column.detail && column.column_type == ColumnType::Json {
                statements.push(create_search(dialect, kind, column));
            }
        }
    }
    statements
}

/// The name of an index in the database, where the names of one table's indexes must differ from those of another's.
pub fn index_name(kind: &Kind, index: &Index) -> String {
    format!("{}_{}", kind.name, index.name)
}

fn create_table(dialect: &'static Dialect, schema: &Schema, kind: &Kind) -> String {
    let mut sql = Sql::new(dialect, "CREATE TABLE ");
    sql.name(kind.name).push(" (").push(&line(dialect, kind.doc));
    for (position, column) in kind.columns.iter().enumerate() {
        sql.push("\n  ");
        define(&mut sql, dialect, kind, position, column);
        sql.push(",").push(&line(dialect, column.doc));
    }
    let integer = dialect.types.integer;
    for (name, doc) in
        [(REVISION, "Counts the writes of this record."), (TRANSACTION_ID, "The transaction that last wrote it.")]
    {
        sql.push("\n  ").name(name).push(" ").push(integer).push(" NOT NULL").push(&clause(dialect, doc));
        sql.push(",").push(&line(dialect, doc));
    }
    sql.push("\n  PRIMARY KEY (").columns(kind, kind.key).push(")");
    for reference in kind.references {
        if let Some(target) = schema.kind(reference.target) {
            sql.push(",\n  FOREIGN KEY (").columns(kind, reference.columns).push(") REFERENCES ").name(target.name);
            sql.push(" (").columns(target, target.key).push(")");
        }
    }
    if dialect.inline_indexes {
        for (index, word) in kind
            .indexes
            .iter()
            .map(|index| (index, "KEY "))
            .chain(kind.uniques.iter().map(|index| (index, "UNIQUE KEY ")))
        {
            sql.push(",\n  ").push(word).name(&index_name(kind, index)).push(" (");
            sql.columns(kind, &held(dialect, kind, index, word != "KEY ")).push(")");
        }
    }
    let changes = kind.indexes.iter().any(|index| !nullable(kind, index.columns).is_empty());
    sql.push("\n)")
        .push(dialect.table_options)
        .push(if changes { dialect.spare_room } else { "" })
        .push(&clause(dialect, kind.doc));
    sql.finish()
}

fn define(sql: &mut Sql, dialect: &'static Dialect, kind: &Kind, position: usize, column: &Column) {
    sql.name(column.name).push(" ").push(dialect.types.of(column.column_type, kind.is_short(position)));
    if !column.nullable {
        sql.push(" NOT NULL");
    }
    if dialect.checks_booleans && column.column_type == ColumnType::Boolean {
        sql.push(" CHECK (").name(column.name).push(" IN (0, 1))");
    }
    sql.push(&clause(dialect, column.doc));
}

fn add_column(dialect: &'static Dialect, kind: &Kind, position: usize, column: &Column) -> String {
    let mut sql = Sql::new(dialect, "ALTER TABLE ");
    sql.name(kind.name).push(" ADD COLUMN ");
    define(&mut sql, dialect, kind, position, column);
    sql.finish()
}

fn create_index(dialect: &'static Dialect, kind: &Kind, index: &Index, unique: bool) -> String {
    let mut sql = Sql::new(dialect, if unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
    sql.name(&index_name(kind, index)).push(" ON ").name(kind.name).push(" (");
    sql.columns(kind, &held(dialect, kind, index, unique)).push(")");
    let nullable = nullable(kind, index.columns);
    if dialect.partial_indexes && !nullable.is_empty() {
        sql.push(" WHERE ").list(" AND ", &nullable, |sql, column| {
            sql.column(kind, *column).push(" IS NOT NULL");
        });
    }
    sql.finish()
}

/// An index of what JSON contains, which `column @> '{...}'` takes.
fn create_search(dialect: &'static Dialect, kind: &Kind, column: &Column) -> String {
    let mut sql = Sql::new(dialect, "CREATE INDEX ");
    sql.name(&format!("{}_{}_search", kind.name, column.name)).push(" ON ").name(kind.name);
    sql.push(" USING gin (").name(column.name).push(" jsonb_path_ops)");
    sql.finish()
}

/// The statement with which the server keeps what is said of a table or a column.
fn comment(dialect: &'static Dialect, kind: &Kind, column: Option<&Column>) -> Option<String> {
    let text = words(column.map_or(kind.doc, |column| column.doc));
    if dialect.comments != Comments::Statements || text.is_empty() {
        return None;
    }
    let mut sql = Sql::new(dialect, "COMMENT ON ");
    sql.push(if column.is_some() { "COLUMN " } else { "TABLE " }).name(kind.name);
    if let Some(column) = column {
        sql.push(".").name(column.name);
    }
    sql.push(" IS '").push(&text.replace('\'', "''")).push("'");
    Some(sql.finish())
}

/// The columns that an index names.
fn held(dialect: &'static Dialect, kind: &Kind, index: &Index, unique: bool) -> Vec<usize> {
    // A scan goes on in the order of the key; a unique constraint is total as it is.
    if unique || dialect.clustered { index.columns.to_vec() } else { kind.order(Some(index)) }
}

/// Those of `columns` in which null may stand.
pub(crate) fn nullable(kind: &Kind, columns: &[usize]) -> Vec<usize> {
    columns.iter().copied().filter(|column| kind.columns.get(*column).is_some_and(|column| column.nullable)).collect()
}

/// What is said of a table or a column, as a comment to the end of the line, where the dialect has those.
fn line(dialect: &'static Dialect, doc: &str) -> String {
    let text = words(doc);
    if text.is_empty() || dialect.comments != Comments::Lines { String::new() } else { format!(" -- {text}") }
}

/// The same as a clause.
fn clause(dialect: &'static Dialect, doc: &str) -> String {
    let text = words(doc);
    if text.is_empty() || dialect.comments != Comments::Clauses {
        return String::new();
    }
    format!(" COMMENT '{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn words(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}
