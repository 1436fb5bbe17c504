//! What DynamoDB says when it is busy, and what happens when replies are lost.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aquifer_core::layers::{Retries, RetryOptions};
use aquifer_core::{
    Backend, BackendExt, Claim, Condition, Entity, ErrorKind, Key, Operation, Retry, Scan, SystemClock, Timestamp,
    Transaction, Value,
};
use aquifer_dynamodb::{DynamoBackend, DynamoOptions};
use aquifer_testkit::{Fault, Proxy};
use support::front::{Answer, Front};
use support::{COUNTERS, Counter, CounterColumn, Tables, address, counter, options};

const COUNT: usize = CounterColumn::count as usize;
const DUE: usize = CounterColumn::due_at as usize;

/// A backend behind a server that may answer by itself.
async fn fronted() -> (Tables, Front, DynamoBackend) {
    let tables = Tables::new(options());
    let front = Front::start(address(&tables.options)).await;
    let endpoint = Some(format!("http://{}", front.address));
    let backend = tables.open_with(DynamoOptions { endpoint, ..options() }, &COUNTERS).await.expect("it opens");
    backend.migrate().await.expect("it migrates");
    front.clear();
    (tables, front, backend)
}

/// A backend behind a way that may break, which is not patient.
async fn proxied() -> (Tables, Proxy, DynamoBackend) {
    let tables = Tables::new(options());
    let proxy = Proxy::start(address(&tables.options)).await.expect("a proxy");
    let endpoint = Some(format!("http://{}", proxy.address()));
    let request_timeout = Duration::from_secs(2);
    let behind = DynamoOptions { endpoint, request_timeout, ..options() };
    let backend = tables.open_with(behind, &COUNTERS).await.expect("it opens");
    backend.migrate().await.expect("it migrates");
    (tables, proxy, backend)
}

fn insert(id: impl ToString) -> Operation {
    Operation::Insert(counter(id).to_record())
}

fn key(id: impl ToString) -> Key {
    counter(id).to_record().key()
}

fn add(id: impl ToString, count: i64) -> Operation {
    let set = vec![(COUNT, Value::from(count))];
    Operation::Update { key: key(id), condition: Condition::Exists, set }
}

fn due() -> Claim {
    let set = vec![(DUE, Value::Null)];
    Claim { kind: Counter::KIND, index: "by_due", prefix: vec![], up_to: None, limit: 10, set }
}

