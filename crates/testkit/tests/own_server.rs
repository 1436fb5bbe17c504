//! Servers of a test's own: started, killed, started again.

#![expect(clippy::unwrap_used, reason = "tests may")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use aquifer_testkit::{Instance, Options, Server, try_url};

/// What Redis on this port replies to a command.
fn redis(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "{command}\r\n").unwrap();
    let mut reply = vec![0; 4096];
    let length = stream.read(&mut reply).unwrap();
    String::from_utf8_lossy(&reply[..length]).trim_end().to_owned()
}

#[test]
fn own_server_comes_back_on_its_port_with_its_data() {
    let options = Options { durable: true, arguments: ["--maxmemory", "50mb"].map(String::from).to_vec() };
    let mut server = Instance::start_with(Server::Redis, options).unwrap();
    let port = server.port();
    assert_eq!(server.url(), format!("redis://127.0.0.1:{port}"));
    assert_eq!(redis(port, "SET key value"), "+OK");
    server.kill();
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    server.start_again();
    assert_eq!(redis(port, "GET key"), "$5\r\nvalue");
    server.stop();
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    server.start_again();
    assert_eq!(redis(port, "GET key"), "$5\r\nvalue");
    assert!(redis(port, "CONFIG GET maxmemory").ends_with("52428800"));

    let folder = server.folder().to_path_buf();
    drop(server);
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    assert!(!folder.exists());
}

#[test]
fn own_server_of_postgres_starts_again_after_a_kill() {
    let mut server = Instance::start(Server::Postgres);
    let url = server.url().to_owned();
    for _ in 0..3 {
        server.kill();
        server.start_again();
    }
    server.stop();
    server.start_again();
    assert_eq!(server.url(), url);
}

#[test]
fn own_server_of_every_kind_starts_again_after_a_kill() {
    for server in Server::ALL {
        if server == Server::Mysql && try_url(server).is_err() {
            // Where it cannot be had, the command that starts the servers has said so.
            continue;
        }
        let mut instance = Instance::start(server);
        instance.kill();
        TcpStream::connect(("127.0.0.1", instance.port())).unwrap_err();
        instance.start_again();
        TcpStream::connect(("127.0.0.1", instance.port())).unwrap();
        instance.stop();
        TcpStream::connect(("127.0.0.1", instance.port())).unwrap_err();
    }
}

#[test]
fn own_server_of_several_processes_loses_one() {
    let mut group = Instance::start(Server::RedisSentinel);
    let names: Vec<_> = group.names().map(str::to_owned).collect();
    assert_eq!(names, ["primary", "replica", "sentinel-1", "sentinel-2", "sentinel-3"]);
    let replica = group.port_of("replica").unwrap();
    assert!(redis(replica, "INFO replication").contains("role:slave"));
    assert!(group.kill_one("primary"));
    assert!(!group.kill_one("secondary"));
    let mut looks = 0;
    while !redis(replica, "INFO replication").contains("role:master") {
        looks += 1;
        assert!(looks < 300, "the sentinels have not made the replica the primary");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn own_server_with_wrong_arguments_says_what_it_printed() {
    let options = Options { arguments: vec![String::from("--no-such-thing")], ..Options::default() };
    let error = Instance::start_with(Server::Redis, options).unwrap_err().to_string();
    assert!(error.starts_with("no redis of the test's own: redis ended instead of serving port "), "{error}");
    assert!(error.contains("no-such-thing"), "{error}");
}
