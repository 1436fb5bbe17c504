//! The interpreter, task by task, with effects answered by hand.

use std::sync::Arc;
use std::time::Duration;

use aquifer_core::Timestamp;
use aquifer_dsl::Problem;
use serde_json::{Value, json};

use super::*;
use crate::machine::turn::Trace;

const HEAD: &str = "document: { dsl: '1.0.3', namespace: test, name: test, version: '0.1.0' }\n";

fn start_time() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn identity() -> Identity {
    Identity {
        id: "ex_1".to_owned(),
        runtime: Arc::new(json!({"name": "Aquifer"})),
        secrets: json!({"token": "s3cr3t"}),
        evaluation_time: Duration::from_secs(1),
        evaluation_memory: 1 << 20,
    }
}

fn plan(body: &str) -> Arc<Plan> {
    let workflow =
        aquifer_dsl::parse(format!("{HEAD}{body}").as_bytes(), "test.yaml").unwrap_or_else(|e| panic!("{e}"));
    Arc::new(Plan::compile(workflow).unwrap_or_else(|invalid| panic!("{invalid:?}")))
}

/// A machine with a clock of its own, whose state goes through its stored form after every turn.
struct Run {
    plan: Arc<Plan>,
    machine: Machine,
    now: Timestamp,
    facts: Vec<Fact>,
    trace: Vec<Trace>,
    starts: Vec<EffectStart>,
    stops: Vec<i64>,
    steps: Vec<StepRow>,
    outcome: Option<Outcome>,
    wake_at: Option<Timestamp>,
}

impl Run {
    fn new(body: &str, input: Value) -> Self {
        let plan = plan(body);
        let machine = Machine::new(Arc::clone(&plan), identity(), Data::from(input), start_time());
        let mut run = Self {
            plan,
            machine,
            now: start_time(),
            facts: Vec::new(),
            trace: Vec::new(),
            starts: Vec::new(),
            stops: Vec::new(),
            steps: Vec::new(),
            outcome: None,
            wake_at: None,
        };
        run.advance();
        run
    }

    fn advance(&mut self) {
        for _ in 0..100 {
            let turn = self.machine.advance(self.now);
            let more = turn.more;
            self.take(turn);
            if !more {
                return;
            }
        }
    }

    fn take(&mut self, turn: Turn) {
        self.facts.extend(turn.facts);
        self.trace.extend(turn.trace);
        self.starts.extend(turn.starts);
        self.stops.extend(turn.stops);
        self.steps.extend(turn.steps);
        self.outcome = self.outcome.take().or(turn.outcome);
        self.wake_at = turn.wake_at;
        // Whatever is not in the stored form is lost here, as it would be with the process.
        let stored = serde_json::to_string(self.machine.state()).unwrap();
        let mut state: State = serde_json::from_str(&stored).unwrap();
        state.raw_input = self.machine.state().raw_input.clone();
        self.machine = Machine::resume(Arc::clone(&self.plan), identity(), state);
    }

    fn answer(&mut self, step: i64, result: Result<Value, Problem>) {
        self.machine.complete(step, result.map(Data::from), self.now);
        self.advance();
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
        self.advance();
    }

    fn output(&self) -> Value {
        match &self.outcome {
            Some(Outcome::Completed(output)) => output.value().clone(),
            other => panic!("not completed: {other:?}"),
        }
    }

    fn problem(&self) -> &Problem {
        match &self.outcome {
            Some(Outcome::Faulted(problem)) => problem,
            other => panic!("not faulted: {other:?}"),
        }
    }

    fn traced(&self) -> Vec<String> {
        self.trace
            .iter()
            .map(|trace| format!("{} {}", trace.task, trace.status.map_or("skipped", |status| status.as_str())))
            .collect()
    }
}

fn output(body: &str, input: Value) -> Value {
    Run::new(body, input).output()
}

fn problem(body: &str, input: Value) -> Problem {
    Run::new(body, input).problem().clone()
}

#[test]
fn set_replaces_the_data_and_sees_the_tasks_input() {
    let body = "do:\n- a: { set: { x: 1, y: '${ .n + 1 }', z: .n, w: '${ .y }' } }\n";
    assert_eq!(output(body, json!({"n": 1})), json!({"x": 1, "y": 2, "z": ".n", "w": null}));
    assert_eq!(output("do:\n- a: { set: '${ .n }' }\n", json!({"n": [1]})), json!([1]));
    assert_eq!(output("do: []\n", json!({"n": 1})), json!({"n": 1}));
}

