//! Claims take due records, each once.

use aquifer_core::{Backend, Claim, Entity, ErrorKind, Operation, Record, Result, Timestamp, Transaction, Value};

use crate::harness::Database;
use crate::schema::{Thing, ThingColumn};
use crate::support::{get, insert, key, refused, thing, things};

const DUE: usize = ThingColumn::due_at as usize;
const OWNER: usize = ThingColumn::owner as usize;
const RANK: usize = ThingColumn::rank as usize;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).expect("in range")
}

/// Takes what is due until `seconds`, for nobody.
fn due(seconds: i64, limit: usize) -> Claim {
    Claim {
        kind: Thing::KIND,
        index: "by_due",
        prefix: vec![],
        up_to: Some(Value::from(at(seconds))),
        limit,
        set: vec![(DUE, Value::Null), (OWNER, Value::from("me"))],
    }
}

/// Inserts things that are due at the given seconds, numbered from 0.
async fn insert_due(backend: &dyn Backend, due: &[Option<i64>]) {
    for (number, due) in due.iter().enumerate() {
        let mut thing = thing(number as i64);
        thing.due_at = due.map(at);
        thing.body = Some("a detail".to_owned());
        insert(backend, thing.to_record()).await;
    }
}

/// Claims, and again where the backend's indexes may lag and nothing was found.
async fn claim(backend: &dyn Backend, claim: &Claim) -> Result<Vec<Record>> {
    for _ in 0..100 {
        let taken = backend.claim(claim).await?;
        if !taken.is_empty() || !backend.capabilities().scans_may_lag {
            return Ok(taken);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(Vec::new())
}

fn numbers(records: &[Record]) -> Vec<i64> {
    records
        .iter()
        .map(|record| match record.values[ThingColumn::number as usize] {
            Value::Integer(number) => number,
            _ => panic!("a number in {record:?}"),
        })
        .collect()
}

pub(crate) async fn the_lowest_are_taken_first(database: &dyn Database) {
    let backend = things(database).await;
    insert_due(&*backend, &[Some(50), Some(10), None, Some(30), Some(20), Some(20), Some(40)]).await;
    let mut taken = Vec::new();
    for _ in 0..4 {
        let batch = claim(&*backend, &due(1000, 2)).await.expect("the claim succeeds");
        assert!(batch.len() <= 2);
        taken.extend(numbers(&batch));
    }
    assert_eq!(taken, [1, 4, 5, 3, 6, 0]);
}

pub(crate) async fn a_claim_returns_what_it_wrote(database: &dyn Database) {
    let backend = things(database).await;
    insert_due(&*backend, &[Some(10)]).await;
    let taken = claim(&*backend, &due(10, 5)).await.expect("the claim succeeds");
    let mut expected = thing(0);
    expected.body = Some("a detail".to_owned());
    expected.owner = Some("me".to_owned());
    let expected = Record { revision: 2, ..expected.to_record() };
    assert_eq!(taken, std::slice::from_ref(&expected));
    assert_eq!(get(&*backend, key(0)).await, Some(expected));
}

pub(crate) async fn a_claim_keeps_to_its_range(database: &dyn Database) {
    let backend = things(database).await;
    insert_due(&*backend, &[Some(10), Some(20), Some(30), None]).await;
    assert_eq!(numbers(&backend.claim(&due(9, 5)).await.expect("the claim succeeds")), [] as [i64; 0]);
    let taken = claim(&*backend, &due(20, 5)).await.expect("the claim succeeds");
    // Inclusive.
    assert_eq!(numbers(&taken), [0, 1]);
    assert_eq!(get(&*backend, key(2)).await.map(|record| record.revision), Some(1));
    assert_eq!(get(&*backend, key(3)).await.map(|record| record.revision), Some(1));
    let all = Claim { up_to: None, ..due(0, 5) };
    assert_eq!(numbers(&claim(&*backend, &all).await.expect("the claim succeeds")), [2]);
}

pub(crate) async fn a_claim_takes_each_record_once(database: &dyn Database) {
    let backend = things(database).await;
    insert_due(&*backend, &[Some(10), Some(10), Some(10)]).await;
    assert_eq!(numbers(&claim(&*backend, &due(10, 9)).await.expect("the claim succeeds")), [0, 1, 2]);
    assert!(backend.claim(&due(10, 9)).await.expect("the claim succeeds").is_empty());
    // What is due again is taken again.
    let again = Operation::Update {
        key: key(1),
        condition: aquifer_core::Condition::Revision(2),
        set: vec![(DUE, Value::from(at(5)))],
    };
    let answers = backend.commit(vec![Transaction::new(vec![again])]).await;
    assert!(answers[0].is_ok());
    assert_eq!(numbers(&claim(&*backend, &due(10, 9)).await.expect("the claim succeeds")), [1]);
}

pub(crate) async fn a_claim_can_leave_through_the_prefix(database: &dyn Database) {
    let backend = things(database).await;
    for (number, (owner, due)) in [("gone", 10), ("alive", 10), ("gone", 20), ("gone", 30)].into_iter().enumerate() {
        let mut thing = thing(number as i64);
        thing.owner = Some(owner.to_owned());
        thing.due_at = Some(at(due));
        insert(&*backend, thing.to_record()).await;
    }
    let takeover = Claim {
        kind: Thing::KIND,
        index: "by_owner",
        prefix: vec![Value::from("gone")],
        up_to: Some(Value::from(at(20))),
        limit: 10,
        set: vec![(OWNER, Value::from("alive"))],
    };
    assert_eq!(numbers(&claim(&*backend, &takeover).await.expect("the claim succeeds")), [0, 2]);
    let all = Claim { up_to: None, ..takeover.clone() };
    assert_eq!(numbers(&claim(&*backend, &all).await.expect("the claim succeeds")), [3]);
    assert_eq!(get(&*backend, key(1)).await.map(|record| record.revision), Some(1));
    // By a later value of the range too.
    let postpone = Claim {
        prefix: vec![Value::from("alive")],
        up_to: Some(Value::from(at(10))),
        set: vec![(DUE, Value::from(at(60)))],
        ..takeover
    };
    assert_eq!(numbers(&claim(&*backend, &postpone).await.expect("the claim succeeds")), [0, 1]);
}

pub(crate) async fn a_claim_of_nothing_is_empty(database: &dyn Database) {
    let backend = things(database).await;
    assert!(backend.claim(&due(10, 9)).await.expect("the claim succeeds").is_empty());
}

pub(crate) async fn what_is_wrong_is_refused(database: &dyn Database) {
    let backend = things(database).await;
    insert_due(&*backend, &[Some(10)]).await;
    let good = due(10, 9);
    let wrong = [
        Claim { limit: 0, ..good.clone() },
        Claim { limit: 1001, ..good.clone() },
        Claim { index: "by_nothing", ..good.clone() },
        Claim { prefix: vec![Value::from("text")], ..good.clone() },
        Claim { prefix: vec![Value::from(at(1)), Value::from(at(1))], up_to: None, ..good.clone() },
        Claim { up_to: Some(Value::from(5)), ..good.clone() },
        Claim { up_to: Some(Value::Null), ..good.clone() },
        // It would be claimed for ever.
        Claim { set: vec![], ..good.clone() },
        Claim { set: vec![(RANK, Value::from(1))], ..good.clone() },
        Claim { set: vec![(DUE, Value::from(at(10)))], ..good.clone() },
        Claim { set: vec![(DUE, Value::Null), (DUE, Value::Null)], ..good.clone() },
        Claim { set: vec![(DUE, Value::Null), (ThingColumn::number as usize, Value::from(1))], ..good.clone() },
        Claim { set: vec![(DUE, Value::Null), (OWNER, Value::from(1))], ..good.clone() },
    ];
    for claim in wrong {
        refused(backend.claim(&claim).await, ErrorKind::Invalid);
    }
    assert_eq!(get(&*backend, key(0)).await.map(|record| record.revision), Some(1));
}
