//! `aquifer run`.

use serde_json::{Value, json};

use crate::support::{Ended, Folder, HELLO};

fn workflow(tasks: &str) -> String {
    format!("document: {{ dsl: '1.0.3', namespace: test, name: main, version: '0.1.0' }}\ndo:\n{tasks}")
}

#[test]
fn standard_output_holds_the_one_document() {
    let folder = Folder::new().with("hello.yaml", HELLO).with("input.json", "{\"name\": \"Bo\"}");
    let ended = folder.run(&["run", "hello.yaml", "--output", "json", "--input", "{\"name\": \"Ada\"}"]);
    assert_eq!(ended.stdout, "{\"status\":\"completed\",\"output\":{\"message\":\"Hello, Ada!\"},\"error\":null}\n");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let ended = folder.run(&["run", "hello.yaml", "--output", "json", "--input", "@input.json"]);
    assert_eq!(ended.document()["output"]["message"], "Hello, Bo!");
    let ended = folder.run(&["run", "hello.yaml"]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document, json!({"status": "completed", "output": {"message": "Hello, world!"}, "error": null}));
    assert!(ended.stdout.contains("\n  \"output\""), "{ended:?}");
    assert!(std::fs::read_dir(folder.path(".")).unwrap().count() == 2, "nothing is left behind");
}

#[test]
fn the_definition_or_the_input_comes_from_standard_input() {
    let folder = Folder::new().with("hello.yaml", HELLO).with("input", "{\"name\": \"Cy\"}");
    let fed = |arguments: &[&str], file: &str| {
        let input = std::fs::File::open(folder.path(file)).unwrap();
        Ended::of(folder.command(arguments).stdin(input))
    };
    assert_eq!(
        fed(&["run", "hello.yaml", "--output=json", "--input=-"], "input").document()["output"]["message"],
        "Hello, Cy!"
    );
    assert_eq!(fed(&["run", "-", "--output=json"], "hello.yaml").document()["output"]["message"], "Hello, world!");
    fed(&["run", "-", "--input", "-"], "input").assert_unusable("cannot both come from standard input");
}

#[test]
fn a_fault_is_reported_and_returns_1() {
    let tasks = "- fail:\n    raise:\n      error: { type: https://example.com/mine, status: 418, title: teapot, detail: no coffee }\n";
    let folder = Folder::new().with("main.yaml", workflow(tasks));
    let ended = folder.run(&["run", "main.yaml", "--output", "json"]);
    let document = ended.document();
    assert_eq!((document["status"].as_str(), document["output"].is_null()), (Some("faulted"), true));
    assert_eq!(document["error"]["status"], 418);
    assert_eq!(document["error"]["instance"], "/do/0/fail");
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "the execution faulted: teapot at /do/0/fail: no coffee\n");
}

