//! Bodies of requests, held to a size and a time.

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// How much of a body that is refused for its size is read and thrown away, so that the client is done sending when it is answered:
/// a connection that is closed before drops the answer.
const DRAIN_BYTES: usize = 256 << 20;

/// What JSON bodies may call themselves.
const JSON: &[&str] = &["application/json"];

/// What definitions may call themselves.
const DEFINITION: &[&str] = &["application/yaml", "text/yaml", "application/x-yaml", "text/x-yaml", "application/json"];

/// A JSON body. An empty one counts as an object without members.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let bytes = read(app, &parts.headers, body).await?;
        let text = if bytes.is_empty() {
            b"{}".as_slice()
        } else {
            check_type(&parts.headers, JSON)?;
            bytes.as_slice()
        };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Problem::invalid(format!("the body is invalid: {error}")))
    }
}

/// The text of a workflow definition.
#[derive(Debug)]
pub(crate) struct DefinitionBody(pub(crate) Vec<u8>);

impl FromRequest<App> for DefinitionBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let bytes = read(app, &parts.headers, body).await?;
        check_type(&parts.headers, DEFINITION)?;
        Ok(Self(bytes))
    }
}

fn check_type(headers: &HeaderMap, known: &[&str]) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if known.contains(&essence.as_str()) {
        return Ok(());
    }
    let detail = format!("the header Content-Type must be {}, not {essence:?}", known.join(" or "));
    Err(Problem::new(ProblemType::UnsupportedMediaType, detail))
}

/// Reads a whole body.
async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    let limit = app.options().max_body_bytes;
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_large =
        declared.is_some_and(|declared| usize::try_from(declared).map_or(true, |declared| declared > limit));
    // A client that asks before it sends is told at once.
    let asks = headers.contains_key(header::EXPECT);
    let patience = app.options().body_timeout;
    let reading = async {
        let mut stream = body.into_data_stream();
        let mut bytes = Vec::new();
        if too_large && asks {
            return Err(refusal(limit));
        }
        if too_large {
            return Err(drain(stream, limit).await);
        }
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Problem::invalid("the body ended before all of it had arrived"))?;
            if chunk.len() > limit - bytes.len() {
                return Err(drain(stream, limit).await);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    match tokio::time::timeout(patience, reading).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::new(ProblemType::Timeout, format!("the body did not arrive within {patience:?}"))),
    }
}

async fn drain(mut stream: BodyDataStream, limit: usize) -> Problem {
    let mut drained: usize = 0;
    while let Some(Ok(chunk)) = stream.next().await {
        drained = drained.saturating_add(chunk.len());
        if drained > DRAIN_BYTES {
            break;
        }
    }
    refusal(limit)
}

fn refusal(limit: usize) -> Problem {
    let detail = format!("the body is larger than the limit of {limit} bytes (server.max_body_bytes)");
    Problem::new(ProblemType::TooLarge, detail)
}
