//! What a program's end becomes.

use aquifer_effects::{
    Kind,
    process::{Limits, ProcessCall, Return},
};
use serde_json::json;

use super::{failure, members, program, run, script, shell};

const TALK: &str = "echo out; echo err >&2";

fn returning(return_: Return, command: &str) -> ProcessCall {
    ProcessCall { return_, ..shell(command) }
}

#[tokio::test]
async fn each_return_has_its_part() {
    for (return_, expected) in [
        (Return::Stdout, json!("out")),
        (Return::Stderr, json!("err")),
        (Return::Code, json!(0)),
        (Return::All, json!({"code": 0, "stdout": "out", "stderr": "err"})),
        (Return::None, json!(null)),
    ] {
        assert_eq!(run(returning(return_, TALK)).await, Ok(expected), "{return_:?}");
    }
}

#[tokio::test]
async fn an_exit_code_is_data_where_it_is_asked_for() {
    let command = format!("{TALK}; exit 7");
    assert_eq!(run(returning(Return::Code, &command)).await, Ok(json!(7)));
    let all = json!({"code": 7, "stdout": "out", "stderr": "err"});
    assert_eq!(run(returning(Return::All, &command)).await, Ok(all));
}

#[tokio::test]
async fn an_exit_code_is_an_error_elsewhere() {
    for return_ in [Return::Stdout, Return::Stderr, Return::None] {
        let failure = failure(returning(return_, &format!("{TALK}; exit 7"))).await;
        assert_eq!((failure.kind, failure.status), (Kind::Runtime, 500), "{return_:?}");
        assert!(failure.detail.contains("exit code 7: err"), "{failure}");
        assert!(!failure.detail.contains("out"), "{failure}");
    }
}

#[tokio::test]
async fn an_error_quotes_only_the_last_lines() {
    let failure = failure(shell("i=0; while [ $i -lt 5000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; exit 1")).await;
    assert!(failure.detail.ends_with("line 4998\nline 4999"), "{failure}");
    assert!(failure.detail.len() < 1000, "{failure}");
}

#[tokio::test]
async fn a_signal_counts_as_128_and_its_number() {
    assert_eq!(run(returning(Return::Code, "kill -TERM $$")).await, Ok(json!(143)));
    let failure = failure(shell("kill -KILL $$")).await;
    assert!(failure.detail.contains("signal 9"), "{failure}");
}

#[tokio::test]
async fn a_command_that_does_not_exist_is_what_the_shell_says() {
    let failure = failure(shell("no-such-command-here")).await;
    assert!(failure.detail.contains("127") && failure.detail.contains("not found"), "{failure}");
}

#[tokio::test]
async fn a_script_that_raises_is_an_error_with_its_message() {
    for (language, code) in [("python", "raise ValueError('boom')"), ("js", "throw new Error('boom')")] {
        let failure = failure(script(language, code)).await;
        assert_eq!(failure.kind, Kind::Runtime);
        assert!(failure.detail.contains("boom"), "{failure}");
    }
}

#[tokio::test]
async fn a_missing_interpreter_names_what_to_install() {
    for (language, name) in [("python", "python3"), ("js", "node")] {
        let call = ProcessCall {
            environment: members(json!({"PATH": "/nowhere"})),
            ..program(aquifer_effects::process::Program::Script { language: language.to_owned(), code: String::new() })
        };
        let failure = failure(call).await;
        assert_eq!((failure.kind, failure.status), (Kind::Runtime, 500));
        assert!(failure.detail.contains(name) && failure.detail.contains("install"), "{failure}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_replaced() {
    assert_eq!(run(shell("printf 'a\\377b'")).await, Ok(json!("a\u{fffd}b")));
}

#[tokio::test]
async fn output_beyond_the_limit_ends_the_program() {
    let limits = Limits { max_output_bytes: 1000 };
    for (return_, command, stream) in
        [(Return::Stdout, "yes", "output"), (Return::Stderr, "yes >&2", "error"), (Return::All, "yes >&2", "error")]
    {
        let failure = failure(ProcessCall { limits, ..returning(return_, command) }).await;
        assert_eq!(failure.kind, Kind::Runtime);
        assert!(failure.detail.contains(&format!("1000 bytes to standard {stream}")), "{failure}");
    }
}

#[tokio::test]
async fn output_that_is_not_returned_has_no_limit() {
    let limits = Limits { max_output_bytes: 10 };
    let command = "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2";
    for return_ in [Return::Code, Return::None] {
        let call = ProcessCall { limits, ..returning(return_, command) };
        assert!(run(call).await.is_ok(), "{return_:?}");
    }
}

#[tokio::test]
async fn a_program_runs_in_a_private_directory_that_goes_with_it() {
    let command = "touch file; pwd -P; ls -ld . | cut -c1-10";
    let output = run(shell(command)).await.expect("output");
    let (path, mode) = output.as_str().and_then(|text| text.split_once('\n')).expect("two lines");
    assert_eq!(mode, "drwx------");
    assert!(!std::path::Path::new(path).exists(), "{path} is left");
}

#[tokio::test]
async fn a_program_runs_where_it_is_told_to() {
    let here = tempfile::tempdir().expect("a directory");
    let call = ProcessCall { working_directory: Some(here.path().to_owned()), ..shell("touch made-here") };
    run(call).await.expect("success");
    assert!(here.path().join("made-here").exists());
}
