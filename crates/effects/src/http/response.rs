//! What came back: limits, decoding and the shape of the result.

use std::time::Duration;

use reqwest::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::{Map, Value, json};

use super::{
    Output,
    client::explain,
    media::{Media, base64},
    request::{Request, is_sensitive, without_userinfo},
};
use crate::{Failure, Kind};

/// How much of a refusal's content is read for the error message, and how long it is waited for at most.
const EXCERPT_BYTES: usize = 2 * 1024;
const EXCERPT_WAIT: Duration = Duration::from_secs(5);
const EXCERPT_CHARS: usize = 300;

/// The largest content that is decoded where it is read: a few milliseconds' work.
const DECODE_INLINE_BYTES: usize = 512 * 1024;

/// The result of a successful call.
pub(super) async fn result(
    request: &Request,
    reply: reqwest::Response,
    output: Output,
    limit: usize,
) -> Result<Value, Failure> {
    let status = reply.status();
    let headers = reply.headers().clone();
    let content = read(request, reply, limit).await?;
    let content = if content.is_empty() || request.method == Method::HEAD {
        Value::Null
    } else if output == Output::Raw {
        base64(&content)
    } else {
        decode(media(&headers), content)
            .await
            .map_err(|failure| Failure { detail: format!("{}: {}", request.describe(), failure.detail), ..failure })?
    };
    if output != Output::Response {
        return Ok(content);
    }
    Ok(json!({
        "request": {
            "method": request.method.as_str(),
            "uri": without_userinfo(&request.uri).as_str(),
            "headers": shown(&request.headers, true),
        },
        "statusCode": status.as_u16(),
        "headers": shown(&headers, false),
        "content": content,
    }))
}

/// The failure for a reply whose status is not a success, with the first words of what the server said.
pub(super) async fn refusal(request: &Request, mut reply: reqwest::Response, patience: Duration) -> Failure {
    let status = reply.status();
    let media = media(reply.headers());
    let mut said = Vec::new();
    // A server that says no and then nothing more must not turn its answer into a timeout.
    let _ = tokio::time::timeout(patience.min(EXCERPT_WAIT), async {
        while said.len() < EXCERPT_BYTES {
            match reply.chunk().await {
                Ok(Some(chunk)) => said.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
    })
    .await;
    said.truncate(EXCERPT_BYTES);
    let mut detail = format!("{} answered {}", request.describe(), status.as_u16());
    if !said.is_empty() && media != Media::Binary {
        detail.push_str(": ");
        detail.push_str(&excerpt(&said));
    }
    Failure { kind: Kind::Communication, status: status.as_u16(), title: reason(status), detail }
}

/// Reads the content, giving up as soon as it is known to be larger than `limit` bytes.
async fn read(request: &Request, mut reply: reqwest::Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        Failure::communication(format!("{}: the reply is larger than the limit of {limit} bytes", request.describe()))
    };
    let announced = reply.content_length().unwrap_or(0);
    if request.method != Method::HEAD && announced > limit as u64 {
        return Err(too_large());
    }
    let mut content = Vec::new();
    loop {
        let chunk = reply.chunk().await.map_err(|e| {
            Failure::communication(format!("{}: the reply broke off: {}", request.describe(), explain(&e)))
        })?;
        let Some(chunk) = chunk else {
            return Ok(content);
        };
        if content.len() + chunk.len() > limit {
            return Err(too_large());
        }
        content.extend_from_slice(&chunk);
    }
}

fn media(headers: &HeaderMap) -> Media {
    headers.get(CONTENT_TYPE).map_or(Media::Binary, |value| Media::parse(&String::from_utf8_lossy(value.as_bytes())))
}

/// Decodes content, a large one aside from the threads on which everyone else's tasks run.
async fn decode(media: Media, content: Vec<u8>) -> Result<Value, Failure> {
    if content.len() <= DECODE_INLINE_BYTES {
        return media.decode(content);
    }
    tokio::task::spawn_blocking(move || media.decode(content))
        .await
        .map_err(|e| Failure::communication(format!("the reply was not decoded: {e}")))?
}

/// Headers as an object of strings. The values of a repeated header are joined by ", " (RFC 9110 §5.2).
fn shown(headers: &HeaderMap, hide: bool) -> Value {
    let object: Map<String, Value> = headers
        .keys()
        .map(|name| {
            let text = if hide && is_sensitive(name) {
                "***".to_owned()
            } else {
                let values = headers.get_all(name).iter();
                let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
                texts.join(", ")
            };
            (name.as_str().to_owned(), Value::String(text))
        })
        .collect();
    Value::Object(object)
}

fn reason(status: StatusCode) -> Option<String> {
    status.canonical_reason().map(str::to_owned)
}

/// The first characters on one line, without anything that could upset a terminal or a log.
fn excerpt(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
