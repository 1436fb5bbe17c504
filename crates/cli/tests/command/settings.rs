//! Settings: who wins, what is refused, what is shown.

use serde_json::Value;

use crate::support::{Ended, Folder};

/// The value and the source of a setting.
fn shown(ended: &Ended, key: &str) -> (String, String) {
    let document = ended.document();
    let setting = document.as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&setting["value"]), text(&setting["source"]))
}

const CONFIG: [&str; 3] = ["config", "--output", "json"];

#[test]
fn each_place_wins_over_those_below() {
    let key = "engine.lease";
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    let folder = Folder::new();
    assert_eq!(shown(&folder.run(&CONFIG), key), pair("15s", "default"));
    let folder = folder.with("aquifer.toml", "[engine]\nlease = \"1s\"\nprocesses = false\nmax_input_bytes = 1000\n");
    assert_eq!(shown(&folder.run(&CONFIG), key), pair("1s", "aquifer.toml"));
    assert_eq!(shown(&folder.run(&CONFIG), "engine.processes"), pair("false", "aquifer.toml"));
    assert_eq!(shown(&folder.run(&CONFIG), "engine.max_input_bytes"), pair("1000", "aquifer.toml"));
    let folder = folder.with(".env", "# ours\nAQUIFER_ENGINE_LEASE=\"2s\"\nexport OTHERS='x y'\n");
    assert_eq!(shown(&folder.run(&CONFIG), key), pair("2s", "AQUIFER_ENGINE_LEASE in .env"));
    let ended = Ended::of(folder.command(&CONFIG).env("AQUIFER_ENGINE_LEASE", "3s"));
    assert_eq!(shown(&ended, key), pair("3s", "AQUIFER_ENGINE_LEASE"));
    let flag = [&CONFIG[..], &["--set", "engine.lease=4s"]].concat();
    let ended = Ended::of(folder.command(&flag).env("AQUIFER_ENGINE_LEASE", "3s"));
    assert_eq!(shown(&ended, key), pair("4s", "--set"));
}

#[test]
fn the_file_can_be_another() {
    let folder =
        Folder::new().with("aquifer.toml", "[log]\nlevel = \"info\"\n").with("other.toml", "log.level = \"error\"\n");
    let level = |ended: &Ended| shown(ended, "log.level").0;
    assert_eq!(level(&folder.run(&[&CONFIG[..], &["--config", "other.toml"]].concat())), "error");
    assert_eq!(level(&Ended::of(folder.command(&CONFIG).env("AQUIFER_CONFIG", "other.toml"))), "error");
    assert_eq!(level(&folder.run(&[&CONFIG[..], &["--log-level", "debug"]].concat())), "debug");
    folder.run(&["config", "--config", "none.toml"]).assert_unusable("cannot read none.toml");
}

