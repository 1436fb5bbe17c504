//! Listings in the order of an index.

use std::ops::Bound;

use aquifer_core::{Backend, Entity, ErrorKind, Kind, Record, SCHEMA, Scan, Timestamp, Value};

use crate::generate::{family, is_referring, sibling};
use crate::harness::Database;
use crate::schema::{Thing, ThingColumn};
use crate::support::{compare, delete, done, expect_listing, insert, key, listed, open, refused, set, thing, things};

/// Stores several records of every kind, with ties, of two tenants; answers all.
async fn populate(backend: &dyn Backend) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for (tenant, number) in [("t", 2), ("u", 3), ("t", 4), ("t", 1)] {
        for record in family(&SCHEMA, tenant, number) {
            if records.iter().any(|other| other.key() == record.key()) {
                continue;
            }
            records.push(record.clone());
            // A key that refers in every column cannot vary.
            let varies = record.kind.key.iter().any(|column| !is_referring(record.kind, *column));
            if varies && record.kind.key.len() > 1 {
                records.push(sibling(&record, number + 10));
            }
        }
    }
    for record in &mut records {
        insert(backend, record.clone()).await;
        record.revision = 1;
    }
    records
}

/// The names of all orders that the kind can be listed in; `None` is the key's.
fn orders(kind: &'static Kind) -> impl Iterator<Item = Option<&'static str>> {
    [None].into_iter().chain(kind.indexes.iter().chain(kind.uniques).map(|index| Some(index.name)))
}

fn scan(kind: &'static Kind, index: Option<&'static str>) -> Scan {
    Scan { index, ..Scan::key(kind) }
}

pub(crate) async fn expect_both_ways(backend: &dyn Backend, scan: &Scan, mut expected: Vec<Record>) {
    expect_listing(backend, scan, &expected).await;
    expected.reverse();
    expect_listing(backend, &scan.clone().descending(true), &expected).await;
}

pub(crate) async fn every_index_is_ordered(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    let records = populate(&*backend).await;
    for kind in SCHEMA.kinds {
        for index in orders(kind) {
            let expected = listed(kind, index, &records, false);
            assert!(!expected.is_empty(), "{kind} has records");
            for limit in [1, 2, 100] {
                expect_both_ways(&*backend, &scan(kind, index).limit(limit), expected.clone()).await;
            }
        }
    }
}

pub(crate) async fn every_index_takes_prefixes_and_ranges(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    let records = populate(&*backend).await;
    for kind in SCHEMA.kinds {
        for index in orders(kind) {
            let order = kind.order(index.and_then(|name| kind.index(name)));
            let all = listed(kind, index, &records, false);
            let middle = all[all.len() / 2].pick(&order);
            for length in 0..=order.len() {
                let prefix = &middle[..length];
                let of_prefix = |record: &&Record| compare(&record.pick(&order)[..length], prefix).is_eq();
                let base = Scan { prefix: prefix.to_vec(), ..scan(kind, index).limit(2) };
                let expected: Vec<_> = all.iter().filter(of_prefix).cloned().collect();
                expect_both_ways(&*backend, &base, expected.clone()).await;
                let (Some(column), Some(border)) = (order.get(length), middle.get(length)) else {
                    continue;
                };
                for (lower, upper) in bounds(border) {
                    let ranged = base.clone().from(lower.clone()).to(upper.clone());
                    let expected =
                        expected.iter().filter(|record| within(&record.values[*column], &lower, &upper)).cloned();
                    expect_both_ways(&*backend, &ranged, expected.collect()).await;
                }
            }
        }
    }
}

fn bounds(border: &Value) -> Vec<(Bound<Value>, Bound<Value>)> {
    let (included, excluded) = (Bound::Included(border.clone()), Bound::Excluded(border.clone()));
    let sides = [Bound::Unbounded, included, excluded];
    sides.iter().flat_map(|lower| sides.iter().map(|upper| (lower.clone(), upper.clone()))).collect()
}

fn within(value: &Value, lower: &Bound<Value>, upper: &Bound<Value>) -> bool {
    let above = match lower {
        Bound::Unbounded => true,
        Bound::Included(border) => value.compare(border).is_ge(),
        Bound::Excluded(border) => value.compare(border).is_gt(),
    };
    above
        && match upper {
            Bound::Unbounded => true,
            Bound::Included(border) => value.compare(border).is_le(),
            Bound::Excluded(border) => value.compare(border).is_lt(),
        }
}

/// Inserts one thing for each, numbered from 0.
pub(crate) async fn insert_each<T>(
    backend: &dyn Backend,
    values: impl IntoIterator<Item = T>,
    with: fn(&mut Thing, T),
) -> Vec<Record> {
    let mut records = Vec::new();
    for (number, value) in (0..).zip(values) {
        let mut thing = thing(number);
        with(&mut thing, value);
        records.push(Record { revision: 1, ..thing.to_record() });
        insert(backend, thing.to_record()).await;
    }
    records
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).expect("in range")
}

