//! How data reaches a program.

use aquifer_effects::{
    Kind,
    process::{Arguments, ProcessCall, Return},
};
use serde_json::{Value, json};

use super::{failure, members, program, run, script, shell};

#[tokio::test]
async fn the_specifications_shell_example_works() {
    let call = ProcessCall {
        stdin: Some(json!("Hello World")),
        arguments: Arguments::Positional(vec![json!("Foo"), json!("Bar")]),
        ..shell("input=$(cat)\necho \"STDIN was: $input\"\necho \"ARGS are $1 $2\"\n")
    };
    assert_eq!(run(call).await, Ok(json!("STDIN was: Hello World\nARGS are Foo Bar")));
}

#[tokio::test]
async fn the_specifications_script_example_works() {
    let code = r"
        import { readFileSync } from 'node:fs';
        const stdin = readFileSync(process.stdin.fd, 'utf8');
        console.log('stdin > ', stdin)
        const [_, __, arg] = process.argv;
        console.log('arg > ', arg)
        const foo = process.env.foo;
        console.log('env > ', foo)
    ";
    for language in ["js", "javascript"] {
        let call = ProcessCall {
            stdin: Some(json!("Hello Workflow")),
            arguments: Arguments::Positional(vec![json!("hello")]),
            environment: members(json!({"foo": "bar"})),
            ..script(language, code)
        };
        assert_eq!(run(call).await, Ok(json!("stdin >  Hello Workflow\narg >  hello\nenv >  bar")), "{language}");
    }
}

#[tokio::test]
async fn python_scripts_get_the_same() {
    let code = "import os, sys\nprint(sys.argv[1:], os.environ['foo'], sys.stdin.read(), __name__, 'é')";
    let call = ProcessCall {
        stdin: Some(json!({"a": 1})),
        arguments: Arguments::Positional(vec![json!("x y"), json!(2)]),
        environment: members(json!({"foo": "bar"})),
        ..script("python", code)
    };
    assert_eq!(run(call).await, Ok(json!("['x y', '2'] bar {\"a\":1} __main__ é")));
}

#[tokio::test]
async fn what_is_not_a_string_arrives_as_json() {
    let call = ProcessCall {
        stdin: Some(json!([1, "é"])),
        arguments: Arguments::Positional(vec![json!({"a": [true]}), json!(1.5), json!(null), json!("")]),
        environment: members(json!({"o": {"b": 2}, "n": 3, "absent": null})),
        ..shell("printf '<%s>' \"$@\" \"$o\" \"$n\" \"${absent-unset}\"; cat")
    };
    let expected = r#"<{"a":[true]}><1.5><null><><{"b":2}><3><unset>[1,"é"]"#;
    assert_eq!(run(call).await, Ok(json!(expected)));
}

#[tokio::test]
async fn data_is_never_command_text() {
    let hostile = "'; echo pwned; $(echo pwned) `echo pwned` \" ${HOME} \n -n";
    let call = ProcessCall {
        arguments: Arguments::Positional(vec![json!(hostile)]),
        environment: members(json!({"v": hostile})),
        stdin: Some(json!(hostile)),
        ..shell("printf '%s|%s|' \"$1\" \"$v\"; cat")
    };
    assert_eq!(run(call).await, Ok(json!(format!("{hostile}|{hostile}|{hostile}"))));
}

#[tokio::test]
async fn named_arguments_are_variables() {
    let named = || Arguments::Named(members(json!({"greeting": "hi \u{2028} \"there\"", "list": [1, 2]})));
    let call = ProcessCall { arguments: named(), ..shell("printf '%s %s' \"$greeting\" \"$list\"") };
    assert_eq!(run(call).await, Ok(json!("hi \u{2028} \"there\" [1,2]")));
    for (language, code) in [
        ("js", "console.log(greeting, list[0] + list[1], process.argv.length)"),
        ("python", "import sys\nprint(greeting, sum(list), len(sys.argv) + 1)"),
    ] {
        let call = ProcessCall { arguments: named(), ..script(language, code) };
        assert_eq!(run(call).await, Ok(json!("hi \u{2028} \"there\" 3 2")), "{language}");
    }
}

