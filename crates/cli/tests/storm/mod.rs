//! Many executions at once, through whatever happens to them, and the proof that none was lost or done twice.

pub(crate) mod process;
mod verify;

pub(crate) use verify::verify;

use std::path::Path;

use serde_json::{Value, json};

/// The workflows; each effect writes down that it was done, so that repeats can be told from losses.
pub(crate) const WORKFLOWS: [(&str, &str); 4] = [
    (
        "steps",
        r#"
do:
- loop:
    for: { in: '[range(4)]' }
    do:
    - mark: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; printf "%s" "$2"', arguments: ['${ $workflow.input.file }', '${ $item }'] } } }
    - keep: { set: '${ . | tonumber + 1 }' }
"#,
    ),
    (
        "waits",
        r#"
do:
- first: { wait: { milliseconds: 700 } }
- mark: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; echo 4', arguments: ['${ $workflow.input.file }'] } } }
- second: { wait: { milliseconds: 300 } }
- keep: { set: '${ 4 }' }
"#,
    ),
    (
        "branches",
        r#"
do:
- both:
    fork:
      branches:
      - a: { do: [ { w: { wait: { milliseconds: 200 } } }, { m: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; echo 1', arguments: ['${ $workflow.input.file }'] } } } } ] }
      - b: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; sleep 0.2; echo 3', arguments: ['${ $workflow.input.file }'] } } }
- sum: { set: '${ map(tonumber) | add }' }
"#,
    ),
    (
        "parent",
        r#"
do:
- child: { run: { workflow: { namespace: test, name: waits, version: latest, input: { file: '${ .file }' } } } }
- retried:
    try: [ { flaky: { run: { shell: { command: 'echo "$AQUIFER_IDEMPOTENCY_KEY" >> "$1"; exit 1', arguments: ['${ $workflow.input.file }'] } } } } ]
    catch: { retry: { delay: { milliseconds: 100 }, limit: { attempt: { count: 2 } } }, do: [ { four: { set: '${ 4 }' } } ] }
"#,
    ),
];

/// The definition of a workflow of [`WORKFLOWS`].
pub(crate) fn definition(name: &str, body: &str) -> String {
    format!("document: {{ dsl: '1.0.3', namespace: test, name: {name}, version: '0.1.0' }}\n{body}")
}

/// Which workflow the execution with this number runs.
pub(crate) fn workflow(number: usize) -> &'static str {
    WORKFLOWS[number % WORKFLOWS.len()].0
}

/// The input of the execution with this number. Its effects are marked in the file `marks`.
pub(crate) fn input(marks: &Path, number: usize) -> Value {
    json!({ "file": marks.display().to_string(), "number": number })
}

/// The key that makes a start whose reply was lost the same start again.
pub(crate) fn idempotency_key(number: usize) -> String {
    format!("start-{number}")
}
