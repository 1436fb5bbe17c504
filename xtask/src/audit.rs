//! `cargo xtask audit`: the dependencies against `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use crate::command::{Failure, Result, cargo, output, root, run, succeeds};

/// What of `deny.toml` is checked here even where cargo-deny is not installed.
#[derive(Deserialize)]
struct Rules {
    bans: Bans,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Ban {
    /// The crate's name; any version.
    #[serde(rename = "crate")]
    name: String,
    /// Whether one version of it is fine.
    #[serde(default)]
    deny_multiple_versions: bool,
    reason: String,
}

/// Each crate that is in some build, with its versions.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Checks the bans, and where cargo-deny is installed also licences, advisories and sources.
pub(crate) fn check() -> Result {
    let text = fs::read_to_string(root().join("deny.toml"))
        .map_err(|error| Failure(format!("deny.toml cannot be read: {error}")))?;
    let rules: Rules = toml::from_str(&text).map_err(|error| Failure(format!("deny.toml: {error}")))?;
    let arguments =
        ["tree", "--locked", "--workspace", "--all-features", "--target=all", "--prefix=none", "--format={p}"];
    let graph = graph(&output(&mut cargo(&arguments))?);
    let broken = broken(&rules.bans.deny, &graph);
    if !broken.is_empty() {
        return Err(Failure(broken.join("\n")));
    }
    println!("bans ok: {} crates, {} rules", graph.len(), rules.bans.deny.len());
    if succeeds(&mut cargo(&["deny", "--version"])) {
        return run(&mut cargo(&["deny", "--all-features", "check"]));
    }
    println!("licences and advisories not checked: cargo-deny is not installed (cargo install --locked cargo-deny)");
    Ok(())
}

/// Reads `cargo tree --prefix=none --format={p}`: lines of `name vVERSION ...`.
fn graph(tree: &str) -> Graph {
    let mut graph = Graph::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            graph.entry(name.to_owned()).or_default().insert(version.trim_start_matches('v').to_owned());
        }
    }
    graph
}

/// A message for each rule that the graph breaks.
fn broken(bans: &[Ban], graph: &Graph) -> Vec<String> {
    let mut messages = Vec::new();
    for Ban { name, deny_multiple_versions, reason } in bans {
        let Some(versions) = graph.get(name) else { continue };
        let list = versions.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if !deny_multiple_versions {
            messages.push(format!("{name} {list} is banned: {reason}; cargo tree -i {name} shows who brings it"));
        } else if versions.len() > 1 {
            messages.push(format!("{name} has the versions {list}: {reason}; cargo tree -d shows who brings them"));
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "app v0.1.0 (/app)\nring v0.17.0\nhyper v1.2.0\nhyper v0.14.0\n\nring v0.17.0 (*)\n";

    fn ban(name: &str, deny_multiple_versions: bool) -> Ban {
        Ban { name: name.to_owned(), deny_multiple_versions, reason: "no".to_owned() }
    }

    #[test]
    fn what_is_banned_is_found() {
        let bans = [ban("ring", false), ban("openssl-sys", false)];
        let message = "ring 0.17.0 is banned: no; cargo tree -i ring shows who brings it";
        assert_eq!(broken(&bans, &graph(TREE)), [message]);
    }

    #[test]
    fn a_second_version_is_found() {
        let bans = [ban("ring", true), ban("hyper", true)];
        let message = "hyper has the versions 0.14.0, 1.2.0: no; cargo tree -d shows who brings them";
        assert_eq!(broken(&bans, &graph(TREE)), [message]);
    }
}
