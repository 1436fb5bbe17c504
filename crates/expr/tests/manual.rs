//! Runs `manual.txt`.

use aquifer_expr::{Bounds, Expression};
use serde_json::Value;

#[test]
fn jq_does_what_its_manual_says() {
    let text = include_str!("manual.txt");
    let bounds = Bounds::at("2026-01-02T03:04:05Z".parse().unwrap());
    let mut wrong = Vec::new();
    let mut count = 0;
    for group in text.split("\n\n") {
        let lines: Vec<&str> = group.lines().filter(|line| !line.starts_with("# ") && *line != "#").collect();
        let [code @ .., input, expected] = lines.as_slice() else { continue };
        let code = code.join("\n");
        count += 1;
        let got = Expression::compile(&format!("[{code}\n]"), &[]).map_err(|error| error.to_string()).and_then(
            |expression| {
                let input: Value = serde_json::from_str(input).unwrap();
                expression.evaluate(&input, &(), &bounds).map_err(|error| error.to_string())
            },
        );
        let expected: Value = serde_json::from_str(expected).unwrap();
        match got {
            // equality of values would take 1.0 for another number than 1, but not see the order of members
            Ok(got) if serde_json::to_string(&got).unwrap() == serde_json::to_string(&expected).unwrap() => {}
            Ok(got) => wrong.push(format!("{code}\n  gives  {got}\n  not    {expected}")),
            Err(error) => wrong.push(format!("{code}\n  fails: {error}")),
        }
    }
    assert!(count > 100, "only {count} groups were found");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}
