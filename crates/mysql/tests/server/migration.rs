//! A migration that ended half-way is done again.

use aquifer_core::{
    Backend, BackendExt, Column, ColumnType, Index, Key, Kind, Migration, Operation, Record, SCHEMA, Schema,
    Transaction,
};
use aquifer_mysql::MysqlBackend;
use aquifer_sql::{MARIADB, MYSQL, migration};
use aquifer_testkit::Server;

use crate::{insert, key, migrated, scratch, servers};

const fn column(name: &'static str, nullable: bool, since: u32) -> Column {
    Column { name, doc: "It's a column.", column_type: ColumnType::Text, nullable, detail: false, secret: false, since }
}

static FIRST: Kind = Kind {
    name: "notes",
    doc: "It's a note.",
    columns: &[column("id", false, 1)],
    key: &[0],
    partition: 1,
    indexes: &[],
    uniques: &[],
    references: &[],
    expiry: None,
    stream: None,
    since: 1,
};
static SECOND: Kind = Kind {
    columns: &[column("id", false, 1), column("author", true, 2), column("title", true, 2)],
    indexes: &[Index { name: "by_author", columns: &[1], since: 2 }],
    uniques: &[Index { name: "by_title", columns: &[2], since: 2 }],
    stream: None,
    ..FIRST
};
static NOTES: Schema = Schema { version: 1, kinds: &[&FIRST] };
static MORE_NOTES: Schema = Schema { version: 2, kinds: &[&SECOND] };

#[tokio::test]
async fn a_first_migration_that_ended_half_way_is_finished() {
    for server in servers() {
        let scratch = scratch(server).await;
        let backend = migrated(&scratch).await;
        backend.commit_one(insert("a")).await.expect("it commits");
        // As if the process had ended before the last tables.
        for statement in
            ["DELETE FROM aquifer_meta", "DROP TABLE parts", "DROP TABLE workers", "DROP TABLE correlations"]
        {
            scratch.ask(statement).await;
        }
        assert_eq!(backend.ping().await.expect("a sign of life").schema_version, 0);
        let again = backend.migrate().await.expect("it migrates");
        assert_eq!(again, Migration { from: 0, to: SCHEMA.version });
        assert!(backend.get_one(key("a")).await.expect("it reads").is_some());
        let tables = scratch.ask("SHOW TABLES").await;
        assert_eq!(tables.len(), SCHEMA.kinds.len() + 1, "{tables:?}");
    }
}

#[tokio::test]
async fn a_later_migration_that_ended_half_way_is_finished() {
    for server in servers() {
        let dialect = if server == Server::Mysql { &MYSQL } else { &MARIADB };
        let steps = migration(dialect, &MORE_NOTES, 1);
        for done in 0..=steps.len() {
            let scratch = scratch(server).await;
            let backend = MysqlBackend::open(scratch.options.clone(), &NOTES).await.expect("it opens");
            backend.migrate().await.expect("it migrates");
            let note = Record::new(&FIRST, vec!["n".into()]);
            backend.commit_one(Transaction::new(vec![Operation::Insert(note)])).await.expect("it commits");
            for step in &steps[..done] {
                scratch.ask(step).await;
            }
            let backend = MysqlBackend::open(scratch.options.clone(), &MORE_NOTES).await.expect("it opens");
            assert_eq!(backend.migrate().await.expect("it migrates"), Migration { from: 1, to: 2 });
            assert!(backend.get_one(Key::new(&SECOND, ["n"])).await.expect("it reads").is_some());
            assert_eq!(scratch.ask("SHOW INDEX FROM notes").await.len(), 3);
        }
    }
}

#[tokio::test]
async fn the_server_knows_what_tables_and_columns_mean() {
    for server in servers() {
        let scratch = scratch(server).await;
        let backend = MysqlBackend::open(scratch.options.clone(), &NOTES).await.expect("it opens");
        backend.migrate().await.expect("it migrates");
        let table = "SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'notes'";
        assert_eq!(scratch.ask(table).await, [["It's a note."]]);
        let column = "SELECT column_comment FROM information_schema.columns WHERE table_schema = DATABASE() AND \
                      table_name = 'notes' AND column_name = 'id'";
        assert_eq!(scratch.ask(column).await, [["It's a column."]]);
    }
}
