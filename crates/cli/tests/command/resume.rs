//! `aquifer resume`.

use crate::support::Folder;

const WAITS: &str = "\
document: { dsl: '1.0.3', namespace: test, name: waits, version: '0.1.0' }
do:
- first: { set: { count: 1 } }
- pause: { wait: { milliseconds: 1200 } }
- second: { set: { count: '${ .count + 1 }' } }
";

#[test]
fn a_run_that_was_killed_in_the_middle_goes_on() {
    for database in ["sqlite:a.db", "json:a.json"] {
        let folder = Folder::new().with("waits.yaml", WAITS);
        let mut running = folder.spawn(&["run", "waits.yaml", "--database-url", database]);
        let note = running.note();
        let id = note.split_whitespace().nth(1).unwrap().to_owned();
        running.signal("KILL");
        assert_eq!(running.end().code, None);
        let ended = folder.run(&[
            "resume",
            &id,
            "--database-url",
            database,
            "--output",
            "json",
            "--events-out",
            "events",
            "--trace",
            "trace",
            "--set",
            "engine.lease=300ms",
        ]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.document()["output"]["count"], 2);
        let events = folder.lines("events");
        let count = |kind: &str| {
            events.iter().filter(|event| event["type"] == format!("io.serverlessworkflow.{kind}.v1")).count()
        };
        assert_eq!((count("workflow.started"), count("workflow.completed"), count("task.completed")), (1, 1, 3));
        assert_eq!(folder.lines("trace").last().unwrap()["name"], "second");

        let again = folder.run(&["resume", &id, "--database-url", database, "--output", "json"]);
        assert_eq!(again.stdout, ended.stdout);
        assert!(again.stderr.contains("had ended already: it is completed"), "{again:?}");
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let folder = Folder::new().with("waits.yaml", WAITS);
    folder.run(&["resume", "ex_1"]).assert_unusable("there is no database at aquifer.db");
    folder.run(&["db", "migrate"]);
    folder
        .run(&["resume", "ex_1", "--events-out", "events"])
        .assert_unusable("there is no execution ex_1 in sqlite:aquifer.db");
    assert!(!folder.path("events").exists());
}
