//! The tables that are made, by whomever, and what is found in them.

mod support;

use std::env;
use std::process::{Command, Stdio};

use aquifer_core::{
    Backend, BackendExt, Condition, Entity, ErrorKind, Migration, Operation, SCHEMA, Scan, Transaction, Value,
};
use aquifer_dynamodb::{DynamoBackend, DynamoOptions, bare_rates};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveStatus,
};
use support::{COUNTERS, Counter, CounterColumn, Tables, client, counter, options};

const PREFIX: &str = "AQUIFER_TEST_DYNAMODB_PREFIX";

fn insert(counter: &Counter) -> Transaction {
    Transaction::new(vec![Operation::Insert(counter.to_record())])
}

fn named(id: &str, name: &str) -> Counter {
    Counter { name: Some(name.to_owned()), ..counter(id) }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_processes_create_at_once() {
    let tables = Tables::new(options());
    let program = env::current_exe().expect("this program");
    let mut processes = Vec::new();
    for _ in 0..10 {
        let mut process = Command::new(&program);
        process.args(["one_of_many_processes", "--exact", "--ignored"]).env(PREFIX, &tables.options.table_prefix);
        processes.push(process.stdout(Stdio::null()).spawn().expect("a process"));
    }
    for mut process in processes {
        assert!(process.wait().expect("it ends").success());
    }
    let backend = tables.open(&SCHEMA).await.expect("it opens");
    let version = SCHEMA.version;
    assert_eq!(backend.migrate().await.expect("it migrates"), Migration { from: version, to: version });
    let stats = backend.stats().await.expect("statistics");
    assert!(stats.records.iter().all(|(kind, count)| *count == if *kind == "workers" { 10 } else { 0 }), "{stats:?}");
}

#[tokio::test]
#[ignore = "started by ten_processes_create_at_once"]
async fn one_of_many_processes() {
    let table_prefix = env::var(PREFIX).expect("the prefix of the tables");
    let backend = DynamoBackend::open(DynamoOptions { table_prefix, ..options() }, &SCHEMA).await.expect("it opens");
    assert_eq!(backend.migrate().await.expect("it migrates").to, SCHEMA.version);
    // At once it can be used.
    let kind = SCHEMA.kind("workers").expect("a kind");
    let now = Value::from(aquifer_core::Timestamp::EPOCH);
    let id = Value::from(format!("wk_{}", std::process::id()));
    let values = vec![id, "host".into(), Value::Null, now.clone(), now, Value::Null];
    let worker = aquifer_core::Record::new(kind, values);
    backend.commit_one(Transaction::new(vec![Operation::Insert(worker)])).await.expect("it commits");
}

#[tokio::test]
async fn tables_have_the_capacity_and_the_expiry_that_are_asked_for() {
    for capacity in [None, Some((7, 9))] {
        let tables = Tables::new(DynamoOptions { capacity, ..options() });
        tables.open(&COUNTERS).await.expect("it opens").migrate().await.expect("it migrates");
        let client = client(&tables.options);
        for name in ["counters", "uniques", "meta"] {
            let name = format!("{}{name}", tables.options.table_prefix);
            let table =
                client.describe_table().table_name(&name).send().await.expect("an answer").table.expect("a table");
            let units = |given: Option<&aws_sdk_dynamodb::types::ProvisionedThroughputDescription>| {
                given.map(|given| (given.read_capacity_units.unwrap_or(0), given.write_capacity_units.unwrap_or(0)))
            };
            let expected = capacity.unwrap_or((0, 0));
            assert_eq!(units(table.provisioned_throughput()).unwrap_or((0, 0)), expected);
            for index in table.global_secondary_indexes() {
                assert_eq!(units(index.provisioned_throughput()).unwrap_or((0, 0)), expected);
            }
            let on_demand = table.billing_mode_summary().and_then(|summary| summary.billing_mode())
                == Some(&BillingMode::PayPerRequest);
            assert_eq!(on_demand, capacity.is_none());
        }
        let name = format!("{}counters", tables.options.table_prefix);
        let expiry = client.describe_time_to_live().table_name(name).send().await.expect("an answer");
        let expiry = expiry.time_to_live_description.expect("a description");
        assert_eq!(
            (expiry.time_to_live_status(), expiry.attribute_name()),
            (Some(&TimeToLiveStatus::Enabled), Some("_ttl"))
        );
    }
}

#[tokio::test]
async fn without_its_tables_a_backend_says_what_to_do() {
    let tables = Tables::new(options());
    let backend = tables.open(&COUNTERS).await.expect("it opens");
    let errors = [
        backend.get_one(counter(1).to_record().key()).await.map(|_| ()),
        backend.commit_one(insert(&counter(1))).await.map(|_| ()),
        backend.commit_one(insert(&named("1", "x"))).await.map(|_| ()),
        backend.scan(&Scan::key(Counter::KIND)).await.map(|_| ()),
        backend.stats().await.map(|_| ()),
    ];
    for error in errors {
        let error = error.expect_err("there is nothing");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("migrate"), "{error}");
    }
}

