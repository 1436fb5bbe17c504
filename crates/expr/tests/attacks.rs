//! Expressions and data that try to take the process down, or more of it than they may have.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use aquifer_expr::EvaluateErrorKind::{Failed, TimedOut, TooLarge};
use aquifer_expr::{Arguments, Bounds, EvaluateError, EvaluateErrorKind, Expression};
use serde_json::{Value, json};

fn bounds() -> Bounds {
    let now = "2026-01-02T03:04:05.5Z".parse().unwrap();
    Bounds { time: Duration::from_millis(200), memory: 32 << 20, ..Bounds::at(now) }
}

/// Evaluates, and checks that it did not take long; the limit is far above the bound, for slow machines.
fn evaluate(source: &str, input: &Value) -> Result<Value, EvaluateError> {
    let start = Instant::now();
    let expression = Expression::compile(source, &["x"]).unwrap_or_else(|error| panic!("{source}: {error}"));
    let result = expression.evaluate(input, &[("x", json!(1))], &bounds());
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(10), "{source} took {taken:?}");
    result
}

fn assert_stopped(source: &str, input: &Value, kinds: &[EvaluateErrorKind]) {
    match evaluate(source, input) {
        Ok(value) => panic!("{source} gave {}", value.to_string().get(..60).unwrap_or("a short value")),
        Err(error) => assert!(kinds.contains(&error.kind), "{source} ended with {error:?}"),
    }
}

#[test]
fn endless_loops_time_out() {
    for source in [
        "last(range(1000000000000))",
        "last(range(0; infinite))",
        "limit(1000000000000; repeat(1)) | empty",
        "last(limit(1000000000000; repeat(1)))",
        "first(repeat(empty))",
        "until(false; .)",
        "last(recurse(.))",
        "[while(true; 1) | empty]",
        "first(range(1e18) | select(. < 0))",
        "reduce range(1e12) as $i (0; . + $i)",
        "last(foreach range(1e12) as $i (0; . + $i))",
        "all(range(1e12); true)",
        "isempty(range(1e12) | empty)",
        "try last(range(1e12)) catch 1",
        "(last(range(1e12)))? // 1",
        "label $out | last(range(1e12))",
        "[limit(5; repeat(last(range(1e12))))]",
        "first(range(1e12) as [$a] ?// $a | $a | select(false))",
        "[range(300)] | last(combinations(5))",
        "[range(30)] | last(.[] | . as $a | range(1e10))",
        "def f: last(range(1e12)); f",
        "path(last(repeat(.a)))",
        "any(range(1e12); false)",
        "nth(1e12; repeat(1))",
        "[range(1e6)] | .[range(1e6)] |= .",
        "\"\\(last(range(1e12)))\"",
        "{a: last(range(1e12))}",
        "[.[]?, last(range(1e12))]",
    ] {
        assert_stopped(source, &json!(0), &[TimedOut, TooLarge, Failed]);
        assert_ne!(evaluate(source, &json!([])).map_err(|error| error.kind).err(), None, "{source}");
    }
}

#[test]
fn products_time_out() {
    let product = vec!["(1,2)"; 60].join("|");
    assert_stopped(&format!("[{product}] | length"), &Value::Null, &[TimedOut, TooLarge]);
    assert_stopped(&format!("last({product})"), &Value::Null, &[TimedOut]);
    let sum = vec!["(1,2)"; 60].join("+");
    assert_stopped(&format!("last({sum})"), &Value::Null, &[TimedOut]);
    let items = json!((0..300).collect::<Vec<_>>());
    assert_stopped("last(.[] as $a | .[] as $b | .[] as $c | .[] as $d | $a + $b + $c + $d)", &items, &[TimedOut]);
    assert_stopped("[.[] + .[] + .[] + .[]] | length", &items, &[TimedOut, TooLarge]);
    assert_stopped("last({a: .[], b: .[], c: .[], d: .[]})", &items, &[TimedOut]);
    assert_stopped("last(\"\\(.[])\\(.[])\\(.[])\\(.[])\")", &items, &[TimedOut]);
    let keys = (0..24).map(|i| format!("k{i}: (1,2)")).collect::<Vec<_>>().join(",");
    assert_stopped(&format!("last({{{keys}}})"), &Value::Null, &[TimedOut]);
}

