//! What a cluster needs beside the slots of the homes: which homes have members of an order that spans them, and which home has a value
//! that is unique beyond one. See "On a cluster" in the crate's documentation.

use aquifer_core::{Error, Result, Retry};
use futures_util::future::{join_all, try_join_all};
use redis::Value;

use crate::error::Does;
use crate::layout::{KEYS, Order, orders};
use crate::script::Call;
use crate::shared::Shared;
use crate::values::{array, bytes, odd_reply, text};

/// How often a value is asked for that others reserve at the same time.
const ATTEMPTS: usize = 20;

/// What a script asks for before it does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    what: String,
    text: Vec<u8>,
}

impl Need {
    /// Whether it is a bound in the registry, where a lower one does for a higher one.
    fn is_bound(&self) -> bool {
        self.what.starts_with("home ")
    }

    /// Whether one grant does for both.
    fn is_alike(&self, other: &Self) -> bool {
        self.what == other.what && (self.is_bound() || self.text == other.text)
    }
}

/// What was obtained, as the scripts take it.
#[derive(Debug, Default)]
pub(crate) struct Grants(Vec<(Need, String)>);

impl Grants {
    pub(crate) fn push_to(&self, call: &mut Call) {
        call.number(self.0.len());
        for (need, token) in &self.0 {
            call.arg(&need.what).arg(&need.text).arg(token);
        }
    }

    /// Obtains what is needed; an older grant for the same gives way.
    pub(crate) async fn obtain(&mut self, shared: &Shared, home: &str, needs: Vec<Need>) -> Result<()> {
        let mut distinct: Vec<Need> = Vec::new();
        for need in needs {
            match distinct.iter_mut().find(|known| known.is_alike(&need)) {
                Some(known) if known.is_bound() && need.text < known.text => *known = need,
                Some(_) => {}
                None => distinct.push(need),
            }
        }
        let granted = try_join_all(distinct.into_iter().map(|need| async move {
            let token = shared.grant(home, &need).await?;
            Ok::<_, Error>((need, token))
        }))
        .await?;
        self.0.retain(|(held, _)| granted.iter().all(|(need, _)| !need.is_alike(held)));
        self.0.extend(granted);
        Ok(())
    }
}

/// Reads the needs that follow a script's word.
pub(crate) fn needs(reply: impl Iterator<Item = Value>) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    let mut reply = reply;
    while let Some(what) = reply.next() {
        let text = bytes(reply.next().ok_or_else(odd_reply)?)?.unwrap_or_default();
        needs.push(Need { what: crate::values::text(what)?, text });
    }
    Ok(needs)
}

/// One home in the registry of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// None of the home's members is below it.
    pub(crate) bound: Vec<u8>,
    /// The home, as it stands in names.
    pub(crate) home: String,
}

impl Shared {
    async fn grant(&self, home: &str, need: &Need) -> Result<String> {
        let (what, label) = need.what.trim_end().split_once(' ').ok_or_else(odd_reply)?;
        let order = self.order_called(label)?;
        match what {
            "home" => self.register(home, &order, &need.text).await,
            "guard" => self.reserve(home, &order, &need.text).await,
            _ => Err(odd_reply()),
        }
    }

    fn order_called(&self, label: &str) -> Result<Order> {
        let all = self.schema.kinds.iter().flat_map(|kind| orders(kind));
        let mut found = all.filter(|order| order.label() == label);
        found.next().ok_or_else(odd_reply)
    }

    async fn register(&self, home: &str, order: &Order, bound: &[u8]) -> Result<String> {
        let key = |what| self.layout.registry_key(order, what);
        let mut call = Call { keys: vec![key("homes"), key("bounds"), key("counter")], ..Call::default() };
        call.arg(home).arg(bound);
        let slot = key("homes");
        // A registration that nobody uses does no harm, so its loss is no doubt about the transaction.
        text(self.link.call(&self.scripts.register, &slot, call, Does::Reads).await?)
    }