#[test]
fn tasks_are_traced_in_order() {
    let tasks = "- loop:\n    for: { each: n, in: '${ [1, 2] }' }\n    do:\n    - inner: { set: { n: '${ $n }' } }
- never:\n    if: ${ false }\n    set: { a: 1 }\n- fail:\n    raise:\n      error: { type: https://example.com/mine, status: 400 }\n";
    let folder = Folder::new().with("main.yaml", workflow(tasks)).with("trace", "old content");
    let ended = folder.run(&["run", "main.yaml", "--trace", "trace"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let inner = json!({"task": "/do/0/loop/for/do/0/inner", "name": "inner", "status": "completed"});
    let lines = folder.lines("trace");
    let (inners, others): (Vec<Value>, Vec<Value>) = lines.into_iter().partition(|line| line["name"] == "inner");
    assert_eq!(inners.len(), 2);
    assert!(inners.iter().all(|line| line["status"] == "completed" && line.as_object().unwrap().len() == 3));
    assert_eq!(inners[0], inners[1]);
    assert!(inners[0]["task"].as_str().unwrap().starts_with("/do/0/loop/"), "{} / {inner}", inners[0]);
    let expected = [
        json!({"task": "/do/0/loop", "name": "loop", "status": "completed"}),
        json!({"task": "/do/1/never", "name": "never", "status": "skipped"}),
        json!({"task": "/do/2/fail", "name": "fail", "status": "faulted"}),
    ];
    assert_eq!(others, expected);
}

#[test]
fn events_are_written_with_those_of_started_workflows() {
    let child = HELLO.replace(
        "- greet:",
        "- tell:\n    emit: { event: { with: { source: https://example.com, type: com.example.told } } }\n- greet:",
    );
    let child = child.replace(".name", "$workflow.input.name");
    let tasks =
        "- call:\n    run: { workflow: { namespace: test, name: hello, version: '0.1.0', input: { name: Di } } }\n";
    let folder = Folder::new().with("main.yaml", workflow(tasks)).with("hello.yaml", child);
    let ended = folder.run(&[
        "run",
        "main.yaml",
        "--with",
        "hello.yaml",
        "--events-out",
        "events",
        "--trace",
        "trace",
        "--output=json",
    ]);
    assert_eq!(ended.document()["output"]["message"], "Hello, Di!", "{ended:?}");
    let events = folder.lines("events");
    assert!(events.iter().all(|event| event["specversion"] == "1.0" && event["id"].is_string()));
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(count("io.serverlessworkflow.workflow.started.v1"), 2);
    assert_eq!(count("io.serverlessworkflow.workflow.completed.v1"), 2);
    assert_eq!(count("com.example.told"), 1);
    assert_eq!(events[0]["type"], "io.serverlessworkflow.workflow.started.v1");
    assert_eq!(events[0]["data"]["definition"]["name"], "main");
    assert_eq!(folder.lines("trace"), [json!({"task": "/do/0/call", "name": "call", "status": "completed"})]);
}

#[test]
fn secrets_come_from_a_file_and_stay_out_of_messages() {
    let definition = workflow("- use: { set: { length: '${ $secrets.token | length }' } }\n")
        .replace("do:", "use: { secrets: [token] }\ndo:");
    let folder = Folder::new()
        .with("main.yaml", definition)
        .with("secrets.json", "{\"token\": \"s3cret\"}")
        .with("bad.json", "[\"s3cret\"]")
        .with("worse.json", "{\"token\": s3cret}");
    let ended = folder.run(&["run", "main.yaml", "--secrets", "secrets.json", "--output", "json"]);
    assert_eq!(ended.document()["output"]["length"], 6, "{ended:?}");
    for file in ["bad.json", "worse.json"] {
        let ended = folder.run(&["run", "main.yaml", "--secrets", file]);
        ended.assert_unusable(file);
        assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
    }
}

#[test]
fn what_cannot_be_used_returns_2_and_prints_nothing() {
    let folder = Folder::new()
        .with("hello.yaml", HELLO)
        .with("invalid.yaml", HELLO.replace("set:", "sat:"))
        .with("latin.yaml", b"document: \xe9\n")
        .with("bad.json", "{\"a\": }")
        .with("cut.yaml", "document: {");
    let large = format!("\"{}\"", "x".repeat(2000));
    let folder = folder.with("large.json", large);
    for (arguments, text) in [
        (&["run"][..], "Usage: aquifer run"),
        (&["run", "none.yaml"], "cannot read none.yaml: there is no such file"),
        (&["run", "."], ". is a directory"),
        (&["run", "invalid.yaml"], "invalid.yaml:4:5"),
        (&["run", "cut.yaml"], "cut.yaml"),
        (&["run", "latin.yaml"], "latin.yaml"),
        (&["run", "hello.yaml", "--with", "invalid.yaml"], "invalid.yaml:4:5"),
        (&["run", "hello.yaml", "--input", "{a}"], "--input:1:2: this is not JSON"),
        (&["run", "hello.yaml", "--input", "@bad.json"], "bad.json:1:7: this is not JSON"),
        (&["run", "hello.yaml", "--input", "@none"], "cannot read none"),
        (
            &["run", "hello.yaml", "--input", "@large.json", "--set", "engine.max_input_bytes=1000"],
            "larger than the limit of 1000 bytes",
        ),
        (&["run", "hello.yaml", "--output", "xml"], "possible values: json, pretty"),
        (&["run", "hello.yaml", "--trace", "no/where"], "cannot write no/where"),
        (&["run", "hello.yaml", "--database-url", "sqlit:a.db"], "did you mean \"sqlite\"?"),
        (&["run", "hello.yaml", "--database-url", "sqlite:hello.yaml"], "is not a SQLite database"),
        (&["run", "hello.yaml", "--database-url", "sqlite:no/where.db"], "does not exist"),
        (&["run", "hello.yaml", "--database-url", "json:bad.json"], "bad.json"),
    ] {
        let ended = folder.run(arguments);
        ended.assert_unusable(text);
    }
    assert_eq!(folder.read("hello.yaml"), HELLO);
}

#[test]
fn a_database_url_makes_a_run_durable_and_a_setting_does_not() {
    let folder = Folder::new().with("hello.yaml", HELLO).with(".env", "DATABASE_URL=sqlite:unasked.db\n");
    let ended = folder.run(&["run", "hello.yaml", "--output", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!folder.path("unasked.db").exists());
    let ended = folder.run(&["run", "hello.yaml", "--output", "json", "--database-url", "sqlite:asked.db"]);
    assert_eq!(ended.document()["status"], "completed");
    let id = ended.stderr.split_whitespace().find(|word| word.starts_with("ex_")).unwrap();
    let shown = folder.run(&["execution", "show", id, "--database-url", "sqlite:asked.db", "--output", "json"]);
    assert_eq!(shown.document()["status"], "completed");
}

#[test]
fn an_interrupt_cancels_the_execution() {
    let folder = Folder::new().with("main.yaml", workflow("- long: { wait: { minutes: 10 } }\n"));
    let mut running = folder.spawn(&["run", "main.yaml", "--output", "json", "--database-url", "sqlite:a.db"]);
    assert!(running.note().starts_with("execution ex_"));
    running.signal("INT");
    assert_eq!(running.note(), "cancelling the execution; Ctrl-C again quits at once\n");
    let ended = running.end();
    assert_eq!(ended.document(), json!({"status": "cancelled", "output": null, "error": null}), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_supervisor_stops_a_durable_run_without_cancelling_it() {
    let folder = Folder::new().with("main.yaml", workflow("- long: { wait: { milliseconds: 1500 } }\n"));
    let mut running = folder.spawn(&["run", "main.yaml", "--output", "json", "--database-url", "sqlite:a.db"]);
    let note = running.note();
    let id = note.split_whitespace().nth(1).unwrap();
    running.signal("TERM");
    let ended = running.end();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let command = format!("aquifer resume {id} --database-url sqlite:a.db");
    assert!(ended.stderr.contains(&command), "{ended:?}");
    let ended = folder.run(&["resume", id, "--database-url", "sqlite:a.db", "--output", "json"]);
    assert_eq!(ended.document()["status"], "completed", "{ended:?}");
}