#[test]
fn data_flows_in_the_order_of_the_specification() {
    let body = r#"
input: { from: '${ .order }' }
output: { as: '${ {result: ., context: $context} }' }
do:
- a:
    if: .id == 7
    input: { from: '{ id: .id, tag: $task.name }' }
    set: { got: '${ $input }', raw: '${ $task.input }' }
    output: { as: '${ .got + {raw: .raw.id, before: $task.output.raw.id} }' }
    export: { as: '$context + { last: .id, output: $output.tag, in: $input.id }' }
- b:
    set: { seen: '${ $context.last }', flow: '${ $workflow.input.order.id }', name: '${ $workflow.definition.document.name }' }
"#;
    assert_eq!(
        output(body, json!({"order": {"id": 7}})),
        json!({"result": {"seen": 7, "flow": 7, "name": "test"}, "context": {"last": 7, "output": "a", "in": 7}})
    );
}

#[test]
fn a_skipped_task_passes_its_raw_input_and_nothing_of_it_applies() {
    let body = r#"
do:
- a: { if: '${ false }', set: { x: 1 }, output: { as: '{ y: 2 }' }, export: { as: '{ z: 3 }' }, then: end }
- b: { set: { in: '${ . }', context: '${ $context }' } }
"#;
    let run = Run::new(body, json!({"n": 1}));
    assert_eq!(run.output(), json!({"in": {"n": 1}, "context": {}}));
    assert_eq!(run.traced(), ["/do/0/a skipped", "/do/1/b completed"]);
}

#[test]
fn null_and_falsy_outputs_stay_what_they_are() {
    for value in [json!(null), json!(false), json!(""), json!(0), json!([]), json!({})] {
        let body = "do:\n- a: { set: '${ .v }' }\n- b: { do: [] }\n";
        assert_eq!(output(body, json!({"v": value})), value);
    }
}

#[test]
fn results_of_expressions_are_never_evaluated_again() {
    let body = "do:\n- a: { set: { x: '${ .text }' } }\n- b: { set: { y: '${ .x }' } }\n- c: { set: '${ . }' }\n";
    assert_eq!(output(body, json!({"text": "${ 1 + 1 }"})), json!({"y": "${ 1 + 1 }"}));
}

#[test]
fn then_goes_on_exits_ends_and_jumps() {
    let body = r#"
do:
- outer:
    do:
    - one: { set: { n: 1 }, then: exit }
    - two: { set: { n: 2 } }
    output: { as: '${ . + {shaped: true} }' }
- jump: { set: '${ . + {jumped: true} }', then: last }
- skipped: { set: { n: 3 } }
- last: { set: '${ . + {last: true} }' }
"#;
    assert_eq!(output(body, json!({})), json!({"n": 1, "shaped": true, "jumped": true, "last": true}));
    let body = r#"
output: { as: '${ {out: .} }' }
do:
- outer:
    for: { in: '[1, 2, 3]' }
    do:
    - try:
        try: [ { one: { if: '${ $item == 2 }', set: { n: '${ $item }' }, then: end } } ]
        catch: {}
    output: { as: '${ . + {shaped: true} }' }
- never: { set: { n: 3 } }
"#;
    assert_eq!(output(body, json!({})), json!({"out": {"n": 2, "shaped": true}}));
}

#[test]
fn a_backward_jump_loops_without_growing() {
    let body = r#"
do:
- count: { set: { n: '${ .n + 1 }' } }
- again: { switch: [ { more: { when: .n < 2000, then: count } }, { done: { then: continue } } ] }
"#;
    let run = Run::new(body, json!({"n": 0}));
    assert_eq!(run.output(), json!({"n": 2000}));
}

#[test]
fn switch_takes_the_first_match_and_the_default_wherever_it_stands() {
    let body = r#"
do:
- pick:
    switch:
    - otherwise: { then: fallback }
    - small: { when: .n < 10, then: small }
    - tiny: { when: .n < 5, then: fallback }
- small: { set: { is: small }, then: end }
- fallback: { set: { is: fallback } }
"#;
    assert_eq!(output(body, json!({"n": 3})), json!({"is": "small"}));
    assert_eq!(output(body, json!({"n": 30})), json!({"is": "fallback"}));
    let none = "do:\n- pick: { switch: [ { a: { when: .x, then: end } } ], then: b }\n- a: { set: 1 }\n- b: { set: '${ . + {b: 1} }' }\n"
        .replace("set: 1", "set: { a: 1 }");
    assert_eq!(output(&none, json!({})), json!({"b": 1}));
}

