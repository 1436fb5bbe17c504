//! Pages of an order that several homes of a cluster have a part of.

use aquifer_core::{Record, Result};
use futures_util::future::try_join_all;

use crate::read::{Part, Request};
use crate::registry::Known;
use crate::shared::Shared;

/// How many homes are read at the same time.
const WIDTH: usize = 16;

/// The most homes that one page brings up to date in the registry.
const MOST_SETTLED: usize = 64;

impl Shared {
    /// A page of an order that has one home after the other: homes are read in their order until the page is full.
    pub(crate) async fn along_homes(&self, request: &Request<'_>, last: Option<&[u8]>) -> Result<Part> {
        let (mut low, mut high) = (request.range.low.clone(), request.range.high.clone());
        if let Some(last) = last {
            // The registry knows a home by the beginning of its members.
            let end = last.iter().position(|byte| *byte == 0).map_or(last.len(), |end| end + 1);
            let begin = last.get(..end).unwrap_or(last);
            if request.descending {
                high = [b"(", begin, &[0xff]].concat();
            } else {
                low = [b"[", begin].concat();
            }
        }
        let mut part = Part { records: Vec::new(), more: false };
        loop {
            let homes = self.homes(request.order, &low, &high, request.descending, Some(WIDTH)).await?;
            // With a full page it is only asked whether there is more.
            let limit = (request.limit - part.records.len()).max(1);
            let open = Request { limit, ..request.clone() };
            let read = try_join_all(homes.iter().map(|known| self.part(&known.home, &open))).await?;
            for home in read {
                let room = request.limit - part.records.len();
                part.more = home.records.len() > room || (home.more && home.records.len() == room);
                part.records.extend(home.records.into_iter().take(room));
                if part.more {
                    return Ok(part);
                }
            }
            let Some(Known { bound, home }) = homes.last().filter(|_| homes.len() == WIDTH) else { return Ok(part) };
            let seen = [b"(", bound.as_slice(), home.as_bytes()].concat();
            if request.descending {
                high = seen;
            } else {
                low = seen;
            }
        }
    }

    /// A page of an order that mixes homes: those whose bound is in reach are read and merged, lowest bound first.
    pub(crate) async fn across_homes(&self, request: &Request<'_>) -> Result<Part> {
        // Taken as one step, since a home whose bound goes down meanwhile would else be passed over.
        let homes = self.homes(request.order, b"-", &request.range.high, false, None).await?;
        let mut merged: Vec<(Vec<u8>, Record)> = Vec::new();
        let mut more = false;
        let mut stale = Vec::new();
        for homes in homes.chunks(WIDTH) {
            let full = merged.len() >= request.limit;
            let reached = |known: &Known| {
                // In a full page nothing changes by a home that begins after its end. Descending, every home may have the greatest.
                let end = merged.last().map(|(member, _)| member);
                request.descending || !full || end.is_none_or(|end| known.bound <= *end)
            };
            let reached = homes.first().is_some_and(reached);
            if more && !reached {
                break;
            }
            // Beyond the end of a full page it is only asked whether there is more.
            let limit = if reached { request.limit } else { 1 };
            let open = Request { limit, ..request.clone() };
            let read = try_join_all(homes.iter().map(|known| self.part(&known.home, &open))).await?;
            for (known, part) in homes.iter().zip(read) {
                more |= part.more;
                let inside = known.bound.as_slice() >= request.range.low.get(1..).unwrap_or(&[]);
                if part.records.is_empty() && inside && stale.len() < MOST_SETTLED {
                    stale.push(known.home.clone());
                }
                merged.extend(part.records.into_iter().map(|record| (request.member_of(&record), record)));
            }
            merged.sort_unstable_by(|(a, _), (b, _)| if request.descending { b.cmp(a) } else { a.cmp(b) });
            more |= merged.len() > request.limit;
            merged.truncate(request.limit);
        }
        self.settle(request.order, &stale).await;
        Ok(Part { records: merged.into_iter().map(|(_, record)| record).collect(), more })
    }
}