#[test]
fn what_is_unknown_or_does_not_fit_is_refused_by_every_command() {
    for (file, text, message) in [
        (
            "aquifer.toml",
            "[server]\nlisten = 1\nlissen = 2\n",
            "aquifer.toml: there is no setting \"server.lissen\", did you mean \"server.listen\"?",
        ),
        (
            "aquifer.toml",
            "[sever]\nlisten = \"x\"\n",
            "aquifer.toml: there is no setting \"sever\", did you mean \"server\"?",
        ),
        (
            "aquifer.toml",
            "[database]\ntype = \"redis\"\nhots = \"x\"\n",
            "aquifer.toml: there is no setting \"database.hots\", did you mean \"database.host\"?",
        ),
        (
            "aquifer.toml",
            "[database]\nhost = \"x\"\n",
            "aquifer.toml: database.host says nothing without database.type",
        ),
        (
            ".env",
            "FLOWRUNNER_POSTGRES_HOTS=x\n",
            "there is no variable FLOWRUNNER_POSTGRES_HOTS of FlowRunner, which is in .env, did you mean \"FLOWRUNNER_POSTGRES_HOST\"?",
        ),
        ("aquifer.toml", "server = 1\n", "aquifer.toml: there is no setting \"server\""),
        ("aquifer.toml", "[server]\nlisten = []\n", "aquifer.toml: the setting server.listen takes text"),
        ("aquifer.toml", "a = 1\nb =\n", "aquifer.toml:2: "),
        (
            "aquifer.toml",
            "[server]\nlisten = \"here\"\n",
            "the setting server.listen takes an address and a port, such as 127.0.0.1:7400, not \"here\" (from aquifer.toml)",
        ),
        (".env", "AQUIFER_SERVER_LISSEN=x\n", "AQUIFER_SERVER_LISSEN in .env, did you mean \"AQUIFER_SERVER_LISTEN\"?"),
        (".env", "A=1\nwhat is this s3cret\n", ".env:2: the line is not NAME=value"),
    ] {
        let folder = Folder::new().with(file, text);
        for command in [&["config"][..], &["validate", "none.yaml"], &["serve"], &["db", "stats"]] {
            let ended = folder.run(command);
            ended.assert_unusable(message);
            assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
        }
    }
    let folder = Folder::new();
    Ended::of(folder.command(&["config"]).env("AQUIFER_LOG_LEVLE", "x"))
        .assert_unusable("did you mean \"AQUIFER_LOG_LEVEL\"?");
    folder.run(&["config", "--set", "engine.leas=1s"]).assert_unusable("did you mean \"engine.lease\"?");
    folder.run(&["config", "--set", "engine.lease=soon"]).assert_unusable("not \"soon\" (from --set)");
    folder.run(&["config", "--set", "engine.lease"]).assert_unusable("write KEY=VALUE");
}

