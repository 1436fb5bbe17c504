//! Every block of configuration in the guides of other systems, against a real server of the kind that it names.
//!
//! A block says `localhost:5432` or `db.example.com`, and a test's server is elsewhere. This is what is replaced at the last moment, and
//! nothing else: hosts and ports of databases (and with them the endpoint of DynamoDB and the address of Turso), paths of
//! certificates, and the port that a server listens on, which becomes a free one. The users, passwords and databases of a block are
//! made on the server before.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

#[path = "command/guide.rs"]
#[expect(dead_code, reason = "shared with the tests of commands, which use all of it")]
mod guide;
#[path = "command/support.rs"]
#[expect(dead_code, reason = "shared with the tests of commands, which use all of it")]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use aquifer_testkit::{Instance, Options, Server};
use guide::{GUIDES, Given, Place, read};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection};
use support::Ended;
use url::Url;

/// A block, or a line of one, that a server is there for.
struct Run {
    /// Guide and section.
    what: String,
    given: Given,
    with: Value,
    is_command: bool,
}

/// What the guides have for this server.
fn runs(server: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    for guide in GUIDES {
        let sections = read(guide);
        for section in &sections {
            let what = format!("{guide}: {}", section.title);
            let mut add = |given| {
                let is_command = section.block.contains("cargo run");
                runs.push(Run { what: what.clone(), given, with: section.expected["with"].clone(), is_command });
            };
            if let Some(lines) = section.expected["lines"].as_array() {
                let each = section.each().into_iter().zip(lines).filter(|(_, line)| line["server"] == server);
                each.for_each(|(given, _)| add(given));
            } else if section.expected["server"] == server {
                add(section.in_context(&sections));
            }
        }
    }
    assert!(!runs.is_empty(), "{server}");
    runs
}

impl Run {
    /// Replaces what a URL or a variable holds.
    fn replace(&mut self, replaced: impl Fn(&str, &str) -> String) {
        for (name, value) in &mut self.given.variables {
            *value = replaced(name, value);
        }
        for argument in &mut self.given.arguments {
            *argument = replaced("", argument);
        }
        if let Some(with) = self.with.as_object_mut() {
            for (name, value) in with.iter_mut() {
                *value = replaced(name, value.as_str().unwrap()).into();
            }
        }
    }

    /// Puts the server's address in place of that of the block.
    fn at(&mut self, host: &str, port: u16) {
        self.replace(|name, value| match name {
            _ if value.contains("://") && !value.contains("${") => with_authority(value, &format!("{host}:{port}")),
            _ if name.ends_with("_HOST") => host.to_owned(),
            _ if name.ends_with("_PORT") => port.to_string(),
            _ => value.to_owned(),
        });
        let lines = self.given.toml.lines().map(|line| match line.split(' ').next() {
            Some("host") => format!("host = \"{host}\"\n"),
            Some("port") => format!("port = {port}\n"),
            _ => format!("{line}\n"),
        });
        self.given.toml = lines.collect();
    }

    /// User, password and database.
    fn account(&self) -> [String; 3] {
        let own = self.given.variables.iter().map(|(_, value)| value.as_str());
        let own = own.chain(self.given.arguments.iter().map(String::as_str));
        // A block's own URL may refer to the one beside it.
        let beside = self.with.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        let mut urls = own.chain(beside).filter(|value| value.contains("://"));
        if let Some(url) = urls.next() {
            let url = Url::parse(url).unwrap();
            return [url.username(), url.password().unwrap(), url.path().trim_start_matches('/')].map(str::to_owned);
        }
        ["USER", "PASSWORD", "DATABASE"].map(|part| {
            let named = |(name, _): &&(String, String)| name.ends_with(&format!("_POSTGRES_{part}"));
            self.given.variables.iter().rfind(named).unwrap().1.clone()
        })
    }

