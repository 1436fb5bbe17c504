//! Signs of life and numbers for people.

use aquifer_core::{Error, Pong, Result, Stats};
use redis::Value;

use crate::durability::info_fields;
use crate::error::Does;
use crate::layout::orders;
use crate::shared::Shared;
use crate::values::{odd_reply, text};

impl Shared {
    pub(crate) async fn ping(&self) -> Result<Pong> {
        let key = self.layout.schema_key();
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let info = text(self.link.one(&key, info, Does::Reads).await?)?;
        Ok(Pong { schema_version: self.stored_version().await?, server: server_version(&info) })
    }

    pub(crate) async fn stats(&self) -> Result<Stats> {
        let mut records = Vec::with_capacity(self.schema.kinds.len());
        for kind in self.schema.kinds {
            let order = orders(kind).into_iter().next().ok_or_else(|| Error::corrupt("a kind has no order"))?;
            let mut count = 0;
            if self.layout.cluster {
                for known in self.homes(&order, b"-", b"+", false, None).await? {
                    count += self.count(&known.home, &self.layout.order_key(&known.home, &order)).await?;
                }
            } else {
                count = self.count("", &self.layout.order_key("", &order)).await?;
            }
            records.push((kind.name, count));
        }
        let (mut memory, mut server) = (0, String::new());
        for info in self.link.everywhere(redis::cmd("INFO")).await? {
            let info = text(info)?;
            let used = info_fields(&info).find(|(name, _)| *name == "used_memory");
            memory += used.and_then(|(_, bytes)| bytes.parse::<u64>().ok()).unwrap_or(0);
            server = server_version(&info);
        }
        let durability = self.durability().await?;
        let mut facts = vec![
            ("server", server),
            ("memory of the server, in bytes", memory.to_string()),
            ("persistence", durability.summary()),
        ];
        facts.extend(durability.warnings().into_iter().map(|warning| ("warning", warning)));
        Ok(Stats { records, bytes: None, facts })
    }

    async fn count(&self, slot: &str, key: &str) -> Result<u64> {
        let mut command = redis::cmd("ZCARD");
        command.arg(key);
        match self.link.one(slot, command, Does::Reads).await? {
            Value::Int(count) => u64::try_from(count).map_err(|_| odd_reply()),
            _ => Err(odd_reply()),
        }
    }
}

/// Which server it is, as it says itself.
fn server_version(info: &str) -> String {
    let find = |wanted: &str| info_fields(info).find(|(name, _)| *name == wanted).map(|(_, value)| value);
    match (find("valkey_version"), find("redis_version")) {
        (Some(version), _) => format!("Valkey {version}"),
        (None, Some(version)) => format!("Redis {version}"),
        (None, None) => String::new(),
    }
}