#[test]
fn what_a_workflow_gives_its_programs_is_no_setting() {
    let ended = Ended::of(Folder::new().command(&["config"]).env("AQUIFER_IDEMPOTENCY_KEY", "x"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn secrets_of_a_url_are_shown_nowhere() {
    let url = "postgres://ann:s3cret@db/app?sslpassword=s3cret";
    let folder = Folder::new().with("hello.yaml", crate::support::HELLO);
    let ended = Ended::of(folder.command(&CONFIG).env("DATABASE_URL", url));
    assert_eq!(shown(&ended, "database.url").0, "postgres://ann:***@db/app?sslpassword=***");
    for arguments in [
        &["config"][..],
        &["serve"],
        &["db", "check"],
        &["db", "stats"],
        &["db", "migrate"],
        &["resume", "ex_1"],
        &["workflow", "list"],
        &["--log-level", "trace", "execution", "list"],
        &["run", "hello.yaml", "--database-url", url],
    ] {
        let ended = Ended::of(folder.command(arguments).env("DATABASE_URL", url));
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains("ann:***@db") && !said.contains("s3cret"), "{arguments:?}: {said}");
    }
}

#[test]
fn people_get_a_table() {
    let ended = Folder::new().run(&["config"]);
    assert!(ended.stdout.starts_with("SETTING "), "{ended:?}");
    assert!(ended.stdout.contains("\nserver.listen  "), "{ended:?}");
}

#[test]
fn variables_of_other_programs_are_listed_with_what_they_set() {
    let variables = [
        ("FLOWRUNNER_STORAGE_TYPE", "postgres"),
        ("FLOWRUNNER_POSTGRES_HOST", "db"),
        ("FLOWRUNNER_POSTGRES_PASSWORD", "s3cret"),
        ("FLOWRUNNER_DYNAMODB_REGION", "eu-west-1"),
        ("FLOWRUNNER_ENCRYPTION_KEY", "s3cret"),
    ];
    let folder = Folder::new();
    let ended = Ended::of(folder.command(&["config"]).envs(variables));
    let has_row = |start: &str, end: &str| {
        ended.stdout.lines().any(|line| line.starts_with(&format!("{start} ")) && line.trim_end().ends_with(end))
    };
    assert!(has_row("database.url", "3 variables, see below"), "{ended:?}");
    assert!(has_row("FLOWRUNNER_POSTGRES_PASSWORD", "the environment"), "{ended:?}");
    assert!(ended.stdout.contains("nothing: FLOWRUNNER_STORAGE_TYPE is postgres"), "{ended:?}");
    assert!(ended.stdout.contains("nothing: secrets are not stored yet"), "{ended:?}");
    assert!(!ended.stdout.contains("s3cret"), "{ended:?}");
    let ended = Ended::of(folder.command(&CONFIG).envs(variables));
    let sources = "FLOWRUNNER_STORAGE_TYPE, FLOWRUNNER_POSTGRES_HOST, FLOWRUNNER_POSTGRES_PASSWORD";
    assert_eq!(shown(&ended, "database.url").1, sources);
    assert!(ended.stderr.contains("FLOWRUNNER_ENCRYPTION_KEY is not used: secrets are not stored yet"), "{ended:?}");
}

#[test]
fn a_flag_goes_before_variables_of_other_programs() {
    let folder = Folder::new();
    let flags = [&CONFIG[..], &["--database-url", "memory:", "--port", "3000"]].concat();
    let ended = Ended::of(folder.command(&flags).env("STROM_DATABASE_URL", "mysql://h/d").env("STROM_PORT", "1"));
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(shown(&ended, "database.url"), pair("memory:", "--database-url"));
    assert_eq!(shown(&ended, "server.listen"), pair("127.0.0.1:3000", "--port; STROM_PORT"));
    folder.run(&["config", "--listen", "127.0.0.1:1", "--port", "2"]).assert_unusable("cannot be used with");
    folder.run(&["config", "--port", "65536"]).assert_unusable("65536");
}

#[test]
fn flags_of_serve_serve_without_a_command() {
    let folder = Folder::new();
    let mut running = folder.spawn(&["--port", "0", "--database-url", "memory:"]);
    assert!(running.line().starts_with("listening on http://127.0.0.1:"));
    folder.run(&["--prot", "3000"]).assert_unusable("unexpected argument");
    folder.run(&[]).assert_unusable("Usage: aquifer");
}

#[test]
fn what_a_server_does_not_use_is_said_when_it_starts() {
    let folder = Folder::new().with(".env", "STROM_API_KEY=s3cret\n");
    let mut running = folder.spawn(&["serve", "--port", "0", "--database-url", "memory:"]);
    assert!(running.line().starts_with("listening on "));
    assert_eq!(running.note(), "STROM_API_KEY is not used: there is no sign-in yet\n");
}

#[test]
fn options_of_sqlalchemy_are_translated_wherever_a_url_is_named() {
    let folder = Folder::new().with("hello.yaml", crate::support::HELLO);
    let url = "sqlite+aiosqlite:///./a.db?timeout=20&pool_size=5";
    assert_eq!(folder.run(&["run", "hello.yaml", "--database-url", url]).code, Some(0));
    assert_eq!(Ended::of(folder.command(&["db", "check"]).env("DATABASE_URL", url)).code, Some(0));
    let ended = folder.run(&["run", "hello.yaml", "--database-url", "postgresql+asyncpg://u:s3cret@h/d?pool_size=x"]);
    ended.assert_unusable("--database-url takes a number for its option pool_size");
    assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
    let ended = Ended::of(folder.command(&["config"]).env("DATABASE_URL", "mysql://u:s3cret@h/d?ssl=maybe"));
    ended.assert_unusable("the setting database.url takes disable, prefer");
    assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
}

#[cfg(feature = "redis")]
#[test]
fn a_database_that_is_not_there_is_waited_for() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://127.0.0.1:{port}");
    let folder = Folder::new();
    let ended = folder.run(&["db", "check", "--database-url", &url]);
    ended.assert_unusable(&format!("127.0.0.1:{port}"));
    assert!(ended.stderr.contains("--wait-for-database SECONDS waits"), "{ended:?}");
    let began = std::time::Instant::now();
    folder.run(&["db", "check", "--database-url", &url, "--wait-for-database", "1"]).assert_unusable("127.0.0.1");
    assert!(began.elapsed().as_secs() >= 1);
    let ended = folder.run(&["serve", "--port", "0", "--database-url", &url, "--wait-for-database", "soon"]);
    ended.assert_unusable("the setting database.wait takes a number of seconds");
}
