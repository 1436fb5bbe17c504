//! As much of Redis' protocol as it takes to set up a group of servers.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// A connection to a Redis server on the loopback address.
pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(super) fn open(port: u16) -> Result<Self> {
        let failed = Error::because(format!("no connection to Redis on port {port}"));
        let stream = TcpStream::connect(("127.0.0.1", port)).and_then(|stream| {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            Ok(stream)
        });
        Ok(Self(BufReader::new(stream.map_err(failed)?)))
    }

    /// Sends a command and returns its reply as text; a list's items come one a line.
    ///
    /// # Errors
    /// If the connection breaks, or the server refuses the command.
    pub(super) fn command(&mut self, words: &[&str]) -> Result<String> {
        let failed = |error: io::Error| Error::new(format!("Redis does not answer {}: {error}", words.join(" ")));
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(request.as_bytes()).map_err(failed)?;
        let reply = self.reply().map_err(failed)?;
        match reply.strip_prefix('-') {
            Some(refusal) => Err(Error::new(format!("Redis refuses {}: {refusal}", words.join(" ")))),
            None => Ok(reply),
        }
    }

    fn reply(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::UnexpectedEof)?;
        match kind {
            "+" | ":" => Ok(rest.to_owned()),
            "-" => Ok(line.to_owned()),
            "$" => {
                let Ok(length) = rest.parse::<usize>() else { return Ok(String::new()) };
                let mut text = vec![0; length + 2];
                self.0.read_exact(&mut text)?;
                text.truncate(length);
                Ok(String::from_utf8_lossy(&text).into_owned())
            }
            "*" => {
                let items = (0..rest.parse().unwrap_or(0)).map(|_| self.reply()).collect::<io::Result<Vec<_>>>()?;
                Ok(items.join("\n"))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Asks until the answer is as wished, for 30 seconds at most.
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so()? {
        if Instant::now() > end {
            return Err(Error::new(format!("{what} did not come about within 30 s")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