#[tokio::test]
async fn tables_of_somebody_else_are_left_alone() {
    for taken in ["counters", "uniques", "meta"] {
        let tables = Tables::new(options());
        let client = client(&tables.options);
        let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let create = client
            .create_table()
            .table_name(format!("{}{taken}", tables.options.table_prefix))
            .attribute_definitions(id.build().expect("an attribute"))
            .key_schema(element.build().expect("a key"))
            .billing_mode(BillingMode::PayPerRequest);
        create.send().await.expect("a table");
        let migrated = match tables.open(&COUNTERS).await {
            Ok(backend) => backend.migrate().await,
            Err(error) => Err(error),
        };
        let error = migrated.expect_err("they are not ours");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("table_prefix"), "{error}");
    }
}

#[tokio::test]
async fn a_value_of_a_record_that_expired_by_itself_can_be_taken_again() {
    let tables = Tables::new(options());
    let backend = tables.open(&COUNTERS).await.expect("it opens");
    backend.migrate().await.expect("it migrates");
    backend.commit_one(insert(&named("a", "name"))).await.expect("it commits");
    let taken = backend.commit_one(insert(&named("b", "name"))).await.expect_err("it is taken");
    assert!(taken.is_already_exists(), "{taken:?}");
    // DynamoDB removes what has expired, and knows nothing of guard items.
    let client = client(&tables.options);
    let bytes = |bytes: &[u8]| AttributeValue::B(Blob::new(bytes));
    let removal = client
        .delete_item()
        .table_name(format!("{}counters", tables.options.table_prefix))
        .key("_pk", bytes(b"t\0"))
        .key("_sk", bytes(b"t\0a\0"));
    removal.send().await.expect("it is removed");
    assert!(backend.get_one(counter("a").to_record().key()).await.expect("a read").is_none());
    // Two want it, and one gets it; the other way to take a value is an update.
    backend.commit_one(insert(&counter("c"))).await.expect("it commits");
    let name = vec![(CounterColumn::name as usize, Value::from("name"))];
    let update =
        Operation::Update { key: counter("c").to_record().key(), condition: Condition::Revision(1), set: name };
    let both = vec![insert(&named("b", "name")), Transaction::new(vec![update])];
    let answers = backend.commit(both).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    assert!(
        answers.iter().flat_map(|answer| answer.as_ref().err()).all(|error| error.is_already_exists()),
        "{answers:?}"
    );
    // The first one may come again under another name, and has no claim to the old one.
    backend.commit_one(insert(&named("a", "other"))).await.expect("it commits");
    let listed =
        backend.scan(&Scan::index(Counter::KIND, "by_name").equals("t").equals("name")).await.expect("a listing");
    assert_eq!(listed.records.len(), 1);
}

#[tokio::test]
async fn guard_items_count_towards_the_limit() {
    let tables = Tables::new(options());
    let backend = tables.open(&COUNTERS).await.expect("it opens");
    backend.migrate().await.expect("it migrates");
    let inserts = |count: usize| {
        let records = (0..count).map(|number| named(&number.to_string(), &format!("name {number}")).to_record());
        Transaction::new(records.map(Operation::Insert).collect())
    };
    assert_eq!(backend.capabilities().max_operations, 98);
    let error = backend.commit_one(inserts(51)).await.expect_err("it is too much");
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    assert_eq!(backend.commit_one(inserts(50)).await.expect("it commits").revisions, vec![1; 50]);
}

#[tokio::test]
async fn the_bare_rates_leave_nothing_behind() {
    let options = options();
    let rates = bare_rates(&options, std::time::Duration::from_millis(200)).await.expect("rates");
    assert!(!rates.commits.is_empty() && rates.rows_per_second > 0.0);
    let tables = client(&options).list_tables().exclusive_start_table_name(&options.table_prefix).send().await;
    let names = tables.expect("an answer").table_names.unwrap_or_default();
    assert!(names.iter().all(|name| !name.starts_with(&options.table_prefix)), "{names:?}");
}

#[tokio::test]
async fn a_claim_may_move_a_unique_value() {
    let tables = Tables::new(options());
    let backend = tables.open(&COUNTERS).await.expect("it opens");
    backend.migrate().await.expect("it migrates");
    let due = Counter { due_at: Some(aquifer_core::Timestamp::EPOCH), ..named("a", "old") };
    backend.commit_one(insert(&due)).await.expect("it commits");
    backend.commit_one(insert(&named("b", "taken"))).await.expect("it commits");
    let claim = |name: &str| aquifer_core::Claim {
        kind: Counter::KIND,
        index: "by_due",
        prefix: vec![],
        up_to: None,
        limit: 5,
        set: vec![(CounterColumn::due_at as usize, Value::Null), (CounterColumn::name as usize, Value::from(name))],
    };
    let error = backend.claim(&claim("taken")).await.expect_err("it is taken");
    assert!(error.is_already_exists(), "{error:?}");
    let taken = backend.claim(&claim("new")).await.expect("a claim");
    assert_eq!(taken.len(), 1);
    assert_eq!(backend.get_one(due.to_record().key()).await.expect("a read").as_ref(), taken.first());
    assert!(backend.commit_one(insert(&named("c", "new"))).await.is_err_and(|error| error.is_already_exists()));
    backend.commit_one(insert(&named("c", "old"))).await.expect("the old name is free");
}
