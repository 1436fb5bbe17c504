//! Whether a server answers.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How one sees that a server is ready for its clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Probe {
    /// It accepts connections.
    Connect,
    /// PostgreSQL's protocol: it answers a client that says hello, and not that it is starting up.
    Postgres,
    /// MySQL's protocol: it greets.
    Mysql,
    /// Redis' protocol: it answers PING, or that this is not for everybody.
    Redis,
    /// HTTP: it answers a request of this path, and not with an error of its own (5xx).
    Http(Cow<'static, str>),
}

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(2);

impl Probe {
    /// Whether the server on this port is ready now; waits two seconds at most for each of its replies.
    pub(crate) fn is_ready(&self, port: u16) -> bool {
        self.look(port).unwrap_or(false)
    }

    fn look(&self, port: u16) -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        match self {
            Self::Connect => Ok(true),
            Self::Postgres => {
                stream.write_all(&postgres_hello())?;
                let reply = read_some(&mut stream)?;
                // An error is an answer too (it may want TLS), but 57P03 says that it cannot serve anyone yet.
                Ok(!reply.is_empty() && !reply.windows(5).any(|code| code == b"57P03"))
            }
            Self::Mysql => Ok(read_some(&mut stream)?.get(4) == Some(&10)),
            Self::Redis => {
                stream.write_all(b"PING\r\n")?;
                let reply = read_some(&mut stream)?;
                Ok(reply.starts_with(b"+PONG") || reply.starts_with(b"-NOAUTH"))
            }
            Self::Http(path) => {
                write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
                let reply = read_some(&mut stream)?;
                Ok(reply.starts_with(b"HTTP/1.1 ") && reply.get(9) != Some(&b'5'))
            }
        }
    }
}

/// What a client of protocol 3.0 sends first.
fn postgres_hello() -> Vec<u8> {
    let parameters = b"user\0aquifer\0database\0aquifer\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], &196_608_u32.to_be_bytes(), parameters].concat()
}

/// The beginning of a reply, as much of it as comes at once.
fn read_some(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut reply = vec![0; 4096];
    let length = stream.read(&mut reply)?;
    reply.truncate(length);
    Ok(reply)
}
