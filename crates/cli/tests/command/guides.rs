//! Every block of configuration in the guides of other systems, as it is written there.

use serde_json::Value;

use crate::guide::{GUIDES, Given, Place, pairs, read};
use crate::support::{Ended, Folder};

const PLACES: [(Place, &str); 2] = [(Place::DotEnv, "dotenv"), (Place::Environment, "environment")];

/// The settings with what a block gives, its variables set in this place.
fn settings(given: &Given, place: Place, with: &Value) -> Ended {
    let arguments: Vec<&str> = given.arguments.iter().map(String::as_str).collect();
    Ended::of(&mut given.prepare(place, with).command(&[&["config", "--output", "json"], &arguments[..]].concat()))
}

#[track_caller]
fn assert_shows(ended: &Ended, expected: &Value, not_used: &Value, what: &str) {
    assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
    let document = ended.document();
    let all = document.as_array().unwrap();
    for (key, value) in pairs(expected) {
        let setting = all.iter().find(|setting| setting["key"] == *key).unwrap();
        assert_eq!(setting["value"], *value, "{what}: {key}");
        assert_ne!(setting["from"], "default", "{what}: {key}");
    }
    let mut notes: Vec<&str> = ended.stderr.lines().collect();
    for (name, why) in pairs(not_used) {
        let is_about = |note: &&str| note.starts_with(&format!("{name} is not used: ")) && note.contains(&why);
        let place = notes.iter().position(is_about);
        notes.remove(place.unwrap_or_else(|| panic!("{what}: nothing about {name}: {ended:?}")));
    }
    assert!(notes.is_empty(), "{what}: {notes:?}");
}

#[test]
fn every_block_sets_what_it_says() {
    let mut count = 0;
    for guide in GUIDES {
        let sections = read(guide);
        for section in &sections {
            let (expected, what) = (&section.expected, format!("{guide}: {}", section.title));
            if let Some(lines) = expected["lines"].as_array() {
                let each = section.each();
                assert_eq!(each.len(), lines.len(), "{what}");
                for (given, line) in each.iter().zip(lines) {
                    for (place, name) in PLACES {
                        let ended = settings(given, place, &expected["with"]);
                        assert_shows(
                            &ended,
                            &line["settings"],
                            &line["not_used"],
                            &format!("{what} ({name}), {given:?}"),
                        );
                        count += 1;
                    }
                }
                // As one file, the last line wins; command lines are no file.
                let last = lines.last().map(|line| &line["settings"]).unwrap();
                if each.iter().all(|given| given.arguments.is_empty()) && !section.block.contains("cargo run") {
                    for (place, name) in PLACES {
                        let ended = settings(&section.whole(), place, &expected["with"]);
                        assert_shows(&ended, last, &Value::Null, &format!("{what} ({name}) as one"));
                    }
                }
                continue;
            }
            for (place, name) in PLACES {
                if let Some(settings_of) = expected.get("settings").or_else(|| expected.get(name)) {
                    let ended = settings(&section.in_context(&sections), place, &expected["with"]);
                    assert_shows(&ended, settings_of, &expected["not_used"], &format!("{what} ({name})"));
                    count += 1;
                }
                if let Some(alone) = expected.get("alone") {
                    let ended = settings(&section.whole(), place, &expected["with"]);
                    assert_shows(&ended, alone, &Value::Null, &format!("{what} ({name}) alone"));
                    count += 1;
                }
            }
        }
    }
    assert!(count > 80, "{count}");
}

#[test]
fn a_struct_of_settings_has_a_key_for_each_member() {
    let sections = read("flunq.md");
    let section = sections.iter().find(|section| section.expected.get("members").is_some()).unwrap();
    let expected: Vec<&str> =
        section.expected["members"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(section.tags(), expected);
    let folder = Folder::new().with(
        "aquifer.toml",
        "[database]\ntype = \"postgresql\"\nhost = \"db\"\nport = 5433\ndatabase = \"app\"\nusername = \"ann\"\n\
         password = \"s3:cret\"\nmax_conns = 8\nmax_idle_conns = 2\ntenant_mode = true\n\
         [database.options]\nsslmode = \"require\"\nschema = \"a b\"\n",
    );
    let ended = folder.run(&["config", "--output", "json"]);
    let url = "postgres://ann:***@db:5433/app?max_connections=8&min_connections=2&schema=a%20b&sslmode=require";
    assert_shows(
        &ended,
        &serde_json::json!({"database.url": url}),
        &serde_json::json!({"database.tenant_mode": "belongs to a tenant"}),
        "aquifer.toml",
    );
}
