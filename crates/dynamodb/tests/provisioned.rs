//! With provisioned capacity the contract is the same: what makes tables and writes to all of them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use aquifer_conformance::{CASES, Database, Harness};
use aquifer_core::{Backend, Result, Schema};
use aquifer_dynamodb::DynamoOptions;
use async_trait::async_trait;
use support::{Tables, options};

struct Provisioned;

struct Data(Tables);

#[async_trait]
impl Harness for Provisioned {
    fn name(&self) -> &'static str {
        "dynamodb with provisioned capacity"
    }

    async fn database(&self) -> Result<Box<dyn Database>> {
        Ok(Box::new(Data(Tables::new(DynamoOptions { capacity: Some((50, 50)), ..options() }))))
    }
}

#[async_trait]
impl Database for Data {
    async fn open(&self, schema: &'static Schema) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(self.0.open(schema).await?))
    }
}

fn all_of(theme: &str) {
    let cases: Vec<_> = CASES.iter().filter(|case| case.theme == theme).collect();
    assert!(!cases.is_empty(), "the suite has a theme {theme}");
    for case in cases {
        aquifer_conformance::run(&Provisioned, case).expect(case.name);
    }
}

#[test]
fn migration() {
    all_of("migration");
}

#[test]
fn records() {
    all_of("records");
}

#[test]
fn uniques() {
    all_of("uniques");
}

#[test]
fn claims() {
    all_of("claims");
}

#[test]
fn paging() {
    all_of("paging");
}

#[test]
fn limits() {
    all_of("limits");
}
