//! `aquifer import strom` and `aquifer export strom`.

use serde_json::{Value, json};

use crate::support::{Ended, Folder};

/// Three flows, with members that nobody here knows and numbers that must not be rounded.
const FLOWS: &str = r#"{
  "version": 1,
  "flows": [
    {
      "id": "4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10", "name": "Studio A",
      "elements": [{ "id": "src", "properties": { "is-live": true }, "x": 1.50, "big": 12345678901234567890123 }],
      "links": [], "gst_state": "playing", "unknown": { "z": 1, "a": null }, "properties": { "auto_restart": true }
    },
    { "name": "Old ü", "id": "0b0f6a5e-2f1c-4f6e-8f3a-7d1f2a3b4c5d", "state": "null", "properties": {} },
    { "name": "", "id": "0A0F6A5E-2f1c-4f6e-8f3a-7d1f2a3b4c5e", "gst_state": null }
  ]
}
"#;

const URLS: [&str; 2] = ["sqlite:a.db", "json:a.json"];

fn import(folder: &Folder, url: &str) -> Ended {
    folder.run(&["import", "strom", "flows.json", "--database-url", url, "--output", "json"])
}

fn imported(folder: &Folder, url: &str) -> [Value; 3] {
    let ended = import(folder, url);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let document = ended.document();
    assert_eq!(document["database"], url);
    ["created", "updated", "unchanged"].map(|name| document[name].clone())
}