    /// Uses the database: a server starts on it where the block starts one, and a record is written and read.
    fn works(&self, place: Place, backend: &str) {
        let what = format!("{} ({place:?})", self.what);
        let prepared = self.given.prepare(place, &self.with);
        let arguments: Vec<&str> = self.given.arguments.iter().map(String::as_str).collect();
        if self.is_command {
            // The port that the block names may be anybody's on this machine.
            let mut free = Vec::new();
            for argument in &arguments {
                free.push(if free.last() == Some(&"--port") { "0" } else { *argument });
            }
            let mut command = prepared.command(&free);
            command.env("AQUIFER_SERVER_LISTEN", "127.0.0.1:0").stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut server = command.spawn().unwrap();
            let (mut first, mut second) = (String::new(), String::new());
            let mut said = BufReader::new(server.stdout.take().unwrap());
            said.read_line(&mut first).unwrap();
            said.read_line(&mut second).unwrap();
            server.kill().unwrap();
            let ended = server.wait_with_output().unwrap();
            assert!(first.starts_with("listening on http://127.0.0.1:"), "{what}: {ended:?}");
            assert!(second.starts_with("data in PostgreSQL (postgresql://user:***@127.0.0.1:"), "{what}: {second}");
        }
        // What is about the server alone is no flag of the rest.
        let about_database: Vec<&str> = match arguments.as_slice() {
            ["--database-url", ..] => arguments,
            _ => Vec::new(),
        };
        let migrated = Ended::of(&mut prepared.command(&[&["db", "migrate"], &about_database[..]].concat()));
        assert_eq!(migrated.code, Some(0), "{what}: {migrated:?}");
        let check = [&["db", "check", "--write", "--output", "json"], &about_database[..]].concat();
        let checked = Ended::of(&mut prepared.command(&check));
        assert_eq!(checked.code, Some(0), "{what}: {checked:?}");
        let document = checked.document();
        assert_eq!((&document["backend"], &document["write"]), (&backend.into(), &true.into()), "{what}: {document}");
        println!("{what}: {}", document["database"]);
    }
}

/// The URL with another host and port.
fn with_authority(url: &str, authority: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (old, rest) = rest.split_at(end);
    let credentials = old.rsplit_once('@').map_or(String::new(), |(credentials, _)| format!("{credentials}@"));
    format!("{scheme}://{credentials}{authority}{rest}")
}

fn wait<F: Future>(future: F) -> F::Output {
    // Only the first test in a process gets to do it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Makes the user and the database of a block on a PostgreSQL server.
fn make_on_postgres(url: &str, run: &Run) {
    let [user, password, database] = run.account();
    wait(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let role = sqlx::raw_sql(AssertSqlSafe(format!("CREATE ROLE \"{user}\""))).execute(&mut connection).await;
        if let Err(error) = role {
            assert!(error.to_string().contains("already exists"), "{error}");
        }
        // Another block's user may have made tables in it.
        for statement in [
            format!("ALTER ROLE \"{user}\" LOGIN PASSWORD '{password}'"),
            format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)"),
            format!("CREATE DATABASE \"{database}\" OWNER \"{user}\""),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
    });
}

#[test]
fn own_server_of_postgres_takes_the_blocks() {
    let server = Instance::start(Server::Postgres);
    let mut runs = runs("postgres");
    runs.iter_mut().for_each(|run| run.at("127.0.0.1", server.port()));
    for run in &runs {
        make_on_postgres(server.url(), run);
        run.works(if run.is_command { Place::Environment } else { Place::DotEnv }, "postgres");
    }
}

#[test]
fn own_server_of_postgres_says_which_right_is_missing() {
    let server = Instance::start(Server::Postgres);
    let in_database = with_authority("postgres://aquifer:secret@x/workflows", &format!("127.0.0.1:{}", server.port()));
    let execute = |url: &str, statements: &[&'static str]| {
        wait(async {
            let mut connection = PgConnection::connect(url).await.unwrap();
            for statement in statements {
                sqlx::raw_sql(*statement).execute(&mut connection).await.unwrap();
            }
        });
    };
    // What the guide tells to do. Since PostgreSQL 15 it is not enough.
    let guides = [
        "CREATE DATABASE workflows",
        "CREATE USER workflow_user WITH PASSWORD 'your_password'",
        "GRANT ALL PRIVILEGES ON DATABASE workflows TO workflow_user",
    ];
    execute(server.url(), &guides);
    let url = format!("postgresql+asyncpg://workflow_user:your_password@127.0.0.1:{}/workflows", server.port());
    let folder = support::Folder::new();
    let migrate = || folder.run(&["db", "migrate", "--database-url", &url]);
    let refused = migrate();
    if refused.code != Some(0) {
        refused.assert_unusable("grant USAGE and CREATE on the schema");
        execute(&in_database, &["GRANT CREATE, USAGE ON SCHEMA public TO workflow_user"]);
        assert_eq!(migrate().code, Some(0));
    }
}

