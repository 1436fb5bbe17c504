use std::ops::Bound;

use aquifer_core::kinds::{Execution, Schedule, Tenant};
use aquifer_core::{Claim, Condition, Entity, Kind, Record, SCHEMA, Scan, Schema, Timestamp, Value};

use super::*;

const DIALECTS: [&Dialect; 4] = [&SQLITE, &POSTGRES, &MYSQL, &MARIADB];

#[test]
fn tables() {
    for dialect in DIALECTS {
        let mut tables = migration(dialect, &SCHEMA, 0);
        tables.retain(|statement| statement.lines().next().is_some_and(|line| line.contains("schedules")));
        let tables = tables.join(";\n");
        insta::assert_snapshot!(format!("tables_{}", dialect.name), tables);
    }
}

#[test]
fn statements() {
    let time = Value::from(Timestamp::EPOCH);
    for dialect in [&SQLITE, &POSTGRES, &MYSQL] {
        let catalog = Catalog::new(dialect, &SCHEMA);
        let schedules = catalog.of(Schedule::KIND).unwrap();
        let set = [(5, time.clone()), (4, Value::from(false))];
        let claim = Claim {
            kind: Schedule::KIND,
            index: "by_due",
            prefix: Vec::new(),
            up_to: Some(time.clone()),
            limit: 10,
            set: vec![(5, Value::Null)],
        };
        let by_name = &Tenant::KIND.uniques[0];
        let taken = catalog.of(Tenant::KIND).unwrap().taken(by_name, vec!["n".into()], &["id".into()]);
        let texts = [
            schedules.insert.clone(),
            schedules.get.clone(),
            schedules.trace.clone(),
            schedules.update(&set, Condition::Exists).to_string(),
            schedules.update(&set, Condition::Revision(1)).to_string(),
            schedules.delete.clone(),
            schedules.delete_at_revision.clone(),
            schedules.count.clone(),
            taken.unwrap().text,
            schedules.claim(&claim).unwrap().unwrap().text,
        ];
        insta::assert_snapshot!(format!("statements_{}", dialect.name), texts.join(";\n"));
    }
}

#[test]
fn scans() {
    let values = |kind: &'static Kind| {
        let mut values = vec![Value::Null; kind.columns.len()];
        for (column, text) in [("tenant_id", "tn"), ("id", "ex"), ("status", "running")] {
            values[kind.column(column).unwrap()] = text.into();
        }
        Record::new(kind, values)
    };
    let last = values(Execution::KIND);
    for dialect in [&SQLITE, &POSTGRES, &MYSQL] {
        let executions = Catalog::new(dialect, &SCHEMA);
        let executions = executions.of(Execution::KIND).unwrap();
        let by_status = Scan::index(Execution::KIND, "by_status").equals("tn").descending(true);
        let next = by_status.cursor_after(&last).unwrap();
        let by_due = Scan::index(Execution::KIND, "by_due");
        let scans = [
            Scan::key(Execution::KIND).with_detail(),
            by_status.clone(),
            by_status.clone().after(Some(next.clone())),
            by_status.clone().from(Bound::Included("a".into())).to(Bound::Excluded("b".into())).after(Some(next)),
            by_due.clone(),
            by_due.to(Bound::Included(Value::from(Timestamp::EPOCH))),
        ];
        let texts = scans.map(|scan| {
            let query = executions.scan(&scan).unwrap().unwrap();
            let (_, from) = query.text.split_once(" FROM ").unwrap();
            format!("{from}; -- {:?}", query.values)
        });
        insta::assert_snapshot!(format!("scans_{}", dialect.name), texts.join("\n"));
    }
}

#[test]
fn a_cursor_and_a_bound_never_compete() {
    // The cursor stands at `running`. A bound behind it says nothing more; one ahead of it says all.
    let catalog = Catalog::new(&SQLITE, &SCHEMA);
    let executions = catalog.of(Execution::KIND).unwrap();
    let mut last = Record::new(Execution::KIND, vec![Value::Null; Execution::KIND.columns.len()]);
    for (column, text) in [("tenant_id", "tn"), ("id", "ex"), ("status", "running")] {
        last.values[Execution::KIND.column(column).unwrap()] = text.into();
    }
    let text = |lower: Bound<Value>| {
        let scan = Scan::index(Execution::KIND, "by_status").equals("tn");
        let cursor = scan.cursor_after(&last).unwrap();
        executions.scan(&scan.from(lower).after(Some(cursor))).unwrap().unwrap().text
    };
    for (lower, takes_cursor) in [
        (Bound::Included("running"), true),
        (Bound::Excluded("pending"), true),
        (Bound::Excluded("running"), false),
        (Bound::Included("waiting"), false),
    ] {
        let text = text(match lower {
            Bound::Included(value) => Bound::Included(value.into()),
            Bound::Excluded(value) => Bound::Excluded(value.into()),
            Bound::Unbounded => Bound::Unbounded,
        });
        assert_eq!(text.contains("(\"status\", \"id\") > (?, ?)"), takes_cursor, "{lower:?}: {text}");
        assert_eq!(text.contains("AND \"status\" >"), !takes_cursor, "{lower:?}: {text}");
    }
}

#[test]
fn later_versions_add_what_they_bring() {
    static KIND: Kind = Kind {
        name: "notes",
        doc: "",
        columns: &[
            aquifer_core::Column { since: 1, nullable: false, ..column("id") },
            aquifer_core::Column { since: 2, ..column("author") },
        ],
        key: &[0],
        partition: 1,
        indexes: &[aquifer_core::Index { name: "by_author", columns: &[1], since: 3 }],
        uniques: &[],
        references: &[],
        expiry: None,
        stream: None,
        since: 1,
    };
    const fn column(name: &'static str) -> aquifer_core::Column {
        let column_type = aquifer_core::ColumnType::Text;
        aquifer_core::Column { name, doc: "", column_type, nullable: true, detail: false, secret: false, since: 1 }
    }
    static NOTES: Schema = Schema { version: 3, kinds: &[&KIND] };
    let from = |version| migration(&SQLITE, &NOTES, version);
    assert_eq!(from(0).len(), 2);
    let index = "CREATE INDEX \"notes_by_author\" ON \"notes\" (\"author\", \"id\") WHERE \"author\" IS NOT NULL";
    assert_eq!(from(1), ["ALTER TABLE \"notes\" ADD COLUMN \"author\" TEXT", index]);
    assert_eq!(from(2), [index]);
    assert_eq!(from(3), [""; 0]);
}
