//! Reading: records by their keys, and pages of an order.

use aquifer_core::{Error, Key, Kind, Page, Record, Result, Scan, check};
use futures_util::future::try_join_all;
use redis::Cmd;

use crate::error::Does;
use crate::layout::{Order, home, order};
use crate::order::{Range, member};
use crate::script::Call;
use crate::shared::Shared;
use crate::values::{array, odd_reply, record, text};

/// What a page of one home, or of the only server, holds.
pub(crate) struct Part {
    pub(crate) records: Vec<Record>,
    pub(crate) more: bool,
}

impl Shared {
    pub(crate) async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Record>>> {
        keys.iter().try_for_each(check::key)?;
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            let home = if self.layout.cluster { home(&key.values) } else { String::new() };
            match groups.iter_mut().find(|(known, _)| *known == home) {
                Some((_, places)) => places.push(place),
                None => groups.push((home, vec![place])),
            }
        }
        let read = groups.iter().map(|(home, places)| async move {
            let commands = places.iter().filter_map(|place| keys.get(*place)).map(|key| self.read_command(key));
            self.link.send(home, commands.collect(), Does::Reads).await
        });
        let replies = try_join_all(read).await?;
        let mut answers: Vec<Option<Record>> = keys.iter().map(|_| None).collect();
        for ((_, places), replies) in groups.iter().zip(replies) {
            for (place, reply) in places.iter().zip(replies) {
                let (Some(key), Some(answer)) = (keys.get(*place), answers.get_mut(*place)) else { continue };
                *answer = record(key.kind, self.link.accepted(reply, Does::Reads)?, true)?;
            }
        }
        Ok(answers)
    }

    fn read_command(&self, key: &Key) -> Cmd {
        let mut command = redis::cmd("HMGET");
        command.arg(self.layout.record_key(key)).arg("_revision");
        for column in key.kind.columns {
            command.arg(column.name);
        }
        command
    }

    pub(crate) async fn scan(&self, scan: &Scan) -> Result<Page> {
        check::scan(scan)?;
        let order = order(scan.kind, scan.index)?;
        let range = Range::new(&scan.prefix, &scan.lower, &scan.upper);
        let last = scan.resume_after()?.map(|values| member(&values));
        let range = match &last {
            None => range,
            Some(last) => range.after(last, scan.descending),
        };
        let request =
            Request { order: &order, range, descending: scan.descending, limit: scan.limit, detail: scan.detail };
        let part = if !self.layout.cluster {
            self.part("", &request).await?
        } else if order.leads_with_home() && !scan.prefix.is_empty() {
            self.part(&home(&scan.prefix), &request).await?
        } else if order.leads_with_home() {
            self.along_homes(&request, last.as_deref()).await?
        } else {
            self.across_homes(&request).await?
        };
        let next = match part.records.last() {
            Some(last) if part.more => Some(scan.cursor_after(last)?),
            _ => None,
        };
        Ok(Page { records: part.records, next })
    }

    /// One page of one sorted set, read as one step.
    pub(crate) async fn part(&self, home: &str, request: &Request<'_>) -> Result<Part> {
        let kind: &'static Kind = request.order.kind;
        let mut call = Call::default();
        call.keys.push(self.layout.order_key(home, request.order));
        call.arg(home).number(self.layout.number(kind)?).number(request.order.number);
        call.arg(&request.range.low).arg(&request.range.high).arg(if request.descending { "down" } else { "up" });
        call.number(request.limit).arg(if request.detail { "1" } else { "0" });
        let reply = self.link.call(&self.scripts.scan, home, call, Does::Reads).await?;
        let mut reply = array(reply)?.into_iter();
        let more = text(reply.next().ok_or_else(odd_reply)?)? == "1";
        let mut records = Vec::with_capacity(reply.len());
        for row in reply {
            let lost = || Error::corrupt(format!("{} holds a record that is not there", request.order.label()));
            records.push(record(kind, row, request.detail)?.ok_or_else(lost)?);
        }
        Ok(Part { records, more })
    }
}

/// What is to be read of an order.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    pub(crate) order: &'a Order,
    pub(crate) range: Range,
    pub(crate) descending: bool,
    pub(crate) limit: usize,
    pub(crate) detail: bool,
}

impl Request<'_> {
    /// Where a record stands in the order.
    pub(crate) fn member_of(&self, record: &Record) -> Vec<u8> {
        member(&record.pick(&self.order.columns))
    }
}
