//! What the server's configuration does to what was acknowledged.

use aquifer_core::Result;
use redis::Value;

use crate::shared::Shared;
use crate::values::{array, text};

/// How a server keeps what is written, as far as it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Durability {
    /// Whether it keeps a log of writes (`appendonly`).
    pub(crate) log: bool,
    /// When the log reaches the disk (`appendfsync`); unknown where CONFIG is forbidden.
    pub(crate) fsync: Option<String>,
    /// Whether it saves snapshots now and then (`save`).
    pub(crate) snapshots: Option<bool>,
    /// Bytes after which the policy decides (`maxmemory`); 0 for none.
    pub(crate) max_memory: u64,
    /// What it does when memory is full (`maxmemory-policy`).
    pub(crate) policy: String,
}

impl Durability {
    /// Whether what was acknowledged outlives a restart of the server: it is logged, and never evicted.
    pub(crate) fn is_durable(&self) -> bool {
        self.log && !self.evicts()
    }

    fn evicts(&self) -> bool {
        !matches!(self.policy.as_str(), "" | "noeviction")
    }

    /// What loses data, and what to set instead.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.log {
            let since = match self.snapshots {
                Some(true) => "since its last snapshot",
                _ => "entirely",
            };
            warnings.push(format!(
                "a restart of the server loses data {since}: set `appendonly yes`, and `appendfsync always` for each commit to be on disk"
            ));
        } else if let Some(fsync) = self.fsync.as_deref().filter(|fsync| *fsync != "always") {
            let lost =
                if fsync == "no" { "what the system has not written yet" } else { "up to two seconds of commits" };
            warnings.push(format!(
                "appendfsync is {fsync}, so that a power failure loses {lost}: set `appendfsync always` for each commit to be on disk"
            ));
        }
        if self.evicts() {
            let when = match self.max_memory {
                0 => String::from("once maxmemory is set"),
                bytes => format!("once it has {bytes} bytes"),
            };
            warnings.push(format!(
                "maxmemory-policy is {}, so that the server removes records {when}: set `maxmemory-policy noeviction`",
                self.policy
            ));
        }
        warnings
    }

    /// In a few words.
    pub(crate) fn summary(&self) -> String {
        let log = match (self.log, self.fsync.as_deref()) {
            (true, Some(fsync)) => format!("appendonly, fsync {fsync}"),
            (true, None) => String::from("appendonly"),
            (false, _) if self.snapshots == Some(true) => String::from("snapshots only"),
            (false, _) => String::from("nothing is kept"),
        };
        let policy = if self.policy.is_empty() { "unknown" } else { &self.policy };
        format!("{log}; eviction: {policy}")
    }

    /// The worse of two servers in each respect.
    fn worse(self, other: Self) -> Self {
        let (first, second) = (&self, &other);
        let fsync =
            [first, second].iter().filter_map(|one| one.fsync.clone()).max_by_key(|fsync| match fsync.as_str() {
                "always" => 0,
                "everysec" => 1,
                _ => 2,
            });
        let evicting = if first.evicts() { first } else { second };
        Self {
            log: first.log && second.log,
            fsync,
            snapshots: first.snapshots.zip(second.snapshots).map(|(a, b)| a && b),
            max_memory: evicting.max_memory,
            policy: evicting.policy.clone(),
        }
    }
}

/// What INFO says, as name and value.
pub(crate) fn info_fields(info: &str) -> impl Iterator<Item = (&str, &str)> {
    info.lines().filter_map(|line| line.trim_end().split_once(':'))
}

impl Shared {
    /// How the worst of the servers keeps what is written.
    pub(crate) async fn durability(&self) -> Result<Durability> {
        let mut worst: Option<Durability> = None;
        for info in self.link.everywhere(redis::cmd("INFO")).await? {
            let said = from_info(&text(info)?);
            worst = Some(match worst {
                None => said,
                Some(worst) => worst.worse(said),
            });
        }
        let mut durability = worst.unwrap_or_default();
        // Many hosted servers forbid CONFIG; INFO tells what matters most.
        if let Some(values) = self.setting("appendfsync").await {
            durability.fsync = values.into_iter().max_by_key(|value| value != "always");
        }
        if let Some(values) = self.setting("save").await {
            durability.snapshots = Some(values.iter().all(|value| !value.is_empty()));
        }
        Ok(durability)
    }

    async fn setting(&self, name: &str) -> Option<Vec<String>> {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(name);
        let said = self.link.everywhere(command).await.ok()?;
        let value = |said: Value| match said {
            Value::Map(pairs) => text(pairs.into_iter().next()?.1).ok(),
            other => text(array(other).ok()?.into_iter().nth(1)?).ok(),
        };
        said.into_iter().map(value).collect()
    }
}

fn from_info(info: &str) -> Durability {
    let mut durability = Durability::default();
    for (name, value) in info_fields(info) {
        match name {
            "aof_enabled" => durability.log = value == "1",
            "maxmemory" => durability.max_memory = value.parse().unwrap_or(0),
            "maxmemory_policy" => value.clone_into(&mut durability.policy),
            _ => {}
        }
    }
    durability
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_say_what_to_set() {
        let info = "# Persistence\r\naof_enabled:1\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\n";
        let safe = Durability { fsync: Some(String::from("always")), ..from_info(info) };
        assert!(safe.is_durable() && safe.warnings().is_empty());
        let everysec = Durability { fsync: Some(String::from("everysec")), ..safe.clone() };
        assert!(everysec.is_durable());
        assert!(everysec.warnings().concat().contains("appendfsync always"));
        let nothing = Durability { log: false, snapshots: Some(false), ..safe.clone() };
        assert!(!nothing.is_durable());
        assert!(nothing.warnings().concat().contains("appendonly yes"));
        let evicting = Durability { policy: String::from("allkeys-lru"), ..safe.clone() };
        assert!(!evicting.is_durable());
        assert!(evicting.warnings().concat().contains("noeviction"));
        assert!(!safe.worse(evicting).is_durable());
    }
}