#[test]
fn for_runs_through_items_with_while_and_variables() {
    let body = r#"
do:
- loop:
    for: { each: x, at: i, in: .items }
    while: .sum < 6
    do:
    - add: { set: { sum: '${ .sum + $x }', at: '${ $i }', items: '${ .items }' } }
"#;
    assert_eq!(
        output(body, json!({"items": [1, 2, 3, 4], "sum": 0})),
        json!({"sum": 6, "at": 2, "items": [1, 2, 3, 4]})
    );
    assert_eq!(output(body, json!({"items": [], "sum": 0})), json!({"items": [], "sum": 0}));
    assert_eq!(
        problem(body, json!({"items": 1, "sum": 0})).type_,
        "https://serverlessworkflow.io/spec/1.0.0/errors/expression"
    );
    let nested = r#"
do:
- outer:
    for: { each: x, in: '[1, 2]' }
    do:
    - inner: { for: { each: y, in: '[10, 20]' }, do: [ { add: { set: '${ . + [$x + $y] }' } } ] }
"#;
    assert_eq!(output(nested, json!([])), json!([11, 21, 12, 22]));
}

#[test]
fn fork_joins_in_declared_order_and_exports_are_kept() {
    let body = r#"
do:
- both:
    fork:
      branches:
      - slow: { wait: PT5S, output: { as: '${ .n + 1 }' }, export: { as: '$context + { slow: true }' } }
      - fast: { set: '${ .n + 2 }', export: { as: '$context + { fast: true }' } }
- end: { set: { out: '${ . }', context: '${ $context }' } }
"#;
    let mut run = Run::new(body, json!({"n": 1}));
    assert_eq!(run.wake_at, Some(start_time().saturating_add(Duration::from_secs(5))));
    run.pass(4);
    assert!(run.outcome.is_none());
    run.pass(1);
    assert_eq!(run.output(), json!({"out": [2, 3], "context": {"fast": true, "slow": true}}));
}

#[test]
fn in_a_race_the_first_to_end_wins_and_the_others_are_cancelled() {
    let body = r#"
do:
- race:
    fork:
      compete: true
      branches:
      - slow: { do: [ { wait: { wait: PT10S } }, { late: { set: { late: true } } } ] }
      - fast: { do: [ { wait: { wait: PT1S } }, { win: { set: { won: fast } } } ] }
"#;
    let mut run = Run::new(body, json!({}));
    run.pass(1);
    assert_eq!(run.output(), json!({"won": "fast"}));
    assert!(run.facts.contains(&Fact::TaskCancelled("/do/0/race/fork/branches/0/slow".to_owned())));
    assert!(run.traced().contains(&"/do/0/race/fork/branches/0/slow/do/0/wait cancelled".to_owned()));
}

#[test]
fn a_fault_in_a_branch_faults_the_fork_and_end_ends_everything() {
    let body = r#"
do:
- both:
    fork:
      branches:
      - waits: { wait: PT1H }
      - fails: { raise: { error: { type: 'https://x.com/e', status: 418, title: '${ .t }' } } }
"#;
    let run = Run::new(body, json!({"t": "tea"}));
    let problem = run.problem();
    assert_eq!((problem.status, problem.title.as_deref()), (418, Some("tea")));
    assert_eq!(problem.instance.as_deref(), Some("/do/0/both/fork/branches/1/fails"));
    assert!(run.facts.contains(&Fact::TaskCancelled("/do/0/both/fork/branches/0/waits".to_owned())));
    let body = "do:\n- both: { fork: { branches: [ { a: { wait: PT1H } }, { b: { set: { b: 1 }, then: end } } ] } }\n- c: { set: { c: 1 } }\n";
    assert_eq!(output(body, json!({})), json!({"b": 1}));
}

