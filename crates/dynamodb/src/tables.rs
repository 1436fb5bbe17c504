//! Creating tables and what belongs to them, whoever else is doing the same.

use std::time::Duration;

use aquifer_core::{Error, Result};
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
    ProvisionedThroughput, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use tokio::time::{Instant, sleep};

use crate::calls::Calls;
use crate::error::Access;
use crate::layout::{EXPIRY, Order, PARTITION, SHARD, SORT, Table};

/// How long a table may take to come about; with many records an index takes long.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The first and the longest pause between two looks at a table.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(5));

/// A table as it is to be.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    /// Whether it has a sort key beside its partition key.
    pub(crate) sorted: bool,
    pub(crate) orders: &'a [Order],
    pub(crate) capacity: Option<(i64, i64)>,
    pub(crate) expires: bool,
}

impl<'a> Wanted<'a> {
    /// The table of a kind.
    pub(crate) fn of_kind(table: &'a Table, capacity: Option<(i64, i64)>) -> Self {
        let expires = table.kind.expiry.is_some();
        Self { name: &table.name, sorted: true, orders: &table.orders, capacity, expires }
    }

    /// A table that is read by key only.
    pub(crate) fn plain(name: &'a str, capacity: Option<(i64, i64)>) -> Self {
        Self { name, sorted: false, orders: &[], capacity, expires: false }
    }

    /// Creates the table if there is none, and waits until it can be used. Leaves missing indexes to [`Wanted::index`].
    ///
    /// # Errors
    /// `Invalid` if a table of this name is not Aquifer's; `Unauthorized` if the rights are missing; `Unavailable`.
    pub(crate) async fn ensure(&self, calls: &Calls) -> Result<()> {
        let mut looks = Looks::new(self.name);
        loop {
            match describe(calls, self.name).await? {
                None => self.create(calls).await?,
                Some(table) => {
                    self.checked(&table)?;
                    if table.table_status == Some(TableStatus::Active) {
                        break;
                    }
                }
            }
            looks.wait().await?;
        }
        if self.expires { self.expire(calls).await } else { Ok(()) }
    }

    /// Creates the indexes that the table lacks, one at a time as DynamoDB wants, and waits until all are filled.
    ///
    /// # Errors
    /// As for [`Wanted::ensure`].
    pub(crate) async fn index(&self, calls: &Calls) -> Result<()> {
        let mut looks = Looks::new(self.name);
        loop {
            let table = describe(calls, self.name).await?.ok_or_else(|| gone(self.name))?;
            let indexes = table.global_secondary_indexes();
            let ready = table.table_status == Some(TableStatus::Active)
                && indexes.iter().all(|index| index.index_status == Some(IndexStatus::Active));
            let missing =
                self.orders.iter().find(|order| !indexes.iter().any(|index| index.index_name() == Some(order.name)));
            match missing {
                None if ready => return Ok(()),
                Some(order) if ready => self.add(calls, order).await?,
                _ => {}
            }
            looks.wait().await?;
        }
    }

    /// Whether a table of this name has the keys that it is to have.
    fn checked(&self, table: &TableDescription) -> Result<()> {
        let keys: Vec<&str> = table.key_schema().iter().map(KeySchemaElement::attribute_name).collect();
        let own: &[&str] = if self.sorted { &[PARTITION, SORT] } else { &[PARTITION] };
        if keys.is_empty() || keys == own {
            return Ok(());
        }
        Err(Error::invalid(format!("the table {} is not Aquifer's: choose another option table_prefix", self.name)))
    }

