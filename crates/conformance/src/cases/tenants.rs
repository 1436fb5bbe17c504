//! One tenant's records are never another's.

use std::ops::Bound;

use aquifer_core::{Entity, ErrorKind, Record, Scan, Value};

use crate::harness::Database;
use crate::schema::{Group, Thing, ThingColumn};
use crate::support::{commit, done, expect_listing, get, group, insert, listed, refused, set, thing, things};

fn thing_of(tenant: &str, number: i64) -> Thing {
    Thing {
        tenant: tenant.to_owned(),
        name: Some("name".to_owned()),
        flag: Some(true),
        rank: Some(number),
        email: Some(format!("email {number}")),
        ..thing(number)
    }
}

pub(crate) async fn a_tenant_is_not_seen_through_another(database: &dyn Database) {
    let backend = things(database).await;
    let mut records = Vec::new();
    for number in 0..6 {
        let tenant = if number % 2 == 0 { "t" } else { "u" };
        insert(&*backend, thing_of(tenant, number).to_record()).await;
        records.push(Record { revision: 1, ..thing_of(tenant, number).to_record() });
    }
    for tenant in ["t", "u"] {
        for index in [None, Some("by_name"), Some("by_flag"), Some("by_email")] {
            let own: Vec<_> =
                records.iter().filter(|record| record.values[0] == Value::from(tenant)).cloned().collect();
            let expected = listed(Thing::KIND, index, &own, false);
            for descending in [false, true] {
                let scan = Scan { index, ..Scan::key(Thing::KIND) }.equals(tenant).limit(2).descending(descending);
                let expected: Vec<_> =
                    if descending { expected.iter().rev().cloned().collect() } else { expected.clone() };
                expect_listing(&*backend, &scan, &expected).await;
            }
        }
    }
}

pub(crate) async fn the_same_keys_and_values_in_several_tenants(database: &dyn Database) {
    let backend = things(database).await;
    insert(&*backend, thing_of("t", 1).to_record()).await;
    insert(&*backend, thing_of("u", 1).to_record()).await;
    let rank = vec![(ThingColumn::rank as usize, Value::from(99))];
    done(&*backend, vec![set(thing_of("t", 1).to_record().key(), rank)]).await;
    let other = get(&*backend, thing_of("u", 1).to_record().key()).await;
    assert_eq!(other, Some(Record { revision: 1, ..thing_of("u", 1).to_record() }));
    // A transaction has one tenant.
    let both = vec![set(group("t", "a").to_record().key(), vec![]), set(group("u", "a").to_record().key(), vec![])];
    refused(commit(&*backend, both).await, ErrorKind::Invalid);
}

pub(crate) async fn patterns_in_keys_match_nothing_else(database: &dyn Database) {
    let backend = things(database).await;
    // Names that a sloppy prefix, pattern or separator would confuse.
    let tenants = ["a", "ab", "a%", "a_", "a*", "a:", "a:b", "a/b", "a|", "A", "", "a\u{1f}b", "a\\"];
    let mut records = Vec::new();
    for tenant in tenants {
        let mut group = group(tenant, "g");
        group.name = "same".to_owned();
        insert(&*backend, group.to_record()).await;
        records.push(Record { revision: 1, ..group.to_record() });
    }
    for (tenant, record) in tenants.iter().zip(&records) {
        for index in [None, Some("by_name")] {
            let scan = Scan { index, ..Scan::key(Group::KIND) }.equals(*tenant).limit(1);
            expect_listing(&*backend, &scan, std::slice::from_ref(record)).await;
            let value = if index.is_some() { "same" } else { "g" };
            let ranged = scan.from(Bound::Included(value.into())).to(Bound::Included(value.into()));
            expect_listing(&*backend, &ranged, std::slice::from_ref(record)).await;
        }
    }
}
