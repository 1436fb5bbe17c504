//! Others' locks are in the way, and nothing is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::kinds::Secret;
use aquifer_core::{
    Backend, BackendExt, Condition, Entity, ErrorKind, Key, Operation, Record, Timestamp, Transaction, Value,
};
use sqlx::{AssertSqlSafe, Executor};

use crate::{insert, key, migrated, scratch, servers};

fn rename(id: &str, name: &str) -> Transaction {
    let set = vec![(1, Value::from(name))];
    Transaction::new(vec![Operation::Update { key: key(id), condition: Condition::Exists, set }])
}

#[tokio::test]
async fn a_dead_lock_is_tried_again() {
    for server in servers() {
        let scratch = scratch(server).await;
        let backend = Arc::new(migrated(&scratch).await);
        for answer in backend.commit(vec![insert("a"), insert("b")]).await {
            answer.expect("it commits");
        }
        for round in 0..5 {
            // Another program locks b, then a; the backend a, then b.
            let mut other = scratch.connection().await.expect("a connection");
            for statement in [
                format!("USE `{}`", scratch.options.database),
                "START TRANSACTION".to_owned(),
                "UPDATE tenants SET updated_at = '2020-01-01' WHERE id = 'b'".to_owned(),
            ] {
                other.execute(AssertSqlSafe(statement)).await.expect("it is done");
            }
            let writing = {
                let backend = Arc::clone(&backend);
                tokio::spawn(async move {
                    backend.commit(vec![rename("a", &format!("a{round}")), rename("b", &format!("b{round}"))]).await
                })
            };
            tokio::time::sleep(Duration::from_millis(100)).await;
            // One of the two is the victim.
            let second = other.execute("UPDATE tenants SET updated_at = '2020-01-02' WHERE id = 'a'").await;
            if second.is_ok() {
                other.execute("COMMIT").await.expect("it commits");
            }
            drop(other);
            for answer in writing.await.expect("the task ends") {
                answer.expect("it commits");
            }
            let found = backend.get(&[key("a"), key("b")]).await.expect("it reads");
            let names: Vec<_> = found.iter().flatten().map(|record| record.values[1].clone()).collect();
            assert_eq!(names, [Value::from(format!("a{round}")), Value::from(format!("b{round}"))]);
        }
    }
}

#[tokio::test]
async fn a_lock_that_is_held_for_long_is_waited_for_and_not_for_ever() {
    for server in servers() {
        let mut scratch = scratch(server).await;
        scratch.options.request_timeout = Duration::from_secs(3);
        let backend = migrated(&scratch).await;
        backend.commit_one(insert("a")).await.expect("it commits");
        let mut other = scratch.connection().await.expect("a connection");
        for statement in [
            format!("USE `{}`", scratch.options.database),
            "START TRANSACTION".to_owned(),
            "SELECT * FROM tenants WHERE id = 'a' FOR UPDATE".to_owned(),
        ] {
            other.execute(AssertSqlSafe(statement)).await.expect("it is done");
        }
        let began = Instant::now();
        let error = backend.commit_one(rename("a", "new")).await.expect_err("it is locked");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
        // What is not locked is written meanwhile, and what is locked is read.
        backend.commit_one(insert("b")).await.expect("it commits");
        assert!(backend.get_one(key("a")).await.expect("it reads").is_some());
        other.execute("ROLLBACK").await.expect("it ends");
        backend.commit_one(rename("a", "new")).await.expect("it commits");
    }
}

fn secret(name: &str) -> Record {
    let now = Value::from(Timestamp::EPOCH);
    let values = vec!["t".into(), name.into(), Value::from(vec![1_u8]), "k".into(), now.clone(), now];
    Record::new(Secret::KIND, values)
}

/// Stores `name` if `other` is not there.
fn unless(name: &str, other: &str) -> Transaction {
    Transaction::new(vec![
        Operation::Check { key: Key::new(Secret::KIND, ["t", other]), condition: Condition::Absent },
        Operation::Insert(secret(name)),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_absent_does_not_appear_meanwhile() {
    for server in servers() {
        let scratch = scratch(server).await;
        let backends = [Arc::new(migrated(&scratch).await), Arc::new(migrated(&scratch).await)];
        for round in 0..30 {
            let (left, right) = (format!("left {round}"), format!("right {round}"));
            let both = [unless(&left, &right), unless(&right, &left)];
            let tasks = backends.iter().cloned().zip(both).map(|(backend, mut transaction)| {
                tokio::spawn(async move {
                    loop {
                        match backend.commit_one(transaction.clone()).await {
                            Err(error) if error.kind() == ErrorKind::Unavailable => transaction = transaction.retry(),
                            answer => return answer.map(|_| ()).map_err(|error| error.kind()),
                        }
                    }
                })
            });
            let mut answers = Vec::new();
            for task in tasks.collect::<Vec<_>>() {
                answers.push(task.await.expect("the task ends"));
            }
            assert!(answers.contains(&Ok(())), "{answers:?}");
            assert!(answers.contains(&Err(ErrorKind::AlreadyExists)), "{server}: both were stored");
        }
    }
}
