//! Ports that nobody uses.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{Error, Result};

/// Below what systems hand out by themselves, so that no client's connection takes a port between our look and the
/// server's start.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// How far above its port a node of a Redis Cluster talks to the others.
const BUS: u16 = 10_000;

/// What this process has handed out already, as servers start at the same time.
static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of the loopback address that is free, and that this function returns only once in a process.
pub(crate) fn free_port() -> Result<u16> {
    find(is_free)
}

/// Ports that are free together with those 10,000 above them.
pub(crate) fn free_ports_with_bus<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    for port in &mut ports {
        *port = find(|port| is_free(port) && is_free(port + BUS))?;
    }
    Ok(ports)
}

fn find(suits: impl Fn(u16) -> bool) -> Result<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..1_000 {
        let port = fastrand::u16(PORTS);
        if !taken.contains(&port) && suits(port) {
            taken.insert(port);
            return Ok(port);
        }
    }
    Err(Error::new(format!("no free port between {} and {}", PORTS.start, PORTS.end)))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_handed_out_once() {
        let ports: HashSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        let nodes = free_ports_with_bus::<3>().unwrap();
        assert!(nodes.iter().all(|port| PORTS.contains(port) && !ports.contains(port)));
    }
}
