//! Which tables, attributes and indexes a schema has in DynamoDB.

use std::collections::HashMap;

use aquifer_core::{ColumnType, Error, Index, Key, Kind, Result, SHORT_TEXT_BYTES, Schema, Value};
use sha2::{Digest, Sha256};

use crate::encoding::{MAX_PARTITION_BYTES, MAX_SORT_BYTES, encode};
use crate::options::DynamoOptions;

/// The partition key: the columns of the record's partition.
pub(crate) const PARTITION: &str = "_pk";
/// The sort key: all columns of the record's key.
pub(crate) const SORT: &str = "_sk";
/// The partition key of every index: which of the shards the record is in.
pub(crate) const SHARD: &str = "_shard";
/// The record's revision.
pub(crate) const REVISION: &str = "_rev";
/// The id of the transaction that wrote the record last.
pub(crate) const TRANSACTION: &str = "_txn";
/// When DynamoDB may remove the record, in seconds since 1970.
pub(crate) const EXPIRY: &str = "_ttl";
/// Names the claim that took the record last.
pub(crate) const CLAIM: &str = "_claim";

/// The index in the order of the key.
pub(crate) const KEY_ORDER: &str = "in_key_order";

/// Over how many partitions each index is spread; part of what is stored, so that it never changes.
///
/// A partition of DynamoDB takes 1,000 writes a second, and an index whose entries are written in the order of time sends them all to
/// one. With eight of them a kind changes 8,000 entries of an index a second, and a page costs eight small reads at once.
pub(crate) const SHARDS: u8 = 8;

/// The most secondary indexes that DynamoDB allows on one table.
const MAX_INDEXES: usize = 20;

/// Everything of one schema.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) schema: &'static Schema,
    /// Those of the kinds, in the order of the schema.
    pub(crate) tables: Vec<Table>,
    /// The table that holds the schema's version.
    pub(crate) meta: String,
    /// The table that holds the values of unique constraints.
    pub(crate) uniques: String,
    places: HashMap<&'static str, usize>,
}

/// The table of one kind.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) kind: &'static Kind,
    pub(crate) name: String,
    /// The orders in which it can be listed: that of the key first.
    pub(crate) orders: Vec<Order>,
    /// The columns beside those of the key that stand in an index or a unique constraint.
    pub(crate) watched: Vec<usize>,
}

/// One order in which a kind can be listed.
#[derive(Debug)]
pub(crate) struct Order {
    /// The declared index; `None` for the key.
    pub(crate) index: Option<&'static Index>,
    /// The name of the secondary index.
    pub(crate) name: &'static str,
    /// The attribute with the place of the record in this order.
    pub(crate) attribute: String,
    /// The columns that make the place.
    pub(crate) columns: Vec<usize>,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The table's place in [`Layout::tables`].
    pub(crate) table: usize,
    pub(crate) partition: Vec<u8>,
    pub(crate) sort: Vec<u8>,
}

impl Layout {
    /// # Errors
    /// `Invalid` for a schema whose keys or indexes DynamoDB cannot hold.
    pub(crate) fn new(options: &DynamoOptions, schema: &'static Schema) -> Result<Self> {
        let prefix = &options.table_prefix;
        let tables = schema.kinds.iter().map(|kind| Table::new(prefix, kind)).collect::<Result<Vec<_>>>()?;
        let places = tables.iter().enumerate().map(|(place, table)| (table.kind.name, place)).collect();
        Ok(Self { schema, tables, places, meta: format!("{prefix}meta"), uniques: format!("{prefix}uniques") })
    }

    /// The place of a kind's table in [`Layout::tables`], and the table.
    ///
    /// # Errors
    /// `Invalid` for a kind of another schema.
    pub(crate) fn table(&self, kind: &Kind) -> Result<(usize, &Table)> {
        let place = self.places.get(kind.name).copied();
        place
            .and_then(|place| self.tables.get(place).map(|table| (place, table)))
            .ok_or_else(|| Error::invalid(format!("the schema has no kind {kind}")))
    }

    /// Where the record with a key is.
    ///
    /// # Errors
    /// `Invalid` for a kind of another schema.
    pub(crate) fn place(&self, key: &Key) -> Result<Place> {
        let (table, _) = self.table(key.kind)?;
        Ok(Place { table, partition: encode(key.partition())?, sort: encode(&key.values)? })
    }

    /// The table at a place; there is one for each [`Place::table`].
    ///
    /// # Errors
    /// `Corrupt` if the place is of another schema.
    pub(crate) fn at(&self, place: &Place) -> Result<&Table> {
        self.tables.get(place.table).ok_or_else(|| Error::corrupt("a place names no table"))
    }
}