    async fn reserve(&self, home: &str, order: &Order, value: &[u8]) -> Result<String> {
        let (guards, counter) = (self.layout.registry_key(order, "guards"), self.layout.registry_key(order, "counter"));
        for _ in 0..ATTEMPTS {
            let mut call = Call { keys: vec![guards.clone(), counter.clone()], ..Call::default() };
            call.arg(value).arg(home);
            let reply = array(self.link.call(&self.scripts.reserve, &guards, call, Does::Reads).await?)?;
            let mut reply = reply.into_iter().map(text);
            let token = reply.next().ok_or_else(odd_reply)??;
            let Some(other) = reply.next() else { return Ok(token) };
            let other = other?;
            let key = self.layout.order_key(&other, order);
            let fence = [format!("{key}:floor:").as_bytes(), value].concat();
            // The name of the fence has the value's bytes, which are text and end in a NUL.
            let fence = String::from_utf8(fence).map_err(|_| odd_reply())?;
            let mut call = Call { keys: vec![key, fence], ..Call::default() };
            call.arg(value).arg(&token);
            let holds = text(self.link.call(&self.scripts.fence, &other, call, Does::Reads).await?)?;
            if holds == "1" {
                return Ok(String::from("taken"));
            }
            let mut call = Call { keys: vec![guards.clone(), counter.clone()], ..Call::default() };
            call.arg(value).arg(&token).arg(home);
            if let Some(token) = bytes(self.link.call(&self.scripts.seize, &guards, call, Does::Reads).await?)? {
                return String::from_utf8(token).map_err(|_| odd_reply());
            }
        }
        Err(Error::unavailable("others reserve the same unique value all the time").with_retry(Retry::Transient))
    }

    /// The registry that knows the homes of an order.
    fn registry_of(&self, order: &Order) -> Result<Order> {
        if order.is_promised() {
            return Ok(order.clone());
        }
        orders(order.kind).into_iter().find(|order| order.name == KEYS).ok_or_else(odd_reply)
    }

    /// The homes whose bounds are in a range of members.
    pub(crate) async fn homes(
        &self,
        order: &Order,
        low: &[u8],
        high: &[u8],
        descending: bool,
        most: Option<usize>,
    ) -> Result<Vec<Known>> {
        let key = self.layout.registry_key(&self.registry_of(order)?, "homes");
        let mut command = redis::cmd(if descending { "ZREVRANGEBYLEX" } else { "ZRANGEBYLEX" });
        let (first, second) = if descending { (high, low) } else { (low, high) };
        command.arg(&key).arg(first).arg(second);
        if let Some(most) = most {
            command.arg("LIMIT").arg(0).arg(most);
        }
        let found = array(self.link.one(&key, command, Does::Reads).await?)?;
        let split = |member: Vec<u8>| {
            let end = member.iter().rposition(|byte| *byte == 0)? + 1;
            let home = String::from_utf8(member.get(end..)?.to_vec()).ok()?;
            Some(Known { bound: member.get(..end)?.to_vec(), home })
        };
        found.into_iter().map(|member| split(bytes(member)?.unwrap_or_default()).ok_or_else(odd_reply)).collect()
    }

    /// Brings the registry up to date about homes whose bound is below what they have. Only saves later work: what fails is left.
    pub(crate) async fn settle(&self, order: &Order, homes: &[String]) {
        let Ok(order) = self.registry_of(order) else { return };
        if let Err(error) = self.try_settle(&order, homes).await {
            tracing::debug!(order = order.label(), %error, "the registry keeps a bound that is too low");
        }
    }

    async fn try_settle(&self, order: &Order, homes: &[String]) -> Result<()> {
        if homes.is_empty() {
            return Ok(());
        }
        let key = |what| self.layout.registry_key(order, what);
        let mut command = redis::cmd("HMGET");
        command.arg(key("bounds")).arg(homes);
        let known = array(self.link.one(&key("bounds"), command, Does::Reads).await?)?;
        let settled = homes.iter().zip(known).map(|(home, known)| async move {
            let Some(known) = bytes(known)? else { return Ok(()) };
            let space = known.iter().position(|byte| *byte == b' ').ok_or_else(odd_reply)?;
            let (token, bound) = (known.get(..space).unwrap_or(&[]), known.get(space + 1..).unwrap_or(&[]));
            let name = self.layout.order_key(home, order);
            let mut call = Call { keys: vec![format!("{name}:promise"), name], ..Call::default() };
            call.arg(token).arg(if order.leads_with_home() { bound } else { &[] });
            let lowest = bytes(self.link.call(&self.scripts.settle, home, call, Does::Reads).await?)?;
            if lowest.as_deref() == Some(bound) {
                return Ok(());
            }
            let mut call = Call { keys: vec![key("homes"), key("bounds")], ..Call::default() };
            call.arg(home).arg(token).arg(lowest.unwrap_or_default());
            self.link.call(&self.scripts.renew, &key("homes"), call, Does::Reads).await.map(|_| ())
        });
        join_all(settled).await.into_iter().collect()
    }
}
