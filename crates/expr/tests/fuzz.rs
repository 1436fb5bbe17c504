//! Random expressions on random data: nothing may panic, overflow or hang, and shortcuts must not show.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use aquifer_expr::EvaluateErrorKind::Failed;
use aquifer_expr::{Bounds, Expression};
use fastrand::Rng;
use serde_json::{Value, json};

const CALLS_0: &[&str] = &[
    "length",
    "utf8bytelength",
    "not",
    "keys",
    "keys_unsorted",
    "values",
    "nulls",
    "add",
    "any",
    "all",
    "flatten",
    "floor",
    "sqrt",
    "round",
    "tostring",
    "tonumber",
    "type",
    "infinite",
    "nan",
    "isnan",
    "isinfinite",
    "sort",
    "unique",
    "min",
    "max",
    "reverse",
    "explode",
    "implode",
    "ascii_downcase",
    "ascii_upcase",
    "recurse",
    "tojson",
    "fromjson",
    "todate",
    "fromdate",
    "now",
    "gmtime",
    "mktime",
    "to_entries",
    "from_entries",
    "paths",
    "transpose",
    "first",
    "last",
    "combinations",
    "tostream",
    "trim",
    "ltrim",
    "rtrim",
    "abs",
    "toarray",
    "toboolean",
    "error",
    "empty",
    "@base64",
    "@base64d",
    "@uri",
    "@urid",
    "@html",
    "@csv",
    "@tsv",
    "@sh",
    "@json",
    "@text",
    "@base32",
    "@base32d",
    "..",
    "frexp",
    "significand",
    "logb",
    "modf",
    "ascii",
    "fromstream(tostream)",
    "exp10",
    "log",
    "ceil",
    "scalars",
    "iterables",
    "leaf_paths",
    "trunc",
    "localtime",
];
const CALLS_1: &[&str] = &[
    "map",
    "map_values",
    "select",
    "path",
    "del",
    "paths",
    "sort_by",
    "group_by",
    "unique_by",
    "min_by",
    "max_by",
    "any",
    "all",
    "add",
    "first",
    "last",
    "isempty",
    "recurse",
    "repeat",
    "range",
    "has",
    "contains",
    "inside",
    "indices",
    "index",
    "rindex",
    "startswith",
    "endswith",
    "ltrimstr",
    "rtrimstr",
    "trimstr",
    "split",
    "join",
    "test",
    "match",
    "capture",
    "scan",
    "splits",
    "walk",
    "with_entries",
    "getpath",
    "delpaths",
    "pick",
    "flatten",
    "nth",
    "combinations",
    "strftime",
    "strptime",
    "bsearch",
    "in",
    "error",
    "INDEX",
    "IN",
    "isvalid",
    "truncate_stream",
    "tojson|map",
    "strflocaltime",
];
const CALLS_2: &[&str] = &[
    "limit", "skip", "until", "while", "range", "setpath", "sub", "gsub", "test", "match", "capture", "split", "scan",
    "splits", "nth", "pow", "any", "all", "recurse", "INDEX", "IN", "atan2", "ldexp", "fmod", "dateadd",
];
const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or", "//", "|", ",", "=", "|=", "+=", "-=",
    "*=", "/=", "%=", "//=",
];
const LEAVES: &[&str] = &[
    ".",
    ".a",
    ".b",
    ".[0]",
    ".[-1]",
    ".[1:]",
    ".[:2]",
    ".a.b",
    "$x",
    "$y",
    "0",
    "1",
    "-1",
    "2.5",
    "1e300",
    "18446744073709551615",
    "\"\"",
    "\"a\"",
    "\"a,b\"",
    "\"(\"",
    "\"%Y-%m-%d\"",
    "\"(?<a>.)\"",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[\"a\",0]",
    "[0,1]",
    "{\"a\":1}",
    "\"é€😀\"",
    "-9223372036854775808",
];

/// Writes a random expression. `plural` makes every leaf one that the parser cannot know to have one output.
struct Writer {
    rng: Rng,
    plural: bool,
}

impl Writer {
    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.rng.usize(..from.len())]
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 {
            let leaf = self.pick(LEAVES);
            return if self.plural { format!("({leaf}, empty)") } else { leaf.to_owned() };
        }
        let kind = self.rng.u8(..26);
        let sub = |writer: &mut Self| {
            let less = writer.rng.usize(..depth);
            writer.expression(less)
        };
        match kind {
            0..=3 => self.pick(CALLS_0).to_owned(),
            4..=6 => format!("({} | {})", sub(self), self.pick(CALLS_0)),
            7..=9 => format!("({} | {}({}))", sub(self), self.pick(CALLS_1), sub(self)),
            10 => format!("{}({}; {})", self.pick(CALLS_2), sub(self), sub(self)),
            11..=14 => format!("({} {} {})", sub(self), self.pick(OPERATORS), sub(self)),
            15 => format!("[{}]", sub(self)),
            16 => format!("{{a: {}, (\"b\", \"c\"): {}}}", sub(self), sub(self)),
            17 => format!("({})[{}]?", sub(self), sub(self)),
            18 => format!("({})[]", sub(self)),
            19 => format!("(if {} then {} else {} end)", sub(self), sub(self), sub(self)),
            20 => format!("(try {} catch {})", self.bracketed(depth), self.bracketed(depth)),
            21 => format!("(reduce {} as $y ({}; {}))", self.bracketed(depth), sub(self), sub(self)),
            22 => format!("(foreach {} as [$y, $z] ({}; {}; [., $y]))", self.bracketed(depth), sub(self), sub(self)),
            23 => format!("({} as [$y] ?// {{a: $y}} ?// $y | {})", self.bracketed(depth), sub(self)),
            24 => format!("\"<\\({})>\\({})\"", sub(self), sub(self)),
            _ => format!("(def f(g; $y): {}; f({}; {}))", sub(self), sub(self), sub(self)),
        }
    }

    fn bracketed(&mut self, depth: usize) -> String {
        let depth = self.rng.usize(..depth);
        format!("({})", self.expression(depth))
    }

    fn data(&mut self, depth: usize) -> Value {
        match self.rng.u8(..if depth == 0 { 9 } else { 13 }) {
            0 => Value::Null,
            1 => json!(self.rng.bool()),
            2 => json!(self.rng.i8(..)),
            3 => json!(self.rng.i64(..)),
            4 => json!(self.rng.u64(..)),
            5 => json!(self.rng.f64() * 1e6 - 5e5),
            6 => json!(self.pick(&[
                "",
                "a",
                "a,b",
                "äöü €",
                "2015-03-05T23:51:47Z",
                "[1,2",
                "{\"a\":[1]}",
                "12",
                "\u{0}\u{7f}\\\""
            ])),
            7 => json!(1_425_599_621),
            8 => json!([]),
            9 | 10 => (0..self.rng.usize(..4)).map(|_| self.data(depth - 1)).collect(),
            _ => {
                let names = ["a", "b", "c", "key", "value"];
                let members =
                    (0..self.rng.usize(..4)).map(|_| (names[self.rng.usize(..5)].to_owned(), self.data(depth - 1)));
                Value::Object(members.collect())
            }
        }
    }
}

