//! `aquifer workflow` and `aquifer execution`, on a server and straight on a database: what they print is the same.

use serde_json::{Value, json};

use crate::serve::serve;
use crate::support::{Ended, Folder, HELLO};

/// Uses all commands on workflows and executions, at `place`.
fn use_all(folder: &Folder, place: &[&str]) {
    let run = |arguments: &[&str]| folder.run(&[arguments, place].concat());
    let document = |arguments: &[&str]| -> Value {
        let ended = run(&[arguments, &["--output", "json"]].concat());
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.document()
    };

    let applied = run(&["workflow", "apply", "hello.yaml", "waits.yaml"]);
    assert!(applied.stdout.contains("hello.yaml: workflow test/hello created (wf_"), "{applied:?}");
    assert!(run(&["workflow", "apply", "hello.yaml"]).stdout.contains("test/hello unchanged, version 1"));
    run(&["workflow", "apply", "bad.yaml"]).assert_unusable("bad.yaml:4:5");
    let list = document(&["workflow", "list", "--namespace", "test"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "{list}");
    assert_eq!(document(&["workflow", "list", "--namespace", "other"])["items"], json!([]));
    assert!(run(&["workflow", "list"]).stdout.contains("hello"));
    let page = run(&["workflow", "list", "--limit", "1"]);
    assert!(page.stdout.lines().count() == 2 && page.stderr.contains("there is more: add --cursor "), "{page:?}");
    let cursor = page.stderr.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(run(&["workflow", "list", "--limit", "1", "--cursor", &cursor]).stdout.lines().count(), 2);
    let workflow = document(&["workflow", "show", "test/hello"]);
    let id = workflow["id"].as_str().unwrap();
    assert_eq!(document(&["workflow", "show", id]), workflow);
    assert!(run(&["workflow", "show", id]).stdout.contains("name: hello\n"));
    assert_eq!(document(&["workflow", "versions", "test/hello"])["items"][0]["number"], 1);

    let input = "{\"name\": \"Ada\"}";
    let key = ["--idempotency-key", "once"];
    let started = document(&[&["execution", "start", "test/hello", "--input", input, "--wait"], &key[..]].concat());
    assert_eq!(started["status"], "completed", "{started}");
    assert_eq!(started["output"]["message"], "Hello, Ada!");
    let execution = started["id"].as_str().unwrap();
    let again = document(&[&["execution", "start", "test/hello", "--input", input], &key[..]].concat());
    assert_eq!(again["id"], started["id"]);
    assert_eq!(document(&["execution", "show", execution])["id"], started["id"]);
    assert!(run(&["execution", "show", execution]).stdout.contains("status: completed\n"));
    let events = run(&["execution", "events", execution]);
    assert!(events.stdout.contains("io.serverlessworkflow.workflow.completed.v1"), "{events:?}");
    assert!(document(&["execution", "events", execution, "--cursor", "1"])["items"][0]["number"] == 2);
    assert_eq!(document(&["execution", "logs", execution])["items"], json!([]));
    let done = run(&["execution", "cancel", execution]);
    assert!(done.code == Some(1) && done.stderr.contains("completed"), "{done:?}");

    let waiting = document(&["execution", "start", "test/waits", "--version", "1"]);
    let waiting = waiting["id"].as_str().unwrap();
    assert!(run(&["execution", "suspend", waiting]).stdout.contains("is suspended"));
    assert_eq!(document(&["execution", "list", "--status", "suspended"])["items"][0]["id"], waiting);
    assert_eq!(run(&["execution", "resume", waiting]).code, Some(0));
    assert!(run(&["execution", "cancel", waiting]).stdout.contains("is cancelled"));
    let list = document(&["execution", "list", "--workflow", "test/waits", "--status", "cancelled"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");

    assert_eq!(run(&["workflow", "apply", "spare.yaml"]).code, Some(0));
    assert_eq!(run(&["workflow", "delete", "test/spare"]).code, Some(0));
    let gone = run(&["workflow", "show", "test/spare"]);
    assert!(gone.code == Some(1) && gone.stdout.is_empty() && gone.stderr.contains("there is no workflow"), "{gone:?}");
    let started = run(&["execution", "start", "test/waits", "--idempotency-key", "note"]);
    let flag = place.join(" ");
    assert_eq!(started.stderr.contains(&format!("aquifer serve {flag}`")), place[0] == "--database-url", "{started:?}");
    run(&["workflow", "apply", "default.yaml"]);
    assert_eq!(document(&["workflow", "show", "plain"])["namespace"], "default");
    assert_eq!(document(&["execution", "start", "plain", "--wait"])["status"], "completed");
    let missing = run(&["execution", "show", "ex_1"]);
    assert!(missing.code == Some(1) && missing.stdout.is_empty(), "{missing:?}");
    run(&["execution", "list", "--status", "asleep"]).assert_unusable("asleep");
    run(&["execution", "start", "test/hello", "--input", "{"]).assert_unusable("--input:1:1");
}

fn folder() -> Folder {
    let waits = "document: { dsl: '1.0.3', namespace: test, name: waits, version: '0.1.0' }\ndo:\n- long: { wait: { minutes: 10 } }\n";
    Folder::new()
        .with("hello.yaml", HELLO)
        .with("spare.yaml", HELLO.replace("name: hello", "name: spare"))
        .with("default.yaml", HELLO.replace("namespace: test, name: hello", "namespace: default, name: plain"))
        .with("bad.yaml", HELLO.replace("set:", "sat:"))
        .with("waits.yaml", waits)
}

#[test]
fn straight_on_a_database() {
    use_all(&folder(), &["--database-url", "sqlite:a.db"]);
}

#[test]
fn on_a_server() {
    let folder = folder();
    let (_running, address) = serve(&folder, &[]);
    use_all(&folder, &["--server", &format!("http://{address}")]);
}

#[test]
fn the_place_is_a_setting_too() {
    let folder = folder();
    let (_running, address) = serve(&folder, &[]);
    let url = format!("http://{address}");
    let ended = Ended::of(folder.command(&["workflow", "apply", "hello.yaml"]).env("AQUIFER_SERVER_URL", &url));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // A database on the command line goes before a server in the environment.
    let listed = |arguments: &[&str]| {
        let ended = Ended::of(folder.command(arguments).env("AQUIFER_SERVER_URL", &url));
        ended.document()["items"].as_array().unwrap().len()
    };
    assert_eq!(listed(&["workflow", "list", "--output", "json"]), 1);
    folder.run(&["db", "migrate", "--database-url", "sqlite:b.db"]);
    assert_eq!(listed(&["workflow", "list", "--output", "json", "--database-url", "sqlite:b.db"]), 0);
}

#[test]
fn a_server_that_does_not_answer_returns_1_and_says_what_to_do() {
    let ended = folder().run(&["workflow", "list", "--server", "http://127.0.0.1:9"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("the server at http://127.0.0.1:9/ does not answer"), "{ended:?}");
    assert!(ended.stderr.contains("aquifer serve"), "{ended:?}");
    let both = folder().run(&["workflow", "list", "--server", "http://a", "--database-url", "sqlite:a.db"]);
    both.assert_unusable("cannot be used with");
}
