//! The specification's own examples.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::{Path, PathBuf};

use aquifer_dsl::{Limits, parse, parse_with_limits};
use serde_json::Value;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/examples");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 66);
    paths
}

#[test]
fn every_example_parses_to_a_faithful_definition() {
    for path in examples() {
        let name = path.file_name().unwrap().to_string_lossy();
        let source = std::fs::read_to_string(&path).unwrap();
        let workflow = parse(&source, &name).unwrap_or_else(|error| panic!("{error}"));
        // An independent YAML reader sees the same JSON, in the same order.
        let expected: Value = serde_saphyr::from_str(&source).unwrap();
        assert_eq!(
            serde_json::to_string(&*workflow.definition).unwrap(),
            serde_json::to_string(&expected).unwrap(),
            "{name}"
        );
        // The same definition as JSON, also indented with tabs, gives the same.
        let json = serde_json::to_string_pretty(&expected).unwrap();
        for json in [json.replace("  ", "\t"), serde_json::to_string(&expected).unwrap(), json] {
            let again = parse(&json, "json").unwrap_or_else(|error| panic!("{name}: {error}\n{json}"));
            assert_eq!(again.definition, workflow.definition, "{name}");
        }
        for task in &workflow.tasks {
            assert_eq!(workflow.definition.pointer(&task.pointer), Some(&*task.definition), "{name}");
            assert!(workflow.locate(&task.pointer).is_some(), "{name}");
        }
    }
}

/// Random edits never make the parser panic or hang, and what it refuses it explains.
#[test]
fn mutated_examples_are_refused_or_parsed_but_never_fatal() {
    let mut random = fastrand::Rng::with_seed(42);
    let sources: Vec<Vec<u8>> = examples().iter().map(|path| std::fs::read(path).unwrap()).collect();
    let snippets: [&[u8]; 14] =
        [b"\n", b"  ", b"- ", b": ", b"{", b"}", b"[", b"]", b"\t", b"\"", b"&a ", b"*a ", b"!!int ", b"\xFF"];
    for round in 0..6000 {
        let mut source = sources[random.usize(..sources.len())].clone();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(..source.len());
            match random.u8(..5) {
                0 => source[at] = random.u8(..),
                1 => drop(source.remove(at)),
                2 => {
                    let snippet = snippets[random.usize(..snippets.len())];
                    source.splice(at..at, snippet.iter().copied());
                }
                3 => {
                    let other = &sources[random.usize(..sources.len())];
                    let start = random.usize(..other.len());
                    let end = random.usize(start..=other.len().min(start + 200));
                    source.splice(at..at, other[start..end].iter().copied());
                }
                _ => source.truncate(at.max(1)),
            }
            if source.is_empty() {
                source.push(b'a');
            }
        }
        let started = std::time::Instant::now();
        if let Err(error) = parse(&source, "mutated") {
            assert!(!error.items.is_empty());
            for item in &error.items {
                assert!(!item.message.is_empty());
                assert!(item.line >= 1 && item.column >= 1, "{item:?}");
                assert!(item.offset <= error.source.len(), "{item:?}");
            }
        }
        assert!(started.elapsed().as_secs() < 5, "round {round} took too long");
    }
}

#[test]
fn limits_can_be_set() {
    let source = std::fs::read(&examples()[0]).unwrap();
    for limits in [
        Limits { max_bytes: 100, ..Limits::default() },
        Limits { max_depth: 5, ..Limits::default() },
        Limits { max_values: 20, ..Limits::default() },
    ] {
        let error = parse_with_limits(&source, "small", &limits).unwrap_err();
        assert_eq!(error.items.len(), 1, "{error}");
    }
}