#[tokio::test]
async fn the_servers_environment_stays_private() {
    // Cargo sets this for every test; it stands for a secret.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let listing = run(shell("env")).await.expect("a list");
    let names: Vec<_> =
        listing.as_str().expect("text").lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    for name in names {
        let known = ["AQUIFER_IDEMPOTENCY_KEY", "HOME", "LANG", "OLDPWD", "PATH", "PWD", "SHLVL", "TMPDIR", "TZ", "_"];
        assert!(known.contains(&name) || name.starts_with("LC_"), "{name} leaked");
    }
}

#[tokio::test]
async fn the_idempotency_key_is_there_unless_the_author_sets_it() {
    let command = "printf %s \"$AQUIFER_IDEMPOTENCY_KEY\"";
    assert_eq!(run(shell(command)).await, Ok(json!("key-1")));
    let call = ProcessCall { environment: members(json!({"AQUIFER_IDEMPOTENCY_KEY": "mine"})), ..shell(command) };
    assert_eq!(run(call).await, Ok(json!("mine")));
}

#[tokio::test]
async fn without_input_standard_input_is_empty() {
    assert_eq!(run(shell("cat; echo end")).await, Ok(json!("end")));
    let call = ProcessCall { stdin: Some(Value::Null), ..shell("cat; echo end") };
    assert_eq!(run(call).await, Ok(json!("end")));
}

#[tokio::test]
async fn a_large_input_and_a_large_output_do_not_block_each_other() {
    let large = "0123456789abcdef".repeat(256 * 1024);
    let call = ProcessCall { stdin: Some(json!(large)), ..shell("cat; echo noise >&2") };
    let output = run(call).await.expect("output");
    assert!(output == json!(large), "the output differs from the input");
}

#[tokio::test]
async fn input_that_no_one_reads_is_no_error() {
    let call = ProcessCall { stdin: Some(json!("x".repeat(4 * 1024 * 1024))), ..shell("exec 0<&-; echo done") };
    assert_eq!(run(call).await, Ok(json!("done")));
}

#[tokio::test]
async fn what_cannot_be_passed_is_refused_before_anything_runs() {
    let secret = "s3cret\0";
    let calls = [
        ProcessCall { arguments: Arguments::Positional(vec![json!(secret)]), ..shell("true") },
        ProcessCall { arguments: Arguments::Named(members(json!({"a=b": 1}))), ..shell("true") },
        ProcessCall { environment: members(json!({"v": secret})), ..shell("true") },
        ProcessCall { environment: members(json!({"": "x"})), ..shell("true") },
        ProcessCall { environment: members(json!({"a=b": "x"})), ..shell("true") },
        ProcessCall { idempotency_key: secret.to_owned(), ..shell("true") },
        ProcessCall { working_directory: Some("/does/not/exist".into()), ..shell("true") },
        shell("echo \0"),
        program(aquifer_effects::process::Program::Script { language: "cobol".to_owned(), code: String::new() }),
    ];
    for (index, call) in calls.into_iter().enumerate() {
        let failure = failure(call).await;
        assert_eq!((failure.kind, failure.status), (Kind::Configuration, 400), "{index}: {failure}");
        assert!(!failure.detail.contains("s3cret"), "{failure}");
    }
}

#[tokio::test]
async fn a_nul_in_the_input_is_just_data() {
    let call = ProcessCall { stdin: Some(json!("a\0b")), return_: Return::All, ..shell("wc -c | tr -d ' '") };
    assert_eq!(run(call).await, Ok(json!({"code": 0, "stdout": "3", "stderr": ""})));
}

#[tokio::test]
async fn more_arguments_than_the_system_takes_are_an_error() {
    let call =
        ProcessCall { arguments: Arguments::Positional(vec![json!("x".repeat(8 * 1024 * 1024))]), ..shell("true") };
    let failure = failure(call).await;
    assert_eq!(failure.kind, Kind::Runtime);
    assert!(failure.detail.contains("stdin"), "{failure}");
}