fn bounds() -> Bounds {
    let now = "2026-01-02T03:04:05.5Z".parse().unwrap();
    Bounds { time: Duration::from_millis(50), memory: 2 << 20, ..Bounds::at(now) }
}

fn evaluate(source: &str, input: &Value) -> Option<Result<Value, aquifer_expr::EvaluateError>> {
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let expression = Expression::compile(source, &["x", "y", "z"]).ok()?;
        let arguments = [("x", json!([1, {"a": "b"}])), ("y", json!("a")), ("z", json!(null))];
        Some(expression.evaluate(input, &arguments, &bounds()))
    }));
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(5), "took {taken:?}: {source}\non {input}");
    result.unwrap_or_else(|_| panic!("panics: {source}\non {input}"))
}

#[test]
fn random_expressions_end_and_shortcuts_do_not_show() {
    let (mut results, mut failures) = (0, 0);
    for seed in 0..4000 {
        let mut writer = Writer { rng: Rng::with_seed(seed), plural: false };
        let input = writer.data(3);
        let data_seed = writer.rng.u64(..);
        writer.rng.seed(data_seed);
        let source = writer.expression(4);
        writer.rng.seed(data_seed);
        writer.plural = true;
        let plural = writer.expression(4);
        let Some(result) = evaluate(&source, &input) else { panic!("does not compile: {source}") };
        let Some(general) = evaluate(&plural, &input) else { panic!("does not compile: {plural}") };
        match (result, general) {
            (Ok(result), Ok(general)) => {
                results += 1;
                assert_eq!(result.to_string(), general.to_string(), "seed {seed}: {source}\non {input}");
            }
            (Err(one), Err(other)) if one.kind == Failed && other.kind == Failed => failures += 1,
            // a bound that only one of them runs into says nothing
            (one, other) => {
                let bounded = |result: &Result<Value, aquifer_expr::EvaluateError>| {
                    result.as_ref().is_err_and(|error| error.kind != Failed)
                };
                assert!(bounded(&one) || bounded(&other), "seed {seed}: {source}\non {input}\n{one:?}\n{other:?}");
            }
        }
    }
    assert!(results > 1000 && failures > 500, "{results} results and {failures} failures are too few to mean much");
}

#[test]
fn damaged_sources_are_refused_or_run() {
    let noise: Vec<char> = "\"\\(){}[]|,.$@:;?/=<>!-#ué\u{0}1e ".chars().collect();
    for seed in 0..4000 {
        let mut writer = Writer { rng: Rng::with_seed(seed), plural: false };
        let mut source: Vec<char> = writer.expression(3).chars().collect();
        for _ in 0..=writer.rng.usize(..3) {
            let at = writer.rng.usize(..=source.len());
            match writer.rng.u8(..3) {
                0 if at < source.len() => drop(source.remove(at)),
                1 if at < source.len() => source.truncate(at),
                _ => source.insert(at, noise[writer.rng.usize(..noise.len())]),
            }
        }
        let source: String = source.into_iter().collect();
        let _ = evaluate(&source, &json!({"a": [1, "b"]}));
        if let Err(error) = Expression::compile(&source, &["x", "y", "z"]) {
            assert!(source.get(error.offset..error.offset + error.length).is_some(), "{source}: {error:?}");
        }
    }
}

#[test]
fn damaged_patterns_and_formats_are_refused_or_run() {
    let alphabet: Vec<char> = "ab.*+?()[]{}|\\^$pLdwsSbB1,9<>:P=!-&~%YmHMSzZfjQé \n".chars().collect();
    let mut rng = Rng::with_seed(7);
    for _ in 0..2000 {
        let pattern: String = (0..rng.usize(..12)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
        let input = json!({"p": pattern, "t": "abab é 2026-01-02\n"});
        for source in [
            "[.p as $p | .t | match($p; \"g\")] | length",
            ".p as $p | .t | gsub($p; \"<\\(.)>\")",
            ".p as $p | 1425599621.25 | strftime($p)",
            ".p as $p | .t | strptime($p)",
            ".p | [fromjson, tonumber, @urid, @base64d, @base32d]",
        ] {
            let _ = evaluate(source, &input);
        }
    }
}
