//! The limits that a backend states are the limits that it keeps.

use aquifer_core::{Entity, ErrorKind, Key, MAX_PAGE, Operation, Record, Scan, Transaction, Value};

use crate::harness::Database;
use crate::schema::{Thing, ThingColumn};
use crate::support::{commit, done, expect_listing, get, key, refused, set, thing, things};

const DATA: usize = ThingColumn::data as usize;
const BODY: usize = ThingColumn::body as usize;

/// Greater limits are taken on trust, for the sake of the machine.
const MOST_BYTES: usize = 32 << 20;

/// A thing that is `size` bytes large, as the contract counts.
fn sized(number: i64, size: usize) -> Record {
    let mut record = thing(number).to_record();
    record.values[BODY] = Value::from("");
    record.values[DATA] = Value::from(vec![]);
    let left = size - record.size();
    record.values[BODY] = Value::from("b".repeat(left / 2));
    record.values[DATA] = Value::from(vec![7; left - left / 2]);
    assert_eq!(record.size(), size);
    record
}

pub(crate) async fn a_record_may_have_all_the_bytes(database: &dyn Database) {
    let backend = things(database).await;
    let capabilities = backend.capabilities();
    let most = capabilities.max_record_bytes.min(capabilities.max_transaction_bytes);
    if most > MOST_BYTES {
        return;
    }
    let large = sized(1, most);
    done(&*backend, vec![Operation::Insert(large.clone())]).await;
    assert_eq!(get(&*backend, key(1)).await, Some(Record { revision: 1, ..large }));
    refused(commit(&*backend, vec![Operation::Insert(sized(2, most + 1))]).await, ErrorKind::TooLarge);
    assert_eq!(get(&*backend, key(2)).await, None);
    let data = Value::from(vec![7; most + 1]);
    refused(commit(&*backend, vec![set(key(1), vec![(DATA, data)])]).await, ErrorKind::TooLarge);
    assert_eq!(get(&*backend, key(1)).await.map(|record| record.revision), Some(1));
}

pub(crate) async fn a_transaction_may_have_all_the_operations(database: &dyn Database) {
    let backend = things(database).await;
    let most = backend.capabilities().max_operations.min(20_000) as i64;
    let inserts = |count| (0..count).map(|number| Operation::Insert(thing(number).to_record())).collect();
    if most as usize == backend.capabilities().max_operations {
        refused(commit(&*backend, inserts(most + 1)).await, ErrorKind::TooLarge);
        assert_eq!(get(&*backend, key(0)).await, None);
    }
    let most = most.min(2_000);
    assert_eq!(done(&*backend, inserts(most)).await, vec![1; most as usize]);
    let updates = (0..most).map(|number| set(key(number), vec![(BODY, Value::from("b"))])).collect();
    assert_eq!(done(&*backend, updates).await, vec![2; most as usize]);
}

pub(crate) async fn a_transaction_may_have_all_the_bytes(database: &dyn Database) {
    let backend = things(database).await;
    let capabilities = backend.capabilities();
    let most = capabilities.max_transaction_bytes;
    let count = most.div_ceil(capabilities.max_record_bytes).max(2);
    if most > MOST_BYTES || count > capabilities.max_operations {
        return;
    }
    let inserts = |total: usize| -> Vec<Operation> {
        (0..count)
            .map(|number| total / count + usize::from(number < total % count))
            .zip(0..)
            .map(|(size, number)| Operation::Insert(sized(number, size)))
            .collect()
    };
    if (most + 1).div_ceil(count) <= capabilities.max_record_bytes {
        refused(commit(&*backend, inserts(most + 1)).await, ErrorKind::TooLarge);
    }
    done(&*backend, inserts(most)).await;
}

pub(crate) async fn pages_may_have_all_the_records(database: &dyn Database) {
    let backend = things(database).await;
    let count = MAX_PAGE as i64 + 1;
    let mut expected = Vec::new();
    let mut transactions = Vec::new();
    for number in 0..count {
        let mut thing = thing(number);
        thing.rank = Some(-number);
        expected.push(Record { revision: 1, ..thing.to_record() });
        transactions.push(Transaction::new(vec![Operation::Insert(thing.to_record())]));
    }
    for answer in backend.commit(transactions).await {
        answer.expect("the commit succeeds");
    }
    for limit in [MAX_PAGE, 999, 400] {
        expect_listing(&*backend, &Scan::key(Thing::KIND).limit(limit), &expected).await;
        let by_rank = Scan::index(Thing::KIND, "by_rank").limit(limit).descending(true);
        expect_listing(&*backend, &by_rank, &expected).await;
    }
}

pub(crate) async fn many_keys_can_be_read_at_once(database: &dyn Database) {
    let backend = things(database).await;
    done(&*backend, vec![Operation::Insert(thing(1).to_record())]).await;
    let keys: Vec<Key> = (0..2_000).map(|number| key(number % 500)).collect();
    let answers = backend.get(&keys).await.expect("the read succeeds");
    assert_eq!(answers.len(), keys.len());
    assert_eq!(answers.iter().filter(|answer| answer.is_some()).count(), 4);
}
