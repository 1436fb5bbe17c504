//! What cannot be measured: what each backend promises, and what limits it.

use aquifer_testkit::Server;

/// A backend on the page.
#[derive(Debug)]
pub(super) struct Backend {
    /// As on the command line.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What says more, from the folder of the page.
    pub(super) more: &'static str,
    /// Where it is measured.
    pub(super) place: Place,
    /// What an acknowledged commit survives.
    pub(super) survives: &'static str,
    /// How consistent reads by key, lookups by unique values and listings are.
    pub(super) reads: &'static str,
    /// How a process learns of what others changed.
    pub(super) changes: &'static str,
    /// What keeps many workflows at once from doing many times the steps of one; said where that is so.
    pub(super) limited_by: &'static str,
}

/// Where a backend is measured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Memory,
    /// A file, and the scheme of its URL.
    File(&'static str),
    Server(Server),
}

/// In the order of the page.
pub(super) const BACKENDS: [Backend; 9] = [
    Backend {
        name: "memory",
        title: "Memory",
        more: "../crates/memory/src/lib.rs",
        place: Place::Memory,
        survives: "nothing: it ends with the process",
        reads: "all see every commit",
        changes: "one process has it to itself, and its watches are woken at once",
        limited_by: "the lock on the one store in memory. No step waits for anything, so that one workflow alone keeps the engine busy.",
    },
    Backend {
        name: "json",
        title: "JSON file",
        more: "../crates/json/docs.md",
        place: Place::File("json"),
        survives: "`kill -9` and the loss of power: each batch is one write and one `fsync`",
        reads: "all see every commit",
        changes: "one process has the file to itself, and its watches are woken at once",
        limited_by: "the one thread that writes the journal and waits for the disk.",
    },
    Backend {
        name: "sqlite",
        title: "SQLite",
        more: "../crates/sql/src/sqlite/mod.rs",
        place: Place::File("sqlite"),
        survives: "`kill -9` and the loss of power (`synchronous = FULL`)",
        reads: "all see every commit",
        changes: "watches are woken by the own process; several processes may share the file, and poll",
        limited_by: "the one writer that SQLite has.",
    },
    Backend {
        name: "libsql",
        title: "libSQL and Turso",
        more: "../crates/libsql/docs.md",
        place: Place::Server(Server::Libsql),
        survives: "`kill -9` of the server; the loss of power may take the latest (`sqld` has `synchronous = NORMAL`). Turso \
                   has promises of its own",
        reads: "all see every commit",
        changes: "watches are woken by the own process; others' changes are found by polling",
        limited_by: "the server has one writer, and each batch is an HTTP request of its own that waits for it.",
    },
    Backend {
        name: "postgres",
        title: "PostgreSQL",
        more: "../crates/postgres/docs.md",
        place: Place::Server(Server::Postgres),
        survives: "what the server's `fsync` and `synchronous_commit` make it survive; both on, the loss of power",
        reads: "all see every commit; with `read_url`, listings read the replica and may lag, other than lookups by unique values",
        changes: "`LISTEN` and `NOTIFY`; through a pooler in transaction mode, polling",
        limited_by: "the wait for the disk within each commit.",
    },
    Backend {
        name: "mysql",
        title: "MySQL and MariaDB",
        more: "../crates/mysql/docs.md",
        place: Place::Server(Server::Mariadb),
        survives: "what `innodb_flush_log_at_trx_commit` makes it survive; 1, the server's default, the loss of power",
        reads: "all see every commit",
        changes: "watches are woken by the own process; others' changes are found by polling",
        limited_by: "the wait for the disk within each commit, and over TLS the driver, which sends more than 16 KiB in two pieces, the \
                     second some 40 ms after the first.",
    },
    Backend {
        name: "redis",
        title: "Redis and Valkey",
        more: "../crates/redis/docs.md",
        place: Place::Server(Server::Redis),
        survives: "what the server's persistence makes it survive; `appendfsync always`, the loss of power. Settings that lose \
                   data are a warning at the start",
        reads: "all see every commit; on a cluster the crate's page says what spans slots",
        changes: "`PUBLISH` and `SUBSCRIBE`",
        limited_by: "the server runs one script at a time, on one core, and every commit is a script.",
    },
    Backend {
        name: "mongodb",
        title: "MongoDB",
        more: "../crates/mongodb/docs.md",
        place: Place::Server(Server::Mongodb),
        survives: "the loss of any minority of the members (`w: majority, j: true`)",
        reads: "by key linearizable; listings from the primary with `majority` see every commit that was acknowledged before",
        changes: "change streams where the server has them, else polling",
        limited_by: "the server, where it is DocumentDB: PostgreSQL behind a gateway of the test tools, which is not `mongod`. \
                     Its figures say nothing of MongoDB's own speed.",
    },
    Backend {
        name: "dynamodb",
        title: "DynamoDB",
        more: "../crates/dynamodb/docs.md",
        place: Place::Server(Server::Dynamodb),
        survives: "the loss of one of three zones, on AWS",
        reads: "by key linearizable, and so are lookups by unique values and listings of one partition; other listings may lag",
        changes: "watches are woken by the own process; others' changes are found by polling",
        limited_by: "one transaction is one request, and the test server applies them one after the other. DynamoDB itself \
                     spreads them over its partitions.",
    },
];
