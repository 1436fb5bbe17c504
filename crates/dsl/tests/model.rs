//! What the model holds of a definition.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::time::Duration as StdDuration;

use aquifer_dsl::{
    Arguments, AuthenticationPolicy, Backoff, Call, Cleanup, Consumption, Duration, FlowDirective, ForItems,
    FunctionTarget, HttpOutput, Process, ReadAs, Return, Task, TaskKind, TaskList, Transform, Until, Uri, Workflow,
    parse,
};
use serde_json::json;

const HEAD: &str = "document: { dsl: 1.0.3, namespace: a, name: b, version: 1.0.0 }\n";

fn workflow(rest: &str) -> Workflow {
    parse(format!("{HEAD}{rest}"), "test").unwrap_or_else(|error| panic!("{error}"))
}

/// Parses a workflow with one task, of which the YAML flow form is given.
fn task(text: &str) -> Task {
    workflow(&format!("do:\n  - t: {text}\n")).tasks.tasks.remove(0)
}

fn pointers(list: &TaskList, found: &mut Vec<String>) {
    for task in list {
        found.push(task.pointer.clone());
        match &task.kind {
            TaskKind::Do(sequence) => pointers(&sequence.tasks, found),
            TaskKind::For(iteration) => pointers(&iteration.tasks, found),
            TaskKind::Fork(fork) => pointers(&fork.branches, found),
            TaskKind::Listen(listen) => pointers(&listen.foreach.as_ref().unwrap().tasks, found),
            TaskKind::Try(attempt) => {
                pointers(&attempt.tasks, found);
                pointers(attempt.catch.tasks.as_ref().unwrap(), found);
            }
            _ => {}
        }
    }
}

#[test]
fn pointers_lead_to_every_task() {
    let workflow = workflow(
        "
use:
  functions:
    greet/all: { set: { x: 1 } }
do:
  - a:
      do:
        - first: { set: { x: 1 } }
        - b~/c: { set: { x: 1 } }
  - loop: { for: { in: .x }, do: [ { x: { set: { x: 1 } } } ] }
  - fork: { fork: { branches: [ { a: { set: { x: 1 } } }, { b: { do: [ { c: { set: { x: 1 } } } ] } } ] } }
  - try:
      try: [ { x: { set: { x: 1 } } } ]
      catch: { do: [ { x: { set: { x: 2 } } } ] }
  - listen: { listen: { to: { any: [] } }, foreach: { do: [ { x: { set: { x: 1 } } } ] } }
",
    );
    let mut found = Vec::new();
    pointers(&workflow.tasks, &mut found);
    let expected = [
        "/do/0/a",
        "/do/0/a/do/0/first",
        "/do/0/a/do/1/b~0~1c",
        "/do/1/loop",
        "/do/1/loop/do/0/x",
        "/do/2/fork",
        "/do/2/fork/fork/branches/0/a",
        "/do/2/fork/fork/branches/1/b",
        "/do/2/fork/fork/branches/1/b/do/0/c",
        "/do/3/try",
        "/do/3/try/try/0/x",
        "/do/3/try/catch/do/0/x",
        "/do/4/listen",
        "/do/4/listen/foreach/do/0/x",
    ];
    assert_eq!(found, expected);
    let function = workflow.function("greet/all").unwrap();
    assert_eq!(function.pointer, "/use/functions/greet~1all");
    assert_eq!(*function.definition, json!({"set": {"x": 1}}));
    for pointer in &found {
        assert!(workflow.definition.pointer(pointer).is_some(), "{pointer}");
    }

    let at = |pointer: &str| workflow.locate(pointer).map(|place| (place.line, place.column, place.length));
    assert_eq!(at(""), Some((1, 1, 1)));
    assert_eq!(at("/document/version"), Some((1, 57, 5)));
    assert_eq!(at("/do/0/a"), Some((7, 5, 1)));
    assert_eq!(at("/do/0/a/do/1/b~0~1c"), Some((10, 11, 4)));
    assert_eq!(at("/do/0/a/do/1/b~0~1c/set/x"), Some((10, 29, 1)));
    for nowhere in ["do", "/do/9", "/do/x", "/do/0/b", "/do/0/a/do/1/b~0~1c/set/x/y", "/"] {
        assert_eq!(at(nowhere), None, "{nowhere}");
    }
}

