//! Records by their keys and in the order of an index.

use std::ops::Range;

use aquifer_core::{Error, Key, Kind, Page, Record, Result, Scan};
use aquifer_sql::{JsonRows, JsonStatements};

use crate::backend::LibsqlBackend;
use crate::error::of_step;
use crate::hrana::{Access, Argument, Batch, Cell, Failure};
use crate::values::{arguments, record};

/// The most keys in a request.
const KEYS: usize = 10_000;

impl LibsqlBackend {
    /// The records with these keys, as one request unless the reply would be too large.
    pub(crate) async fn records(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        let mut records = vec![None; keys.len()];
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for start in (0..keys.len()).step_by(KEYS) {
            ranges.push(start..keys.len().min(start + KEYS));
        }
        if ranges.is_empty() {
            self.client.check_open()?;
        }
        while let Some(range) = ranges.pop() {
            match self.find(keys.get(range.clone()).unwrap_or_default()).await {
                Ok(found) => {
                    for (place, record) in found {
                        if let Some(slot) = records.get_mut(range.start + place) {
                            *slot = Some(record);
                        }
                    }
                }
                Err(Failure::ReplyTooLarge) if range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    ranges.extend([range.start..middle, middle..range.end]);
                }
                Err(failure) => return Err(failure.into_error()),
            }
        }
        Ok(records)
    }

    /// The records that there are, with the places of their keys.
    async fn find(&self, keys: &[Key]) -> Result<Vec<(usize, Record)>, Failure> {
        let mut asked: Vec<(&'static Kind, JsonRows, Vec<usize>)> = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            self.catalog.of(key.kind)?;
            let known = asked.iter_mut().find(|(kind, ..)| *kind == key.kind);
            if let Some((_, rows, places)) = known {
                rows.push(&key.values, &[]);
                places.push(place);
            } else {
                let mut rows = JsonRows::default();
                rows.push(&key.values, &[]);
                asked.push((key.kind, rows, vec![place]));
            }
        }
        let mut batch = Batch::default();
        let mut steps = Vec::with_capacity(asked.len());
        for (kind, rows, places) in asked {
            let step = batch.push(JsonStatements::of(kind).get(), vec![Argument::text(rows.finish())]);
            steps.push((kind, step, places));
        }
        let mut reply = self.client.run(&batch, Access::Read).await?;
        let mut found = Vec::with_capacity(keys.len());
        for (kind, step, places) in steps {
            if let Some(error) = reply.error(step) {
                return Err(of_step(error, self.client.place_name()).into());
            }
            for row in reply.take_rows(step) {
                let mut row = row.into_iter();
                let number = row.next().as_ref().and_then(Cell::number);
                let place = number.and_then(|number| places.get(usize::try_from(number).ok()?));
                let place = *place.ok_or_else(|| Error::corrupt("a row answers a key that was not asked for"))?;
                found.push((place, record(kind, row)?));
            }
        }
        Ok(found)
    }

    /// One page of a listing, as one request unless the reply would be too large.
    pub(crate) async fn page(&self, scan: &Scan) -> Result<Page> {
        self.catalog.of(scan.kind)?;
        let mut records: Vec<Record> = Vec::new();
        let mut part = scan.clone();
        loop {
            match self.part(&part).await {
                Ok((found, more)) => {
                    records.extend(found);
                    let next = match records.last() {
                        Some(last) if more => Some(scan.cursor_after(last)?),
                        _ => None,
                    };
                    if next.is_none() || records.len() >= scan.limit {
                        return Ok(Page { records, next });
                    }
                    part.cursor = next;
                    part.limit = part.limit.min(scan.limit - records.len());
                }
                Err(Failure::ReplyTooLarge) if part.limit > 1 => part.limit /= 2,
                Err(failure) => return Err(failure.into_error()),
            }
        }
    }

    /// The records of one page as far as its limit goes, and whether more follow.
    async fn part(&self, scan: &Scan) -> Result<(Vec<Record>, bool), Failure> {
        let Some(query) = self.catalog.of(scan.kind)?.scan(scan)? else {
            self.client.check_open()?;
            return Ok((Vec::new(), false));
        };
        let mut batch = Batch::default();
        let step = batch.push(query.text, arguments(&query.values));
        let mut reply = self.client.run(&batch, Access::Read).await?;
        if let Some(error) = reply.error(step) {
            return Err(of_step(error, self.client.place_name()).into());
        }
        let rows = reply.take_rows(step).into_iter();
        let mut records = rows.map(|row| record(scan.kind, row.into_iter())).collect::<Result<Vec<_>>>()?;
        let more = records.len() > scan.limit;
        records.truncate(scan.limit);
        Ok((records, more))
    }
}