async fn insert_due(backend: &DynamoBackend, id: &str) {
    let record = Counter { due_at: Some(Timestamp::EPOCH), ..counter(id) }.to_record();
    backend.commit_one(Transaction::new(vec![Operation::Insert(record)])).await.expect("it commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_database_is_asked_again() {
    let (_tables, front, backend) = fronted().await;
    for (number, code) in [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "TransactionConflictException",
    ]
    .into_iter()
    .enumerate()
    {
        for operation in ["PutItem", "TransactWriteItems", "BatchGetItem", "Query", "UpdateItem", "DeleteItem"] {
            front.answer(operation, 2, Answer::Code(code));
        }
        let id = format!("{code} {number}");
        backend.commit_one(Transaction::new(vec![insert(&id)])).await.expect("a single write");
        backend.commit_one(Transaction::new(vec![insert(format!("{id} 2")), add(&id, 1)])).await.expect("several");
        assert!(backend.get_one(key(&id)).await.expect("a read").is_some());
        let listed = backend.scan(&Scan::key(Counter::KIND).equals("t").limit(100)).await.expect("a listing");
        assert_eq!(listed.records.len(), 2 * (number + 1));
        insert_due(&backend, "due").await;
        assert_eq!(backend.claim(&due()).await.expect("a claim").len(), 1);
        backend
            .commit_one(Transaction::new(vec![Operation::Delete { key: key("due"), condition: Condition::Exists }]))
            .await
            .expect("a removal");
        let listed = backend.scan(&Scan::key(Counter::KIND).limit(100)).await.expect("a listing");
        assert_eq!(listed.records.len(), 2 * (number + 1));
        front.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_were_in_each_others_way_are_tried_again() {
    let (_tables, front, backend) = fronted().await;
    for (number, reason) in
        ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].into_iter().enumerate()
    {
        let reasons: &'static [&'static str] = match number {
            0 => &["None", "TransactionConflict"],
            1 => &["ThrottlingError", "None"],
            _ => &["ConditionalCheckFailed", "ProvisionedThroughputExceeded"],
        };
        front.answer("TransactWriteItems", 3, Answer::Cancelled(reasons));
        let writes = vec![insert(format!("a{number}")), insert(format!("b{number}"))];
        let committed = backend.commit_one(Transaction::new(writes)).await.expect(reason);
        assert_eq!(committed.revisions, [1, 1]);
        let tokens: Vec<String> = front.seen("TransactWriteItems").iter().map(|body| token(body)).collect();
        assert_eq!(tokens.len(), 4);
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
        front.clear();
    }
}

/// The token of a request.
fn token(body: &str) -> String {
    let (_, rest) = body.split_once(r#""ClientRequestToken":""#).unwrap_or_else(|| panic!("no token in {body}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_busy_is_told_to_the_caller() {
    let (_tables, front, backend) = fronted().await;
    front.answer("PutItem", usize::MAX, Answer::Code("ThrottlingException"));
    front.answer("TransactWriteItems", usize::MAX, Answer::Cancelled(&["TransactionConflict", "None"]));
    let began = Instant::now();
    let transactions = vec![Transaction::new(vec![insert("a")]), Transaction::new(vec![insert("b"), insert("c")])];
    for answer in backend.commit(transactions).await {
        let error = answer.expect_err("it stays busy");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
    }
    let took = began.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(8)).contains(&took), "{took:?}");
    // Pauses grow: nobody is asked hundreds of times.
    assert!(front.seen("PutItem").len() < 60, "{}", front.seen("PutItem").len());
    front.clear();
    backend.commit_one(Transaction::new(vec![insert("a")])).await.expect("it is well again");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_not_processed_are_asked_for_again() {
    let (_tables, front, backend) = fronted().await;
    backend.commit_one(Transaction::new(vec![insert("a"), insert("b")])).await.expect("it commits");
    front.answer("BatchGetItem", 3, Answer::Unprocessed);
    let found = backend.get(&[key("a"), key("b"), key("c")]).await.expect("a read");
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_database_leaves_a_write_unknown_and_is_nothing_to_a_read() {
    let (_tables, front, backend) = fronted().await;
    front.answer("PutItem", 1, Answer::Broken);
    let transaction = Transaction::new(vec![insert("a")]);
    let error = backend.commit_one(transaction.clone()).await.expect_err("it failed");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{error:?}");
    assert_eq!(backend.commit_one(transaction.retry()).await.expect("again").revisions, [1]);
    front.answer("BatchGetItem", 2, Answer::Broken);
    assert!(backend.get_one(key("a")).await.expect("a read").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_are_named() {
    let (tables, front, backend) = fronted().await;
    for (code, fix) in [
        ("UnrecognizedClientException", "AWS_ACCESS_KEY_ID"),
        ("InvalidSignatureException", "AWS_SECRET_ACCESS_KEY"),
        ("ExpiredTokenException", "expired"),
        ("AccessDeniedException", "policy"),
    ] {
        front.answer("GetItem", 1, Answer::Code(code));
        let endpoint = Some(format!("http://{}", front.address));
        let opened = tables.open_with(DynamoOptions { endpoint, ..options() }, &COUNTERS).await;
        let error = opened.map(|_| ()).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
        assert!(error.to_string().contains(fix) && error.to_string().contains(code), "{error}");
        front.answer("PutItem", 1, Answer::Code(code));
        let error = backend.commit_one(Transaction::new(vec![insert("a")])).await.expect_err("it is refused");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Permanent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_that_never_arrived_and_its_repetition_are_the_same_request() {
    let (_tables, front, backend) = fronted().await;
    let transaction = Transaction::new(vec![insert("a"), insert("b")]);
    front.answer("TransactWriteItems", 1, Answer::Nothing);
    let error = backend.commit_one(transaction.clone()).await.expect_err("the connection ended");
    assert_eq!(error.retry(), Retry::Unknown, "{error:?}");
    backend.commit_one(transaction.retry()).await.expect("it is applied now");
    // Should the first still be on its way, DynamoDB knows it by its token.
    let tokens: Vec<String> = front.seen("TransactWriteItems").iter().map(|body| token(body)).collect();
    assert!(matches!(tokens.as_slice(), [a, b] if a == b), "{tokens:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_has_no_second_effect() {
    let (_tables, proxy, backend) = proxied().await;
    backend.commit_one(Transaction::new(vec![insert("total")])).await.expect("it commits");
    let backend = Arc::new(backend);
    let patient =
        Retries::new(Arc::clone(&backend) as Arc<dyn Backend>, Arc::new(SystemClock), RetryOptions::default());
    for round in 1..=12 {
        let revision = backend.get_one(key("total")).await.expect("a read").expect("the record").revision;
        // A transaction, one that depends on what was read, and a single write.
        let operations = match round % 3 {
            0 => vec![add("total", round), insert(round)],
            1 => vec![insert(round), add("total", round)],
            _ => vec![add("total", round)],
        };
        let lost = if operations.len() > 1 { "TransactWriteItems" } else { "UpdateItem" };
        proxy.set(Fault::drop_reply(lost)).await.expect("the fault is set");
        let before = proxy.cut();
        let committed = patient.commit_one(Transaction::new(operations.clone())).await.expect("it commits");
        assert_eq!(proxy.cut(), before + 1, "a reply was lost");
        let total = operations.iter().position(|operation| operation.key() == key("total")).expect("the total");
        assert_eq!(committed.revisions[total], revision + 1);
        let record = backend.get_one(key("total")).await.expect("a read").expect("the record");
        assert_eq!((record.revision, &record.values[COUNT]), (revision + 1, &Value::from(round)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_reply_is_lost_hands_its_record_out_once() {
    let (_tables, proxy, backend) = proxied().await;
    insert_due(&backend, "a").await;
    proxy.set(Fault::drop_reply("UpdateItem")).await.expect("the fault is set");
    let taken = backend.claim(&due()).await.expect("a claim");
    assert_eq!((taken.len(), proxy.cut()), (1, 1));
    assert_eq!((taken[0].revision, taken[0].key()), (2, key("a")));
    assert!(backend.claim(&due()).await.expect("a claim").is_empty());
    assert_eq!(backend.get_one(key("a")).await.expect("a read"), taken.into_iter().next());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_may_have_taken_more_than_it_knows_of_says_so() {
    let (_tables, front, backend) = fronted().await;
    // One is taken for sure, and what became of the other does not come to light.
    for id in ["a", "b"] {
        insert_due(&backend, id).await;
    }
    front.clear();
    front.answer("UpdateItem", 1, Answer::Passed);
    front.answer("UpdateItem", 1000, Answer::Lost);
    let failed = backend.claim(&due()).await.expect_err("a reply was lost");
    assert_eq!((failed.kind(), failed.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{failed:?}");

    // That DynamoDB is busy later settles nothing.
    front.clear();
    insert_due(&backend, "c").await;
    front.answer("UpdateItem", 1, Answer::Lost);
    front.answer("UpdateItem", 1000, Answer::Code("ThrottlingException"));
    let failed = backend.claim(&due()).await.expect_err("a reply was lost");
    assert_eq!((failed.kind(), failed.retry()), (ErrorKind::Unavailable, Retry::Unknown), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_breaks_is_found_again() {
    let (_tables, proxy, backend) = proxied().await;
    backend.commit_one(Transaction::new(vec![insert("a")])).await.expect("it commits");
    for fault in [Fault::Refuse, Fault::HalfOpen, Fault::ResetNew] {
        proxy.set(fault.clone()).await.expect("the fault is set");
        proxy.reset_all();
        let read = backend.get_one(key("a")).await.expect_err("it is out of reach");
        assert_eq!((read.kind(), read.retry()), (ErrorKind::Unavailable, Retry::Transient), "{fault:?} {read:?}");
        let id = format!("{fault:?}");
        let transaction = Transaction::new(vec![insert(&id)]);
        let write = backend.commit_one(transaction.clone()).await.expect_err("it is out of reach");
        assert_eq!(write.kind(), ErrorKind::Unavailable, "{fault:?} {write:?}");
        match fault {
            // Where nobody listens, nothing was written for sure.
            Fault::Refuse => assert_eq!(write.retry(), Retry::Transient, "{write:?}"),
            Fault::HalfOpen => assert_eq!(write.retry(), Retry::Unknown, "{write:?}"),
            // It depends on how far the connection came.
            _ => assert_ne!(write.retry(), Retry::Permanent, "{write:?}"),
        }
        proxy.set(Fault::Pass).await.expect("the way is mended");
        proxy.reset_all();
        let committed = backend.commit_one(transaction.retry()).await.expect("it commits now");
        assert_eq!(committed.revisions, [1]);
        assert!(backend.get_one(key(&id)).await.expect("a read").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_out_of_reach_is_named() {
    let unreachable = DynamoOptions { endpoint: Some("http://127.0.0.1:9".to_owned()), ..DynamoOptions::default() };
    let error = DynamoBackend::open(unreachable, &COUNTERS).await.map(|_| ()).expect_err("nobody listens");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Transient), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:9") && text.contains("option endpoint"), "{text}");
    let nowhere = DynamoOptions { endpoint: Some("http://no.such.host.invalid:8000".to_owned()), ..options() };
    let given = aquifer_dynamodb::DynamoCredentials::Given {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI".to_owned(),
        session_token: None,
    };
    let error = DynamoBackend::open(DynamoOptions { credentials: given, ..nowhere }, &COUNTERS).await.map(|_| ());
    let error = error.expect_err("there is no such host");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("no.such.host.invalid:8000") && !text.contains("wJalrXUtnFEMI"), "{text}");
}
