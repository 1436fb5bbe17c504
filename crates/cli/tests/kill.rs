//! A serving process is killed with -9 a hundred times at random moments while 200 executions run: none is lost, stuck, or
//! completed twice, and no outcome is recorded twice.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aquifer::core::kinds::{Execution, Status, Step};
use aquifer::core::{Entity, Scan, Store, TenantId};
use aquifer::engine::{DEFAULT_TENANT, verify_events};
use serde_json::{Value, json};

const KILLS: usize = 100;
const EXECUTIONS: usize = 200;

/// The workflows; each effect writes down that it was done, so that repeats can be told from losses.
const WORKFLOWS: [(&str, &str); 4] = [
    (
        "steps",
        r#"
do:
- loop:
    for: { in: '[range(4)]' }
    do:
    - mark: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; printf "%s" "$2"', arguments: ['${ $workflow.input.file }', '${ $item }'] } } }
    - keep: { set: '${ . | tonumber + 1 }' }
"#,
    ),
    (
        "waits",
        r#"
do:
- first: { wait: { milliseconds: 700 } }
- mark: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; echo 4', arguments: ['${ $workflow.input.file }'] } } }
- second: { wait: { milliseconds: 300 } }
- keep: { set: '${ 4 }' }
"#,
    ),
    (
        "branches",
        r#"
do:
- both:
    fork:
      branches:
      - a: { do: [ { w: { wait: { milliseconds: 200 } } }, { m: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; echo 1', arguments: ['${ $workflow.input.file }'] } } } } ] }
      - b: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; sleep 0.2; echo 3', arguments: ['${ $workflow.input.file }'] } } }
- sum: { set: '${ map(tonumber) | add }' }
"#,
    ),
    (
        "parent",
        r#"
do:
- child: { run: { workflow: { namespace: test, name: waits, version: latest, input: { file: '${ .file }' } } } }
- retried:
    try: [ { flaky: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; exit 1', arguments: ['${ $workflow.input.file }'] } } } } ]
    catch: { retry: { delay: { milliseconds: 100 }, limit: { attempt: { count: 2 } } }, do: [ { four: { set: '${ 4 }' } } ] }
"#,
    ),
];

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(database: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_aquifer"))
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", &format!("sqlite:{}", database.display())])
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
        let address = receiver.recv_timeout(Duration::from_secs(30)).expect("the server says where it listens");
        Self { process, address }
    }

    /// A request on a connection of its own; `None` if the server went away.
    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Option<(u16, String)> {
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

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Starts executions until all are acknowledged, and kills the server again and again; returns the last server and the ids.
fn storm(database: &Path, marks: &Path, random: &mut fastrand::Rng) -> (Server, BTreeMap<usize, String>) {
    let mut server = Server::start(database);
    for (name, body) in WORKFLOWS {
        let definition =
            format!("document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '0.1.0' }}\n{body}");
        let headers = "Content-Type: application/yaml\r\n";
        let (status, reply) = server.request("POST", "/api/v1/workflows", headers, &definition).unwrap();
        assert!(status == 200 || status == 201, "{status} {reply}");
    }
    let mut acknowledged: BTreeMap<usize, String> = BTreeMap::new();
    let mut kills = 0;
    let began = Instant::now();
    while kills < KILLS || acknowledged.len() < EXECUTIONS {
        // A few starts a life, so that executions of every age meet every death.
        let life = Instant::now() + Duration::from_millis(random.u64(20..450));
        for _ in 0..3 {
            let Some(number) = (0..EXECUTIONS).find(|number| !acknowledged.contains_key(number)) else { break };
            let (name, _) = WORKFLOWS[number % WORKFLOWS.len()];
            let input = json!({ "file": marks.display().to_string(), "number": number });
            let body = json!({ "namespace": "test", "name": name, "input": input });
            // The key makes a start whose reply was lost the same start again.
            let headers = format!("Content-Type: application/json\r\nIdempotency-Key: start-{number}\r\n");
            match server.request("POST", "/api/v1/executions", &headers, &body.to_string()) {
                Some((200 | 201, reply)) => {
                    let reply: Value = serde_json::from_str(&reply).unwrap();
                    acknowledged.insert(number, reply["id"].as_str().unwrap().to_owned());
                }
                other => panic!("a start was refused: {other:?}"),
            }
        }
        std::thread::sleep(life.saturating_duration_since(Instant::now()));
        server.kill();
        kills += 1;
        server = Server::start(database);
    }
    println!("{kills} kills, {} executions in {:?}", acknowledged.len(), began.elapsed());
    (server, acknowledged)
}

fn finish(server: Server) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let mut open = 0;
        for status in ["running", "waiting", "pending"] {
            let path = format!("/api/v1/executions?status={status}&limit=200");
            let (code, reply) = server.request("GET", &path, "", "").unwrap();
            assert_eq!(code, 200, "{reply}");
            let reply: Value = serde_json::from_str(&reply).unwrap();
            open += reply["items"].as_array().unwrap().len();
        }
        if open == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{open} executions are stuck");
        std::thread::sleep(Duration::from_millis(200));
    }
    server.kill();
}

#[test]
fn a_hundred_kills_lose_nothing_and_repeat_no_outcome() {
    let seed = std::env::var("AQUIFER_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("AQUIFER_TEST_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let (database, marks) = (folder.path().join("aquifer.db"), folder.path().join("marks"));
    std::fs::write(&marks, "").unwrap();
    let (server, acknowledged) = storm(&database, &marks, &mut fastrand::Rng::with_seed(seed));
    finish(server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(verify(&database, &marks, &acknowledged));
}

async fn executions(store: &Store) -> Vec<Execution> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let tenant = TenantId::from(DEFAULT_TENANT);
        let scan = Scan::key(Execution::KIND).equals(tenant).limit(500).after(cursor).with_detail();
        let page = store.backend().scan(&scan).await.unwrap();
        found.extend(page.records.into_iter().map(|record| Execution::from_record(record).unwrap()));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn steps(store: &Store, execution: &Execution) -> Vec<Step> {
    let scan = Scan::key(Step::KIND).equals(&execution.tenant_id).equals(&execution.id).limit(1000).with_detail();
    let page = store.backend().scan(&scan).await.unwrap();
    page.records.into_iter().map(|record| Step::from_record(record).unwrap()).collect()
}

async fn verify(database: &Path, marks: &Path, acknowledged: &BTreeMap<usize, String>) {
    let url = format!("sqlite:{}", database.display());
    let store = aquifer::open(&url, &aquifer::OpenOptions::default()).await.unwrap();
    let executions = executions(&store).await;
    let by_id: HashMap<&str, &Execution> =
        executions.iter().map(|execution| (execution.id.as_str(), execution)).collect();

    // Every acknowledged start is there, and nothing was started twice.
    for (number, id) in acknowledged {
        let execution = by_id.get(id.as_str()).unwrap_or_else(|| panic!("execution {number} ({id}) is lost"));
        assert_eq!(execution.idempotency_key.as_deref(), Some(format!("start-{number}").as_str()));
    }
    let top: Vec<_> = executions.iter().filter(|execution| execution.parent_id.is_none()).collect();
    assert_eq!(top.len(), EXECUTIONS);
    let parents = top.iter().filter(|execution| execution.name == "parent").count();
    assert_eq!(executions.len() - top.len(), parents, "every parent has one child");

    let marked = std::fs::read_to_string(marks).unwrap();
    let mut runs: HashMap<&str, usize> = HashMap::new();
    for key in marked.lines() {
        *runs.entry(key).or_default() += 1;
    }
    for execution in &executions {
        assert_eq!(execution.status, Status::Completed, "{execution:?}");
        assert_eq!(execution.output.as_deref(), Some("4"), "{execution:?}");
        assert!(execution.owner.is_none() && execution.wake_at.is_none() && execution.continuation.is_none());
        assert!(verify_events(&store, &execution.tenant_id, &execution.id).await.unwrap() > 0);
        // Each attempt of an effect has one recorded outcome, however often it had to be begun.
        let steps = steps(&store, execution).await;
        let mut recorded: Vec<_> = steps.iter().map(|step| (&step.task, step.visit, step.attempt)).collect();
        recorded.sort_unstable();
        recorded.dedup();
        assert_eq!(recorded.len(), steps.len(), "an outcome was recorded twice: {steps:?}");
        let expected = match execution.name.as_str() {
            "steps" | "parent" => 4,
            "waits" => 1,
            _ => 2,
        };
        assert_eq!(steps.len(), expected, "{steps:?}");
        assert!(runs.keys().any(|key| key.starts_with(execution.id.as_str())), "effects of {execution:?}");
    }
    let repeats: usize = runs.values().map(|count| count - 1).sum();
    println!("{} effects for {} keys, {repeats} of them again after a kill", marked.lines().count(), runs.len());
    store.backend().close().await.unwrap();
}
