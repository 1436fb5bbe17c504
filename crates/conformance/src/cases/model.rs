//! Random operations, answered as the memory backend answers them.

use std::env;
use std::ops::Bound;

use aquifer_core::{
    Backend, BackendExt, Claim, Condition, Entity, ErrorKind, Json, Key, Operation, Record, Result, Scan, Timestamp,
    Transaction, Value,
};
use aquifer_memory::MemoryBackend;
use fastrand::Rng;

use crate::harness::Database;
use crate::schema::{GroupColumn, THINGS, Thing, ThingColumn};
use crate::support::{dump, group, open, thing, things};

/// How many operations each seed gives, unless `AQUIFER_MODEL_OPERATIONS` says otherwise.
const OPERATIONS: usize = 2_000;

/// The seeds, unless `AQUIFER_MODEL_SEED` names one.
const SEEDS: [u64; 3] = [1, 2, 3];

pub(crate) async fn random_operations_are_answered_as_the_reference_does(database: &dyn Database) {
    let operations = number("AQUIFER_MODEL_OPERATIONS").map_or(OPERATIONS, |number| number as usize);
    let seeds = number("AQUIFER_MODEL_SEED").map_or(SEEDS.to_vec(), |seed| vec![seed]);
    let handles = [things(database).await, open(database, &THINGS).await];
    for seed in seeds {
        println!("seed {seed}, {operations} operations");
        let reference = reference(&*handles[0]).await;
        let mut random = Random(Rng::with_seed(seed));
        for step in 0..operations {
            let context = format!("seed {seed}, step {step}");
            // What one handle wrote, the other knows at once.
            let backend = random.pick(&handles);
            match random.0.u32(0..100) {
                0..60 => commit(&**backend, &reference, &mut random, &context).await,
                60..75 => scan(&**backend, &reference, &mut random, &context).await,
                75..85 => claim(&**backend, &reference, &mut random, &context).await,
                _ => read(&**backend, &reference, &mut random, &context).await,
            }
        }
        assert_eq!(dump(&*handles[1], &THINGS).await, dump(&reference, &THINGS).await, "seed {seed}");
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text:?}")))
}

/// The memory backend, with the limits and the records of `backend`.
async fn reference(backend: &dyn Backend) -> MemoryBackend {
    let reference = MemoryBackend::new(&THINGS).with_capabilities(backend.capabilities());
    reference.migrate().await.expect("it migrates");
    let entries =
        dump(backend, &THINGS).await.into_iter().map(|record| aquifer_memory::Entry { record, transaction: 0 });
    reference.load(entries).expect("it loads");
    reference
}

/// What an answer comes down to: the value, or the kind of the error.
fn gist<T>(answer: Result<T>) -> Result<T, ErrorKind> {
    answer.map_err(|error| error.kind())
}

async fn commit(backend: &dyn Backend, reference: &MemoryBackend, random: &mut Random, context: &str) {
    let count = *random.pick(&[1, 1, 2, 4]);
    // Transactions of one call promise nothing about unique values that pass between different records.
    let transactions: Vec<Transaction> = (0..count).map(|_| random.transaction(count == 1)).collect();
    for retried in [false, true] {
        let transactions: Vec<Transaction> = if retried {
            // Sometimes the reply of a call of one transaction is lost.
            if transactions.len() > 1 || random.0.u32(0..4) > 0 {
                break;
            }
            transactions.iter().map(Transaction::retry).collect()
        } else {
            transactions.clone()
        };
        let expected: Vec<_> = reference.commit(transactions.clone()).await.into_iter().map(gist).collect();
        let found: Vec<_> = backend.commit(transactions.clone()).await.into_iter().map(gist).collect();
        assert_eq!(found, expected, "{context}, retried {retried}: {transactions:#?}");
    }
}

async fn scan(backend: &dyn Backend, reference: &MemoryBackend, random: &mut Random, context: &str) {
    let mut scan = random.scan();
    if backend.capabilities().scans_may_lag {
        return;
    }
    // Each follows its own cursor: how a cursor is written is the backend's affair.
    let mut cursor = None;
    loop {
        let expected = gist(reference.scan(&scan).await);
        let found = gist(backend.scan(&scan.clone().after(cursor)).await);
        let more = |page: &Result<aquifer_core::Page, ErrorKind>| {
            page.as_ref().map(|page| (page.records.clone(), page.next.is_some())).map_err(|kind| *kind)
        };
        assert_eq!(more(&found), more(&expected), "{context}: {scan:#?}");
        let (Ok(expected), Ok(found)) = (expected, found) else { return };
        if expected.next.is_none() {
            return;
        }
        scan.cursor = expected.next;
        cursor = found.next;
    }
}

