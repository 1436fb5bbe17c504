//! Other writers on the same database.

use std::time::{Duration, Instant};

use aquifer_core::kinds::Workflow;
use aquifer_core::{Backend as _, BackendExt as _, Entity, ErrorKind, Operation, Record, Transaction, Value};

use super::{failed, insert, key, open, sql, start};

/// Begins a transaction as another program would, and gives what goes on with it.
async fn begin(url: &str) -> String {
    let reply = sql(url, None, &["BEGIN IMMEDIATE"], None, false).await;
    let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    reply["baton"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn own_server_other_writers_are_waited_for() {
    let server = start();
    let backend = open(server.url()).await;
    let baton = begin(server.url()).await;
    let began = Instant::now();
    let release = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        sql(server.url(), None, &["COMMIT"], Some(&baton), true).await
    };
    let (answer, _) = tokio::join!(backend.commit_one(insert("a")), release);
    answer.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(350));
}

#[tokio::test]
async fn own_server_a_writer_that_went_away_is_not_waited_for_for_ever() {
    let server = start();
    let backend = open(server.url()).await;
    // Nobody goes on with it: the server takes its turn away after five seconds.
    begin(server.url()).await;
    backend.commit_one(insert("a")).await.unwrap();
    assert!(backend.get_one(key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn own_server_references_are_kept_and_neighbours_spared() {
    let server = start();
    let backend = open(server.url()).await;
    let kind = Workflow::KIND;
    assert!(!kind.references.is_empty());
    let mut values: Vec<Value> = kind
        .columns
        .iter()
        .map(|column| {
            if column.nullable {
                return Value::Null;
            }
            match column.column_type {
                aquifer_core::ColumnType::Text => Value::from("x"),
                aquifer_core::ColumnType::Integer => Value::from(1),
                aquifer_core::ColumnType::Boolean => Value::from(true),
                aquifer_core::ColumnType::Timestamp => Value::from(aquifer_core::Timestamp::EPOCH),
                aquifer_core::ColumnType::Json => Value::from(aquifer_core::Json::encode(&0).unwrap()),
                aquifer_core::ColumnType::Bytes => Value::from(vec![0]),
            }
        })
        .collect();
    let reference = &kind.references[0];
    for column in reference.columns {
        values[*column] = Value::from("nobody");
    }
    let orphan = Transaction::new(vec![Operation::Insert(Record::new(kind, values))]);
    for count in [1, 10] {
        let mut transactions: Vec<_> = (0..count).map(|number| insert(&format!("{count}-{number}"))).collect();
        transactions.insert(1, orphan.clone());
        let mut answers = backend.commit(transactions).await;
        let error = failed(answers.remove(1), ErrorKind::Invalid);
        assert!(error.message().starts_with("the record refers to one that does not exist"), "{error}");
        answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap().revisions, [1]));
    }
}