pub(crate) async fn ranges_of_every_type(database: &dyn Database) {
    let backend = things(database).await;
    let records = insert_each(&*backend, 0..8, |thing, number| {
        thing.name = Some(format!("name {number}"));
        thing.rank = Some(number - 4);
        thing.flag = Some(number % 2 == 1);
        thing.due_at = Some(at(number - 4));
        thing.code = Some(number * 10);
    })
    .await;
    let cases = [
        ("by_name", vec![Value::from("t")], Value::from("name 3")),
        ("by_name", vec![Value::from("t")], Value::from("name")),
        ("by_rank", vec![], Value::from(-1)),
        ("by_rank", vec![], Value::from(i64::MAX)),
        ("by_rank", vec![Value::from(2)], Value::from("t")),
        ("by_due", vec![], Value::from(at(-2))),
        ("by_code", vec![], Value::from(35)),
        ("by_flag", vec![Value::from("t")], Value::from(false)),
        ("by_flag", vec![Value::from("t")], Value::from(true)),
        ("by_flag", vec![Value::from("t"), Value::from(true)], Value::from(1)),
        ("by_flag", vec![Value::from("u")], Value::from(true)),
    ];
    for (index, prefix, border) in cases {
        let order = Thing::KIND.order(Thing::KIND.index(index));
        for (lower, upper) in bounds(&border) {
            let matches = |record: &&Record| {
                let values = record.pick(&order);
                compare(&values[..prefix.len()], &prefix).is_eq() && within(&values[prefix.len()], &lower, &upper)
            };
            let expected = listed(Thing::KIND, Some(index), &records, false).iter().filter(matches).cloned().collect();
            let scan = Scan { prefix: prefix.clone(), ..Scan::index(Thing::KIND, index).limit(3) };
            expect_both_ways(&*backend, &scan.from(lower.clone()).to(upper.clone()), expected).await;
        }
    }
    // A range that ends before it begins.
    let backwards = Scan::index(Thing::KIND, "by_rank").from(Bound::Included(2.into())).to(Bound::Included(1.into()));
    expect_both_ways(&*backend, &backwards, vec![]).await;
}

pub(crate) async fn an_index_follows_updates(database: &dyn Database) {
    let backend = things(database).await;
    let mut records = insert_each(&*backend, [3, 1, 2], |thing, rank| thing.rank = Some(rank)).await;
    let by_rank = Scan::index(Thing::KIND, "by_rank");
    for (number, rank) in [(0, Some(0)), (1, None), (2, Some(-5)), (1, Some(9)), (0, None), (0, Some(-6))] {
        let value = rank.map_or(Value::Null, Value::from);
        done(&*backend, vec![set(key(number), vec![(ThingColumn::rank as usize, value.clone())])]).await;
        let record = &mut records[number as usize];
        record.values[ThingColumn::rank as usize] = value;
        record.revision += 1;
        let expected = listed(Thing::KIND, Some("by_rank"), &records, false);
        expect_both_ways(&*backend, &by_rank, expected).await;
    }
    done(&*backend, vec![delete(key(2))]).await;
    records.retain(|record| record.key() != key(2));
    expect_both_ways(&*backend, &by_rank, listed(Thing::KIND, Some("by_rank"), &records, false)).await;
}

pub(crate) async fn an_index_is_sparse(database: &dyn Database) {
    let backend = things(database).await;
    let values = [(None, None), (Some(true), None), (None, Some(1)), (Some(false), Some(1)), (Some(true), Some(0))];
    let records = insert_each(&*backend, values, |thing, (flag, rank)| {
        thing.flag = flag;
        thing.rank = rank;
    })
    .await;
    for index in ["by_flag", "by_rank", "by_email", "by_code", "by_expiry"] {
        let expected = listed(Thing::KIND, Some(index), &records, false);
        expect_both_ways(&*backend, &Scan::index(Thing::KIND, index).limit(1), expected).await;
    }
    // The key holds all.
    expect_both_ways(&*backend, &Scan::key(Thing::KIND).limit(2), records).await;
}

pub(crate) async fn details_come_when_asked_for(database: &dyn Database) {
    let backend = open(database, &SCHEMA).await;
    let records = populate(&*backend).await;
    for kind in SCHEMA.kinds {
        for index in orders(kind) {
            for detail in [false, true] {
                let scan = Scan { detail, ..scan(kind, index).limit(3) };
                expect_listing(&*backend, &scan, &listed(kind, index, &records, detail)).await;
            }
        }
    }
}