#[test]
fn bombs_are_too_large() {
    for source in [
        "[range(1e9)]",
        "\"a\" * 1e9",
        "\"a\" * 1e300",
        "1e300 * \"ab\"",
        "[limit(1e9; repeat(\"x\"))]",
        "reduce range(1e9) as $i (\"x\"; . + .)",
        "reduce range(1e9) as $i ([1]; . + .)",
        "[range(100000)] as $a | reduce range(1e9) as $i ([]; . + $a)",
        "reduce range(60) as $i (0; [., .])",
        "reduce range(60) as $i (0; [., .]) | tojson",
        "reduce range(60) as $i (0; {a: ., b: .}) | tostring",
        "reduce range(60) as $i (\"x\"; [., .]) | flatten",
        "reduce range(60) as $i (0; [., .]) | [..]",
        "reduce range(60) as $i (0; [., .]) | [paths]",
        "reduce range(60) as $i (0; [., .]) | . == (. | .[0] |= .)",
        "\"x\" * 10000000 | [., .] | join(.[0]) | [., .] | join(.[0])",
        "[range(100000) | \"x\"] | join(\"x\" * 1000)",
        "\"x\" * 10000000 | @base64 | @base64",
        "\"&\" * 10000000 | @html",
        "\"'\" * 10000000 | @sh",
        "\" \" * 10000000 | @uri",
        "\"\\\"\" * 10000000 | [., .] | @csv",
        "\"x\" * 10000000 | explode",
        "\"x\" * 10000000 | split(\"\")",
        "\"x\" * 10000000 | [match(\"x\"; \"g\")]",
        "\"x\" * 1000000 | gsub(\"x\"; \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\")",
        "\"x\" * 1000 | [gsub(\"x\"; \"a\", \"b\")]",
        "\"[\" + (\"0,\" * 8000000) + \"0]\" | fromjson",
        ".[1e9] = 1",
        ".[1e18] = 1",
        "[.[1e7,2e7] = 1]",
        "[range(1e9) | {a: .}]",
        "[recurse(. + 1)]",
        "[repeat(1)]",
        "\"\\(\"x\" * 10000000)\\(\"x\" * 10000000)\\(\"x\" * 10000000)\\(\"x\" * 10000000)\"",
        "reduce range(1e9) as $i ({}; .[\"k\\($i)\"] = $i)",
        "[range(1e6)] | group_by(.)",
        "(\"%A\" * 8000000) as $f | 0 | strftime($f)",
        "[limit(1e7; repeat([]))] | transpose",
        "def f: [f]; f",
        "def f: 1 + f; f",
        "def f($x): f($x + 1); f(0)",
        "def f: f, f; f",
    ] {
        assert_stopped(source, &Value::Null, &[TooLarge, TimedOut]);
    }
}

#[test]
fn building_a_text_forever_ends() {
    let source = r#"reduce range(1000000000) as $i (""; . + "x")"#;
    assert_stopped(source, &Value::Null, &[TooLarge, TimedOut]);
}

#[test]
fn deep_values_do_not_overflow_the_stack() {
    for source in [
        "reduce range(100000) as $i (0; [.])",
        "reduce range(100000) as $i (0; {a: .})",
        "reduce range(100000) as $i ([]; [[.]]) == 1",
        "[recurse([.])] | tojson",
        "last(recurse([.]))",
        "reduce range(100000) as $i (0; . as $x | [$x]) | tojson | fromjson",
        "setpath([range(100000) | \"a\"]; 1)",
        "setpath([range(100000)]; 1)",
        "null | [path(getpath([range(100000)]))]",
        "null | last(path(recurse(.a)))",
        "delpaths([[range(100000)]])",
        "\"[\" * 100000 | fromjson",
        "(\"[\" * 120) + (\"]\" * 120) | fromjson",
        "[limit(100000; repeat(\"a\"))] as $p | try getpath($p) catch error | setpath($p; 1)",
        "def f: if . > 100000 then . else . + 1 | f end; 0 | f",
    ] {
        assert_stopped(source, &Value::Null, &[TooLarge, TimedOut, Failed]);
    }
}

