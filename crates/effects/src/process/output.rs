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
        Self { keep, bytes: Vec::new() }
    }

    /// Reads to the end. A stream that breaks off has ended.
    pub(super) async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) -> Result<(), TooLarge> {
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
        let bytes = bytes.strip_suffix(b"\r").filter(|_| self.bytes.ends_with(b"\n")).unwrap_or(bytes);
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The last `count` lines, for an error message.
    pub(super) fn last_lines(&self, count: usize) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<_> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::{Captured, Keep};

    async fn read(keep: Keep, bytes: &[u8]) -> Option<Captured> {
        let mut captured = Captured::new(keep);
        captured.read(Some(bytes)).await.ok().map(|()| captured)
    }

    #[tokio::test]
    async fn one_final_line_break_is_trimmed() {
        for (bytes, text) in
            [("a\n", "a"), ("a\n\n", "a\n"), ("a\r\n", "a"), ("a\r", "a\r"), ("\n", ""), ("", ""), (" a ", " a ")]
        {
            let captured = read(Keep::All(10), bytes.as_bytes()).await.expect("within the limit");
            assert_eq!(captured.text(), text, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn the_limit_is_exact() {
        assert!(read(Keep::All(3), b"abc").await.is_some());
        assert!(read(Keep::All(3), b"abcd").await.is_none());
    }

    #[tokio::test]
    async fn a_tail_keeps_the_end_of_much() {
        let much: String = (0..100_000).map(|line| format!("line {line}\n")).collect();
        let captured = read(Keep::Tail(1000), much.as_bytes()).await.expect("no limit");
        assert!(captured.bytes.len() < 40_000, "{}", captured.bytes.len());
        assert_eq!(captured.last_lines(2), "line 99998\nline 99999");
    }
}