pub(crate) async fn text_is_ordered_by_its_bytes(database: &dyn Database) {
    let backend = things(database).await;
    let names = [
        "",
        " ",
        "a",
        "A",
        "b",
        "B",
        "aa",
        "a a",
        "a-a",
        "a_a",
        "a\u{1}",
        "Z",
        "z",
        "é",
        "e\u{301}",
        "ß",
        "ss",
        "ü",
        "中",
        "\u{ffff}",
        "😀",
        "\u{10ffff}",
        "10",
        "9",
        "%",
        "'",
        "\"",
        "\\",
        "\u{7f}",
        "\t",
        "\n",
    ];
    let records = insert_each(&*backend, names, |thing, name| thing.name = Some(name.to_owned())).await;
    let expected = listed(Thing::KIND, Some("by_name"), &records, false);
    let by_name = Scan::index(Thing::KIND, "by_name").equals("t");
    for limit in [1, 4, 100] {
        expect_both_ways(&*backend, &by_name.clone().limit(limit), expected.clone()).await;
    }
    for name in names {
        let one = listed(Thing::KIND, Some("by_name"), &records, false)
            .into_iter()
            .filter(|record| record.values[ThingColumn::name as usize] == Value::from(name))
            .collect::<Vec<_>>();
        assert_eq!(one.len(), 1);
        expect_both_ways(&*backend, &by_name.clone().equals(name), one).await;
        let above = expected
            .iter()
            .filter(|record| record.values[ThingColumn::name as usize].compare(&Value::from(name)).is_gt())
            .cloned();
        expect_both_ways(&*backend, &by_name.clone().from(Bound::Excluded(name.into())), above.collect()).await;
    }
}

pub(crate) async fn integers_and_times_are_ordered_as_such(database: &dyn Database) {
    let backend = things(database).await;
    let integers =
        [0, 1, -1, 9, 10, -9, -10, 255, 256, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 1 << 53, (1 << 53) + 1];
    let times = [
        Timestamp::MIN,
        Timestamp::MAX,
        Timestamp::EPOCH,
        Timestamp::from_micros(1).expect("in range"),
        Timestamp::from_micros(-1).expect("in range"),
        at(1_700_000_000),
        Timestamp::from_micros(1_700_000_000_000_001).expect("in range"),
    ];
    let mut records = insert_each(&*backend, integers, |thing, rank| thing.rank = Some(rank)).await;
    for (number, time) in (100..).zip(times) {
        let mut thing = thing(number);
        thing.due_at = Some(time);
        insert(&*backend, thing.to_record()).await;
        records.push(Record { revision: 1, ..thing.to_record() });
    }
    for index in ["by_rank", "by_due"] {
        let expected = listed(Thing::KIND, Some(index), &records, false);
        for limit in [1, 100] {
            expect_both_ways(&*backend, &Scan::index(Thing::KIND, index).limit(limit), expected.clone()).await;
        }
        for record in &expected {
            let order = Thing::KIND.order(Thing::KIND.index(index));
            let border = record.values[order[0]].clone();
            let above = expected.iter().filter(|other| other.values[order[0]].compare(&border).is_ge()).cloned();
            let from = Scan::index(Thing::KIND, index).from(Bound::Included(border.clone()));
            expect_both_ways(&*backend, &from, above.collect()).await;
        }
    }
    // The number in the key is one too.
    for number in [-5, i64::MIN, i64::MAX] {
        insert(&*backend, thing(number).to_record()).await;
        records.push(Record { revision: 1, ..thing(number).to_record() });
    }
    expect_both_ways(&*backend, &Scan::key(Thing::KIND), listed(Thing::KIND, None, &records, false)).await;
}

pub(crate) async fn what_is_wrong_is_refused(database: &dyn Database) {
    let backend = things(database).await;
    let by_rank = Scan::index(Thing::KIND, "by_rank");
    let wrong = [
        Scan { limit: 0, ..by_rank.clone() },
        Scan { limit: 1001, ..by_rank.clone() },
        Scan { index: Some("by_nothing"), ..by_rank.clone() },
        by_rank.clone().equals("text"),
        by_rank.clone().equals(Value::Null),
        by_rank.clone().equals(1).equals("t").equals("a").equals(1).equals(1),
        by_rank.clone().from(Bound::Included("text".into())),
        by_rank.clone().to(Bound::Excluded(Value::Null)),
        by_rank.clone().equals(1).equals("t").equals("a").equals(1).from(Bound::Included(1.into())),
        Scan::index(Thing::KIND, "by_name").equals("n".repeat(256)),
    ];
    for scan in wrong {
        refused(backend.scan(&scan).await, ErrorKind::Invalid);
    }
}
