//! What DynamoDB does without Aquifer, through the bare SDK.

use std::time::Duration;

use aquifer_core::{BARE_ROW_BYTES, BareRates, Error, Result};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use futures_util::future::try_join_all;

use crate::calls::Calls;
use crate::client::connect;
use crate::error::Access;
use crate::layout::PARTITION;
use crate::options::DynamoOptions;
use crate::tables::Wanted;
use crate::values::{Item, bytes};

/// The most items of one `BatchWriteItem`.
const BATCH: usize = 25;

/// Measures for about `duration` how fast items are written: one at a time with `PutItem`, many with `BatchWriteItem`. In a table of its
/// own, which is removed afterwards.
///
/// # Errors
/// `Unavailable`; `Unauthorized`; `Invalid` for options that do not work.
pub async fn bare_rates(options: &DynamoOptions, duration: Duration) -> Result<BareRates> {
    let calls = Calls::new(connect(options).await?, options);
    let table = format!("{}bare_{:016x}", options.table_prefix, fastrand::u64(..));
    Wanted::plain(&table, options.capacity).ensure(&calls).await?;
    let measured = BareRates::measure_async(duration, |count| write(&calls, &table, count)).await;
    let removed = calls.call(Access::Write, |client| client.delete_table().table_name(&table).send()).await;
    let rates = measured?;
    removed?;
    Ok(rates)
}

async fn write(calls: &Calls, table: &str, count: usize) -> Result<()> {
    if count == 1 {
        let put = calls.call(Access::Write, |client| client.put_item().table_name(table).set_item(Some(row())).send());
        return Ok(put.await.map(|_| ())?);
    }
    let sizes = (0..count).step_by(BATCH).map(|first| BATCH.min(count - first));
    try_join_all(sizes.map(|size| write_batch(calls, table, size))).await.map(|_| ())
}

async fn write_batch(calls: &Calls, table: &str, size: usize) -> Result<()> {
    let mut requests = Vec::with_capacity(size);
    for _ in 0..size {
        let put = PutRequest::builder().set_item(Some(row())).build();
        let put = put.map_err(|error| Error::corrupt("a row is incomplete").with_source(error))?;
        requests.push(WriteRequest::builder().put_request(put).build());
    }
    while !requests.is_empty() {
        let answer = calls
            .call(Access::Write, |client| client.batch_write_item().request_items(table, requests.clone()).send())
            .await?;
        requests = answer.unprocessed_items.unwrap_or_default().remove(table).unwrap_or_default();
    }
    Ok(())
}

fn row() -> Item {
    let key: [u8; 16] = std::array::from_fn(|_| fastrand::u8(..));
    Item::from([(PARTITION.to_owned(), bytes(&key)), ("data".to_owned(), bytes(&[7; BARE_ROW_BYTES]))])
}
