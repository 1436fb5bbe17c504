//! The backends, and databases on them that are nobody else's.

use aquifer_testkit::{Instance, Options, Server};
use tempfile::TempDir;

/// A backend to test on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Memory,
    /// A file, and the scheme of its URL.
    File(&'static str),
    Server(Server),
}

/// All of them.
pub(crate) static PLACES: &[Place] = &[
    Place { kind: Kind::Memory },
    Place { kind: Kind::File("json") },
    Place { kind: Kind::File("sqlite") },
    Place { kind: Kind::Server(Server::Libsql) },
    Place { kind: Kind::Server(Server::Postgres) },
    Place { kind: Kind::Server(Server::Mariadb) },
    Place { kind: Kind::Server(Server::Redis) },
    Place { kind: Kind::Server(Server::Mongodb) },
    Place { kind: Kind::Server(Server::Dynamodb) },
];

/// An empty database. It ends with this value.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) server: Option<Instance>,
    _folder: TempDir,
}

impl Place {
    /// What its tests are called after.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::Memory => "memory".to_owned(),
            Kind::File(scheme) => (*scheme).to_owned(),
            // No mongod is packaged: the name says which server it was. Without one, the tests fail by themselves.
            Kind::Server(Server::Mongodb) if aquifer_testkit::try_url(Server::Mongodb).is_ok() => {
                match aquifer_testkit::mongodb_kind().as_str() {
                    "mongod" => "mongodb".to_owned(),
                    kind => format!("mongodb-{kind}"),
                }
            }
            Kind::Server(server) => server.name().to_owned(),
        }
    }

    /// Whether what it holds outlives the process.
    pub(crate) fn is_durable(&self) -> bool {
        self.kind != Kind::Memory
    }

    /// Whether several processes may use it at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::File("sqlite") | Kind::Server(_))
    }

    /// Whether it is behind a network.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self.kind, Kind::Server(_))
    }

    /// The arguments that make its server keep its own files small, and the size beyond which no file may grow then. `None` for a file,
    /// and for Redis and DynamoDB: Redis ends where it cannot write, and what fills up is its memory, which a test of the crate
    /// sees to; DynamoDB's disks are not ours.
    pub(crate) fn disk(&self) -> Option<(Vec<String>, u64)> {
        // A page that is cut in its middle, as the last one on a full disk.
        const HALF_A_PAGE: u64 = 4096;
        let arguments: &[&str] = match &self.kind {
            Kind::Server(Server::Mariadb) => &["--innodb-log-file-size=8M"],
            Kind::Server(Server::Libsql | Server::Postgres | Server::Mongodb) => &[],
            _ => return None,
        };
        Some((arguments.iter().map(|argument| (*argument).to_owned()).collect(), (16 << 20) + HALF_A_PAGE))
    }

    /// An empty database, on a server of its own that forgets nothing.
    pub(crate) fn database(&self) -> Database {
        self.database_with(Vec::new())
    }

    /// The same, on a server with more arguments.
    pub(crate) fn database_with(&self, arguments: Vec<String>) -> Database {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aquifer.db").display().to_string();
        let server = match &self.kind {
            Kind::Server(server) => {
                let options = Options { durable: true, arguments };
                Some(Instance::start_with(*server, options).unwrap())
            }
            Kind::Memory | Kind::File(_) => None,
        };
        let url = match (&self.kind, &server) {
            (Kind::File(scheme), _) => format!("{scheme}:{path}"),
            (_, Some(server)) => server.url().to_owned(),
            _ => "memory:".to_owned(),
        };
        Database { url, server, _folder: folder }
    }
}

/// The URL with an option more.
pub(crate) fn with_option(url: &str, option: &str) -> String {
    format!("{url}{}{option}", if url.contains('?') { '&' } else { '?' })
}