fn exported(folder: &Folder, url: &str) -> Value {
    let ended = folder.run(&["export", "strom", "--database-url", url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn what_is_imported_is_exported_the_same() {
    for url in URLS {
        let folder = Folder::new().with("flows.json", FLOWS);
        assert_eq!(imported(&folder, url), [3, 0, 0]);
        assert_eq!(exported(&folder, url), serde_json::from_str::<Value>(FLOWS).unwrap());
        let at = ["--database-url", url];
        let ended = folder.run(&[&["export", "strom", "out.json"], &at[..]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(ended.stderr, format!("3 flows exported from {url}\n"));
        // Byte for byte, the members in their order and the numbers as they were written.
        let out = folder.read("out.json");
        for flow in FLOWS.split_once('[').unwrap().1.rsplit_once("\n  ]").unwrap().0.split("\n    {").skip(1) {
            assert!(out.contains(flow.trim_end_matches(',')), "{out}");
        }
        let stored = folder.run(&[&["workflow", "list", "--namespace", "strom", "--output", "json"], &at[..]].concat());
        let titles = stored.document()["items"].as_array().unwrap().iter().map(|item| item["title"].clone()).collect();
        assert_eq!(Value::Array(titles), json!(["", "Old ü", "Studio A"]));
        // The exported file is the same flows, and one to start from elsewhere.
        let folder = folder.with("flows.json", &out);
        assert_eq!(imported(&folder, url), [0, 0, 3]);
        assert_eq!(imported(&folder, "sqlite:elsewhere.db"), [3, 0, 0]);
    }
}

#[test]
fn only_what_has_changed_becomes_a_version() {
    for url in URLS {
        let folder = Folder::new().with("flows.json", FLOWS);
        assert_eq!(imported(&folder, url), [3, 0, 0]);
        assert_eq!(imported(&folder, url), [0, 0, 3]);
        // Written by another hand: without white space, with other escapes and the members in another order.
        let respelled: String = FLOWS.replace("Old ü", "Old_\\u00fc").split_whitespace().collect();
        let respelled = respelled.replace("Old_", "Old ").replace("StudioA", "Studio A").replacen(
            "\"version\":1,\"flows\":[{\"id\":\"4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10\",\"name\":\"Studio A\"",
            "\"version\":1,\"flows\":[{\"name\":\"Studio A\",\"id\":\"4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10\"",
            1,
        );
        let folder = folder.with("flows.json", respelled);
        assert_eq!(imported(&folder, url), [0, 0, 3]);
        let changed = FLOWS.replace("Studio A", "Studio B").replace("\"playing\"", "\"paused\"");
        let more = r#"{ "id": "0b0f6a5e-2f1c-4f6e-8f3a-7d1f2a3b4c5f", "name": "New" }"#;
        let changed = changed.replace("\"gst_state\": null }", &format!("\"gst_state\": null }}, {more}"));
        let folder = folder.with("flows.json", &changed);
        assert_eq!(imported(&folder, url), [1, 1, 2]);
        assert_eq!(exported(&folder, url), serde_json::from_str::<Value>(&changed).unwrap());
        let name = "strom/4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10";
        let shown = folder.run(&["workflow", "show", name, "--database-url", url, "--output", "json"]).document();
        assert_eq!((&shown["title"], &shown["latest_version"]), (&json!("Studio B"), &json!(2)));
        assert_eq!(shown["tags"]["strom_state"], "paused");
        assert_eq!(imported(&folder, url), [0, 0, 4]);
    }
}

#[test]
fn people_are_told_what_was_done_and_what_to_do_next() {
    let folder = Folder::new().with("flows.json", FLOWS);
    let ended = folder.run(&["import", "strom", "flows.json"]);
    assert_eq!(ended.stdout, "flows.json: 3 flows: 3 created, 0 updated, 0 unchanged\n", "{ended:?}");
    let next = "next: aquifer workflow list --namespace strom\n      aquifer export strom\n";
    assert_eq!(ended.stderr, next);
    let ended = folder.run(&["import", "strom", "flows.json", "--database-url", "memory:"]);
    assert!(ended.stderr.contains("nothing is kept"), "{ended:?}");
}

#[test]
fn a_broken_file_is_refused_and_nothing_is_stored() {
    let id = "4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d11";
    let late = |flow: &str| FLOWS.replace("\"gst_state\": null }", &format!("\"gst_state\": null }}, {flow}"));
    let large = format!(r#"{{ "id": "{id}", "name": "{}" }}"#, "x".repeat(300_000));
    for (text, says) in [
        ("{".to_owned(), "flows.json: not a strom file: not JSON"),
        ("{\"version\": 2, \"flows\": []}".to_owned(), "flows.json: the strom file has version 2"),
        (late("{ \"name\": \"x\" }"), "flows.json: flows[3]: id is missing"),
        (late(&format!(r#"{{ "id": "{id}", "name": 1 }}"#)), "flows.json: flows[3]: name is wrong"),
        (late(&format!(r#"{{ "id": "{id}", "name": "a\u0000b" }}"#)), "flows.json: flows[3]: the name holds"),
        (late(&large), "flows.json: flows[3]: the name takes at most 262144 bytes"),
    ] {
        for url in URLS {
            let folder = Folder::new().with("flows.json", &text);
            import(&folder, url).assert_unusable(says);
            let folder = folder.with("flows.json", FLOWS);
            assert_eq!(imported(&folder, url), [3, 0, 0], "{says}");
        }
    }
    let folder = Folder::new().with("flows.json", b"\xff");
    import(&folder, "sqlite:a.db").assert_unusable("flows.json:1:1: this is not UTF-8");
    folder.run(&["import", "strom", "none.json"]).assert_unusable("there is no such file");
    // What was refused before a database was needed has made none.
    assert!(!folder.path("a.db").exists() && !folder.path("aquifer.db").exists());
}

#[test]
fn what_others_stored_stays_theirs() {
    let name = "4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10";
    let other = format!(
        "document: {{ dsl: '1.0.3', namespace: strom, name: {name}, version: '0.1.0' }}\ndo: [{{ a: {{ set: {{ b: 1 }} }} }}]\n"
    );
    let folder = Folder::new().with("other.yaml", other).with("flows.json", FLOWS);
    let url = "sqlite:a.db";
    let applied = folder.run(&["workflow", "apply", "other.yaml", "--database-url", url]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    import(&folder, url).assert_unusable("flows.json: flows[0]: the workflow strom/4a8aa2a2");
    let ended = folder.run(&["export", "strom", "--database-url", url]);
    assert!(ended.stderr.contains("holds no flows of strom"), "{ended:?}");
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap(), json!({"version": 1, "flows": []}));
}

#[test]
fn an_export_is_whole_or_nothing() {
    let folder = Folder::new().with("kept.json", "as it was");
    folder.run(&["export", "strom", "kept.json"]).assert_unusable("there is no database");
    folder.run(&["db", "migrate"]);
    folder.run(&["export", "strom", "none/out.json"]).assert_unusable("cannot write none/out.json");
    folder.run(&["export", "strom", "."]).assert_unusable("is a directory");
    assert_eq!(folder.read("kept.json"), "as it was");
    assert_eq!(folder.run(&["export", "strom", "kept.json"]).code, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&folder.read("kept.json")).unwrap(), json!({"version": 1, "flows": []}));
}

#[test]
fn many_flows_are_read_page_by_page_in_their_order() {
    let flow =
        |number: usize| json!({"id": format!("4a8aa2a2-7e0c-4b7f-9d3a-{number:012x}"), "name": number.to_string()});
    let file = json!({"version": 1, "flows": (0..250).map(flow).collect::<Vec<_>>()});
    let folder = Folder::new().with("flows.json", file.to_string());
    for url in URLS {
        assert_eq!(imported(&folder, url), [250, 0, 0]);
        assert_eq!(exported(&folder, url), file);
    }
}

#[test]
fn deep_nesting_does_no_harm() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let flow = format!(r#"{{"id":"4a8aa2a2-7e0c-4b7f-9d3a-0a4a4c1c7d10","name":"a","x":{deep}}}"#);
    let folder = Folder::new().with("flows.json", format!(r#"{{"version":1,"flows":[{flow}]}}"#));
    for url in URLS {
        assert_eq!(imported(&folder, url), [1, 0, 0]);
        assert_eq!(imported(&folder, url), [0, 0, 1]);
        assert!(folder.run(&["export", "strom", "--database-url", url]).stdout.contains(&flow));
    }
}

#[test]
fn an_unknown_tenant_is_not_invented() {
    let folder = Folder::new().with("flows.json", FLOWS);
    let ended = folder.run(&["import", "strom", "flows.json", "--set", "server.tenant=other"]);
    ended.assert_unusable("there is no tenant other");
    assert!(ended.stderr.contains("server.tenant"), "{ended:?}");
}
