//! Replies that would be larger than the server sends.

use aquifer_core::kinds::Setting;
use aquifer_core::{
    Backend as _, Claim, Condition, Entity, ErrorKind, Json, Key, Operation, Record, Scan, Schema, Transaction, Value,
};
use aquifer_libsql::LibsqlBackend;

use super::{failed, open, options, setting, start};

/// Eight of these are three times as much as a reply may hold.
const BYTES: usize = 4 << 20;

fn large(number: usize) -> Record {
    let value = Json::encode(&"x".repeat(BYTES - 1000)).unwrap();
    Setting { value, ..setting(&format!("{number}")) }.to_record()
}

#[tokio::test]
async fn own_server_lookups_and_listings_are_cut_into_replies() {
    let server = start();
    let backend = open(server.url()).await;
    let mut expected = Vec::new();
    for number in 0..8 {
        expected.push(Record { revision: 1, ..large(number) });
        let answers = backend.commit(vec![Transaction::new(vec![Operation::Insert(large(number))])]).await;
        answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap().revisions, [1]));
    }
    let keys: Vec<Key> = expected.iter().rev().map(Record::key).collect();
    let found: Vec<_> = backend.get(&keys).await.unwrap().into_iter().rev().map(Option::unwrap).collect();
    assert!(found == expected);
    for limit in [3, 8, 100] {
        let mut scan = Scan::key(Setting::KIND).limit(limit).with_detail();
        let mut listed = Vec::new();
        loop {
            let page = backend.scan(&scan).await.unwrap();
            let (size, next) = (page.records.len(), page.next);
            listed.extend(page.records);
            let Some(next) = next else { break };
            assert_eq!(size, limit);
            scan = scan.after(Some(next));
        }
        assert!(listed == expected, "{limit}");
    }
}

aquifer_core::kind! {
    /// What is due.
    Job as "jobs", columns JobColumn {
        /// Its number.
        number: i64,
        /// When it is due; null if somebody has it.
        due: Option<i64>,
        /// What it brings.
        payload: Option<String> [detail],
        /// What else there is to say.
        note: Option<String> [detail],
    }
    key(number) partition 1;
    index by_due(due);
}

static JOBS: Schema = Schema { version: 1, kinds: &[Job::KIND] };

#[tokio::test]
async fn own_server_a_claim_takes_as_many_as_a_reply_holds() {
    let server = start();
    let backend = LibsqlBackend::open(options(server.url()), &JOBS).await.unwrap();
    backend.migrate().await.unwrap();
    for number in 0..8 {
        // Control characters take six bytes each in JSON.
        let payload = Some("\u{1}".repeat(BYTES - 100));
        let job = Job { number, due: Some(number), payload, note: None }.to_record();
        let answers = backend.commit(vec![Transaction::new(vec![Operation::Insert(job)])]).await;
        answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap().revisions, [1]));
    }
    let claim = Claim {
        kind: Job::KIND,
        index: "by_due",
        prefix: Vec::new(),
        up_to: Some(Value::from(100)),
        limit: 100,
        set: vec![(JobColumn::due as usize, Value::Null)],
    };
    let mut taken = Vec::new();
    loop {
        let records = backend.claim(&claim).await.unwrap();
        if records.is_empty() {
            break;
        }
        taken.extend(records.into_iter().map(|record| (record.values[0].clone(), record.revision)));
    }
    assert_eq!(taken, (0..8).map(|number| (Value::from(number), 2)).collect::<Vec<_>>());
}

#[tokio::test]
async fn own_server_a_record_that_grows_too_large_is_refused_alone() {
    let server = start();
    let backend = LibsqlBackend::open(options(server.url()), &JOBS).await.unwrap();
    backend.migrate().await.unwrap();
    let job = |number, bytes| {
        let job = Job { number, due: None, payload: Some("x".repeat(bytes)), note: None }.to_record();
        Transaction::new(vec![Operation::Insert(job)])
    };
    let mut answers = backend.commit(vec![job(1, 10), job(2, 5 << 20), job(3, 10)]).await.into_iter();
    answers.next().unwrap().unwrap();
    failed(answers.next().unwrap(), ErrorKind::TooLarge);
    answers.next().unwrap().unwrap();
    // An update within the limit, of a record that has much already.
    let job = backend.commit(vec![job(4, BYTES - 100)]).await;
    job.into_iter().for_each(|answer| assert_eq!(answer.unwrap().revisions, [1]));
    let set = vec![(JobColumn::note as usize, Value::from("y".repeat(BYTES - 100)))];
    let key = |number| Key::new(Job::KIND, [number]);
    let grow = |number: i64, set: Vec<(usize, Value)>| {
        let condition = Condition::Revision(1);
        Transaction::new(vec![Operation::Update { key: key(number), condition, set }])
    };
    let due = vec![(JobColumn::due as usize, Value::from(1))];
    for neighbours in [1, 8] {
        let mut transactions = vec![grow(4, set.clone())];
        transactions.extend((0..neighbours).map(|_| grow(9, due.clone())));
        let mut answers = backend.commit(transactions).await.into_iter();
        failed(answers.next().unwrap(), ErrorKind::TooLarge);
        answers.for_each(|answer| {
            failed(answer, ErrorKind::NotFound);
        });
    }
    assert_eq!(backend.get(&[key(4)]).await.unwrap()[0].as_ref().map(|record| record.revision), Some(1));
}
