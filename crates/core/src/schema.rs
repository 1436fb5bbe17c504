//! What a declaration of stored data consists of.
//!
//! Everything stored is declared once, with [`crate::kind!`] in [`crate::kinds`]; every backend derives its
//! own layout from these values.

use std::fmt;
use std::ptr;

use crate::value::ColumnType;

/// All kinds that one database holds, and the number of the schema.
#[derive(Debug)]
pub struct Schema {
    /// Counts up with every change. A kind, column or index with a `since` above the stored number is what
    /// [`crate::Backend::migrate`] adds.
    pub version: u32,
    /// The kinds, each after those it refers to.
    pub kinds: &'static [&'static Kind],
}

impl Schema {
    /// The kind called `name`.
    pub fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.kinds.iter().copied().find(|kind| kind.name == name)
    }
}

/// A kind of record: a table, a collection, a family of keys.
#[derive(Debug)]
pub struct Kind {
    /// The plural name in snake case, used for tables and collections.
    pub name: &'static str,
    /// What one record stands for.
    pub doc: &'static str,
    /// The columns, in the order of [`crate::Record::values`].
    pub columns: &'static [Column],
    /// The columns of the key, in order; together unique.
    pub key: &'static [usize],
    /// How many leading columns of the key form the partition: the records of one transaction must agree
    /// in them.
    pub partition: usize,
    /// The indexes that scans may take, besides the key itself.
    pub indexes: &'static [Index],
    /// The unique constraints, besides the key itself.
    pub uniques: &'static [Index],
    /// Where columns hold the key of another kind.
    pub references: &'static [Reference],
    /// The nullable timestamp column after whose time a record is void; backends with native expiry use it, and
    /// [`crate::Store`] sweeps the rest through an index that starts with it.
    pub expiry: Option<usize>,
    /// The stream that other programs read these records from, where the database has such a thing.
    pub stream: Option<Stream>,
    /// The schema version that brought this kind.
    pub since: u32,
}

/// A column of a kind.
#[derive(Debug)]
pub struct Column {
    /// The name in snake case.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// The type of its values.
    pub column_type: ColumnType,
    /// Whether null may stand in it.
    pub nullable: bool,
    /// Whether a listing leaves it out (reads null) unless it asks for details: for values that may be large.
    pub detail: bool,
    /// Whether its values never appear in logs and debug output, such as hashes of passwords.
    pub secret: bool,
    /// The schema version that brought this column; later ones are nullable.
    pub since: u32,
}

/// An index or a unique constraint. It holds only the records in which none of its columns is null.
#[derive(Debug)]
pub struct Index {
    /// The name, unique within the kind.
    pub name: &'static str,
    /// The columns, in order. The order of a scan goes on with the columns of the key, so that it is total.
    pub columns: &'static [usize],
    /// The schema version that brought this index.
    pub since: u32,
}

/// Columns that hold the key of a record of another kind.
///
/// Callers keep references: they insert the target first and delete it last. A backend with foreign keys
/// declares them and refuses a violation as `Invalid`; nothing relies on the refusal.
#[derive(Debug)]
pub struct Reference {
    /// The referring columns, in the order of the target's key.
    pub columns: &'static [usize],
    /// The name of the target kind.
    pub target: &'static str,
}

/// A log in which a backend that has streams of its own (Redis) also hands out the records of a kind to other programs, in the
/// same atomic step as the insert. It is a copy: what the store reads are the records, and a backend without streams leaves it out.
///
/// Only inserts are handed out, in the order of their numbers; a deleted record takes its entries with it.
#[derive(Debug)]
pub struct Stream {
    /// What each stream is called: text with columns of the key in braces, such as `tenant:{tenant_id}:workflow:{execution_id}:events`.
    pub name: &'static str,
    /// A text or JSON column with a JSON array: each of its elements becomes one entry.
    pub entries: usize,
    /// An integer column with the number of the first element; the others count on from it.
    pub first: usize,
    /// A timestamp column: when it happened.
    pub time: usize,
}

/// Text in keys, indexes and references is at most this many bytes, so that four columns of it fit an index everywhere: MySQL's have
/// 3072 bytes, of which it counts four for each character.
pub const SHORT_TEXT_BYTES: usize = 190;

impl Kind {
    /// The position of the column called `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The index called `name`; unique constraints can be scanned too.
    pub fn index(&self, name: &str) -> Option<&'static Index> {
        self.indexes.iter().chain(self.uniques).find(|index| index.name == name)
    }

    /// Whether the column's text is held to [`SHORT_TEXT_BYTES`], because a key or an index holds it.
    pub fn is_short(&self, column: usize) -> bool {
        self.key.contains(&column)
            || self.indexes.iter().chain(self.uniques).any(|index| index.columns.contains(&column))
            || self.references.iter().any(|reference| reference.columns.contains(&column))
    }

    /// The columns that a scan of `index` (`None`: of the key) is ordered by: the index, then what it lacks of the key.
    pub fn order(&self, index: Option<&Index>) -> Vec<usize> {
        let mut order: Vec<usize> = index.map(|index| index.columns.to_vec()).unwrap_or_default();
        for column in self.key {
            if !order.contains(column) {
                order.push(*column);
            }
        }
        order
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other) || self.name == other.name
    }
}

impl Eq for Kind {}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
