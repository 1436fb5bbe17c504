//! Listings: of one partition from the table itself, of a whole unique value from its guard, and everything else from an index.

use std::collections::HashMap;

use aquifer_core::{Page, Record, Result, Scan, check};

use crate::calls::Calls;
use crate::encoding::encode;
use crate::error::Access;
use crate::expression::Names;
use crate::guards::{guard_key, item_key, owner};
use crate::layout::{Layout, Order, PARTITION, SORT, Table};
use crate::merge::{Merge, within};
use crate::range::Range;
use crate::read::{Columns, items, projection, record};
use crate::values::{Item, blob, bytes};

/// Reads one page.
///
/// # Errors
/// As for [`aquifer_core::Backend::scan`].
pub(crate) async fn scan(calls: &Calls, layout: &Layout, scan: &Scan) -> Result<Page> {
    check::scan(scan)?;
    let (number, table) = layout.table(scan.kind)?;
    let listing = Listing {
        calls,
        layout,
        table,
        number,
        order: table.order(scan.index)?,
        scan,
        range: Range::of_scan(scan)?,
        columns: if scan.detail { Columns::All } else { Columns::WithoutDetail },
    };
    if listing.range.is_empty() {
        return Ok(Page { records: Vec::new(), next: None });
    }
    // One more than the page holds tells whether there is more.
    let wanted = scan.limit + 1;
    let mut records = if scan.index.is_none() && scan.prefix.len() >= scan.kind.partition {
        listing.partition(wanted).await?
    } else if let Some(records) = listing.unique().await? {
        records
    } else {
        listing.index(wanted).await?
    };
    let more = records.len() > scan.limit;
    records.truncate(scan.limit);
    let next = records.last().filter(|_| more).map(|last| scan.cursor_after(last)).transpose()?;
    Ok(Page { records, next })
}

struct Listing<'a> {
    calls: &'a Calls,
    layout: &'a Layout,
    table: &'a Table,
    number: usize,
    order: &'a Order,
    scan: &'a Scan,
    range: Range,
    columns: Columns,
}

impl Listing<'_> {
    /// Records of one partition, in the order of the key: one consistent read.
    async fn partition(&self, wanted: usize) -> Result<Vec<Record>> {
        let prefix = self.scan.prefix.get(..self.scan.kind.partition).unwrap_or_default();
        let mut names = Names::default();
        let partition = names.equals(PARTITION, bytes(&encode(prefix)?));
        let condition = within(&mut names, partition, SORT, &self.range);
        let projection = projection(self.table, self.columns, &mut names);
        let mut records = Vec::new();
        let mut start: Option<Item> = None;
        while records.len() < wanted {
            // One more, for an end that the range leaves out.
            let limit = i32::try_from(wanted - records.len() + 1).unwrap_or(i32::MAX);
            let answer = self
                .calls
                .call(Access::Read, |client| {
                    client
                        .query()
                        .table_name(&self.table.name)
                        .key_condition_expression(&condition)
                        .set_projection_expression(projection.clone())
                        .set_expression_attribute_names(names.names())
                        .set_expression_attribute_values(names.values())
                        .consistent_read(true)
                        .scan_index_forward(!self.scan.descending)
                        .limit(limit)
                        .set_exclusive_start_key(start.clone())
                        .send()
                })
                .await?;
            for item in answer.items.unwrap_or_default() {
                if blob(&item, SORT).is_some_and(|sort| self.range.holds(sort)) {
                    records.push(record(self.table, item, self.columns)?);
                }
            }
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        records.truncate(wanted);
        Ok(records)
    }

    /// The record with a whole value of a unique constraint, from its guard, which does not lag; `None` if this asks for something else.
    async fn unique(&self) -> Result<Option<Vec<Record>>> {
        let unique = self.scan.kind.uniques.iter().find(|unique| Some(unique.name) == self.scan.index);
        let Some(unique) = unique.filter(|unique| self.scan.prefix.len() >= unique.columns.len()) else {
            return Ok(None);
        };
        let value = |column: usize| {
            let place = unique.columns.iter().position(|other| *other == column);
            place.and_then(|place| self.scan.prefix.get(place)).unwrap_or(&aquifer_core::Value::Null)
        };
        let Some(guard) = guard_key(self.scan.kind, unique, value)? else { return Ok(None) };
        let answer = self
            .calls
            .call(Access::Read, |client| {
                client
                    .get_item()
                    .table_name(&self.layout.uniques)
                    .set_key(Some(item_key(&guard)))
                    .consistent_read(true)
                    .send()
            })
            .await?;
        let Some(place) = answer.item.as_ref().and_then(|guard| owner(self.number, guard)) else {
            return Ok(Some(Vec::new()));
        };
        let found = items(self.calls, self.layout, &[place], self.columns).await?;
        let in_range = |item: &Item| blob(item, &self.order.attribute).is_some_and(|sort| self.range.holds(sort));
        let records = found.into_values().filter(in_range).map(|item| record(self.table, item, self.columns));
        records.collect::<Result<_>>().map(Some)
    }

    /// Records in the order of an index: its entries, and the records that they name as they are now. One that has moved since is left
    /// out: it is elsewhere in this listing, or nowhere.
    async fn index(&self, wanted: usize) -> Result<Vec<Record>> {
        let mut merge =
            Merge::new(self.calls, (self.number, self.table), self.order, self.range.clone(), self.scan.descending);
        let mut records = Vec::new();
        while records.len() < wanted {
            let entries = merge.next(wanted - records.len()).await?;
            if entries.is_empty() {
                break;
            }
            let places: Vec<_> = entries.iter().map(|entry| entry.place.clone()).collect();
            let mut found: HashMap<_, _> = items(self.calls, self.layout, &places, self.columns).await?;
            for entry in entries {
                let Some(item) = found.remove(&entry.place) else { continue };
                let sort = blob(&item, &self.order.attribute);
                if sort == Some(entry.sort.as_slice()) {
                    records.push(record(self.table, item, self.columns)?);
                }
            }
        }
        Ok(records)
    }
}