/// A value that is deeper than serde_json reads, but that a caller could build.
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn deep_input_does_not_overflow_the_stack() {
    let input = deep(700);
    for source in [
        ".",
        "tojson",
        ". == .",
        "[.]",
        "flatten",
        "[..] | length",
        "[paths] | length",
        "walk(.)",
        "tostream",
        "{a: .} * {a: .}",
    ] {
        // those that do not look inside may succeed
        let _ = evaluate(source, &input);
    }
    assert_eq!(evaluate("length", &input).unwrap(), json!(1));
    assert_eq!(evaluate(".", &input).unwrap_err().kind, TooLarge);
    assert_eq!(evaluate("tojson", &input).unwrap_err().kind, TooLarge);
    assert_eq!(evaluate(". as $a | $a == $a", &input).unwrap_err().kind, TooLarge);
}

#[test]
fn results_can_be_read_back() {
    let source = "reduce range(99) as $i (0; [.])";
    let value = evaluate(source, &Value::Null).unwrap();
    assert!(serde_json::from_str::<Value>(&value.to_string()).is_ok());
    assert_eq!(evaluate("[.]", &deep(100)).unwrap_err().kind, TooLarge);
    assert_eq!(evaluate(".", &deep(100)).unwrap(), deep(100));
}

#[test]
fn hostile_sources_do_not_compile() {
    let long = vec!["1"; 40_000].join("+");
    for source in [
        "(".repeat(20_000),
        "[".repeat(20_000),
        "{a:".repeat(20_000),
        "\"\\(".repeat(10_000),
        "-".repeat(20_000),
        "if ".repeat(10_000),
        "try ".repeat(10_000),
        "1 as $x | ".repeat(5000),
        "def f: ".repeat(5000),
        "reduce ".repeat(5000),
        ". as [".repeat(5000),
        ".a |= ".repeat(5000),
        "if 1 then 1 elif ".repeat(3000),
        "label $x | ".repeat(5000),
        long,
    ] {
        let error = Expression::compile(&source, &[]).unwrap_err();
        assert!(error.offset <= source.len(), "{error:?}");
    }
}

fn many(item: impl Fn(usize) -> String, count: usize) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn long_sources_run() {
    for (source, result) in [
        (vec!["1"; 20_000].join("+"), json!(20_000)),
        (vec!["."; 4_000].join("|"), json!(null)),
        (format!("[{}] | length", vec!["1"; 20_000].join(",")), json!(20_000)),
        (vec!["null"; 4_000].join("//"), json!(null)),
        (format!(".{}", "[0]?".repeat(10_000)), json!(null)),
        (format!(".{}", ".a".repeat(10_000)).replacen("..", ".", 1), json!(null)),
        (format!("{}1{}", "(".repeat(150), ")".repeat(150)), json!(1)),
        (format!("first((0, 1){})", "+1".repeat(9_000)), json!(9_000)),
        (format!("first((0, 1){})", "?".repeat(9_000)), json!(0)),
        (format!("{{a: (1, 2), {}}} | length", many(|i| format!("k{i}: 1"), 5000)), json!(5001)),
        (format!("{{{}}} | length", many(|i| format!("k{i}: 1"), 5000)), json!(5000)),
        (format!("\"\\(1, 2){}\" | length", "\\(1)x".repeat(5000)), json!(10_001)),
        (format!(". as [{}] | $v0", many(|i| format!("$v{i}"), 5000)), json!(null)),
        (
            format!("def f({}): p0; f({})", many(|i| format!("p{i}"), 5000), vec!["1"; 5000].join(";"))
                .replace(',', ";"),
            json!(1),
        ),
        (
            format!("def f({}): $p0; f({})", many(|i| format!("$p{i}"), 4000), vec!["1"; 4000].join(";"))
                .replace(',', ";"),
            json!(1),
        ),
    ] {
        match evaluate(&source, &Value::Null) {
            Ok(value) => assert_eq!(value, result),
            Err(error) => assert!([TooLarge, TimedOut].contains(&error.kind), "{error}"),
        }
    }
}

