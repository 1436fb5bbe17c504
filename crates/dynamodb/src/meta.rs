//! The stored version of the schema.

use aquifer_core::{Error, Result, Schema};
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::calls::Calls;
use crate::error::Access;
use crate::expression::Names;
use crate::layout::{Layout, PARTITION};
use crate::values::{Item, bytes, number};

/// The one item of the table.
const KEY: &[u8] = b"schema";
const PRODUCT: &str = "product";
const VERSION: &str = "version";

fn key() -> Item {
    Item::from([(PARTITION.to_owned(), bytes(KEY))])
}

/// The stored version; 0 if nothing is stored.
///
/// # Errors
/// `Invalid` if what is stored is not Aquifer's; `Unavailable`; `Unauthorized`.
pub(crate) async fn version(calls: &Calls, layout: &Layout) -> Result<u32> {
    let answer = calls
        .call(Access::Read, |client| {
            client.get_item().table_name(&layout.meta).set_key(Some(key())).consistent_read(true).send()
        })
        .await;
    let item = match answer {
        Ok(answer) => answer.item,
        Err(failure) if matches!(failure.said, Some(GetItemError::ResourceNotFoundException(_))) => None,
        Err(failure) => return Err(failure.error),
    };
    let Some(item) = item else { return Ok(0) };
    let foreign = || Error::invalid("a table of this name is not Aquifer's: choose another option table_prefix");
    if item.get(PRODUCT).and_then(|product| product.as_s().ok()).map(String::as_str) != Some("aquifer") {
        return Err(foreign());
    }
    let version = item.get(VERSION).and_then(|version| version.as_n().ok()).and_then(|version| version.parse().ok());
    version.ok_or_else(foreign)
}

/// The error of a program that is older than what is stored.
pub(crate) fn newer(stored: u32, schema: &Schema) -> Error {
    let message =
        format!("what is stored has schema version {stored}, this program knows {}: use a newer one", schema.version);
    Error::invalid(message)
}

/// Writes the version, unless a newer one is stored.
///
/// # Errors
/// `Invalid` if a newer one is stored.
pub(crate) async fn write_version(calls: &Calls, layout: &Layout) -> Result<()> {
    let mut item = key();
    item.insert(PRODUCT.to_owned(), AttributeValue::S("aquifer".to_owned()));
    item.insert(VERSION.to_owned(), number(layout.schema.version));
    let mut names = Names::default();
    let none = format!("attribute_not_exists({})", names.name(VERSION));
    let condition = format!("{none} OR {} <= {}", names.name(VERSION), names.value(number(layout.schema.version)));
    let answer = calls
        .call(Access::Write, |client| {
            client
                .put_item()
                .table_name(&layout.meta)
                .set_item(Some(item.clone()))
                .condition_expression(&condition)
                .set_expression_attribute_names(names.names())
                .set_expression_attribute_values(names.values())
                .send()
        })
        .await;
    match answer {
        Ok(_) => Ok(()),
        Err(failure) if matches!(failure.said, Some(PutItemError::ConditionalCheckFailedException(_))) => {
            Err(newer(version(calls, layout).await?, layout.schema))
        }
        Err(failure) => Err(failure.error),
    }
}