#[test]
fn try_catches_by_filter_and_condition_and_binds_the_error() {
    let body = r#"
do:
- t:
    try:
    - bad: { raise: { error: { type: 'https://serverlessworkflow.io/dsl/errors/types/communication', status: 404, detail: gone } } }
    catch:
      errors: { with: { type: 'https://open-workflow-specification.org/spec/1.0.0/errors/communication', status: 404 } }
      as: e
      when: $e.detail == "gone" and .status == 404
      do:
      - handle: { set: { caught: '${ $e.instance }', input: '${ .n }' } }
"#;
    assert_eq!(output(body, json!({"n": 1})), json!({"caught": "/do/0/t/try/0/bad", "input": 1}));
    let passed = body.replace("status: 404 } }\n      as", "status: 500 } }\n      as");
    assert_eq!(problem(&passed, json!({})).instance.as_deref(), Some("/do/0/t/try/0/bad"));
    let swallowed =
        "do:\n- t: { try: [ { bad: { raise: { error: { type: 'https://x.com', status: 1 } } } } ], catch: {} }\n";
    assert_eq!(output(swallowed, json!({"n": 1})), json!({"n": 1}));
    let in_handler = body.replace(
        "set: { caught: '${ $e.instance }', input: '${ .n }' }",
        "raise: { error: { type: 'https://x.com', status: 500 } }",
    );
    assert_eq!(problem(&in_handler, json!({})).instance.as_deref(), Some("/do/0/t/catch/do/0/handle"));
}

const RETRIED: &str = r#"
do:
- t:
    try:
    - call: { call: http, with: { method: get, endpoint: 'https://x.com/{id}', headers: { Authorization: '${ $secrets.token }' } } }
    catch:
      errors: { with: { status: 503 } }
      retry: { delay: PT2S, backoff: { exponential: {} }, limit: { attempt: { count: 2 } } }
      do: [ { fallback: { set: { fallback: true } } } ]
use: { secrets: [token] }
"#;

#[test]
fn retries_back_off_count_and_keep_the_key_of_the_effect() {
    let mut run = Run::new(RETRIED, json!({"id": 7}));
    let key = |run: &Run| match &run.starts.last().unwrap().request {
        Ok(EffectRequest::Http(request)) => {
            assert_eq!(request.headers, Some(json!({"Authorization": "s3cr3t"})));
            request.key.clone()
        }
        other => panic!("{other:?}"),
    };
    let first = key(&run);
    let unavailable = || Err(Problem::communication("no").with_status(503));
    run.answer(1, unavailable());
    assert_eq!(run.wake_at, Some(run.now.saturating_add(Duration::from_secs(2))));
    run.pass(2);
    assert_eq!(key(&run), first);
    run.answer(2, unavailable());
    assert_eq!(run.wake_at, Some(run.now.saturating_add(Duration::from_secs(4))));
    run.pass(4);
    run.answer(3, unavailable());
    assert_eq!(run.output(), json!({"fallback": true}));
    assert_eq!(run.steps.iter().map(|step| (step.visit, step.attempt)).collect::<Vec<_>>(), [(1, 1), (1, 2), (1, 3)]);
    let stored = serde_json::to_string(&run.machine.state()).unwrap();
    assert!(!stored.contains("s3cr3t"), "what was evaluated for an effect is not stored");
}

#[test]
fn a_retry_that_succeeds_goes_on() {
    let mut run = Run::new(RETRIED, json!({"id": 7}));
    run.answer(1, Err(Problem::communication("no").with_status(503)));
    run.pass(2);
    run.answer(2, Ok(json!({"pet": 1})));
    assert_eq!(run.output(), json!({"pet": 1}));
    assert_eq!(run.facts.iter().filter(|fact| matches!(fact, Fact::TaskRetried(_))).count(), 1);
}

#[test]
fn timeouts_interrupt_and_are_caught_outside_only() {
    let body = r#"
do:
- outer:
    try:
    - inner:
        timeout: { after: PT1S }
        try: [ { wait: { wait: PT1H } } ]
        catch: { do: [ { never: { set: { wrong: true } } } ] }
    catch:
      errors: { with: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408 } }
      do: [ { handle: { set: { at: '${ $error.instance }' } } } ]
"#;
    let mut run = Run::new(body, json!({}));
    run.pass(1);
    assert_eq!(run.output(), json!({"at": "/do/0/outer/try/0/inner"}));
    assert!(run.facts.contains(&Fact::TaskCancelled("/do/0/outer/try/0/inner/try/0/wait".to_owned())));
    let mut run =
        Run::new("timeout: { after: PT3S }\ndo:\n- t: { try: [ { w: { wait: PT1H } } ], catch: {} }\n", json!({}));
    run.pass(3);
    assert_eq!((run.problem().status, run.problem().instance.as_deref()), (408, Some("/")));
}

