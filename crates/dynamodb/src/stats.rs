//! Counting what is stored.

use aquifer_core::{Result, Stats};
use aws_sdk_dynamodb::types::Select;
use futures_util::future::try_join_all;

use crate::calls::Calls;
use crate::error::Access;
use crate::layout::{Layout, SHARDS, Table};
use crate::tables::describe;
use crate::values::Item;

/// Counts the records of every kind by reading all of them: DynamoDB's own counts are hours old.
///
/// # Errors
/// `Unavailable`; `Invalid` if the tables are missing.
pub(crate) async fn stats(calls: &Calls, layout: &Layout) -> Result<Stats> {
    let counted = try_join_all(layout.tables.iter().map(|table| count(calls, table))).await?;
    let sizes = try_join_all(layout.tables.iter().map(|table| describe(calls, &table.name))).await?;
    let bytes = sizes.iter().flatten().filter_map(|table| table.table_size_bytes).sum::<i64>();
    let first = layout.tables.first().map(|table| table.name.clone()).unwrap_or_default();
    Ok(Stats {
        records: layout.tables.iter().map(|table| table.kind.name).zip(counted).collect(),
        bytes: u64::try_from(bytes).ok(),
        facts: vec![
            ("endpoint", calls.place().to_owned()),
            ("tables", format!("{first} and {} more", layout.tables.len() + 1)),
            ("shards of an index", SHARDS.to_string()),
        ],
    })
}

async fn count(calls: &Calls, table: &Table) -> Result<u64> {
    let mut count = 0;
    let mut start: Option<Item> = None;
    loop {
        let answer = calls
            .call(Access::Read, |client| {
                client
                    .scan()
                    .table_name(&table.name)
                    .select(Select::Count)
                    .consistent_read(true)
                    .set_exclusive_start_key(start.clone())
                    .send()
            })
            .await?;
        count += u64::try_from(answer.count).unwrap_or(0);
        start = answer.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            return Ok(count);
        }
    }
}
