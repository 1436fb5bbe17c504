//! One conditional write, on its own or as a part of a transaction.

use aquifer_core::{Error, Result};
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
};

use crate::calls::{Calls, Failure};
use crate::error::Access;
use crate::expression::Names;
use crate::values::Item;

/// What a statement does to its item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// Stores it.
    Put(Item),
    /// Changes the item with this key as the expression says.
    Update(Item, String),
    /// Removes the item with this key.
    Delete(Item),
    /// Looks at the item with this key.
    Check(Item),
}

/// One write with its condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) table: String,
    pub(crate) write: Write,
    pub(crate) condition: String,
    pub(crate) names: Names,
}

/// What became of a statement on its own.
#[derive(Debug)]
pub(crate) enum Alone {
    /// It was applied.
    Applied,
    /// Its condition does not hold of the item, or there is none.
    Refused(Option<Item>),
}

impl Statement {
    /// The statement as a part of a transaction.
    ///
    /// # Errors
    /// `Corrupt` if the SDK does not take it.
    pub(crate) fn part(&self) -> Result<TransactWriteItem> {
        let item = TransactWriteItem::builder();
        let (names, values) = (self.names.names(), self.names.values());
        let built = match &self.write {
            Write::Put(new) => Put::builder()
                .table_name(&self.table)
                .set_item(Some(new.clone()))
                .condition_expression(&self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|put| item.put(put)),
            Write::Update(key, update) => Update::builder()
                .table_name(&self.table)
                .set_key(Some(key.clone()))
                .update_expression(update)
                .condition_expression(&self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|update| item.update(update)),
            Write::Delete(key) => Delete::builder()
                .table_name(&self.table)
                .set_key(Some(key.clone()))
                .condition_expression(&self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|delete| item.delete(delete)),
            Write::Check(key) => ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(key.clone()))
                .condition_expression(&self.condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|check| item.condition_check(check)),
        };
        built
            .map(aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder::build)
            .map_err(|error| Error::corrupt("a statement is incomplete").with_source(error))
    }

    /// Whether it can stand on its own, which costs half of a transaction.
    pub(crate) fn stands_alone(&self) -> bool {
        !matches!(self.write, Write::Check(_))
    }

    /// Applies it on its own.
    ///
    /// # Errors
    /// `Unavailable`, unknown if the reply was lost.
    pub(crate) async fn alone(&self, calls: &Calls) -> Result<Alone> {
        match &self.write {
            Write::Put(new) => {
                let answer = calls.call(Access::Write, |client| {
                    client
                        .put_item()
                        .table_name(&self.table)
                        .set_item(Some(new.clone()))
                        .condition_expression(&self.condition)
                        .set_expression_attribute_names(self.names.names())
                        .set_expression_attribute_values(self.names.values())
                        .return_values_on_condition_check_failure(OnFailure::AllOld)
                        .send()
                });
                use aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException as Failed;
                judged(answer.await, |said| match said {
                    Failed(failed) => Some(failed.item),
                    _ => None,
                })
            }
            Write::Update(key, update) => {
                let answer = calls.call(Access::Write, |client| {
                    client
                        .update_item()
                        .table_name(&self.table)
                        .set_key(Some(key.clone()))
                        .update_expression(update)
                        .condition_expression(&self.condition)
                        .set_expression_attribute_names(self.names.names())
                        .set_expression_attribute_values(self.names.values())
                        .return_values_on_condition_check_failure(OnFailure::AllOld)
                        .send()
                });
                use aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException as Failed;
                judged(answer.await, |said| match said {
                    Failed(failed) => Some(failed.item),
                    _ => None,
                })
            }
            Write::Delete(key) => {
                let answer = calls.call(Access::Write, |client| {
                    client
                        .delete_item()
                        .table_name(&self.table)
                        .set_key(Some(key.clone()))
                        .condition_expression(&self.condition)
                        .set_expression_attribute_names(self.names.names())
                        .set_expression_attribute_values(self.names.values())
                        .return_values_on_condition_check_failure(OnFailure::AllOld)
                        .send()
                });
                use aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException as Failed;
                judged(answer.await, |said| match said {
                    Failed(failed) => Some(failed.item),
                    _ => None,
                })
            }
            Write::Check(_) => Err(Error::corrupt("a check stands in a transaction only")),
        }
    }
}

/// Tells a condition that does not hold from everything else that may have gone wrong.
fn judged<T, E>(answer: Result<T, Failure<E>>, old: impl Fn(E) -> Option<Option<Item>>) -> Result<Alone> {
    let failure = match answer {
        Ok(_) => return Ok(Alone::Applied),
        Err(failure) => failure,
    };
    match failure.said.and_then(old) {
        Some(item) => Ok(Alone::Refused(item.filter(|item| !item.is_empty()))),
        None => Err(failure.error),
    }
}
