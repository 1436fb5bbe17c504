//! As much of MongoDB's protocol as it takes to make one server a replica set.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::{Error, Result};

/// The number of messages that hold one command or one reply.
const OP_MSG: i32 = 2013;

/// Makes the server on this port a replica set of one, called `rs0`.
pub(super) fn initiate(port: u16) -> Result {
    let member = [number("_id", 0), text("host", &format!("127.0.0.1:{port}"))].concat();
    let members = [embedded(4, "members", &embedded(3, "0", &member))].concat();
    let configuration = [text("_id", "rs0"), members].concat();
    let reply = command(port, &embedded(3, "replSetInitiate", &configuration))?;
    if is_set(&reply, "ok") {
        return Ok(());
    }
    Err(Error::new(format!("mongod does not become a replica set: {}", String::from_utf8_lossy(&reply))))
}

/// Whether the server takes writes.
pub(super) fn is_primary(port: u16) -> Result<bool> {
    Ok(is_set(&command(port, &number("hello", 1))?, "isWritablePrimary"))
}

/// Sends a command, given as the elements of its document, and returns the message of its reply.
fn command(port: u16, elements: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::new(format!("mongod on port {port} does not answer: {error}"));
    let body = document(&[elements, &text("$db", "admin")].concat());
    // Flags, the kind of the section, and its document.
    let payload = [&[0; 5][..], &body].concat();
    let header = [length(16 + payload.len()), 1, 0, OP_MSG].map(i32::to_le_bytes).concat();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed)?;
    stream.write_all(&[header, payload].concat()).map_err(failed)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size).map_err(failed)?;
    let size = usize::try_from(i32::from_le_bytes(size)).unwrap_or_default();
    let mut reply = vec![0; size.saturating_sub(4)];
    stream.read_exact(&mut reply).map_err(failed)?;
    Ok(reply)
}

/// Whether a reply holds this element as true or 1.0.
fn is_set(reply: &[u8], name: &str) -> bool {
    let key = [name.as_bytes(), &[0]].concat();
    let yes = [[&[8], &key[..], &[1]].concat(), [&[1], &key[..], &1.0_f64.to_le_bytes()].concat()];
    yes.iter().any(|yes| reply.windows(yes.len()).any(|part| part == yes))
}

/// A BSON document of these elements.
fn document(elements: &[u8]) -> Vec<u8> {
    [&length(elements.len() + 5).to_le_bytes(), elements, &[0]].concat()
}

/// An element that is itself a document (3) or an array (4).
fn embedded(kind: u8, name: &str, elements: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], &document(elements)].concat()
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let size = length(value.len() + 1).to_le_bytes();
    [&[2], name.as_bytes(), &[0], &size, value.as_bytes(), &[0]].concat()
}

fn number(name: &str, value: i32) -> Vec<u8> {
    [&[16], name.as_bytes(), &[0], &value.to_le_bytes()[..]].concat()
}

fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_as_bson_wants_them() {
        // {"a": {"b": 1}, "c": "d"}
        let elements = [embedded(3, "a", &number("b", 1)), text("c", "d")].concat();
        let expected = b"\x1d\0\0\0\x03a\0\x0c\0\0\0\x10b\0\x01\0\0\0\0\x02c\0\x02\0\0\0d\0\0";
        assert_eq!(document(&elements), expected);
    }

    #[test]
    fn what_is_set_is_found() {
        let reply = document(&[&[1][..], b"ok\0", &1.0_f64.to_le_bytes(), &[8], b"isWritablePrimary\0\0"].concat());
        assert!(is_set(&reply, "ok"));
        assert!(!is_set(&reply, "isWritablePrimary"));
    }
}
