//! A small HTTP server before DynamoDB that answers some requests itself, as DynamoDB would when it is busy or refuses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is answered instead of DynamoDB.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// An error with this code.
    Code(&'static str),
    /// A failure of DynamoDB itself.
    Broken,
    /// A transaction that was cancelled for these reasons.
    Cancelled(&'static [&'static str]),
    /// None of the keys of a `BatchGetItem` were read.
    Unprocessed,
    /// Nothing: the connection ends before the request has been passed on.
    Nothing,
    /// Nothing: the request is passed on, and the connection ends before the reply.
    Lost,
    /// What DynamoDB itself answers.
    Passed,
}

#[derive(Debug, Default)]
struct Script {
    /// The operation that is answered, how often, and how.
    rules: Vec<(&'static str, usize, Answer)>,
    /// The operation and the body of every request.
    seen: Vec<(String, String)>,
}

/// The server; it ends with the runtime.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Front {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let front = Self { address: listener.local_addr().expect("an address"), script: Arc::default() };
        let script = Arc::clone(&front.script);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let script = Arc::clone(&script);
                // A connection that breaks is the client's affair.
                tokio::spawn(async move { serve(client, target, &script).await.ok() });
            }
        });
        front
    }

    /// Answers the next `times` requests of an operation so.
    pub(crate) fn answer(&self, operation: &'static str, times: usize, answer: Answer) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).rules.push((operation, times, answer));
    }

    /// Passes on everything again.
    pub(crate) fn clear(&self) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.rules.clear();
        script.seen.clear();
    }

    /// The bodies of the requests of an operation since it was cleared.
    pub(crate) fn seen(&self, operation: &str) -> Vec<String> {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.seen.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

impl Script {
    fn next(&mut self, operation: &str) -> Option<Answer> {
        let (_, times, answer) = self.rules.iter_mut().find(|(name, times, _)| *name == operation && *times > 0)?;
        *times -= 1;
        Some(answer.clone())
    }
}

async fn serve(client: TcpStream, target: SocketAddr, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut server = BufReader::new(TcpStream::connect(target).await?);
    loop {
        let (head, body) = message(&mut client).await?;
        let operation = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("x-amz-target:").map(|_| line))
            .and_then(|line| line.rsplit('.').next())
            .unwrap_or_default()
            .to_owned();
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = {
            let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
            script.seen.push((operation.clone(), text.clone()));
            script.next(&operation)
        };
        let reply = match answer {
            None | Some(Answer::Passed | Answer::Lost) => {
                server.write_all(head.as_bytes()).await?;
                server.write_all(&body).await?;
                let (head, body) = message(&mut server).await?;
                if matches!(answer, Some(Answer::Lost)) {
                    return Ok(());
                }
                [head.as_bytes(), &body].concat()
            }
            Some(Answer::Nothing) => return Ok(()),
            Some(answer) => answered(&answer, &text),
        };
        client.write_all(&reply).await?;
    }
}

fn answered(answer: &Answer, request: &str) -> Vec<u8> {
    const TYPE: &str = "com.amazonaws.dynamodb.v20120810#";
    let (status, body) = match answer {
        Answer::Code(code) => {
            ("400 Bad Request", format!(r#"{{"__type":"{TYPE}{code}","message":"as the test wants"}}"#))
        }
        Answer::Broken => (
            "500 Internal Server Error",
            format!(r#"{{"__type":"{TYPE}InternalServerError","message":"as the test wants"}}"#),
        ),
        Answer::Cancelled(reasons) => {
            let reasons: Vec<String> = reasons.iter().map(|code| format!(r#"{{"Code":"{code}"}}"#)).collect();
            let reasons = reasons.join(",");
            let kind = format!("{TYPE}TransactionCanceledException");
            (
                "400 Bad Request",
                format!(r#"{{"__type":"{kind}","message":"cancelled","CancellationReasons":[{reasons}]}}"#),
            )
        }
        Answer::Unprocessed => {
            let keys = request.strip_prefix(r#"{"RequestItems":"#).and_then(|rest| rest.strip_suffix('}'));
            let keys = keys.expect("a BatchGetItem of nothing but keys");
            ("200 OK", format!(r#"{{"Responses":{{}},"UnprocessedKeys":{keys}}}"#))
        }
        Answer::Nothing | Answer::Lost | Answer::Passed => unreachable!("these are no answers"),
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}

/// The head and the body of one message.
async fn message(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok()).flatten()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}
