//! `aquifer serve`.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Folder, Running};

/// Starts a server on a free port; returns it with its address.
pub(crate) fn serve(folder: &Folder, more: &[&str]) -> (Running, String) {
    let mut running = folder.spawn(&[&["serve", "--listen", "127.0.0.1:0"], more].concat());
    let line = running.line();
    let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
    (running, address)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn it_says_where_it_listens_and_where_the_data_is() {
    let folder = Folder::new();
    let (mut running, address) = serve(&folder, &[]);
    assert!(!address.ends_with(":0"), "{address}");
    let data = running.line();
    let path = folder.path("aquifer.db");
    assert!(
        data.starts_with("data in /") && data.ends_with("aquifer.db (sqlite:aquifer.db, from default)\n"),
        "{data}"
    );
    assert!(path.exists());
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/metrics").contains("aquifer_store_operations_total"));
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("stopping"), "{ended:?}");
}

#[test]
fn an_address_that_is_taken_is_refused() {
    let folder = Folder::new();
    let (_running, address) = serve(&folder, &[]);
    folder.run(&["serve", "--listen", &address]).assert_unusable(&format!("cannot listen on {address}"));
}
