//! What a program writes, kept within limits.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of a stream is kept.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// All of it, and no more than so many bytes.
    All(usize),
    /// At least the last so many bytes, for an error message.
    Tail(usize),
}

/// The stream has more bytes than may be kept.
pub(super) struct TooLarge;

/// What has been read so far; readable also when the reading was given up.
pub(super) struct Captured {
    keep: Keep,
    bytes: Vec<u8>,
}

impl Captured {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            bytes: Vec::new(),
        }
    }

    /// Reads to the end. A stream that breaks off has ended.
    pub(super) async fn read(
        &mut self,
        stream: Option<impl AsyncRead + Unpin>,
    ) -> Result<(), TooLarge> {
        let Some(mut stream) = stream else {
            return Ok(());
        };
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(read) => read,
            };
            self.bytes.extend_from_slice(&buffer[..read]);
            match self.keep {
                Keep::All(limit) if self.bytes.len() > limit => return Err(TooLarge),
                Keep::Tail(limit) if self.bytes.len() > limit + buffer.len() => {
                    self.bytes.drain(..self.bytes.len() - limit);
                }
                Keep::All(_) | Keep::Tail(_) => {}
            }
        }
    }

    /// The text without one final line break. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn text(&self) -> String {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let bytes = bytes
            .strip_suffix(b"\r")
            .filter(|_| self.bytes.ends_with(b"\n"))
            .unwrap_or(bytes);
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The last `count` lines, for an error message.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<_> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}
