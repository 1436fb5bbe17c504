//! Creating and upgrading what is stored.

use aquifer_core::{Error, Kind, Migration, Result, Value};
use futures_util::future::try_join_all;

use crate::calls::Calls;
use crate::error::Access;
use crate::expression::Names;
use crate::guards::{first_take, guard_key};
use crate::layout::{Layout, Order, Table};
use crate::meta;
use crate::plan::version;
use crate::read::place_of;
use crate::statement::{Alone, Statement, Write};
use crate::tables::Wanted;
use crate::values::{self, Item, blob, bytes};

/// How many records are brought up to date at once.
const AT_ONCE: usize = 25;

/// Creates what the schema declares, or adds what it has gained; the version is written last.
///
/// # Errors
/// As for [`aquifer_core::Backend::migrate`].
pub(crate) async fn migrate(calls: &Calls, layout: &Layout, capacity: Option<(i64, i64)>) -> Result<Migration> {
    let to = layout.schema.version;
    let from = meta::version(calls, layout).await?;
    if from > to {
        return Err(meta::newer(from, layout.schema));
    }
    if from < to {
        let plain = [&layout.meta, &layout.uniques].map(|name| Wanted::plain(name, capacity));
        let kinds = layout.tables.iter().map(|table| Wanted::of_kind(table, capacity));
        try_join_all(plain.iter().map(|table| table.ensure(calls))).await?;
        try_join_all(kinds.map(|wanted| async move { wanted.ensure(calls).await })).await?;
        if from > 0 {
            for table in layout.tables.iter().filter(|table| table.kind.since <= from) {
                fill(calls, layout, table, from).await?;
            }
        }
        try_join_all(
            layout.tables.iter().map(|table| async move { Wanted::of_kind(table, capacity).index(calls).await }),
        )
        .await?;
        meta::write_version(calls, layout).await?;
    }
    Ok(Migration { from, to })
}

/// Gives the records of a kind their places in indexes that came after version `from`, and their values of new constraints.
async fn fill(calls: &Calls, layout: &Layout, table: &Table, from: u32) -> Result<()> {
    let new: Vec<&Order> =
        table.declared().filter(|order| order.index.is_some_and(|index| index.since > from)).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut start: Option<Item> = None;
    loop {
        let answer = calls
            .call(Access::Read, |client| {
                client
                    .scan()
                    .table_name(&table.name)
                    .consistent_read(true)
                    .set_exclusive_start_key(start.clone())
                    .send()
            })
            .await?;
        for items in answer.items.unwrap_or_default().chunks(AT_ONCE) {
            try_join_all(items.iter().map(|item| fill_one(calls, layout, table, &new, item.clone()))).await?;
        }
        start = answer.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            return Ok(());
        }
    }
}

/// Brings one record up to date. Whoever writes it meanwhile with the new schema does the same.
async fn fill_one(calls: &Calls, layout: &Layout, table: &Table, new: &[&Order], mut item: Item) -> Result<()> {
    loop {
        let (number, _) = layout.table(table.kind)?;
        let place = place_of(number, &item)?;
        let trace = values::trace(table, &item)?;
        let record = values::record(table, item.clone())?;
        let value = |column: usize| record.values.get(column).unwrap_or(&Value::Null);
        let mut names = Names::default();
        let mut sets = Vec::new();
        for order in new {
            if let Some(sort) = order.sort_key(value)?
                && blob(&item, &order.attribute) != Some(&sort)
            {
                sets.push(names.equals(&order.attribute, bytes(&sort)));
            }
            if let Some(index) = order.index
                && is_unique(table.kind, index.name)
                && let Some(guard) = guard_key(table.kind, index, value)?
            {
                let take = first_take(layout, &guard, &place, trace.transaction);
                if let Alone::Refused(Some(taken)) = take.alone(calls).await?
                    && crate::guards::owner(number, &taken).as_ref() != Some(&place)
                {
                    let message = format!("two records have the same value of the new constraint {}", index.name);
                    return Err(Error::invalid(message).with_key(table.kind.name, record.key().to_string()));
                }
            }
        }
        if sets.is_empty() {
            return Ok(());
        }
        let condition = version(&mut names, trace);
        let write = Write::Update(values::key(&place), format!("SET {}", sets.join(", ")));
        let statement = Statement { table: table.name.clone(), write, condition, names };
        match statement.alone(calls).await? {
            Alone::Refused(Some(now)) => item = now,
            Alone::Applied | Alone::Refused(None) => return Ok(()),
        }
    }
}

fn is_unique(kind: &Kind, name: &str) -> bool {
    kind.uniques.iter().any(|unique| unique.name == name)
}