#[test]
fn yaml_1_2_applies_to_definitions() {
    let workflow = workflow("do:\n  - on: { set: { on: yes, no: 1.0.0, a: 012, b: 0x10 } }\n");
    assert_eq!(workflow.document.dsl, "1.0.3");
    assert_eq!(workflow.tasks.tasks[0].name, "on");
    assert_eq!(workflow.definition["do"], json!([{"on": {"set": {"on": "yes", "no": "1.0.0", "a": 12, "b": 16}}}]));

    let aliased =
        self::workflow("do:\n  - a: &task { set: &data { x: [1, 2] } }\n  - b: *task\n  - c: { set: *data }\n");
    let sets: Vec<_> = aliased.tasks.iter().map(|task| task.definition["set"].clone()).collect();
    assert_eq!(sets, vec![json!({"x": [1, 2]}); 3]);
}

#[test]
fn versions_1_0_of_the_dsl_are_accepted() {
    for version in ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "'1.0.3'", "1.0.99", "1.0.0-alpha5"] {
        let source = format!("document: {{ dsl: {version}, namespace: a, name: b, version: 1.0.0 }}\ndo: []\n");
        assert!(parse(source, "test").is_ok(), "{version}");
    }
}

#[test]
fn what_every_task_has() {
    let task = task(
        "{ if: '${ .a }', input: { from: '${ .b }', schema: { document: { type: object } } }, output: { as: { x: '${ .c }' } },
           export: { as: .d }, timeout: { after: PT1S }, then: exit, metadata: { m: 1 }, set: { x: 1 } }",
    );
    let condition = task.condition.as_ref().unwrap();
    assert_eq!((condition.source.as_str(), condition.pointer.as_str()), (".a", "/do/0/t/if"));
    let Some(Transform::Expression(from)) = &task.input.from else { panic!() };
    assert_eq!((from.source.as_str(), from.pointer.as_str()), (".b", "/do/0/t/input/from"));
    assert_eq!(task.input.schema.as_ref().unwrap().format, "json");
    let Some(Transform::Value { value, pointer }) = &task.output.transform else { panic!() };
    assert_eq!((value, pointer.as_str()), (&json!({"x": "${ .c }"}), "/do/0/t/output/as"));
    assert_eq!(task.export.transform.as_ref().unwrap().pointer(), "/do/0/t/export/as");
    assert_eq!(task.timeout.as_ref().unwrap().after, Duration::Literal(StdDuration::from_secs(1)));
    assert_eq!(task.then, Some(FlowDirective::Exit));
    assert_eq!(task.metadata["m"], 1);
    assert_eq!(task.kind.keyword(), "set");
}

#[test]
fn targets_are_positions_in_their_list() {
    let workflow = workflow(
        "
do:
  - a: { set: { x: 1 }, then: c }
  - b: { switch: [ { x: { when: .x, then: a } }, { y: { then: end } } ] }
  - c: { try: [], catch: { then: b } }
",
    );
    let [a, b, c] = workflow.tasks.tasks.as_slice() else { panic!() };
    assert_eq!(a.then, Some(FlowDirective::Task(2)));
    let TaskKind::Switch(switch) = &b.kind else { panic!() };
    assert_eq!(switch.cases[0].then, FlowDirective::Task(0));
    assert_eq!(switch.cases[0].when.as_ref().unwrap().pointer, "/do/1/b/switch/0/x/when");
    assert_eq!((switch.cases[1].then, switch.cases[1].when.is_none()), (FlowDirective::End, true));
    let TaskKind::Try(attempt) = &c.kind else { panic!() };
    assert_eq!(attempt.catch.then, Some(FlowDirective::Task(1)));
}

