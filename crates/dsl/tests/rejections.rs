//! Wrong definitions and the reports they get. Each file in `rejections/` has cases of the form
//! `=== name`, source, `-->`, report.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::Path;
use std::time::{Duration, Instant};

use aquifer_dsl::{Diagnostics, Limits, parse, parse_with_limits};

const HEAD: &str = "document: { dsl: 1.0.3, namespace: a, name: b, version: 1.0.0 }\n";

fn check(group: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejections").join(format!("{group}.txt"));
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<&str> = text.split("=== ").skip(1).collect();
    assert!(cases.len() > 5);
    for case in cases {
        let (name, rest) = case.split_once('\n').unwrap();
        let (source, expected) = rest.split_once("-->\n").unwrap();
        let error = parse(source, "f").expect_err(name);
        assert_eq!(error.to_string(), expected.trim_end(), "{group}: {name}");
        places_agree(&error);
    }
}

/// Offsets and lengths point at the same places as lines and columns, and stay within the source.
fn places_agree(error: &Diagnostics) {
    for item in &error.items {
        let before = &error.source[..item.offset];
        let line = before.rsplit('\n').next().unwrap().trim_start_matches('\u{FEFF}');
        assert_eq!(before.matches('\n').count() + 1, item.line, "{item:?}");
        assert_eq!(line.chars().count() + 1, item.column, "{item:?}");
        assert!(error.source.get(item.offset..item.offset + item.length).is_some(), "{item:?}");
    }
}

#[test]
fn calls() {
    check("calls");
}

#[test]
fn document() {
    check("document");
}

#[test]
fn durations() {
    check("durations");
}

#[test]
fn events() {
    check("events");
}

#[test]
fn failures() {
    check("failures");
}

#[test]
fn processes() {
    check("processes");
}

#[test]
fn references() {
    check("references");
}

#[test]
fn syntax() {
    check("syntax");
}

#[test]
fn tasks() {
    check("task");
}

#[test]
fn then() {
    check("then");
}

fn report(source: impl AsRef<[u8]>) -> String {
    let started = Instant::now();
    let error = parse(source, "f").unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10));
    places_agree(&error);
    error.to_string()
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_shift_nothing() {
    let source = format!("{HEAD}do:\n  - a:\n      sett: {{}}\n");
    let expected = "f:4:7: unknown property `sett` in the task `a`\n  hint: did you mean `set`?";
    assert_eq!(report(format!("\u{FEFF}{source}")), expected);
    assert_eq!(report(source.replace('\n', "\r\n")), expected);
}

#[test]
fn other_encodings_are_refused() {
    let source = [HEAD.as_bytes(), b"do:\n  - \xE4: {}\n"].concat();
    let error = parse(&source, "f").unwrap_err();
    assert_eq!(error.to_string(), "f:3:5: the byte 0xE4 is not valid UTF-8\n  hint: save the file as UTF-8");
    assert_eq!(error.items[0].offset, HEAD.len() + 8);
    for utf16 in [b"\xFF\xFEd\0".as_slice(), b"\xFE\xFF\0d"] {
        let error = parse(utf16, "f").unwrap_err();
        assert_eq!(error.to_string(), "f:1:1: the source is UTF-16, not UTF-8\n  hint: save the file as UTF-8");
    }
}

#[test]
fn large_sources_are_refused_unless_allowed() {
    let source = format!("{HEAD}x-data: {}\ndo: []\n", "x".repeat(100_000_000));
    let expected = format!(
        "f:1:1: the definition has {} bytes, the limit is 10485760\n  hint: move large data out of the definition into the workflow's input",
        source.len()
    );
    assert_eq!(report(&source), expected);
    let limits = Limits { max_bytes: 200_000_000, ..Limits::default() };
    assert!(parse_with_limits(&source, "f", &limits).is_ok());
}

#[test]
fn deep_nesting_is_refused() {
    let too_deep = "objects and arrays are nested deeper than 100 levels";
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{a: ", "}]")] {
        for depth in [100, 10_000] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(report(format!("{HEAD}x-a: {nested}\n")).contains(too_deep), "{open} {depth}");
        }
    }
    let block: String = (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(report(&block).starts_with(&format!("f:101:101: {too_deep}")));
    assert!(report("- ".repeat(10_000)).contains(too_deep));

    let source = format!("{HEAD}x-a: {}1{}\ndo: []\n", "[".repeat(99), "]".repeat(99));
    assert!(parse(&source, "f").is_ok());
    // A limit beyond the deepest that the stack is known to bear counts as that.
    let limits = Limits { max_depth: usize::MAX, ..Limits::default() };
    let nested = |depth: usize| format!("{HEAD}x-a: {}1{}\ndo: []\n", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_with_limits(nested(Limits::DEEPEST - 1), "f", &limits).is_ok());
    assert!(parse_with_limits(nested(Limits::DEEPEST), "f", &limits).is_err());
}

/// The deepest tasks fit into half of a usual thread's stack, also without optimisation.
#[test]
fn the_deepest_tasks_fit_the_stack() {
    let mut task = r#"{"set": {"a": 1}}"#.to_owned();
    for _ in 0..(Limits::DEEPEST - 6) / 3 {
        task = format!(r#"{{"try": [{{"t": {task}}}], "catch": {{}}}}"#);
    }
    let source = format!("{HEAD}do: [{{t: {task}}}]\n");
    let parse = move || {
        let limits = Limits { max_depth: Limits::DEEPEST, ..Limits::default() };
        let workflow = parse_with_limits(&source, "f", &limits).unwrap();
        let copy = workflow.clone();
        format!("{:?}", copy.tasks).len() + copy.unsupported().len()
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(parse).unwrap();
    assert!(thread.join().unwrap() > 0);
}

#[test]
fn alias_bombs_are_refused() {
    let mut laughs = format!("{HEAD}x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("x-{level}: &a{level} [{aliases}]\n"));
    }
    assert!(report(&laughs).contains("the definition has more than 1000000 values"));

    let long = format!("{HEAD}x-a: &a {}\nx-b: [{}]\n", "x".repeat(1_000_000), "*a,".repeat(100_000));
    assert!(report(&long).contains("the aliases add up to more than 10485760 bytes"));

    let deep: String = (1..200).map(|level| format!("x-{level}: &a{level} [*a{}]\n", level - 1)).collect();
    assert!(report(format!("{HEAD}x-0: &a0 1\n{deep}")).contains("nested deeper than 100 levels"));
}

#[test]
fn many_mistakes_are_cut_off() {
    let tasks: String = (0..5000).map(|n| format!("  - t{n}:\n      sett: {{}}\n")).collect();
    assert_eq!(report(format!("{HEAD}do:\n{tasks}")).matches("unknown property").count(), 100);
    let keys: String = (0..5000).map(|n| format!("k{n}: 1\n")).collect();
    assert_eq!(report(keys).matches("unknown property").count(), 100);
}

#[test]
fn quoted_text_stays_on_its_line_and_short() {
    let source = format!("{HEAD}do: []\n\"a\\n\\e[31m\": 1\n");
    assert!(report(&source).starts_with("f:3:1: unknown property `a\\n\\u{1b}[31m` in the definition\n"));
    let source = format!("{HEAD}do: []\n? \"{}\"\n: 1\n", "x".repeat(1_000_000));
    assert!(report(&source).len() < 2000);
}