#[test]
fn regular_expressions_are_bounded() {
    let text = json!("a".repeat(100_000));
    for source in [
        r#"test("(a+)+$x")"#,
        r#"test("(a|a)*b")"#,
        r#"test("(.*)*(.*)*(.*)*b")"#,
        r#"[match(".*b|a"; "g")] | length"#,
        r#"test("(a{1,50}){1,50}b")"#,
        r#"test("\\w{200}x")"#,
        r#"[splits("a*?b*?")] | length"#,
        r#"[scan("(a*)(a*)(a*)b|a")] | length"#,
    ] {
        let _ = evaluate(source, &text);
    }
    for source in [r#"test("((((a{100}){100}){100}){100})")"#, r#"test("(" * 10000)"#, r#"test("\\p{L}{1000}{1000}")"#]
    {
        assert_stopped(source, &json!("a"), &[Failed, TooLarge]);
    }
    assert_stopped(r#"[range(200000) | "a{\(.)}" as $p | "x" | test($p)?] | length"#, &text, &[TimedOut]);
}

#[test]
fn sorting_and_searching_are_interrupted() {
    for source in [
        "[range(300000) | -. ] | sort | length",
        "[range(1000)] as $a | [range(100000) | $a] | unique | length",
        "[range(100000)] as $a | $a - $a | length",
        "[range(300000)] | index([range(1000)] + [-1])",
        "(\"a\" * 200000) as $a | ($a + $a) | indices($a) | length",
        "[range(200000)] | contains([range(200000)])",
        "[range(300000)] | sort_by(-.) | length",
    ] {
        match evaluate(source, &Value::Null) {
            Ok(_) => {}
            Err(error) => assert!([TimedOut, TooLarge].contains(&error.kind), "{source}: {error}"),
        }
    }
}

#[test]
fn nothing_outside_is_reachable() {
    for source in [
        "env",
        "$ENV",
        "$ENV.PATH",
        "env.PATH",
        "input",
        "inputs",
        "debug",
        "debug(\"x\")",
        "stderr",
        "input_filename",
        "$__loc__",
        "halt",
        "halt_error",
        "halt_error(1)",
        "input_line_number",
        "get_search_list",
        "$__prog_args",
        "import \"a\" as a; 1",
        "include \"a\"; 1",
        "modulemeta",
    ] {
        let error = Expression::compile(source, &["x"]).unwrap_err();
        assert!(error.message.contains("is not available"), "{source}: {}", error.message);
        assert_eq!(error.offset, 0, "{source}");
    }
    for source in ["exec(\"ls\")", "@env \"x\"", "$x::y", "system(\"ls\")", "getenv(\"PATH\")", "open(\"/etc/passwd\")"]
    {
        assert!(Expression::compile(source, &["x"]).is_err(), "{source}");
    }
}

#[test]
fn the_time_is_the_callers() {
    let expression = Expression::compile("[now, (now | todate), (now | localtime | mktime)]", &[]).unwrap();
    let first = expression.evaluate(&Value::Null, &(), &bounds()).unwrap();
    assert_eq!(first, json!([1767323045.5, "2026-01-02T03:04:05Z", 1767323045]));
    assert_eq!(expression.evaluate(&Value::Null, &(), &bounds()).unwrap(), first);
}

/// Counts what it is asked for.
struct Counting(std::cell::RefCell<Vec<String>>);

impl Arguments for Counting {
    fn get(&self, name: &str) -> Option<std::borrow::Cow<'_, Value>> {
        self.0.borrow_mut().push(name.to_owned());
        (name != "missing").then(|| std::borrow::Cow::Owned(json!({"name": name})))
    }
}

#[test]
fn only_mentioned_variables_are_built_and_each_once() {
    let variables = ["context", "input", "workflow", "missing"];
    let expression = Expression::compile("$context.name + $context.name + $input.name", &variables).unwrap();
    assert_eq!(expression.variables(), ["context", "input"]);
    let arguments = Counting(Default::default());
    assert_eq!(expression.evaluate(&Value::Null, &arguments, &bounds()).unwrap(), json!("contextcontextinput"));
    assert_eq!(*arguments.0.borrow(), ["context", "input"]);
    let error = Expression::compile("$missing", &variables).unwrap().evaluate(&Value::Null, &arguments, &bounds());
    assert_eq!(error.unwrap_err().message, "the variable `$missing` has no value here");
    let shadowed = Expression::compile("1 as $context | $context", &variables).unwrap();
    assert!(shadowed.variables().is_empty());
}

#[test]
fn expressions_are_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let expression = Expression::compile("[.[] | test(\"a\")]", &[]).unwrap();
    shared(&expression);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let expression = expression.clone();
            std::thread::spawn(move || expression.evaluate(&json!(["a", "b"]), &(), &bounds()).unwrap())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), json!([true, false]));
    }
}

#[test]
fn small_stacks_suffice() {
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(|| {
        deep_values_do_not_overflow_the_stack();
        hostile_sources_do_not_compile();
        long_sources_run();
    });
    thread.unwrap().join().unwrap();
}
