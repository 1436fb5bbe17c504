//! `aquifer validate`.

use serde_json::json;

use crate::support::{Folder, HELLO};

#[test]
fn all_files_are_reported() {
    let folder = Folder::new()
        .with("good.yaml", HELLO)
        .with("bad.yaml", HELLO.replace("set:", "sat:"))
        .with("worse.yaml", "do: [");
    let ended = folder.run(&["validate", "good.yaml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "good.yaml: valid (test/hello 0.1.0)\n"));
    let ended = folder.run(&["validate", "bad.yaml", "worse.yaml", "none.yaml", "good.yaml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), "good.yaml: valid (test/hello 0.1.0)\n"));
    for text in
        ["bad.yaml:4:5", "    sat:", "help: did you mean `set`?", "worse.yaml", "cannot read none.yaml", "3 of 4 files"]
    {
        assert!(ended.stderr.contains(text), "{text:?} is not in {}", ended.stderr);
    }
    assert!(!ended.stderr.contains('\u{1b}'), "no colours where there is no terminal");
}

#[test]
fn one_document_holds_everything_for_programs() {
    let folder = Folder::new().with("good.yaml", HELLO).with("bad.yaml", HELLO.replace("set:", "sat:"));
    let ended = folder.run(&["validate", "good.yaml", "bad.yaml", "none.yaml", "--output", "json"]);
    let document = ended.document();
    assert_eq!((ended.code, ended.stderr.as_str(), &document["valid"]), (Some(2), "", &json!(false)));
    let workflow = json!({"namespace": "test", "name": "hello", "version": "0.1.0"});
    let good = json!({"file": "good.yaml", "valid": true, "workflow": workflow, "diagnostics": []});
    assert_eq!(document["files"][0], good);
    let mistake = &document["files"][1]["diagnostics"][0];
    assert_eq!(
        (&mistake["line"], &mistake["column"], &mistake["code"]),
        (&json!(4), &json!(5), &json!("unknown-property"))
    );
    assert_eq!(document["files"][2]["diagnostics"][0]["code"], "unreadable");
}

#[test]
fn hostile_files_are_refused_without_harm() {
    let folder = Folder::new()
        .with("deep.yaml", format!("do: {}{}", "[".repeat(10_000), "]".repeat(10_000)))
        .with("escape.yaml", "\u{1b}[2J: 1\n")
        .with("empty.yaml", "")
        .with("long.yaml", "x".repeat(1 << 20))
        .with("nul.yaml", b"\0\0\0");
    for file in ["deep.yaml", "escape.yaml", "empty.yaml", "long.yaml", "nul.yaml", "/dev/zero"] {
        let ended = folder.run(&["validate", file]);
        ended.assert_unusable(file);
        assert!(ended.stderr.len() < 20_000 && !ended.stderr.contains('\u{1b}'), "{file}");
    }
}