#[test]
fn references_are_resolved() {
    let workflow = workflow(
        "
use:
  secrets: [ password ]
  authentications: { login: { basic: { use: password } } }
  errors: { gone: { type: https://example.com/gone, status: 410, title: '${ .t }' } }
  retries: { often: { delay: PT1S, backoff: { exponential: }, limit: { attempt: { count: 5 } } } }
  timeouts: { short: { after: { seconds: 1, milliseconds: 500 } } }
  functions: { one: { call: two }, two: { set: { x: 1 } } }
timeout: short
do:
  - fail: { raise: { error: gone }, timeout: short }
  - again: { try: [], catch: { retry: often } }
  - local: { call: one, with: { x: 1 } }
  - far: { call: https://example.com/function.yaml }
  - catalogued: { call: log:1.0.0@default }
  - get: { call: http, with: { method: get, endpoint: { uri: https://example.com, authentication: { use: login } } } }
",
    );
    let tasks = &workflow.tasks.tasks;
    let timeout = workflow.timeout.as_ref().unwrap();
    assert_eq!((timeout.name.as_deref(), timeout.pointer.as_str()), (Some("short"), "/use/timeouts/short"));
    assert_eq!(timeout.after, Duration::Literal(StdDuration::from_millis(1500)));
    assert_eq!(tasks[0].timeout.as_ref().unwrap().after, workflow.timeout("short").unwrap().after);
    let TaskKind::Raise(raise) = &tasks[0].kind else { panic!() };
    assert_eq!((raise.error.name.as_deref(), raise.error.status), (Some("gone"), 410));
    assert_eq!(raise.error.title, workflow.error("gone").unwrap().title);
    let TaskKind::Try(attempt) = &tasks[1].kind else { panic!() };
    let retry = attempt.catch.retry.as_ref().unwrap();
    assert_eq!((retry.name.as_deref(), retry.limit.count), (Some("often"), Some(5)));
    assert_eq!(retry.backoff, Backoff::Exponential(serde_json::Map::new()));
    assert_eq!(retry.pointer, workflow.retry("often").unwrap().pointer);
    assert_eq!(attempt.catch.variable, "error");
    let target = |task: &Task| match &task.kind {
        TaskKind::Call(Call::Function(call)) => call.target.clone(),
        _ => panic!(),
    };
    assert_eq!(target(&tasks[2]), FunctionTarget::Local("one".into()));
    assert_eq!(target(&tasks[3]), FunctionTarget::Url("https://example.com/function.yaml".into()));
    let catalogued =
        FunctionTarget::Catalogued { name: "log".into(), version: "1.0.0".into(), catalog: "default".into() };
    assert_eq!(target(&tasks[4]), catalogued);
    let TaskKind::Call(Call::Http(http)) = &tasks[5].kind else { panic!() };
    let authentication = http.endpoint.authentication.as_ref().unwrap();
    assert_eq!(authentication.name.as_deref(), Some("login"));
    assert!(matches!(authentication.policy, AuthenticationPolicy::Basic(_)));
}

#[test]
fn calls_and_their_defaults() {
    let kind = task(
        "{ call: http, with: { method: get, endpoint: 'https://example.com/{id}', body: [1], query: '${ .q }' } }",
    )
    .kind;
    let TaskKind::Call(Call::Http(http)) = kind else { panic!() };
    assert_eq!(http.endpoint.uri, Uri::Template("https://example.com/{id}".into()));
    assert_eq!((http.output, http.redirect, http.body), (HttpOutput::Content, false, Some(json!([1]))));
    assert_eq!((http.query, http.headers), (Some(json!("${ .q }")), None));
    let kind =
        task("{ call: http, with: { method: get, endpoint: '${ .url }', output: response, redirect: true } }").kind;
    let TaskKind::Call(Call::Http(http)) = kind else { panic!() };
    let Uri::Expression(uri) = &http.endpoint.uri else { panic!() };
    assert_eq!((uri.source.as_str(), uri.pointer.as_str()), (".url", "/do/0/t/with/endpoint"));
    assert_eq!((http.output, http.redirect), (HttpOutput::Response, true));
}

#[test]
fn processes_of_all_dsl_versions() {
    let run = |text: &str| match task(text).kind {
        TaskKind::Run(run) => *run,
        _ => panic!(),
    };
    let new =
        run("{ run: { shell: { command: a, arguments: [ '${ .a }', b ], stdin: x }, return: all, await: false } }");
    assert_eq!((new.wait, new.output), (false, Return::All));
    let Process::Shell(shell) = new.process else { panic!() };
    let Arguments::List(arguments) = shell.arguments else { panic!() };
    assert_eq!(arguments, [json!("${ .a }"), json!("b")]);
    let old = run("{ run: { script: { language: js, code: x, arguments: { a: 1 } } } }");
    assert_eq!((old.wait, old.output), (true, Return::Stdout));
    let Process::Script(script) = old.process else { panic!() };
    assert!(matches!(script.arguments, Arguments::Named(named) if named["a"] == 1));
    let container = run("{ run: { container: { image: a, lifetime: { cleanup: eventually, after: PT1S } } } }");
    let Process::Container(container) = container.process else { panic!() };
    assert!(matches!(container.cleanup, Cleanup::Eventually(Duration::Literal(_))));
    let workflow = run("{ run: { workflow: { namespace: a, name: b } } }");
    assert!(matches!(workflow.process, Process::Workflow(sub) if sub.version == "latest" && sub.input.is_none()));
}

#[test]
fn what_the_newer_specification_adds() {
    let TaskKind::For(iteration) = task("{ for: { in: [ { a: '${ .x }' } ] }, do: [] }").kind else { panic!() };
    assert!(matches!(iteration.items, ForItems::Values(items) if items == [json!({"a": "${ .x }"})]));
    assert_eq!((iteration.each.as_str(), iteration.at.as_str()), ("item", "index"));
    for name in ["detail", "details"] {
        let text = format!("{{ try: [], catch: {{ errors: {{ with: {{ {name}: gone, status: 404 }} }} }} }}");
        let TaskKind::Try(attempt) = task(&text).kind else { panic!() };
        let errors = attempt.catch.errors.unwrap();
        assert_eq!((errors.detail.as_deref(), errors.status), (Some("gone"), Some(404)));
    }
    let TaskKind::Emit(emit) = task("{ emit: { event: { with: { type: a, ext: 1 } } } }").kind else { panic!() };
    assert_eq!((emit.with["ext"].clone(), emit.pointer.as_str()), (json!(1), "/do/0/t/emit/event/with"));
    let workflow = workflow("schedule: { on: { one: { with: { type: a } } }, read: envelope }\ndo: []\n");
    let schedule = workflow.schedule.unwrap();
    assert_eq!(schedule.read, ReadAs::Envelope);
    assert!(matches!(schedule.on, Some(Consumption::One(_))));
}

#[test]
fn waits_and_events() {
    let duration = |text: &str| match task(&format!("{{ wait: {text} }}")).kind {
        TaskKind::Wait(wait) => wait.duration,
        _ => panic!(),
    };
    assert_eq!(duration("PT0.5S"), Duration::Literal(StdDuration::from_millis(500)));
    assert_eq!(duration("{ days: 1, hours: 1.0 }"), Duration::Literal(StdDuration::from_secs(90_000)));
    assert_eq!(duration("'${ .pause }'"), Duration::Expression(".pause".into()));

    let text = "{ listen: { to: { any: [ { with: { type: a }, correlate: { k: { from: .id, expect: '1' } } } ], until: { one: { with: { type: b } } } } } }";
    let TaskKind::Listen(listen) = task(text).kind else { panic!() };
    let Consumption::Any { filters, until: Some(Until::Events(_)) } = listen.to else { panic!() };
    assert_eq!((filters[0].correlate[0].name.as_str(), filters[0].correlate[0].from.source.as_str()), ("k", ".id"));
}

#[test]
fn loose_mode_lets_bare_expressions_stand_for_values() {
    let tasks = "
do:
  - a: { set: .user }
  - b: { wait: .pause }
  - c: { call: http, with: { method: .method, endpoint: .url, headers: .headers } }
  - d: { run: { workflow: { namespace: .a, name: .b, version: .c } } }
";
    let loose = workflow(&format!("evaluate: {{ mode: loose }}{tasks}"));
    let [_, wait, call, _] = loose.tasks.tasks.as_slice() else { panic!() };
    assert!(matches!(&wait.kind, TaskKind::Wait(wait) if wait.duration == Duration::Expression(".pause".into())));
    let TaskKind::Call(Call::Http(http)) = &call.kind else { panic!() };
    assert!(matches!(&http.endpoint.uri, Uri::Expression(uri) if uri.source == ".url"));
    assert_eq!(parse(format!("{HEAD}{tasks}"), "strict").unwrap_err().items.len(), 7);
}

#[test]
fn own_properties_at_the_top_are_left_alone() {
    assert!(workflow("$schema: https://example.com\nx-owner: me\ndo: []\n").tasks.is_empty());
}

#[test]
fn what_is_not_supported_is_listed_with_its_place() {
    let workflow = workflow(
        r#"
schedule: { cron: 0 0 * * * }
evaluate: { language: js }
input: { schema: { resource: { endpoint: https://a } } }
use:
  authentications: { a: { bearer: { token: x } } }
  catalogs: { c: { endpoint: https://a } }
  extensions: [ { e: { extend: all } } ]
  functions: { f: { call: mcp, with: { method: tools/list, transport: { stdio: { command: x } } } } }
do:
  - listen: { listen: { to: { any: [] } } }
  - openapi: { call: openapi, with: { document: { endpoint: https://a }, operationId: x } }
  - grpc: { call: grpc, with: { proto: { endpoint: https://a }, service: { name: a, host: b }, method: c } }
  - asyncapi: { call: asyncapi, with: { document: { endpoint: https://a }, operation: x, message: {} } }
  - nested:
      do:
        - a2a: { call: a2a, with: { method: tasks/get } }
  - url: { call: https://a }
  - catalogued: { call: a:1.0.0@c }
  - fork: { fork: { branches: [ { container: { run: { container: { image: a } } } } ] } }
  - http: { call: http, with: { method: get, endpoint: { uri: https://a, authentication: { use: a } } } }
  - try: { try: [], catch: { do: [ { script: { run: { script: { language: js, source: { endpoint: https://a } } } } } ] } }
  - format: { set: { x: 1 }, output: { schema: { format: avro, document: {} } } }
  - fine: { set: { x: 1 }, output: { schema: { format: 'json:2020-12', document: {} } } }
"#,
    );
    let found: Vec<_> =
        workflow.unsupported().iter().map(|item| format!("{}:{} {}", item.line, item.column, item.message)).collect();
    let expected = [
        "3:1 `schedule`",
        "4:23 the expression language `js`",
        "5:20 a schema from elsewhere",
        "7:22 authentication",
        "8:15 a catalog",
        "9:19 an extension",
        "10:27 `call: mcp`",
        "12:15 `listen`",
        "13:22 `call: openapi`",
        "14:19 `call: grpc`",
        "15:23 `call: asyncapi`",
        "18:24 `call: a2a`",
        "19:18 a call of a function by its URL",
        "20:25 a call of a function in a catalog",
        "21:55 `run: container`",
        "22:74 authentication",
        "23:79 a script from elsewhere",
        "24:58 the schema format `avro`",
    ]
    .map(|line| format!("{line} is not supported in this release"));
    assert_eq!(found, expected);
    assert!(workflow.unsupported().iter().all(|item| item.hint.is_some() && item.code == "unsupported"));
    assert!(self::workflow("do: []\n").unsupported().is_empty());
}
