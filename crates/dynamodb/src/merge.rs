//! The entries of an index in order, from all of its shards.

use std::collections::VecDeque;

use aquifer_core::{Error, Result};
use futures_util::future::try_join_all;

use crate::calls::Calls;
use crate::error::Access;
use crate::expression::Names;
use crate::layout::{Order, Place, SHARD, SHARDS, Table};
use crate::range::Range;
use crate::read::place_of;
use crate::values::{Item, blob, bytes, number};

/// One entry of an index.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The record's place in the order.
    pub(crate) sort: Vec<u8>,
    /// Where the record is.
    pub(crate) place: Place,
}

/// Reads an index, shard by shard at once, and hands its entries out in one order.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    calls: &'a Calls,
    table: &'a Table,
    number: usize,
    order: &'a Order,
    range: Range,
    descending: bool,
    shards: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    number: u8,
    read: VecDeque<Entry>,
    next: Option<Item>,
    ended: bool,
}

impl<'a> Merge<'a> {
    /// Begins a listing. `number` is the table's place in the layout.
    pub(crate) fn new(
        calls: &'a Calls,
        (number, table): (usize, &'a Table),
        order: &'a Order,
        range: Range,
        descending: bool,
    ) -> Self {
        let ended = range.is_empty();
        let shards = (0..SHARDS).map(|number| Shard { number, read: VecDeque::new(), next: None, ended }).collect();
        Self { calls, table, number, order, range, descending, shards }
    }

    /// The next entries, about as many as are wanted and at most that many; none at the end.
    ///
    /// # Errors
    /// `Unavailable`; `Invalid` if the tables are missing.
    pub(crate) async fn next(&mut self, wanted: usize) -> Result<Vec<Entry>> {
        let mut entries = Vec::with_capacity(wanted);
        while entries.len() < wanted {
            self.fill(wanted - entries.len()).await?;
            loop {
                // Whether another entry comes before those at hand is not known before its shard is read.
                if self.shards.iter().any(|shard| shard.read.is_empty() && !shard.ended) {
                    break;
                }
                let heads = self.shards.iter_mut().filter(|shard| !shard.read.is_empty());
                let descending = self.descending;
                let first = heads.reduce(|a, b| {
                    let order = a.read.front().map(|entry| &entry.sort).cmp(&b.read.front().map(|entry| &entry.sort));
                    if (order.is_gt() && !descending) || (order.is_lt() && descending) { b } else { a }
                });
                match first.and_then(|shard| shard.read.pop_front()) {
                    Some(entry) => entries.push(entry),
                    None => return Ok(entries),
                }
                if entries.len() == wanted {
                    break;
                }
            }
        }
        Ok(entries)
    }

    /// Reads the shards that have nothing left.
    async fn fill(&mut self, wanted: usize) -> Result<()> {
        // Records are spread evenly, so that few shards have to be read twice for a page.
        let share = wanted.div_ceil(usize::from(SHARDS));
        let limit = share + share / 2 + 1;
        let (calls, table, order, range) = (self.calls, self.table, self.order, &self.range);
        let (number, descending) = (self.number, self.descending);
        let empty = self.shards.iter_mut().filter(|shard| shard.read.is_empty() && !shard.ended);
        let reads = empty.map(|shard| async move {
            let request = Request { table, order, range, descending, limit };
            // A page may hold nothing but what the range leaves out.
            while shard.read.is_empty() && !shard.ended {
                let (items, next) = request.page(calls, shard.number, shard.next.take()).await?;
                shard.ended = next.is_none();
                shard.next = next;
                for item in items {
                    let sort = blob(&item, &order.attribute)
                        .ok_or_else(|| Error::corrupt("an index has an entry without its key"))?;
                    if range.holds(sort) {
                        shard.read.push_back(Entry { sort: sort.into(), place: place_of(number, &item)? });
                    }
                }
            }
            Ok::<(), Error>(())
        });
        try_join_all(reads).await.map(|_| ())
    }
}

struct Request<'a> {
    table: &'a Table,
    order: &'a Order,
    range: &'a Range,
    descending: bool,
    limit: usize,
}

impl Request<'_> {
    async fn page(&self, calls: &Calls, shard: u8, start: Option<Item>) -> Result<(Vec<Item>, Option<Item>)> {
        let mut names = Names::default();
        let shard = names.equals(SHARD, number(shard));
        let condition = within(&mut names, shard, &self.order.attribute, self.range);
        let answer = calls
            .call(Access::Read, |client| {
                client
                    .query()
                    .table_name(&self.table.name)
                    .index_name(self.order.name)
                    .key_condition_expression(&condition)
                    .set_expression_attribute_names(names.names())
                    .set_expression_attribute_values(names.values())
                    .scan_index_forward(!self.descending)
                    .limit(i32::try_from(self.limit).unwrap_or(i32::MAX))
                    .set_exclusive_start_key(start.clone())
                    .send()
            })
            .await?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key.filter(|key| !key.is_empty())))
    }
}

/// A condition on the sort key, beside that on the partition key.
pub(crate) fn within(names: &mut Names, partition: String, attribute: &str, range: &Range) -> String {
    match (&range.low, &range.high) {
        (None, None) => partition,
        (Some(low), None) => format!("{partition} AND {} >= {}", names.name(attribute), names.value(bytes(low))),
        (None, Some(high)) => format!("{partition} AND {} <= {}", names.name(attribute), names.value(bytes(high))),
        (Some(low), Some(high)) => {
            let (name, low, high) = (names.name(attribute), names.value(bytes(low)), names.value(bytes(high)));
            format!("{partition} AND {name} BETWEEN {low} AND {high}")
        }
    }
}
