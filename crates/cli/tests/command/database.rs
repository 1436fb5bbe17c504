//! `aquifer db`.

use serde_json::json;

use crate::support::{Folder, HELLO};

#[test]
fn a_database_is_created_checked_and_counted() {
    for url in ["sqlite:a.db", "json:a.json"] {
        let folder = Folder::new().with("hello.yaml", HELLO);
        let at = ["--database-url", url];
        let run = |arguments: &[&str]| folder.run(&[arguments, &at].concat());
        run(&["db", "check"]).assert_unusable("there is no database at");
        run(&["db", "stats"]).assert_unusable("there is no database at");
        assert_eq!(
            run(&["db", "migrate", "--output", "json"]).document(),
            json!({"database": url, "from": 0, "to": 1})
        );
        assert_eq!(run(&["db", "migrate"]).stdout, format!("{url}: has schema version 1 already\n"));
        let checked = run(&["db", "check", "--write", "--output", "json"]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        let backend = url.split(':').next().unwrap();
        let expected = json!({"database": url, "backend": backend, "schema": "current", "damage": [], "write": true});
        assert_eq!(checked.document(), expected);
        assert!(run(&["db", "check"]).stdout.contains("damage: none found"));
        assert_eq!(run(&["db", "stats", "--output", "json"]).document()["records"]["tenants"], 0);
        assert_eq!(run(&["run", "hello.yaml"]).code, Some(0));
        let stats = run(&["db", "stats", "--output", "json"]).document();
        assert_eq!((&stats["records"]["executions"], &stats["backend"]), (&json!(1), &json!(backend)));
        assert!(run(&["db", "stats"]).stdout.contains("\nexecutions "));
    }
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let folder = Folder::new().with("text.db", "not a database".repeat(1000)).with("other.json", "{\"a\": 1}");
    for url in ["sqlite:text.db", "json:other.json"] {
        for command in
            [&["db", "check"][..], &["db", "migrate"], &["serve", "--listen=127.0.0.1:0"], &["workflow", "list"]]
        {
            let arguments: Vec<&str> = command.iter().copied().chain(["--database-url", url]).collect();
            folder.run(&arguments).assert_unusable(url);
        }
    }
    assert_eq!(folder.read("text.db"), "not a database".repeat(1000));
    assert_eq!(folder.read("other.json"), "{\"a\": 1}");
}

#[test]
fn damage_is_found() {
    let folder = Folder::new();
    folder.run(&["db", "migrate"]);
    let path = folder.path("aquifer.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let ended = folder.run(&["db", "check"]);
    assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
    assert!(ended.stderr.contains("damaged"), "{ended:?}");
}

#[test]
fn a_database_that_waits_for_its_tables_is_said_to() {
    let folder = Folder::new().with("aquifer.db", "");
    let ended = folder.run(&["db", "check", "--write"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("schema: pending") && ended.stderr.contains("run `aquifer db migrate`"), "{ended:?}");
    assert_eq!(folder.read("aquifer.db"), "");
}

#[test]
fn a_read_only_database_is_refused_where_it_is_written() {
    let folder = Folder::new().with("hello.yaml", HELLO);
    folder.run(&["db", "migrate"]);
    let url = "sqlite:aquifer.db?mode=ro";
    assert_eq!(folder.run(&["db", "check", "--database-url", url]).code, Some(0));
    folder.run(&["run", "hello.yaml", "--database-url", url]).assert_unusable("read-only");
    folder.run(&["db", "check", "--write", "--database-url", url]).assert_unusable("read-only");
}

#[test]
fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let folder = Folder::new().with("hello.yaml", HELLO);
    folder.run(&["db", "migrate", "--database-url", "sqlite:a.db"]);
    folder.run(&["db", "migrate", "--database-url", "json:a.json"]);
    let connection = rusqlite::Connection::open(folder.path("a.db")).unwrap();
    let set = "UPDATE aquifer_meta SET value = '99' WHERE name = 'schema_version'";
    assert_eq!(connection.execute(set, ()).unwrap(), 1);
    drop(connection);
    let newer = folder.read("a.json").replace("\"schema\": 1,", "\"schema\": 99,");
    let folder = folder.with("a.json", &newer);
    for url in ["sqlite:a.db", "json:a.json"] {
        for command in [
            &["run", "hello.yaml"][..],
            &["resume", "ex_1"],
            &["serve", "--listen", "127.0.0.1:0"],
            &["workflow", "list"],
            &["db", "check"],
            &["db", "migrate"],
        ] {
            folder.run(&[command, &["--database-url", url]].concat()).assert_unusable("newer");
        }
    }
    assert_eq!(folder.read("a.json"), newer);
    let connection = rusqlite::Connection::open(folder.path("a.db")).unwrap();
    let rows = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("tenants"), rows("workflows")), (0, 0));
}
