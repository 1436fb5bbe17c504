//! What one database's SQL looks like, as data.

use aquifer_core::ColumnType;

/// One database's SQL: everything in which the generated statements differ.
#[derive(Debug)]
pub struct Dialect {
    /// The backend's name, as in its URL scheme.
    pub name: &'static str,
    /// How parameters are written. They stand in a statement in the order in which they are bound.
    pub placeholder: Placeholder,
    /// What identifiers are quoted with.
    pub quote: char,
    /// The types of columns.
    pub types: Types,
    /// What follows the closing parenthesis of `CREATE TABLE`.
    pub table_options: &'static str,
    /// How what a table and its columns mean is written into `CREATE TABLE`.
    pub comments: Comments,
    /// Whether `CREATE TABLE` brings its indexes, because each statement that creates something is durable by itself.
    pub inline_indexes: bool,
    /// The same for kinds whose records change, which an index of something nullable tells: room in each page for the next version, so
    /// that writing it touches no index.
    pub spare_room: &'static str,
    /// Whether a boolean column needs a check that only 0 and 1 stand in it.
    pub checks_booleans: bool,
    /// Whether an index can leave out the records in which one of its columns is null.
    pub partial_indexes: bool,
    /// Whether JSON that listings leave out has an index of what it contains: that is what people search.
    pub searches_json: bool,
    /// Whether every secondary index ends with the key by itself, because tables are stored in the order of the key.
    pub clustered: bool,
    /// Whether `(a, b) > (?, ?)` takes an index.
    pub row_values: bool,
    /// How a statement names the index that it must take.
    pub index_hint: IndexHint,
    /// Whether `UPDATE` can return what it wrote.
    pub returning: bool,
    /// How one statement writes many rows.
    pub bulk: Bulk,
    /// The most parameters that a statement takes.
    pub max_parameters: usize,
    /// What a `SELECT` ends with that locks its rows for writing.
    pub for_update: &'static str,
    /// What a `SELECT` ends with that keeps others from writing its rows.
    pub for_share: &'static str,
    /// Whether those two go on with `OF` and the name of the table, so that they are not about the rows of the statement too.
    pub locks_by_name: bool,
    /// What a claim's `SELECT` ends with, so that nobody waits for records that somebody else is claiming.
    pub skip_locked: &'static str,
}

/// How parameters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// `?`.
    Question,
    /// `$1`, `$2`, ...
    Numbered,
}

/// How what a table and its columns mean is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comments {
    /// `-- ...` to the end of the line, which SQLite's own tools show with the table.
    Lines,
    /// `COMMENT '...'`, which the server keeps.
    Clauses,
    /// `COMMENT ON ...` after the table, which the server keeps.
    Statements,
}

/// How one statement writes many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bulk {
    /// `UNNEST` of one array a column, so that the text does not depend on the number of rows: PostgreSQL.
    Arrays,
    /// `JSON_TABLE` of one document, so that the text does not depend on the number of rows and each column has its
    /// type: MySQL. Parameters that stand where a table is derived would all be text.
    Document,
    /// `VALUES (...), (...)`: SQLite.
    Values,
}

/// How a statement names the index that it must take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexHint {
    /// The planner finds it.
    None,
    /// `INDEXED BY name`.
    IndexedBy,
    /// `FORCE INDEX (name)`.
    ForceIndex,
}

/// The SQL types of [`ColumnType`].
#[derive(Debug)]
pub struct Types {
    /// Text in a key, an index or a reference, at most [`aquifer_core::SHORT_TEXT_BYTES`].
    pub short_text: &'static str,
    /// Any other text.
    pub text: &'static str,
    /// Integers.
    pub integer: &'static str,
    /// Booleans.
    pub boolean: &'static str,
    /// Times.
    pub timestamp: &'static str,
    /// JSON.
    pub json: &'static str,
    /// Bytes.
    pub bytes: &'static str,
}

impl Types {
    /// The SQL type of a column.
    pub fn of(&self, column_type: ColumnType, short: bool) -> &'static str {
        match column_type {
            ColumnType::Text if short => self.short_text,
            ColumnType::Text => self.text,
            ColumnType::Integer => self.integer,
            ColumnType::Boolean => self.boolean,
            ColumnType::Timestamp => self.timestamp,
            ColumnType::Json => self.json,
            ColumnType::Bytes => self.bytes,
        }
    }
}

/// SQLite, and libSQL.
pub static SQLITE: Dialect = Dialect {
    name: "sqlite",
    placeholder: Placeholder::Question,
    quote: '"',
    types: Types {
        short_text: "TEXT",
        text: "TEXT",
        integer: "INTEGER",
        boolean: "INTEGER",
        timestamp: "TEXT",
        json: "TEXT",
        bytes: "BLOB",
    },
    table_options: " STRICT",
    spare_room: "",
    comments: Comments::Lines,
    inline_indexes: false,
    checks_booleans: true,
    partial_indexes: true,
    searches_json: false,
    clustered: false,
    row_values: true,
    index_hint: IndexHint::IndexedBy,
    returning: true,
    bulk: Bulk::Values,
    max_parameters: 32_766,
    for_update: "",
    for_share: "",
    locks_by_name: false,
    skip_locked: "",
};

/// PostgreSQL. Text is ordered by its bytes, as the contract says.
pub static POSTGRES: Dialect = Dialect {
    name: "postgres",
    placeholder: Placeholder::Numbered,
    quote: '"',
    types: Types {
        short_text: "text COLLATE \"C\"",
        text: "text",
        integer: "bigint",
        boolean: "boolean",
        timestamp: "timestamptz",
        json: "jsonb",
        bytes: "bytea",
    },
    table_options: "",
    spare_room: " WITH (fillfactor = 70)",
    comments: Comments::Statements,
    inline_indexes: false,
    checks_booleans: false,
    partial_indexes: true,
    searches_json: true,
    clustered: false,
    row_values: true,
    index_hint: IndexHint::None,
    returning: true,
    bulk: Bulk::Arrays,
    max_parameters: 65_535,
    for_update: " FOR UPDATE",
    for_share: " FOR SHARE",
    locks_by_name: true,
    skip_locked: " FOR UPDATE SKIP LOCKED",
};

/// MySQL 8.
pub static MYSQL: Dialect = Dialect {
    name: "mysql",
    placeholder: Placeholder::Question,
    quote: '`',
    types: Types {
        short_text: "varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin",
        text: "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin",
        integer: "bigint",
        boolean: "boolean",
        timestamp: "datetime(6)",
        json: "json",
        bytes: "longblob",
    },
    table_options: " ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4",
    spare_room: "",
    comments: Comments::Clauses,
    inline_indexes: true,
    checks_booleans: false,
    partial_indexes: false,
    searches_json: false,
    clustered: true,
    row_values: false,
    index_hint: IndexHint::ForceIndex,
    returning: false,
    bulk: Bulk::Document,
    max_parameters: 65_535,
    for_update: " FOR UPDATE",
    for_share: " FOR SHARE",
    locks_by_name: true,
    skip_locked: " FOR UPDATE SKIP LOCKED",
};

/// MariaDB, which has its own names for the collation that compares bytes.
pub static MARIADB: Dialect = Dialect {
    name: "mariadb",
    types: Types {
        short_text: "varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        text: "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        ..MYSQL.types
    },
    for_share: " LOCK IN SHARE MODE",
    locks_by_name: false,
    ..MYSQL
};
