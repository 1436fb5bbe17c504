//! Redis servers that play together: a cluster, and a primary that sentinels watch.

use super::redis::{REDIS, member};
use super::resp::{Connection, wait_until};
use super::{Started, strings};
use crate::run::{Daemon, Home, Probe, free_port, free_ports_with_bus};
use crate::{Result, Server};

/// The first slot of each of the three nodes, and the one after the last.
const SLOTS: [u16; 4] = [0, 5461, 10_923, 16_384];

/// What sentinels call the primary.
const PRIMARY: &str = "aquifer";

/// Starts a cluster of three nodes that share the slots. Its URL names the first.
pub(super) fn start_cluster(home: &mut Home) -> Result<Started> {
    let found = REDIS.obtain_program()?;
    let ports = free_ports_with_bus::<3>()?;
    let cluster = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000"];
    for (number, port) in (1..).zip(ports) {
        let name = format!("node-{number}");
        let program = member(home, &found, &name, port, &cluster)?;
        home.start(Daemon::new(&name, port, Probe::Redis, program))?;
    }
    let mut nodes = ports.into_iter().map(Connection::open).collect::<Result<Vec<_>>>()?;
    for (index, node) in nodes.iter_mut().enumerate() {
        let slots: Vec<String> = SLOTS
            .windows(2)
            .nth(index)
            .map(|ends| (ends[0]..ends[1]).map(|slot| slot.to_string()).collect())
            .unwrap_or_default();
        let mut words = vec!["CLUSTER", "ADDSLOTS"];
        words.extend(slots.iter().map(String::as_str));
        node.command(&words)?;
        // Each its own, as they would have to agree on it otherwise.
        node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()])?;
        node.command(&["CLUSTER", "MEET", "127.0.0.1", &ports[0].to_string()])?;
    }
    wait_until("a Redis Cluster of three nodes", || {
        for node in &mut nodes {
            let info = node.command(&["CLUSTER", "INFO"])?;
            if !(info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")) {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    Ok(Started::new(Server::RedisCluster, &found, format!("redis+cluster://127.0.0.1:{}", ports[0])))
}

/// Starts a primary, a replica of it and three sentinels, two of which decide. Its URL names the sentinels.
pub(super) fn start_sentinel(home: &mut Home) -> Result<Started> {
    let found = REDIS.obtain_program()?;
    let primary = free_port()?;
    let program = member(home, &found, "primary", primary, &["--repl-diskless-sync-delay", "0"])?;
    home.start(Daemon::new("primary", primary, Probe::Redis, program))?;
    let replica = free_port()?;
    let program = member(
        home,
        &found,
        "replica",
        replica,
        &["--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1", &primary.to_string()],
    )?;
    home.start(Daemon::new("replica", replica, Probe::Redis, program))?;
    wait_until("a replica of Redis", || {
        Ok(Connection::open(replica)?.command(&["INFO", "replication"])?.contains("master_link_status:up"))
    })?;

    let mut ports = Vec::new();
    for number in 1..=3 {
        let name = format!("sentinel-{number}");
        let port = free_port()?;
        let folder = home.make_folder(&name)?;
        let configuration = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {PRIMARY} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {PRIMARY} 1000\nsentinel failover-timeout {PRIMARY} 5000\n",
            folder.display()
        );
        // A sentinel writes to its configuration, and makes files beside it for that.
        let file = home.write(&format!("{name}/sentinel.conf"), &configuration)?;
        let program = home.helper(&found.program, strings([&file.display().to_string(), "--sentinel"]));
        home.start(Daemon::new(&name, port, Probe::Redis, program))?;
        ports.push(port);
    }
    wait_until("sentinels that know one another and the replica", || {
        for port in &ports {
            let mut sentinel = Connection::open(*port)?;
            let info = sentinel.command(&["INFO", "sentinel"])?;
            if !(info.contains("slaves=1") && info.contains("sentinels=3") && info.contains("status=ok")) {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    let addresses: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("redis+sentinel://{}/{PRIMARY}", addresses.join(","));
    Ok(Started::new(Server::RedisSentinel, &found, url))
}
