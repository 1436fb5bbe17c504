//! Claims: a call of a script that finds records, changes them and returns them.

use std::ops::Bound;

use aquifer_core::{Claim, Error, Record, Result, Retry, check};
use redis::Value;

use crate::commit::{push_fields, push_unset, taken};
use crate::error::Does;
use crate::layout::{Order, home, order};
use crate::order::Range;
use crate::read::Request;
use crate::registry::{Grants, needs};
use crate::script::Call;
use crate::shared::Shared;
use crate::values::{array, odd_reply, record, text};

/// How often a claim tries again that others were faster at, or that needs something of the cluster's registry.
const ROUNDS: usize = 20;

impl Shared {
    pub(crate) async fn claim(&self, claim: &Claim) -> Result<Vec<Record>> {
        check::claim(claim)?;
        let order = order(claim.kind, Some(claim.index))?;
        let upper = claim.up_to.clone().map_or(Bound::Unbounded, Bound::Included);
        let range = Range::new(&claim.prefix, &Bound::Unbounded, &upper);
        if !self.layout.cluster {
            return self.claim_in("", claim, &order, &range, claim.limit).await;
        }
        if order.leads_with_home() && !claim.prefix.is_empty() {
            return self.claim_in(&home(&claim.prefix), claim, &order, &range, claim.limit).await;
        }
        for _ in 0..ROUNDS {
            let request =
                Request { order: &order, range: range.clone(), descending: false, limit: claim.limit, detail: false };
            let due = if order.leads_with_home() {
                self.along_homes(&request, None).await?.records
            } else {
                self.across_homes(&request).await?.records
            };
            if due.is_empty() {
                return Ok(Vec::new());
            }
            let claimed = self.claim_of(claim, &request, &due).await?;
            if !claimed.is_empty() {
                return Ok(claimed);
            }
            // Others took all of them; those that are due after them are as good.
        }
        Ok(Vec::new())
    }

    /// Claims in each home as many as were seen in it, up to the last that was seen, and answers them in the order of the index.
    async fn claim_of(&self, claim: &Claim, request: &Request<'_>, due: &[Record]) -> Result<Vec<Record>> {
        let mut homes: Vec<(String, usize, Vec<u8>)> = Vec::new();
        for record in due {
            let name = home(&record.key().values);
            let member = request.member_of(record);
            match homes.iter_mut().find(|(known, _, _)| *known == name) {
                Some((_, count, last)) => (*count, *last) = (*count + 1, member),
                None => homes.push((name, 1, member)),
            }
        }
        let mut claimed = Vec::new();
        for (home, count, last) in homes {
            let range = request.range.clone().up_to(&last);
            match self.claim_in(&home, claim, request.order, &range, count).await {
                Ok(records) => claimed.extend(records),
                // What was taken already must not be lost; the rest stays due.
                Err(error) if !claimed.is_empty() && error.retry() != Retry::Unknown => {
                    tracing::debug!(%error, "a part of a claim failed");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let place = |record: &Record| due.iter().position(|seen| seen.key() == record.key()).unwrap_or(usize::MAX);
        claimed.sort_by_cached_key(place);
        Ok(claimed)
    }

    async fn claim_in(
        &self,
        home: &str,
        claim: &Claim,
        order: &Order,
        range: &Range,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let mut grants = Grants::default();
        for _ in 0..ROUNDS {
            let call = self.claim_call(home, claim, order, range, limit, &grants)?;
            let reply = self.link.call(&self.scripts.claim, home, call, Does::Writes).await?;
            let mut reply = array(reply)?.into_iter();
            let word = text(reply.next().ok_or_else(odd_reply)?)?;
            match word.as_str() {
                "done" => {
                    let claimed = reply.map(|row| record(claim.kind, row, true)?.ok_or_else(odd_reply));
                    return claimed.collect();
                }
                "need" => grants.obtain(self, home, needs(reply)?).await?,
                "unique" => {
                    let constraint = text(reply.next().unwrap_or(Value::Nil))?;
                    return Err(taken(&constraint).with_record_kind(claim.kind.name));
                }
                _ => return Err(odd_reply()),
            }
        }
        let message = "others change the same part of the cluster's registry all the time";
        Err(Error::unavailable(message).with_retry(Retry::Transient))
    }

    fn claim_call(
        &self,
        home: &str,
        claim: &Claim,
        order: &Order,
        range: &Range,
        limit: usize,
        grants: &Grants,
    ) -> Result<Call> {
        let mut call = Call::default();
        self.layout.touched(home, claim.kind, &mut call.keys);
        if call.keys.is_empty() {
            call.keys.push(self.layout.order_key(home, order));
        }
        call.arg(home);
        grants.push_to(&mut call);
        call.number(self.layout.number(claim.kind)?).number(order.number);
        call.arg(&range.low).arg(&range.high).number(limit);
        let set = || claim.set.iter().map(|(column, value)| (*column, value));
        push_fields(&mut call, claim.kind, &[], set());
        push_unset(&mut call, claim.kind, set());
        Ok(call)
    }
}