#[test]
fn a_timed_out_effect_is_stopped_and_its_late_answer_dropped() {
    let body = "do:\n- t: { timeout: { after: PT1S }, call: http, with: { method: get, endpoint: 'https://x.com' } }\n";
    let mut run = Run::new(body, json!({}));
    run.pass(1);
    assert_eq!(run.stops, [1]);
    assert_eq!(run.problem().instance.as_deref(), Some("/do/0/t"));
    run.answer(1, Ok(json!("late")));
    assert!(matches!(run.outcome, Some(Outcome::Faulted(_))));
}

#[test]
fn functions_take_their_arguments_as_input_and_the_callers_place() {
    let body = r#"
use:
  functions:
    add:
      input: { schema: { document: { type: object, required: [a] } }, from: '${ {sum: (.a + .b)} }' }
      do:
      - inc: { set: { n: '${ .sum + 1 }' } }
      output: { as: .n }
do:
- first: { call: add, with: { a: '${ .x }', b: 10 }, output: { as: '{ n: . }' } }
- again: { call: add, with: { b: 10 } }
"#;
    let run = Run::new(body, json!({"x": 1}));
    let problem = run.problem();
    assert_eq!(problem.type_, "https://serverlessworkflow.io/spec/1.0.0/errors/validation");
    assert_eq!(problem.instance.as_deref(), Some("/do/1/again"));
    assert_eq!(run.traced(), ["/use/functions/add/do/0/inc completed", "/do/0/first completed", "/do/1/again faulted"]);
}

#[test]
fn a_function_that_calls_itself_faults() {
    let body = "use: { functions: { f: { call: f } } }\ndo:\n- a: { call: f }\n";
    let problem = problem(body, json!({}));
    assert!(problem.type_.ends_with("/runtime"), "{problem:?}");
}

#[test]
fn emit_gives_the_event_with_a_stable_id() {
    let body = r#"
do:
- e: { emit: { event: { with: { source: 'https://x.com', type: com.x.y, data: { n: '${ .n }' } } } } }
"#;
    let event = output(body, json!({"n": 1}));
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["data"], json!({"n": 1}));
    assert_eq!(event["id"], "ex_1-0-1");
    assert_eq!(output(body, json!({"n": 1}))["id"], event["id"]);
}

#[test]
fn schemas_validate_at_every_stage() {
    let cases = [
        ("input: { schema: { document: { type: object } } }\ndo: []\n", "/"),
        ("do: []\noutput: { schema: { document: { type: object } } }\n", "/"),
        ("do:\n- a: { input: { schema: { document: { type: object } } }, set: { x: 1 } }\n", "/do/0/a"),
        ("do:\n- a: { set: { x: 1 }, output: { as: .x, schema: { document: { type: string } } } }\n", "/do/0/a"),
        ("do:\n- a: { set: { x: 1 }, export: { as: .x, schema: { document: { type: string } } } }\n", "/do/0/a"),
    ];
    for (body, place) in cases {
        let problem = problem(body, json!([1]));
        assert!(problem.type_.ends_with("/validation"), "{body}: {problem:?}");
        assert_eq!((problem.status, problem.instance.as_deref()), (400, Some(place)), "{body}");
    }
}

#[test]
fn failing_expressions_are_errors_of_the_task_everywhere() {
    for task in [
        "if: '.a.b', set: { x: 1 }",
        "input: { from: '${ .a.b }' }, set: { x: 1 }",
        "set: { x: '${ .a.b }' }",
        "set: { x: 1 }, output: { as: '.x.y' }",
        "set: { x: 1 }, export: { as: '.x.y' }",
        "switch: [ { c: { when: .a.b, then: end } } ]",
        "for: { in: '.a.b' }, do: []",
        "for: { in: '[1]' }, while: '.a.b', do: []",
        "wait: '${ .a.b }'",
        "call: http, with: { method: get, endpoint: '${ .a.b }' }",
        "emit: { event: { with: { type: '${ .a.b }', source: 'https://x.com' } } }",
    ] {
        let mut run = Run::new(&format!("do:\n- t: {{ {task} }}\n"), json!({"a": 1}));
        if let Some(start) = run.starts.pop() {
            run.answer(start.step, Err(start.request.unwrap_err()));
        }
        let problem = run.problem();
        assert!(problem.type_.ends_with("/expression"), "{task}: {problem:?}");
        assert_eq!((problem.status, problem.instance.as_deref()), (400, Some("/do/0/t")), "{task}");
    }
}