impl Table {
    fn new(prefix: &str, kind: &'static Kind) -> Result<Self> {
        let key = Order { index: None, name: KEY_ORDER, attribute: SORT.to_owned(), columns: kind.order(None) };
        let declared = kind.indexes.iter().chain(kind.uniques).map(|index| Order {
            index: Some(index),
            name: index.name,
            attribute: format!("_{}", index.name),
            columns: kind.order(Some(index)),
        });
        let orders: Vec<Order> = [key].into_iter().chain(declared).collect();
        if orders.len() > MAX_INDEXES {
            let message =
                format!("{kind} has more indexes than the {MAX_INDEXES} that DynamoDB takes, the key's included");
            return Err(Error::invalid(message));
        }
        if let Some(order) = orders.iter().find(|order| longest(kind, &order.columns) > MAX_SORT_BYTES) {
            let message = format!("the columns of {} make more than {MAX_SORT_BYTES} bytes", order.name);
            return Err(Error::invalid(message).with_record_kind(kind.name));
        }
        let partition = kind.key.get(..kind.partition).unwrap_or(kind.key);
        if longest(kind, partition) > MAX_PARTITION_BYTES {
            let message = format!("the columns of the partition make more than {MAX_PARTITION_BYTES} bytes");
            return Err(Error::invalid(message).with_record_kind(kind.name));
        }
        let mut watched: Vec<usize> =
            kind.indexes.iter().chain(kind.uniques).flat_map(|index| index.columns.iter().copied()).collect();
        watched.retain(|column| !kind.key.contains(column));
        watched.sort_unstable();
        watched.dedup();
        Ok(Self { kind, name: format!("{prefix}{}", kind.name), orders, watched })
    }

    /// The order of an index, or of the key.
    ///
    /// # Errors
    /// `Invalid` if there is none of that name.
    pub(crate) fn order(&self, index: Option<&str>) -> Result<&Order> {
        let name = index.unwrap_or(KEY_ORDER);
        self.orders
            .iter()
            .find(|order| order.name == name && order.index.is_some() == index.is_some())
            .ok_or_else(|| Error::invalid(format!("{} has no index {name:?}", self.kind)))
    }

    /// The declared orders, without the key's.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| order.index.is_some())
    }
}

impl Order {
    /// The place of a record in this order; `None` if it is not in it, because a column is null.
    ///
    /// # Errors
    /// `Corrupt` for values that cannot stand in an index.
    pub(crate) fn sort_key<'a>(&self, value: impl Fn(usize) -> &'a Value) -> Result<Option<Vec<u8>>> {
        if self.columns.iter().any(|column| value(*column).is_null()) {
            return Ok(None);
        }
        encode(self.columns.iter().map(|column| value(*column))).map(Some)
    }
}

/// Which shard of every index a record is in: always the same, and evenly spread.
pub(crate) fn shard(sort: &[u8]) -> u8 {
    Sha256::digest(sort).first().copied().unwrap_or_default() % SHARDS
}

/// The most bytes that a list of columns makes.
fn longest(kind: &Kind, columns: &[usize]) -> usize {
    let bytes = |column: &usize| match kind.columns.get(*column).map(|declared| declared.column_type) {
        Some(ColumnType::Text) | None => SHORT_TEXT_BYTES + 1,
        Some(ColumnType::Boolean) => 1,
        Some(_) => 8,
    };
    columns.iter().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use aquifer_core::SCHEMA;

    use super::*;

    #[test]
    fn every_kind_and_index_of_the_schema_fits() {
        let options = DynamoOptions { table_prefix: "flowrunner_".to_owned(), ..DynamoOptions::default() };
        let layout = Layout::new(&options, &SCHEMA).unwrap();
        assert_eq!(layout.tables.len(), SCHEMA.kinds.len());
        let (_, executions) = layout.table(SCHEMA.kind("executions").unwrap()).unwrap();
        assert_eq!(executions.name, "flowrunner_executions");
        assert_eq!(executions.order(Some("by_due")).unwrap().attribute, "_by_due");
        assert_eq!(executions.order(None).unwrap().attribute, SORT);
        assert!(executions.order(Some(KEY_ORDER)).is_err());
        // DynamoDB wants three characters, and attributes of our own must not be taken for columns.
        for table in &layout.tables {
            assert!(table.orders.iter().all(|order| order.name.len() >= 3));
            assert!(table.kind.columns.iter().all(|column| !column.name.starts_with('_')));
        }
    }

    #[test]
    fn records_of_one_partition_are_spread_over_all_shards() {
        let mut counts = [0; SHARDS as usize];
        for number in 0..8_000 {
            let sort = encode(&["tn_one".into(), Value::from(number)]).unwrap();
            counts[usize::from(shard(&sort))] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        // It is part of what is stored.
        assert_eq!((shard(b"a"), shard(b"b"), shard(b"")), (2, 6, 3));
    }
}
