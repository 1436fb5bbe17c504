//! One client's connection.

use std::io;
use std::sync::Arc;

use bson::RawDocumentBuf;
use tokio::io::BufReader;
use tokio::net::TcpStream;

use crate::commands::Command;
use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::wire::{self, Request};

/// Answers a client until it goes.
pub(crate) async fn serve(gateway: Arc<Gateway>, stream: TcpStream) {
    // Where the client has gone, or speaks another language, there is nobody to tell.
    let _ = converse(&gateway, stream).await;
}

async fn converse(gateway: &Gateway, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut app = None;
    while let Some(request) = wire::read(&mut reader).await? {
        let answer = match answer(gateway, &request, &mut app).await {
            Ok(answer) => answer,
            Err(failure) => match failure.answer().map(|answer| RawDocumentBuf::try_from(&answer)) {
                Some(Ok(answer)) => answer,
                _ => return Ok(()),
            },
        };
        if request.wants_answer {
            wire::answer(&mut writer, &request, &answer).await?;
        }
    }
    Ok(())
}

async fn answer(gateway: &Gateway, request: &Request, app: &mut Option<String>) -> Result<RawDocumentBuf, Failure> {
    let body = request.command.as_ref();
    let first = body.into_iter().next().and_then(Result::ok);
    let (name, _) = first.ok_or_else(|| Failure::new(9, "the command is empty"))?;
    let command = Command {
        name: name.as_str(),
        database: body.get_str("$db").unwrap_or("admin"),
        body,
        sequence: request.sequence.as_deref(),
    };
    if let Ok(client) = body.get_document("client") {
        *app = client.get_document("application").and_then(|app| app.get_str("name")).ok().map(str::to_owned);
    }
    let blow = gateway.faults.strike(command.name, app.as_deref());
    if let Some(delay) = blow.as_ref().and_then(|blow| blow.delay) {
        tokio::time::sleep(delay).await;
    }
    if let Some(failure) = blow.as_ref().filter(|blow| !blow.after).and_then(|blow| blow.failure()) {
        return Err(failure);
    }
    let done = match gateway.own(&command)? {
        Some(answer) => Ok(answer),
        None => gateway.run(&command).await,
    };
    match blow.as_ref().and_then(|blow| blow.failure()) {
        Some(failure) => Err(failure),
        None => done,
    }
}
