//! The test server's indexes do not lag: said so, scans and claims are compared with the reference too, answer by answer.

mod support;

use std::env;
use std::process::Command;
use std::sync::Arc;

use aquifer_conformance::{CASES, Database, Harness};
use aquifer_core::{
    Backend, Capabilities, Claim, Committed, Key, Kind, Migration, Page, Pong, Record, Result, Scan, Schema, Stats,
    Transaction, Watch,
};
use aquifer_dynamodb::DynamoBackend;
use async_trait::async_trait;
use support::{Tables, options};

struct Prompt;

struct Data(Tables);

#[derive(Debug)]
struct Strict(DynamoBackend);

#[async_trait]
impl Harness for Prompt {
    fn name(&self) -> &'static str {
        "dynamodb without lag"
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Data(Tables::new(options()))))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(Strict(self.0.open(schema).await?)))
    }
}

#[async_trait]
impl Backend for Strict {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { scans_may_lag: false, ..self.0.capabilities() }
    }

    async fn migrate(&self) -> Result<Migration> {
        self.0.migrate().await
    }

    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        self.0.get(keys).await
    }

    async fn commit(&self, transactions: Vec<Transaction>) -> Vec<Result<Committed>> {
        self.0.commit(transactions).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page> {
        self.0.scan(scan).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        self.0.claim(claim).await
    }

    async fn watch(&self, kind: &'static Kind) -> Result<Watch> {
        self.0.watch(kind).await
    }

    async fn ping(&self) -> Result<Pong> {
        self.0.ping().await
    }

    async fn stats(&self) -> Result<Stats> {
        self.0.stats().await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

/// How many operations each seed gives here: the suite's own run has all of them.
const OPERATIONS: (&str, &str) = ("AQUIFER_MODEL_OPERATIONS", "500");

#[test]
fn random_operations_are_answered_as_the_reference_does() {
    let mut process = Command::new(env::current_exe().expect("this program"));
    process.args(["model", "--exact", "--ignored", "--nocapture"]);
    if env::var_os(OPERATIONS.0).is_none() {
        process.env(OPERATIONS.0, OPERATIONS.1);
    }
    assert!(process.status().expect("it ends").success());
}

#[test]
#[ignore = "started by random_operations_are_answered_as_the_reference_does"]
fn model() -> Result<(), String> {
    for case in CASES.iter().filter(|case| case.theme == "model") {
        aquifer_conformance::run(&Prompt, case)?;
    }
    Ok(())
}