async fn claim(backend: &dyn Backend, reference: &MemoryBackend, random: &mut Random, context: &str) {
    let claim = random.claim();
    if backend.capabilities().scans_may_lag {
        return;
    }
    let expected = gist(reference.claim(&claim).await);
    let found = gist(backend.claim(&claim).await);
    assert_eq!(found, expected, "{context}: {claim:#?}");
}

async fn read(backend: &dyn Backend, reference: &MemoryBackend, random: &mut Random, context: &str) {
    let keys: Vec<Key> = (0..random.0.usize(1..6)).map(|_| random.key()).collect();
    let expected = gist(reference.get(&keys).await);
    assert_eq!(gist(backend.get(&keys).await), expected, "{context}: {keys:?}");
    let one = random.key();
    assert_eq!(
        gist(backend.get_one(one.clone()).await),
        gist(reference.get_one(one.clone()).await),
        "{context}: {one:?}"
    );
}

/// Random requests over few keys and few values, so that they meet.
struct Random(Rng);

impl Random {
    fn partition(&mut self) -> (&'static str, &'static str) {
        *self.pick(&[("t", "a"), ("t", "b"), ("u", "a")])
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.0.usize(0..choices.len())]
    }

    fn key(&mut self) -> Key {
        let (tenant, id) = self.partition();
        self.key_in(tenant, id)
    }

    fn key_in(&mut self, tenant: &str, id: &str) -> Key {
        if self.0.u32(0..8) == 0 {
            return group(tenant, id).to_record().key();
        }
        let number = self.0.i64(0..12);
        Thing { tenant: tenant.to_owned(), group_id: id.to_owned(), ..thing(number) }.to_record().key()
    }

    fn transaction(&mut self, uniques: bool) -> Transaction {
        let (tenant, id) = self.partition();
        let count = *self.pick(&[1, 1, 1, 2, 3, 5]);
        let mut operations: Vec<Operation> = Vec::new();
        for _ in 0..count {
            let key = self.key_in(tenant, id);
            // A record twice is refused; that too may happen, but seldom.
            if operations.iter().any(|operation| operation.key() == key) && self.0.u32(0..20) > 0 {
                continue;
            }
            operations.push(self.operation(key, uniques));
        }
        Transaction::new(operations)
    }

    fn operation(&mut self, key: Key, uniques: bool) -> Operation {
        // Groups are referred to, so they stay.
        let is_group = key.kind != Thing::KIND;
        match self.0.u32(0..10) {
            0..4 if !is_group => Operation::Insert(self.record(&key, uniques)),
            4 if !is_group => Operation::Delete { condition: self.condition(), key },
            5 => {
                let condition = if self.0.bool() { Condition::Absent } else { self.condition() };
                Operation::Check { key, condition }
            }
            _ if is_group => {
                let count = Value::from(self.0.i64(0..5));
                Operation::Update { condition: self.condition(), set: vec![(GroupColumn::count as usize, count)], key }
            }
            _ => {
                let mut set: Vec<(usize, Value)> = Vec::new();
                for _ in 0..self.0.usize(0..4) {
                    let (column, value) = self.assignment(uniques);
                    if set.iter().all(|(other, _)| *other != column) {
                        set.push((column, value));
                    }
                }
                Operation::Update { condition: self.condition(), key, set }
            }
        }
    }

    fn condition(&mut self) -> Condition {
        if self.0.u32(0..3) > 0 { Condition::Exists } else { Condition::Revision(self.0.u64(1..4)) }
    }

    fn record(&mut self, key: &Key, uniques: bool) -> Record {
        let mut record = Record::new(Thing::KIND, vec![Value::Null; Thing::KIND.columns.len()]);
        for (column, value) in Thing::KIND.key.iter().zip(&key.values) {
            record.values[*column] = value.clone();
        }
        for _ in 0..self.0.usize(0..8) {
            let (column, value) = self.assignment(uniques);
            record.values[column] = value;
        }
        record
    }

    fn assignment(&mut self, uniques: bool) -> (usize, Value) {
        let column = *self.pick(&[
            ThingColumn::name,
            ThingColumn::rank,
            ThingColumn::flag,
            ThingColumn::due_at,
            ThingColumn::owner,
            ThingColumn::email,
            ThingColumn::code,
            ThingColumn::title,
            ThingColumn::document,
            ThingColumn::body,
            ThingColumn::extra,
            ThingColumn::data,
        ]) as usize;
        let is_unique = Thing::KIND.uniques.iter().any(|unique| unique.columns.contains(&column));
        if self.0.u32(0..5) == 0 || (is_unique && !uniques) {
            return (column, Value::Null);
        }
        (column, self.value(column))
    }

    fn value(&mut self, column: usize) -> Value {
        use aquifer_core::ColumnType as Type;
        match Thing::KIND.columns[column].column_type {
            Type::Text if Thing::KIND.is_short(column) => {
                Value::from(*self.pick(&["", "a", "A", "b", "é", "a b", "name"]))
            }
            Type::Text => Value::from("text é ".repeat(*self.pick(&[0, 1, 3, 300]))),
            Type::Integer => Value::from(*self.pick(&[-1, 0, 1, 2, 3, i64::MAX])),
            Type::Boolean => Value::from(self.0.bool()),
            Type::Timestamp => Value::from(self.time()),
            Type::Json => {
                let size = *self.pick(&[0, 1, 200]);
                let document = serde_json::json!({ "list": vec!["é"; size], "$parts": size });
                Value::from(Json::encode(&document).expect("a document"))
            }
            Type::Bytes => Value::from(vec![self.0.u8(..); *self.pick(&[0, 1, 2_000])]),
        }
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::from_micros(self.0.i64(0..6) * 1_000_001).expect("in range")
    }

    fn scan(&mut self) -> Scan {
        let index = *self.pick(&[
            None,
            Some("by_name"),
            Some("by_rank"),
            Some("by_flag"),
            Some("by_due"),
            Some("by_owner"),
            Some("by_email"),
            Some("by_code"),
        ]);
        let order = Thing::KIND.order(index.and_then(|name| Thing::KIND.index(name)));
        let length = self.0.usize(0..=order.len());
        let prefix = order[..length].iter().map(|column| self.key_or_value(*column)).collect();
        let mut bound = || match order.get(length) {
            Some(column) => match self.0.u32(0..3) {
                0 => Bound::Unbounded,
                1 => Bound::Included(self.key_or_value(*column)),
                _ => Bound::Excluded(self.key_or_value(*column)),
            },
            None => Bound::Unbounded,
        };
        let (lower, upper) = (bound(), bound());
        Scan {
            index,
            prefix,
            lower,
            upper,
            descending: self.0.bool(),
            limit: *self.pick(&[1, 2, 5, 100]),
            detail: self.0.bool(),
            ..Scan::key(Thing::KIND)
        }
    }

    fn key_or_value(&mut self, column: usize) -> Value {
        if Thing::KIND.key.contains(&column) {
            let (tenant, id) = self.partition();
            match column {
                0 => Value::from(tenant),
                1 => Value::from(id),
                _ => Value::from(self.0.i64(0..12)),
            }
        } else {
            self.value(column)
        }
    }

    fn claim(&mut self) -> Claim {
        let limit = *self.pick(&[1, 2, 5]);
        let due = ThingColumn::due_at as usize;
        let owner = ThingColumn::owner as usize;
        if self.0.bool() {
            let up_to = Some(Value::from(self.time()));
            let set = vec![(due, Value::Null), (owner, self.value(owner))];
            return Claim { kind: Thing::KIND, index: "by_due", prefix: vec![], up_to, limit, set };
        }
        // Sometimes to whoever has it already, which is refused.
        let (from, to) = (self.value(owner), self.value(owner));
        let up_to = if self.0.bool() { None } else { Some(Value::from(self.time())) };
        Claim { kind: Thing::KIND, index: "by_owner", prefix: vec![from], up_to, limit, set: vec![(owner, to)] }
    }
}
