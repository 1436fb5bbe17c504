//! `aquifer bench`: that it measures and leaves nothing behind, not how fast anything is.

use serde_json::{Value, json};

use crate::support::Folder;

const SHORT: [&str; 7] = ["bench", "--seconds", "1", "--executions", "2000", "--output", "json"];

fn is_number(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0 && number.is_finite())
}

/// Asserts that all these members of a part of the document are figures, and that it has no others.
fn assert_figures(part: &Value, names: &[&str]) {
    let members = part.as_object().unwrap();
    assert_eq!(members.len(), names.len(), "{part}");
    for name in names {
        assert!(is_number(&members[*name]), "{name} in {part}");
    }
}

fn assert_workloads(document: &Value) {
    let latency = ["p50_us", "p99_us"];
    let (sequence, fanout) = (&document["sequence"], &document["fanout"]);
    for part in [&sequence["step"], &sequence["workflow"], &fanout["workflow"]] {
        assert_figures(part, &latency);
    }
    assert_eq!(sequence["concurrency"], 64);
    for name in ["workflows_per_second", "steps_per_second", "alone_steps_per_second", "speedup"] {
        assert!(is_number(&sequence[name]), "{name} in {document}");
    }
    assert!(is_number(&fanout["steps_per_second"]), "{document}");
    let runs = document["long"]["runs"].as_array().unwrap();
    assert_eq!(runs.iter().map(|run| &run["steps"]).collect::<Vec<_>>(), [&json!(1000), &json!(3000)]);
    for run in runs {
        assert_figures(run, &["steps", "first_hundred_us", "last_hundred_us"]);
    }
    let pages = document["list"]["pages"].as_array().unwrap();
    assert_eq!(pages.iter().map(|page| &page["executions"]).collect::<Vec<_>>(), [&json!(1000), &json!(2000)]);
    for page in pages {
        assert_figures(&page["page"], &latency);
    }
}

#[test]
fn a_database_is_measured_and_removed() {
    let folder = Folder::new();
    let ended = folder.run(&SHORT);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let document = ended.document();
    assert_eq!((&document["database"], &document["aquifer"]), (&json!("sqlite:aquifer-bench.db"), &json!("0.1.0")));
    assert_eq!(document["backend"], "sqlite");
    assert!(document["server"].as_str().unwrap().starts_with("SQLite "), "{document}");
    // The backend's own, not those of the chunking layer above it.
    let capabilities = json!({
        "max_record_bytes": 16 << 20,
        "max_operations": 1000,
        "max_transaction_bytes": 64 << 20,
        "concurrent_commits": 1,
        "scans_may_lag": false,
        "native_expiry": false,
        "push": false,
        "durable": true,
    });
    assert_eq!(document["capabilities"], capabilities);
    assert_workloads(&document);
    let bare = [
        "commit_us_p50",
        "commit_us_p99",
        "batched_rows_per_second",
        "commit_us_p50_after",
        "batched_rows_per_second_after",
    ];
    assert_figures(&document["bare"], &bare);
    let left: Vec<_> = std::fs::read_dir(folder.path(".")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn memory_is_measured_without_a_database_beside_it() {
    let folder = Folder::new();
    let ended = folder.run(&[&SHORT[..], &["--database-url", "memory:"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let document = ended.document();
    assert_eq!((&document["database"], &document["bare"]), (&json!("memory:"), &Value::Null));
    assert_eq!((&document["backend"], &document["server"]), (&json!("memory"), &json!("")));
    assert_eq!(document["capabilities"]["durable"], false);
    assert_workloads(&document);
    assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 0);
}

#[test]
fn only_what_is_asked_for_is_measured() {
    let folder = Folder::new();
    let ended = folder.run(&["bench", "--workload", "fanout", "--seconds", "1", "--database-url", "memory:"]);
    assert!(ended.stdout.contains("fanout: 50 parallel steps"), "{ended:?}");
    assert!(!ended.stdout.contains("sequence:") && !ended.stdout.contains("list:"), "{ended:?}");
}

#[test]
fn what_is_there_is_left_alone() {
    let folder = Folder::new().with("aquifer-bench.db", "somebody's").with("hello.yaml", crate::support::HELLO);
    folder.run(&["bench"]).assert_unusable("aquifer-bench.db is there already");
    assert_eq!(folder.read("aquifer-bench.db"), "somebody's");
    let url = ["--database-url", "sqlite:used.db"];
    assert_eq!(folder.run(&[&["run", "hello.yaml"], &url[..]].concat()).code, Some(0));
    folder.run(&[&["bench"], &url[..]].concat()).assert_unusable("sqlite:used.db holds executions");
}
