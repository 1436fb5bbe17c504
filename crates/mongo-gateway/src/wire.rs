//! Messages, as they come and go.

use std::io;

use bson::{RawDocument, RawDocumentBuf};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest message, in bytes, as the greeting says.
pub(crate) const MAX_MESSAGE: usize = 48_000_000;

const HEADER: usize = 16;
const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;

/// The client wants no answer.
const MORE_TO_COME: u32 = 1 << 1;
/// Four bytes of checksum follow.
const CHECKSUM: u32 = 1;

/// What a client asks.
#[derive(Debug)]
pub(crate) struct Request {
    /// Names the request in its answer.
    pub(crate) id: i32,
    /// The command; the old form is used for the first greeting only.
    pub(crate) command: RawDocumentBuf,
    /// The documents that came beside the command, one after the other: what it inserts, updates or deletes.
    pub(crate) sequence: Option<Vec<u8>>,
    /// Whether the answer goes back in the old form.
    pub(crate) is_legacy: bool,
    /// Whether the client waits for an answer.
    pub(crate) wants_answer: bool,
}

/// Reads the next request; `None` when the client has gone.
///
/// # Errors
/// What the connection says; `InvalidData` for what is no message, or too long.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Request>> {
    let mut header = [0; HEADER];
    match stream.read_exact(&mut header).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let field = |place: usize| int(&header, place * 4);
    let (length, id, code) = (field(0)?, field(1)?, field(3)?);
    let length = usize::try_from(length).ok().filter(|length| (HEADER..=MAX_MESSAGE).contains(length));
    let length = length.ok_or_else(|| invalid("the length of the message"))?;
    let mut body = vec![0; length - HEADER];
    stream.read_exact(&mut body).await?;
    match code {
        OP_MSG => message(id, &body).map(Some),
        OP_QUERY => query(id, &body).map(Some),
        _ => Err(invalid("the kind of message")),
    }
}

fn message(id: i32, body: &[u8]) -> io::Result<Request> {
    let flags = int(body, 0)? as u32;
    let end = if flags & CHECKSUM == 0 { body.len() } else { body.len().saturating_sub(4) };
    let mut rest = body.get(4..end).ok_or_else(|| invalid("the length of the message"))?;
    let (mut command, mut sequence) = (None, None);
    while let Some((kind, section)) = rest.split_first() {
        let length = usize::try_from(int(section, 0)?).map_err(|_| invalid("the length of a section"))?;
        let (this, after) = section.split_at_checked(length).ok_or_else(|| invalid("the length of a section"))?;
        match kind {
            0 => command = Some(this),
            1 => {
                let named = this.get(4..).unwrap_or_default();
                let end = named.iter().position(|byte| *byte == 0).ok_or_else(|| invalid("the name of a section"))?;
                sequence = named.get(end + 1..).map(<[u8]>::to_vec);
            }
            _ => return Err(invalid("the kind of a section")),
        }
        rest = after;
    }
    let command = document(command.ok_or_else(|| invalid("the command"))?)?;
    Ok(Request { id, command, sequence, is_legacy: false, wants_answer: flags & MORE_TO_COME == 0 })
}

/// The old form: flags, the name of a collection, two numbers, a document.
fn query(id: i32, body: &[u8]) -> io::Result<Request> {
    let named = body.get(4..).unwrap_or_default();
    let end = named.iter().position(|byte| *byte == 0).ok_or_else(|| invalid("the name of the collection"))?;
    let found = named.get(end + 9..).unwrap_or_default();
    let length = usize::try_from(int(found, 0)?).map_err(|_| invalid("the length of the query"))?;
    let command = document(found.get(..length).unwrap_or_default())?;
    Ok(Request { id, command, sequence: None, is_legacy: true, wants_answer: true })
}

/// Writes the answer to a request.
///
/// # Errors
/// What the connection says.
pub(crate) async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    answer: &RawDocument,
) -> io::Result<()> {
    let answer = answer.as_bytes();
    let mut message = Vec::with_capacity(HEADER + 20 + answer.len());
    let (code, length) = if request.is_legacy { (OP_REPLY, 20) } else { (OP_MSG, 5) };
    let length = i32::try_from(HEADER + length + answer.len()).map_err(|_| invalid("the length of the answer"))?;
    for field in [length, 1, request.id, code] {
        message.extend(field.to_le_bytes());
    }
    if request.is_legacy {
        // Able to await; no cursor; from the first document, of which there is one.
        for field in [8, 0, 0, 0, 1_i32] {
            message.extend(field.to_le_bytes());
        }
    } else {
        message.extend([0; 5]);
    }
    message.extend(answer);
    stream.write_all(&message).await
}

fn int(bytes: &[u8], place: usize) -> io::Result<i32> {
    let bytes = bytes.get(place..).and_then(<[u8]>::first_chunk);
    bytes.map(|bytes| i32::from_le_bytes(*bytes)).ok_or_else(|| invalid("a number"))
}

fn document(bytes: &[u8]) -> io::Result<RawDocumentBuf> {
    RawDocumentBuf::from_bytes(bytes.to_vec()).map_err(|_| invalid("a document"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not MongoDB's protocol: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(code: i32, body: &[u8]) -> Vec<u8> {
        let length = (HEADER + body.len()) as i32;
        [length, 7, 0, code].iter().flat_map(|field| field.to_le_bytes()).chain(body.iter().copied()).collect()
    }

    #[tokio::test]
    async fn a_message_has_a_command_and_documents() {
        let command = bson::rawdoc! { "insert": "a" };
        let mut body = vec![0, 0, 0, 0, 0];
        body.extend(command.as_bytes());
        let inserted = bson::rawdoc! { "x": 1 };
        body.push(1);
        body.extend((4 + 10 + inserted.as_bytes().len() as i32).to_le_bytes());
        body.extend(b"documents\0");
        body.extend(inserted.as_bytes());
        let request = read(&mut framed(OP_MSG, &body).as_slice()).await.unwrap().unwrap();
        assert_eq!((request.id, &request.command, request.wants_answer), (7, &command, true));
        assert_eq!(request.sequence.as_deref(), Some(inserted.as_bytes()));
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        let long = (MAX_MESSAGE as i32 + 1).to_le_bytes().iter().copied().chain([0; 12]).collect::<Vec<_>>();
        let wrong = [
            long,
            framed(1, b""),
            framed(OP_MSG, b""),
            framed(OP_MSG, &[0; 4]),
            framed(OP_MSG, &[0, 0, 0, 0, 0, 255, 255, 255, 255]),
            framed(OP_MSG, &[0, 0, 0, 0, 1, 9, 0, 0, 0, b'd', b'o', b'c', b's', b'!']),
            framed(OP_MSG, &[0, 0, 0, 0, 9, 5, 0, 0, 0, 0]),
            framed(OP_QUERY, &[0; 4]),
            framed(OP_QUERY, b"\0\0\0\0a.$cmd\0\0\0\0\0\0\0\0\0\xff\xff\xff\x7f"),
        ];
        for bytes in wrong {
            assert!(read(&mut bytes.as_slice()).await.is_err(), "{bytes:?}");
        }
        assert!(read(&mut [].as_slice()).await.unwrap().is_none());
    }
}
