//! Listings come page by page, each beginning where the one before ended.

use aquifer_core::{Backend, Cursor, Entity, ErrorKind, Operation, Record, Scan, Value};

use super::scans::{expect_both_ways, insert_each};
use crate::harness::Database;
use crate::schema::{Group, Thing, ThingColumn};
use crate::support::{commit, compare, delete, done, expect_listing, insert, key, refused, thing, things};

pub(crate) async fn pages_follow_each_other(database: &dyn Database) {
    let backend = things(database).await;
    let records = insert_each(&*backend, 0..25, |thing, number| thing.rank = Some(number / 10)).await;
    let by_rank = Scan::index(Thing::KIND, "by_rank");
    for limit in [1, 7, 24, 25, 26, 1000] {
        expect_both_ways(&*backend, &by_rank.clone().limit(limit), records.clone()).await;
    }
    // A cursor is text that may travel, and each use of it gives the same page.
    let first = backend.scan(&by_rank.clone().limit(10)).await.expect("the scan succeeds");
    let cursor = Cursor::from_text(first.next.expect("there is more").as_str());
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    assert!(cursor.as_str().bytes().all(url_safe), "{cursor:?}");
    for _ in 0..2 {
        let next = by_rank.clone().limit(10).after(Some(cursor.clone()));
        assert_eq!(backend.scan(&next).await.expect("the scan succeeds").records, records[10..20]);
    }
    // The size of the page may change on the way.
    let rest = by_rank.clone().limit(1000).after(Some(cursor));
    let rest = backend.scan(&rest).await.expect("the scan succeeds");
    assert_eq!((rest.records.as_slice(), rest.next), (&records[10..], None));
}

/// Inserts a thing whose rank is its number.
async fn insert_ranked(backend: &dyn Backend, number: i64) -> Record {
    let record = ranked(number).to_record();
    insert(backend, record.clone()).await;
    Record { revision: 1, ..record }
}

fn ranked(number: i64) -> Thing {
    Thing { rank: Some(number), ..thing(number) }
}

pub(crate) async fn records_that_stay_appear_once(database: &dyn Database) {
    let backend = things(database).await;
    // Even numbers stay; odd ones come and go.
    let mut stay = Vec::new();
    for number in (0..40).step_by(2) {
        stay.push(insert_ranked(&*backend, number).await);
    }
    expect_listing(&*backend, &Scan::index(Thing::KIND, "by_rank"), &stay).await;
    for descending in [false, true] {
        let mut scan = Scan::index(Thing::KIND, "by_rank").limit(3).descending(descending);
        let mut seen = Vec::new();
        loop {
            let page = backend.scan(&scan).await.expect("the scan succeeds");
            let last = page.records.last().map(|record| record.values[ThingColumn::number as usize].clone());
            seen.extend(page.records.into_iter().filter(|record| stay.contains(record)));
            let Some(next) = page.next else { break };
            scan.cursor = Some(next);
            // Around the place where the page ended, odd ones come, and those that are there go.
            let Some(Value::Integer(last)) = last else { panic!("a page that has a next one has a record") };
            for number in [last - 1, last + 1, 1, 39] {
                let insert = Operation::Insert(ranked(number).to_record());
                if number % 2 != 0 && commit(&*backend, vec![insert]).await.is_err() {
                    done(&*backend, vec![delete(key(number))]).await;
                }
            }
        }
        seen.sort_by(|a, b| compare(&a.key().values, &b.key().values));
        assert_eq!(seen, stay);
    }
}

pub(crate) async fn the_record_where_a_page_ended_may_go(database: &dyn Database) {
    let backend = things(database).await;
    let mut records = Vec::new();
    for number in 0..20 {
        records.push(insert_ranked(&*backend, number).await);
    }
    for descending in [false, true] {
        let mut scan = Scan::index(Thing::KIND, "by_rank").limit(4).descending(descending);
        expect_both_ways(&*backend, &scan.clone().descending(false), records.clone()).await;
        let page = backend.scan(&scan).await.expect("the scan succeeds");
        let gone = page.records[3].key();
        done(&*backend, vec![delete(gone.clone())]).await;
        let mut expected = records.clone();
        if descending {
            expected.reverse();
        }
        scan.cursor = page.next;
        expect_listing(&*backend, &scan, &expected[4..]).await;
        records.retain(|record| record.key() != gone);
    }
}

pub(crate) async fn a_cursor_stays_in_its_listing(database: &dyn Database) {
    let backend = things(database).await;
    insert_each(&*backend, 0..10, |thing, number| {
        thing.rank = Some(number);
        thing.name = Some("name".to_owned());
    })
    .await;
    let by_name = Scan::index(Thing::KIND, "by_name").equals("t").limit(3);
    let mut cursor = None;
    for _ in 0..100 {
        cursor = backend.scan(&by_name).await.expect("the scan succeeds").next;
        if cursor.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(cursor.is_some(), "there is more");
    let others = [
        Scan { prefix: vec!["u".into()], ..by_name.clone() },
        Scan { descending: true, ..by_name.clone() },
        Scan::key(Thing::KIND),
        Scan::index(Thing::KIND, "by_rank"),
        Scan::key(Group::KIND),
    ];
    for other in others {
        refused(backend.scan(&other.after(cursor.clone())).await, ErrorKind::Invalid);
    }
    for text in ["", "x", "AAAA", "e30", "%", "💥"] {
        let scan = by_name.clone().after(Some(Cursor::from_text(text)));
        refused(backend.scan(&scan).await, ErrorKind::Invalid);
    }
}