#[test]
fn own_server_of_postgres_tls_takes_the_blocks() {
    let server = Instance::start(Server::PostgresTls);
    let files = server.tls_files().unwrap();
    let mut runs = runs("postgres-tls");
    for run in &mut runs {
        run.at("localhost", server.port());
        run.replace(|_, value| match value {
            "/path/to/cert.pem" => files.certificate.display().to_string(),
            "/path/to/key.pem" => files.key.display().to_string(),
            "/path/to/root.pem" => files.ca.display().to_string(),
            _ => value.to_owned(),
        });
    }
    let url = format!("{}?sslmode=require", server.url());
    for run in &runs {
        make_on_postgres(&url, run);
        run.works(Place::DotEnv, "postgres");
    }
}

#[test]
fn own_server_of_mariadb_takes_the_blocks() {
    let server = Instance::start(Server::Mariadb);
    let mut runs = runs("mysql");
    runs.iter_mut().for_each(|run| run.at("127.0.0.1", server.port()));
    for run in &runs {
        let [user, password, database] = run.account();
        wait(async {
            let mut connection = MySqlConnection::connect(server.url()).await.unwrap();
            for statement in [
                format!("CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"),
                format!("CREATE USER IF NOT EXISTS '{user}'@'%'"),
                format!("ALTER USER '{user}'@'%' IDENTIFIED BY '{password}'"),
                format!("GRANT ALL PRIVILEGES ON {database}.* TO '{user}'@'%'"),
            ] {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
            }
        });
        run.works(Place::DotEnv, "mysql");
    }
}

#[test]
fn own_server_of_redis_takes_the_blocks() {
    // The server's own test settings would be warned of, which is another test's matter.
    let server = Instance::start_with(Server::Redis, Options { durable: true, ..Options::default() }).unwrap();
    for mut run in runs("redis") {
        run.at("127.0.0.1", server.port());
        let has_password = run.given.variables.iter().any(|(name, _)| name == "REDIS_PASSWORD");
        if has_password {
            tell(server.port(), "CONFIG SET requirepass secret\r\n");
        }
        run.works(Place::DotEnv, "redis");
        run.works(Place::Environment, "redis");
        if has_password {
            tell(server.port(), "AUTH secret\r\nCONFIG SET requirepass \"\"\r\n");
        }
    }
}

/// Sends lines to a Redis server and waits for the answer to the last.
fn tell(port: u16, lines: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("{lines}QUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "+OK\r\n".repeat(lines.matches('\n').count() + 1));
}

#[test]
fn own_server_of_libsql_takes_the_blocks() {
    let server = Instance::start(Server::Libsql);
    for mut run in runs("libsql") {
        run.at("127.0.0.1", server.port());
        // Turso speaks TLS, and the server here does not.
        run.replace(|_, value| if value.contains("://") { format!("{value}&tls=0") } else { value.to_owned() });
        run.works(Place::DotEnv, "libsql");
    }
}

#[test]
fn own_server_of_dynamodb_takes_the_blocks() {
    let server = Instance::start(Server::Dynamodb);
    let endpoint = format!("http://127.0.0.1:{}", server.port());
    for mut run in runs("dynamodb") {
        run.replace(|name, value| match name {
            "FLOWRUNNER_DYNAMODB_ENDPOINT" => endpoint.clone(),
            _ if value.starts_with("dynamodb://") => format!("{value}&endpoint={endpoint}"),
            _ => value.to_owned(),
        });
        run.works(Place::DotEnv, "dynamodb");
        run.works(Place::Environment, "dynamodb");
    }
}

#[test]
fn files_need_no_server() {
    for run in runs("sqlite") {
        run.works(Place::DotEnv, "sqlite");
        run.works(Place::Environment, "sqlite");
    }
}