    async fn create(&self, calls: &Calls) -> Result<()> {
        let mut attributes = vec![attribute(PARTITION, ScalarAttributeType::B)?];
        let mut keys = vec![element(PARTITION, KeyType::Hash)?];
        if self.sorted {
            attributes.push(attribute(SORT, ScalarAttributeType::B)?);
            keys.push(element(SORT, KeyType::Range)?);
        }
        let mut indexes = Vec::with_capacity(self.orders.len());
        if !self.orders.is_empty() {
            attributes.push(attribute(SHARD, ScalarAttributeType::N)?);
        }
        for order in self.orders {
            if order.index.is_some() {
                attributes.push(attribute(&order.attribute, ScalarAttributeType::B)?);
            }
            let index = GlobalSecondaryIndex::builder()
                .index_name(order.name)
                .set_key_schema(Some(index_keys(order)?))
                .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                .set_provisioned_throughput(self.throughput()?);
            indexes.push(index.build().map_err(incomplete)?);
        }
        let throughput = self.throughput()?;
        let billing = if throughput.is_some() { BillingMode::Provisioned } else { BillingMode::PayPerRequest };
        let indexes = Some(indexes).filter(|indexes| !indexes.is_empty());
        let answer = calls
            .call(Access::Write, |client| {
                client
                    .create_table()
                    .table_name(self.name)
                    .set_attribute_definitions(Some(attributes.clone()))
                    .set_key_schema(Some(keys.clone()))
                    .set_global_secondary_indexes(indexes.clone())
                    .billing_mode(billing.clone())
                    .set_provisioned_throughput(throughput.clone())
                    .send()
            })
            .await;
        use aws_sdk_dynamodb::operation::create_table::CreateTableError as Said;
        match answer {
            Ok(_) => Ok(()),
            // Another process was faster, or too many tables are being created: the next look tells.
            Err(failure)
                if matches!(failure.said, Some(Said::ResourceInUseException(_) | Said::LimitExceededException(_))) =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.error),
        }
    }

    async fn add(&self, calls: &Calls, order: &Order) -> Result<()> {
        let create = CreateGlobalSecondaryIndexAction::builder()
            .index_name(order.name)
            .set_key_schema(Some(index_keys(order)?))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .set_provisioned_throughput(self.throughput()?)
            .build()
            .map_err(incomplete)?;
        let update = GlobalSecondaryIndexUpdate::builder().create(create).build();
        let mut attributes = vec![attribute(SHARD, ScalarAttributeType::N)?];
        attributes.push(attribute(&order.attribute, ScalarAttributeType::B)?);
        let answer = calls
            .call(Access::Write, |client| {
                client
                    .update_table()
                    .table_name(self.name)
                    .set_attribute_definitions(Some(attributes.clone()))
                    .global_secondary_index_updates(update.clone())
                    .send()
            })
            .await;
        use aws_sdk_dynamodb::operation::update_table::UpdateTableError as Said;
        let Err(failure) = answer else { return Ok(()) };
        if matches!(failure.said, Some(Said::ResourceInUseException(_) | Said::LimitExceededException(_))) {
            return Ok(());
        }
        // Another process may have created it since it was found missing, which is a refusal without a code of its own.
        let table = describe(calls, self.name).await?;
        let there = table.is_some_and(|table| {
            table.global_secondary_indexes().iter().any(|index| index.index_name() == Some(order.name))
        });
        if there { Ok(()) } else { Err(failure.error) }
    }

    /// Lets DynamoDB remove what has expired.
    async fn expire(&self, calls: &Calls) -> Result<()> {
        if expires(calls, self.name).await? {
            return Ok(());
        }
        let specification =
            TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRY).build().map_err(incomplete)?;
        let answer = calls
            .call(Access::Write, |client| {
                client
                    .update_time_to_live()
                    .table_name(self.name)
                    .time_to_live_specification(specification.clone())
                    .send()
            })
            .await;
        match answer {
            Ok(_) => Ok(()),
            // Another process was faster.
            Err(_) if expires(calls, self.name).await? => Ok(()),
            Err(failure) => Err(failure.error),
        }
    }

    fn throughput(&self) -> Result<Option<ProvisionedThroughput>> {
        let Some((read, write)) = self.capacity else { return Ok(None) };
        let throughput = ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write);
        throughput.build().map(Some).map_err(incomplete)
    }
}

/// What is known of a table; `None` if there is none.
///
/// # Errors
/// `Unauthorized` if the right is missing; `Unavailable`.
pub(crate) async fn describe(calls: &Calls, name: &str) -> Result<Option<TableDescription>> {
    match calls.call(Access::Read, |client| client.describe_table().table_name(name).send()).await {
        Ok(answer) => Ok(answer.table),
        Err(failure) if matches!(failure.said, Some(DescribeTableError::ResourceNotFoundException(_))) => Ok(None),
        Err(failure) => Err(failure.error),
    }
}

async fn expires(calls: &Calls, name: &str) -> Result<bool> {
    let answer = calls.call(Access::Read, |client| client.describe_time_to_live().table_name(name).send()).await?;
    let status = answer.time_to_live_description.and_then(|description| description.time_to_live_status);
    Ok(matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
}

fn index_keys(order: &Order) -> Result<Vec<KeySchemaElement>> {
    Ok(vec![element(SHARD, KeyType::Hash)?, element(&order.attribute, KeyType::Range)?])
}

fn attribute(name: &str, attribute_type: ScalarAttributeType) -> Result<AttributeDefinition> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(attribute_type).build().map_err(incomplete)
}

fn element(name: &str, key_type: KeyType) -> Result<KeySchemaElement> {
    KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().map_err(incomplete)
}

fn incomplete(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::corrupt("the description of a table is incomplete").with_source(error)
}

fn gone(name: &str) -> Error {
    Error::unavailable(format!("the table {name} is gone while it is being migrated"))
}

/// Looks at a table, again and again, less and less often.
struct Looks<'a> {
    name: &'a str,
    pause: Duration,
    until: Instant,
}

impl<'a> Looks<'a> {
    fn new(name: &'a str) -> Self {
        Self { name, pause: LOOKS.0, until: Instant::now() + PATIENCE }
    }

    async fn wait(&mut self) -> Result<()> {
        if Instant::now() > self.until {
            let message = format!("the table {} is not ready after {} minutes", self.name, PATIENCE.as_secs() / 60);
            return Err(Error::unavailable(message));
        }
        sleep(self.pause.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
        self.pause = self.pause.saturating_mul(2).min(LOOKS.1);
        Ok(())
    }
}