#[test]
fn an_unavailable_secret_is_an_authorization_error() {
    let body = "use: { secrets: [missing] }\ndo:\n- t: { set: { x: '${ $secrets.missing }' } }\n";
    let problem = problem(body, json!({}));
    assert!(problem.type_.ends_with("/authorization") && problem.status == 403, "{problem:?}");
}

#[test]
fn facts_come_in_order_and_end_with_one_terminal_fact() {
    let run = Run::new("do:\n- a: { set: { x: 1 } }\n", json!({}));
    let one = Data::from(json!({"x": 1}));
    let a = || "/do/0/a".to_owned();
    assert_eq!(
        run.facts,
        [
            Fact::WorkflowStarted,
            Fact::TaskCreated(a()),
            Fact::TaskStarted(a()),
            Fact::TaskCompleted(a(), one.clone()),
            Fact::WorkflowCompleted(one),
        ]
    );
}

#[test]
fn cancelling_ends_every_task_once() {
    let body = "do:\n- o: { fork: { branches: [ { a: { wait: PT1H } }, { b: { call: http, with: { method: get, endpoint: 'https://x.com' } } } ] } }\n";
    let mut run = Run::new(body, json!({}));
    let now = run.now;
    let turn = run.machine.cancel(now);
    assert_eq!(turn.stops, [1]);
    assert_eq!(turn.outcome, Some(Outcome::Cancelled));
    let mut cancelled: Vec<_> = turn
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Fact::TaskCancelled(task) => Some(task.as_str()),
            _ => None,
        })
        .collect();
    cancelled.sort_unstable();
    assert_eq!(cancelled, ["/do/0/o", "/do/0/o/fork/branches/0/a", "/do/0/o/fork/branches/1/b"]);
    assert_eq!(turn.facts.last(), Some(&Fact::WorkflowCancelled));
}

#[test]
fn suspending_and_resuming_goes_on_where_it_was() {
    let body = "do:\n- c: { call: http, with: { method: get, endpoint: 'https://x.com' } }\n";
    let mut run = Run::new(body, json!({}));
    let turn = run.machine.suspend();
    assert_eq!(turn.facts, [Fact::TaskSuspended("/do/0/c".to_owned()), Fact::WorkflowSuspended]);
    run.take(turn);
    run.machine.note_resumed();
    let now = run.now;
    assert_eq!(run.machine.restart_effects(now).len(), 1);
    run.answer(1, Ok(json!(1)));
    assert_eq!(run.output(), json!(1));
}

#[test]
fn what_is_wrong_with_expressions_shows_with_its_place() {
    let source = format!("{HEAD}do:\n- a:\n    set:\n      x: '${{ .a | nosuch }}'\n");
    let workflow = aquifer_dsl::parse(source.as_bytes(), "test.yaml").unwrap();
    let invalid = Plan::compile(workflow).unwrap_err();
    let diagnostic = &invalid.0[0];
    assert_eq!((diagnostic.line, diagnostic.pointer.as_str()), (5, "/do/0/a/set/x"));
    assert!(diagnostic.message.contains("nosuch"), "{}", diagnostic.message);
}

#[test]
fn data_that_would_nest_without_end_is_an_error_and_what_is_stored_can_be_read() {
    let grow = "do:\n- loop: { for: { in: '[range(200)]' }, do: [ { wrap: { set: { a: '${ . }' } } } ] }\n";
    assert_eq!(problem(grow, json!(1)).instance.as_deref(), Some("/do/0/loop/do/0/wrap"));
    let fork = "do:\n- loop: { for: { in: '[range(200)]' }, do: [ { wrap: { fork: { branches: [ { b: { do: [] } } ] } } } ] }\n";
    assert!(problem(fork, json!(1)).detail.unwrap().contains("deeper"));
    let deepest = (0..100).fold(json!(1), |value, _| json!([value]));
    let mut run = Run::new("do:\n- w: { wait: PT1S }\n", deepest.clone());
    run.pass(1);
    assert_eq!(run.output(), deepest);
    let mut run = Run::new("do:\n- c: { call: http, with: { method: get, endpoint: 'https://x.com' } }\n", json!(1));
    run.answer(1, Ok(json!([deepest])));
    assert!(run.problem().detail.as_deref().unwrap().contains("deeper"));
}
