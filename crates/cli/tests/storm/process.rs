//! A serving process that is killed again and again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{WORKFLOWS, definition, idempotency_key, input, workflow};

/// `aquifer serve` in a process of its own.
pub(crate) struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts it on the database that `url` names.
    pub(crate) fn start(url: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_aquifer"))
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", url])
            .env("AQUIFER_ENGINE_LEASE", "2s")
            .env("AQUIFER_LOG_LEVEL", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    match line.split("http://").nth(1).and_then(|rest| rest.split([' ', '/']).next()) {
                        // Whoever has the address already does not need it again.
                        Some(address) => drop(sender.send(address.to_owned())),
                        None => println!("{line}"),
                    }
                }
            });
        }
        let address = receiver.recv_timeout(Duration::from_secs(60)).expect("the server says where it listens");
        Self { process, address }
    }

    /// A request on a connection of its own; `None` if the server went away.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let (address, length) = (&self.address, body.len());
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Ends it with -9.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Starts executions until all are acknowledged, and kills the server again and again; returns the last server and the ids.
pub(crate) fn storm(
    url: &str,
    marks: &Path,
    (kills_wanted, count): (usize, usize),
    random: &mut fastrand::Rng,
) -> (Server, BTreeMap<usize, String>) {
    let is_server = aquifer::path_of(url).unwrap().is_none();
    let mut server = Server::start(url);
    for (name, body) in WORKFLOWS {
        let definition = definition(name, body);
        let headers = "Content-Type: application/yaml\r\n";
        let (status, reply) = server.request("POST", "/api/v1/workflows", headers, &definition).unwrap();
        assert!(status == 200 || status == 201, "{status} {reply}");
    }
    let mut acknowledged: BTreeMap<usize, String> = BTreeMap::new();
    let mut kills = 0;
    let began = Instant::now();
    while kills < kills_wanted || acknowledged.len() < count {
        // A few starts a life, so that executions of every age meet every death.
        let life = Instant::now() + Duration::from_millis(random.u64(20..450));
        for _ in 0..3 {
            let Some(number) = (0..count).find(|number| !acknowledged.contains_key(number)) else { break };
            let body = json!({ "namespace": "test", "name": workflow(number), "input": input(marks, number) });
            let headers = format!("Content-Type: application/json\r\nIdempotency-Key: {}\r\n", idempotency_key(number));
            match server.request("POST", "/api/v1/executions", &headers, &body.to_string()) {
                Some((200 | 201, reply)) => {
                    let reply: Value = serde_json::from_str(&reply).unwrap();
                    acknowledged.insert(number, reply["id"].as_str().unwrap().to_owned());
                }
                // A server is busy with what the process before left there: the client is told to try again, or waits in vain,
                // and tries again with the same key. A file is nobody else's.
                Some((503, _)) | None if is_server => break,
                other => panic!("a start was refused: {other:?}"),
            }
        }
        std::thread::sleep(life.saturating_duration_since(Instant::now()));
        server.kill();
        kills += 1;
        server = Server::start(url);
    }
    println!("{kills} kills, {} executions in {:?}", acknowledged.len(), began.elapsed());
    (server, acknowledged)
}

/// Waits until every execution has ended, then ends the server. Children end before their parents.
pub(crate) fn finish(server: Server, acknowledged: &BTreeMap<usize, String>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut open: Vec<&String> = acknowledged.values().collect();
    while let Some(id) = open.last() {
        let (code, reply) = server.request("GET", &format!("/api/v1/executions/{id}"), "", "").unwrap();
        let reply: Value = serde_json::from_str(&reply).unwrap();
        if code == 200 && ["completed", "faulted", "cancelled"].contains(&reply["status"].as_str().unwrap()) {
            open.pop();
            continue;
        }
        assert!(Instant::now() < deadline, "{} executions are stuck, such as {code} {reply}", open.len());
        std::thread::sleep(Duration::from_millis(200));
    }
    server.kill();
}
