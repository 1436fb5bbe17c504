//! URLs that people write.

use std::path::Path;
use std::time::Duration;

use super::SqliteOptions;

#[test]
fn urls_name_files() {
    for (url, path) in [
        ("sqlite:x.db", "x.db"),
        ("sqlite:./x.db", "./x.db"),
        ("sqlite:/tmp/x.db", "/tmp/x.db"),
        ("sqlite://x.db", "x.db"),
        ("sqlite:///tmp/x.db", "/tmp/x.db"),
        ("sqlite:////tmp/x.db", "/tmp/x.db"),
        ("sqlite:///./x.db", "./x.db"),
        ("sqlite:///../x.db", "../x.db"),
        ("sqlite+aiosqlite:///./workflows.db", "./workflows.db"),
        ("sqlite+aiosqlite:///workflows.db", "workflows.db"),
        ("sqlite+aiosqlite:////var/workflows.db", "/var/workflows.db"),
        ("file:./workflows.db", "./workflows.db"),
        ("file:///var/workflows.db", "/var/workflows.db"),
        ("sqlite:a%20b%3F.db", "a b?.db"),
    ] {
        let options = SqliteOptions::from_url(url).unwrap();
        assert_eq!(options, SqliteOptions::new(path), "{url}");
        assert!(!options.is_memory());
    }
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:///:memory:", "sqlite+aiosqlite:///:memory:"] {
        assert!(SqliteOptions::from_url(url).unwrap().is_memory(), "{url}");
    }
}

#[test]
fn urls_carry_options() {
    let options = SqliteOptions::from_url("sqlite:x.db?mode=ro&busy_timeout=250&readers=3").unwrap();
    let expected = SqliteOptions {
        path: Path::new("x.db").to_owned(),
        create: false,
        read_only: true,
        busy_timeout: Duration::from_millis(250),
        readers: 3,
        ..SqliteOptions::new("x.db")
    };
    assert_eq!(options, expected);
    let options = SqliteOptions::from_url("sqlite:x.db?mode=rw").unwrap();
    assert!(!options.create && !options.read_only);
    assert_eq!(SqliteOptions::from_url("sqlite:x.db?mode=rwc").unwrap(), SqliteOptions::new("x.db"));
}

#[test]
fn bad_urls_are_refused_with_the_fix() {
    for (url, message) in [
        ("postgres://localhost/x", "\"postgres://localhost/x\" is not a SQLite URL: write sqlite:PATH"),
        ("x.db", "\"x.db\" is not a SQLite URL: write sqlite:PATH"),
        ("sqlite:", "\"sqlite:\" names no file: write sqlite:PATH, or sqlite::memory:"),
        ("sqlite://", "\"sqlite://\" names no file: write sqlite:PATH, or sqlite::memory:"),
        ("sqlite+aiosqlite:x.db", "\"sqlite+aiosqlite:x.db\" names no file: write sqlite:PATH, or sqlite::memory:"),
        ("sqlite:%FF.db", "the path in \"sqlite:%FF.db\" is not UTF-8"),
        ("sqlite:x%00.db", "the path in \"sqlite:x%00.db\" contains U+0000"),
        (
            "sqlite:x.db?mod=ro",
            "sqlite has no option \"mod\", did you mean mode? (there are busy_timeout, mode, readers)",
        ),
        (
            "sqlite:x.db?busy-timeout=1",
            "sqlite has no option \"busy-timeout\", did you mean busy_timeout? (there are busy_timeout, mode, readers)",
        ),
        ("sqlite:x.db?mode=memory", "the option mode takes ro, rw or rwc, not \"memory\""),
        ("sqlite:x.db?readers=0", "the option readers takes a number of threads from 1 to 64, not \"0\""),
        ("sqlite:x.db?busy_timeout=-1", "the option busy_timeout takes milliseconds, at most 3600000, not \"-1\""),
        ("sqlite:x.db?busy_timeout", "the option busy_timeout takes milliseconds, at most 3600000, not \"\""),
    ] {
        assert_eq!(SqliteOptions::from_url(url).unwrap_err().message(), message);
    }
}
