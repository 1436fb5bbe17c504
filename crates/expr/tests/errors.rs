//! Messages, for those who write expressions.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic")]

use aquifer_expr::{Bounds, EvaluateErrorKind, Expression};
use serde_json::{Value, json};

fn evaluate(source: &str, input: &Value) -> Result<Value, String> {
    let expression = Expression::compile(source, &["context", "input"]).unwrap_or_else(|error| panic!("{error}"));
    expression.evaluate(input, &(), &Bounds::at("2026-01-02T03:04:05Z".parse().unwrap())).map_err(|error| {
        assert_eq!(error.kind, EvaluateErrorKind::Failed);
        error.message
    })
}

#[test]
fn errors_quote_the_failing_operation() {
    let input = json!({"name": "x", "items": [1, 2], "user": {"age": "old"}});
    for (source, message) in [
        (".name + 1", r#"string ("x") and number (1) cannot be added in `.name + 1`"#),
        (
            "1 + (.items[] - .user)",
            r#"number (1) and object ({"age":"old"}) cannot be subtracted in `.items[] - .user`"#,
        ),
        (".items.a", r#"cannot index array with "a" in `.items.a`"#),
        (".name[0]", "cannot index string with number in `.name[0]`"),
        (".name[]", r#"string ("x") cannot be iterated over in `.name[]`"#),
        ("1 / 0", "number (1) and number (0) cannot be divided because the divisor is zero in `1 / 0`"),
        ("{(.items): 1}", "array ([1,2]) cannot be a key of an object in `{(.items): 1}`"),
        (".user.age | tonumber", r#"string ("old") cannot be parsed as a number in `tonumber`"#),
        (".name | test(\"(\")", "string (\"(\") is not a valid regular expression: unclosed group in `test(\"(\")`"),
        ("path(1)", "invalid path expression with result 1: only parts of the input have paths in `1`"),
        (
            "(.name | ascii_downcase) = 1",
            "invalid path expression with result \"x\": only parts of the input have paths in `ascii_downcase`",
        ),
        ("map(\n  .a\n)", r#"cannot index string with "a" in `.a`"#),
        ("[limit(-1; 1)]", "number (-1) is not a count: it must be a number that is not negative in `limit(-1; 1)`"),
        ("error(\"no stock\")", "no stock"),
        ("error({code: 1})", "{\"code\":1} (not a string)"),
        ("try error(\"a\") catch error(\"b: \" + .)", "b: a"),
        ("try (.name + 1) catch error", r#"string ("x") and number (1) cannot be added"#),
        ("\"2026-13-01T00:00:00Z\" | fromdate", "is not a time in RFC 3339"),
    ] {
        let got = evaluate(source, &input).unwrap_err();
        assert!(got == message || !message.contains(" in `") && got.contains(message), "{source}: {got}");
    }
}

#[test]
fn long_values_and_operations_are_cut() {
    let input = json!({"text": "é".repeat(10_000)});
    let message = evaluate(&format!(".text + ({}1)", "1 + ".repeat(100)), &input).unwrap_err();
    assert!(message.len() < 300, "{message}");
    assert!(message.contains("...) and number (101) cannot be added in `.text + (1 + 1"), "{message}");
}

#[test]
fn compile_errors_point_at_the_mistake() {
    for (source, at, message) in [
        ("$contxt.a", "$contxt", "`$contxt` is not known here; the nearest name is `$context`"),
        (".a | $inptu", "$inptu", "`$inptu` is not known here; the nearest name is `$input`"),
        ("1 as $total | $totl", "$totl", "`$totl` is not known here; the nearest name is `$total`"),
        (".a | lenght", "lenght", "`lenght` is not known here; the nearest name is `length`"),
        ("mapp(.a)", "mapp", "`mapp` is not known here; the nearest name is `map`"),
        ("ascii_lower(1)", "ascii_lower", "`ascii_lower` is not known here; the nearest name is `ascii_downcase`"),
        ("def total: 1; totl", "totl", "`totl` is not known here; the nearest name is `total`"),
        ("split", "split", "`split` takes 1 or 2 arguments, not 0; arguments are separated by `;`"),
        ("test(\"a\", \"i\"; 1; 2)", "test", "`test` takes 1 or 2 arguments, not 3; arguments are separated by `;`"),
        ("@base46 \"x\"", "@base46", "`@base46` is not known here; the nearest name is `@base64`"),
        (".a +", "", "the expression ends where a value is expected"),
        ("(.a", "", "the expression ends where `)` is expected"),
        ("[.a}", "}", "`}` stands where `]` is expected"),
        (".a)", ")", "`)` stands where the end of the expression is expected"),
        ("{a: 1", "", "the expression ends where `}` is expected"),
        ("{1: 2}", "1", "`1` stands where a key of an object is expected"),
        ("if .a then 1", "", "the expression ends where `end` is expected"),
        (".a == 1 == 2", "==", "comparisons cannot be chained; use brackets, or `and`"),
        (".a = .b = 2", "=", "assignments cannot be chained; use brackets"),
        ("\"abc", "\"abc", "the string has no closing quote"),
        ("\"a\\qb\"", "\\q", "no such escape; a backslash itself is written `\\\\`"),
        ("\"\\u12\"", "\\u", "`\\u` takes four hexadecimal digits"),
        (".a 'x'", "'", "'\\'' has no meaning here"),
        (".a & .b", "&", "`&` stands where the end of the expression is expected"),
        ("break $out", "break $out", "there is no `label $out` around this"),
        ("", "", "the expression is empty; `.` is the whole input"),
        ("  # only a comment", "", "the expression is empty; `.` is the whole input"),
        (".a | then", "then", "`then` stands where a value is expected"),
        ("reduce .[] as $x ?// [$x] (0; 1)", "$x ?// [$x]", "a loop takes one pattern, without `?//`"),
        ("héllo", "é", "'é' has no meaning here"),
    ] {
        let error = Expression::compile(source, &["context", "input"]).unwrap_err();
        assert_eq!(error.message, message, "{source}");
        let (start, end) = (error.offset, error.offset + error.length);
        assert_eq!(source.get(start..end), Some(at), "{source}: {start}..{end}");
    }
    let error = Expression::compile("$x", &[]).unwrap_err();
    assert_eq!(error.message, "`$x` is not known here: no variables are defined here");
}

#[test]
fn offsets_count_from_the_start_of_a_marked_source() {
    let source = " ${ .a | nope } ";
    let error = Expression::compile(source, &[]).unwrap_err();
    assert_eq!(&source[error.offset..error.offset + error.length], "nope");
}
