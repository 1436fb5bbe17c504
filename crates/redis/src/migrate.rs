//! Creating what the schema declares: little more than its version, since keys come into being with the records.

use aquifer_core::{Error, Key, Kind, Migration, Record, Result, Scan};
use redis::Value;

use crate::commit::taken;
use crate::error::Does;
use crate::layout::orders;
use crate::registry::{Grants, needs};
use crate::script::Call;
use crate::shared::Shared;
use crate::values::{array, odd_reply, text};

/// How many records are put into new indexes at once.
const BATCH: usize = 200;

/// How often a batch asks for what it needs on a cluster.
const ROUNDS: usize = 20;

impl Shared {
    /// The stored version of the schema; 0 if nothing is stored.
    ///
    /// # Errors
    /// `Invalid` if what is stored is not Aquifer's, or was laid out for the other form of server.
    pub(crate) async fn stored_version(&self) -> Result<u32> {
        let key = self.layout.schema_key();
        let foreign = || {
            Error::invalid(format!(
                "the key {key} is there and not Aquifer's: choose another name with the option prefix"
            ))
        };
        let mut command = redis::cmd("HGETALL");
        command.arg(&key);
        let reply = match self.link.one(&key, command, Does::Reads).await {
            Err(error) if error.kind() == aquifer_core::ErrorKind::Corrupt => return Err(foreign()),
            reply => reply?,
        };
        let mut fields = match reply {
            Value::Map(pairs) => pairs.into_iter().flat_map(|(name, value)| [name, value]).collect(),
            other => array(other)?,
        }
        .into_iter();
        let (mut version, mut layout, mut empty) = (None, None, true);
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            empty = false;
            match text(name)?.as_str() {
                "version" => version = Some(text(value)?.parse().map_err(|_| foreign())?),
                "layout" => layout = Some(text(value)?),
                _ => {}
            }
        }
        match (version, layout) {
            (None, None) if empty => Ok(0),
            (Some(version), Some(layout)) if layout == self.form() => Ok(version),
            (Some(_), Some(layout)) => Err(Error::invalid(format!(
                "what is stored was laid out for a {layout}, not for a {}: copy it with an export and an import",
                self.form()
            ))),
            _ => Err(foreign()),
        }
    }

    fn form(&self) -> &'static str {
        if self.layout.cluster { "cluster" } else { "single server" }
    }

    pub(crate) async fn migrate(&self) -> Result<Migration> {
        let (from, to) = (self.stored_version().await?, self.schema.version);
        let newer = |stored: u32| {
            Error::invalid(format!(
                "what is stored has version {stored} of the schema, newer than this program's {to}: use a newer program"
            ))
        };
        if from > to {
            return Err(newer(from));
        }
        if from > 0 && from < to {
            for kind in self.schema.kinds {
                self.fill_indexes(kind, from).await?;
            }
        }
        let key = self.layout.schema_key();
        let mut call = Call { keys: vec![key.clone()], ..Call::default() };
        call.arg(to.to_string()).arg(self.form());
        let now = text(self.link.call(&self.scripts.version, &key, call, Does::Writes).await?)?;
        match now.parse::<u32>() {
            Ok(now) if now > to => Err(newer(now)),
            Ok(_) => Ok(Migration { from, to }),
            Err(_) => Err(odd_reply()),
        }
    }

    /// Puts the records of a kind into the indexes that came after a version. Doing it twice, or twice at once, changes nothing.
    async fn fill_indexes(&self, kind: &'static Kind, from: u32) -> Result<()> {
        let new: Vec<usize> = orders(kind)
            .into_iter()
            .filter(|order| order.since > from && kind.since <= from)
            .map(|order| order.number)
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut scan = Scan::key(kind).limit(BATCH);
        loop {
            let page = self.scan(&scan).await?;
            let keys: Vec<_> = page.records.iter().map(Record::key).collect();
            for keys in keys.chunk_by(|a, b| !self.layout.cluster || a.values.first() == b.values.first()) {
                self.fill(kind, keys, &new).await?;
            }
            match page.next {
                None => return Ok(()),
                next => scan.cursor = next,
            }
        }
    }

    /// Puts some records, of one home on a cluster, into indexes.
    async fn fill(&self, kind: &'static Kind, keys: &[Key], new: &[usize]) -> Result<()> {
        let Some(first) = keys.first() else { return Ok(()) };
        let home = if self.layout.cluster { crate::layout::home(&first.values) } else { String::new() };
        let mut grants = Grants::default();
        for _ in 0..ROUNDS {
            let mut call = Call::default();
            call.arg(&home).arg("0").arg("0");
            grants.push_to(&mut call);
            call.arg("1").arg("0").arg("0").number(keys.len());
            for key in keys {
                call.keys.push(self.layout.record_key(key));
                call.arg("index").number(self.layout.number(kind)?).number(new.len());
                for number in new {
                    call.number(*number);
                }
            }
            self.layout.touched(&home, kind, &mut call.keys);
            let reply = array(self.link.call(&self.scripts.commit, &home, call, Does::Writes).await?)?;
            let mut said = array(reply.into_iter().next().ok_or_else(odd_reply)?)?.into_iter();
            match text(said.next().ok_or_else(odd_reply)?)?.as_str() {
                "done" => return Ok(()),
                "need" => grants.obtain(self, &home, needs(said)?).await?,
                "unique" => {
                    let constraint = text(said.nth(1).unwrap_or(Value::Nil))?;
                    return Err(taken(&constraint).with_record_kind(kind.name));
                }
                _ => return Err(odd_reply()),
            }
        }
        Err(Error::unavailable("others change the same part of the cluster's registry all the time"))
    }
}
