//! Which strings of a template are expressions, and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use aquifer_expr::{Bounds, EvaluateErrorKind, Expression, Mode, Template, is_expression, truthy};
use serde_json::{Value, json};

fn bounds() -> Bounds {
    Bounds::at("2026-01-02T03:04:05Z".parse().unwrap())
}

fn evaluate(template: &Value, input: &Value, mode: Mode) -> Value {
    let arguments = [("context", json!({"n": 7, "text": "${ .a }"}))];
    Template::compile(template, &["context"], mode).unwrap().evaluate(input, &arguments, &bounds()).unwrap()
}

#[test]
fn strict_templates_evaluate_whole_strings_only() {
    let input = json!({"a": 1, "list": [1, 2], "text": "${ .a }", "nil": null});
    for (template, result) in [
        (json!("${ .a }"), json!(1)),
        (json!("  ${.a}\n"), json!(1)),
        (json!(".a"), json!(".a")),
        (json!("$input"), json!("$input")),
        (json!("Hello ${ .a }!"), json!("Hello ${ .a }!")),
        (json!("${ .a } and"), json!("${ .a } and")),
        (json!("${}"), json!("${}")),
        (json!("{.a}"), json!("{.a}")),
        (json!("$ { .a }"), json!("$ { .a }")),
        (json!("${ \"a}b\" }"), json!("a}b")),
        (json!("${ {a:{b:1}} }"), json!({"a": {"b": 1}})),
        (json!("${\n  .list\n  | map(. * 2) # doubled\n  | add\n}"), json!(6)),
        (json!("${ .missing }"), json!(null)),
        (json!("${ empty }"), json!(null)),
        (json!("${ .list[] }"), json!(1)),
        (json!("${ .nil }"), json!(null)),
        (json!("${ $context.n }"), json!(7)),
        // what an expression yields is data
        (json!("${ .text }"), json!("${ .a }")),
        (json!("${ $context.text }"), json!("${ .a }")),
        (
            json!({"x": ["${ .text }", {"y": "${ .a + 1 }"}], "${ .a }": 5, "z": null}),
            json!({"x": ["${ .a }", {"y": 2}], "${ .a }": 5, "z": null}),
        ),
        (json!([1, true, null, {"b": "", "a": []}]), json!([1, true, null, {"b": "", "a": []}])),
    ] {
        let got = evaluate(&template, &input, Mode::Strict);
        assert_eq!(got.to_string(), result.to_string(), "{template}");
    }
}

#[test]
fn loose_templates_fall_back_to_the_text() {
    let input = json!({"a": 1, "text": "x"});
    for (template, result) in [
        (json!(".a"), json!(1)),
        (json!("${ .a }"), json!(1)),
        (json!("1"), json!(1)),
        (json!("Hello world"), json!("Hello world")),
        (json!("Hello ${ .a }!"), json!("Hello ${ .a }!")),
        (json!(".text + 1"), json!(".text + 1")),
        (json!("$context.n"), json!(7)),
        (json!("$nothing"), json!("$nothing")),
        (json!(""), json!("")),
        (json!("  "), json!("  ")),
        (json!({"k": [".a", "a b c"]}), json!({"k": [1, "a b c"]})),
    ] {
        assert_eq!(evaluate(&template, &input, Mode::Loose), result, "{template}");
    }
}

#[test]
fn bounds_hold_in_loose_templates_too() {
    let template = Template::compile(&json!(["last(range(1e12))"]), &[], Mode::Loose).unwrap();
    let bounds = Bounds { time: Duration::from_millis(50), ..bounds() };
    let error = template.evaluate(&json!(null), &(), &bounds).unwrap_err();
    assert_eq!(error.kind, EvaluateErrorKind::TimedOut);
}

#[test]
fn bounds_hold_for_all_expressions_of_a_template_together() {
    let text = "${ \"x\" * 4000000 }";
    let bounds = Bounds { memory: 10_000_000, time: Duration::from_secs(20), ..bounds() };
    let one = Template::compile(&json!([text]), &[], Mode::Strict).unwrap();
    assert!(one.evaluate(&json!(null), &(), &bounds).is_ok());
    let many = Template::compile(&json!([text, text, text]), &[], Mode::Strict).unwrap();
    let error = many.evaluate(&json!(null), &(), &bounds).unwrap_err();
    assert_eq!(error.kind, EvaluateErrorKind::TooLarge);
}

#[test]
fn literal_templates_are_found_out() {
    let value = json!({"a": ["b", {"c": ".d"}], "e": 1});
    let template = Template::compile(&value, &[], Mode::Strict).unwrap();
    assert_eq!(template.literal(), Some(&value));
    assert_eq!(template.evaluate(&json!(null), &(), &bounds()).unwrap(), value);
    assert_eq!(Template::compile(&json!(["${ 1 }"]), &[], Mode::Strict).unwrap().literal(), None);
}

#[test]
fn errors_name_the_member() {
    let template = json!({"a/b": [0, {"x~": "${ .a | nope }"}]});
    let error = Template::compile(&template, &[], Mode::Strict).unwrap_err();
    assert_eq!(error.pointer, "/a~1b/1/x~0");
    assert_eq!((error.error.offset, error.error.length), (8, 4));
    let template = Template::compile(&json!({"a": ["${ .b + 1 }"]}), &[], Mode::Strict).unwrap();
    let error = template.evaluate(&json!({"b": "x"}), &(), &bounds()).unwrap_err();
    assert_eq!(error.message, r#"at /a/0: string ("x") and number (1) cannot be added in `.b + 1`"#);
}

#[test]
fn properties_take_expressions_with_and_without_marks() {
    for source in [".a > 1", "${ .a > 1 }", " ${.a > 1} "] {
        let expression = Expression::compile(source, &[]).unwrap();
        assert_eq!(expression.evaluate(&json!({"a": 2}), &(), &bounds()).unwrap(), json!(true));
        assert_eq!(expression.source().trim(), ".a > 1");
    }
    assert!(is_expression("${ . }") && is_expression("\n${.}\n"));
    assert!(!is_expression("${}") && !is_expression(".") && !is_expression("a ${ . }") && !is_expression("${ . "));
}

#[test]
fn conditions_hold_as_in_jq() {
    for value in [json!(true), json!(0), json!(""), json!([]), json!({}), json!("false")] {
        assert!(truthy(&value), "{value}");
    }
    assert!(!truthy(&json!(null)) && !truthy(&json!(false)));
}
