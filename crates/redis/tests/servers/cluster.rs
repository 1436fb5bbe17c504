//! What spans the slots of a cluster: indexes that do not begin with the tenant, and values that are unique beyond one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aquifer_core::kinds::{Message, MessageColumn, Tenant, TenantColumn};
use aquifer_core::{
    Backend, BackendExt, Claim, Condition, Entity, ErrorKind, Operation, Scan, TenantId, Timestamp, Transaction, Value,
};
use aquifer_testkit::{Server, url};

use crate::records::{commit_in_the_end, message, open, plain_for};
use crate::support;

const TENANTS: usize = 20;
const EACH: usize = 40;

fn due(tenant: usize, number: usize) -> Message {
    // In no order: bounds go down as well as up.
    let micros = i64::try_from((number * 7919 + tenant * 104_729) % 10_000).unwrap();
    Message {
        tenant_id: TenantId::from(format!("tn_{tenant}")),
        expires_at: Some(Timestamp::from_micros(micros).unwrap()),
        ..message(number, 1)
    }
}

fn claim_due(limit: usize) -> Claim {
    let set = vec![(MessageColumn::expires_at as usize, Value::Null)];
    Claim { kind: Message::KIND, index: "by_expiry", prefix: vec![], up_to: None, limit, set }
}

fn name_of(record: &aquifer_core::Record) -> String {
    record.key().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_in_many_tenants_is_claimed_once_while_more_comes() {
    let server = url(Server::RedisCluster);
    let prefix = support::prefix();
    let mut writers = Vec::new();
    let inserted = Arc::new(AtomicUsize::new(0));
    for writer in 0..4 {
        let backend = open(&server, &prefix).await;
        let inserted = Arc::clone(&inserted);
        writers.push(tokio::spawn(async move {
            for number in 0..EACH {
                for tenant in (writer..TENANTS).step_by(4) {
                    let insert = Transaction::new(vec![Operation::Insert(due(tenant, number).to_record())]);
                    commit_in_the_end(&*backend, insert).await;
                    inserted.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    let mut claimers = Vec::new();
    for _ in 0..3 {
        let backend = open(&server, &prefix).await;
        let inserted = Arc::clone(&inserted);
        claimers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let all_are_in = inserted.load(Ordering::Relaxed) == TENANTS * EACH;
                let claimed = backend.claim(&claim_due(7)).await.expect("the claim succeeds");
                if claimed.is_empty() && all_are_in {
                    return taken;
                }
                taken.extend(claimed.iter().map(name_of));
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let mut taken = Vec::new();
    for claimer in claimers {
        taken.extend(claimer.await.unwrap());
    }
    let distinct: BTreeSet<&String> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (TENANTS * EACH, TENANTS * EACH));
    support::remove(&server, &prefix);
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_across_tenants_are_in_order_and_whole() {
    let server = url(Server::RedisCluster);
    let prefix = support::prefix();
    let backend = open(&server, &prefix).await;
    let mut expected = Vec::new();
    for tenant in 0..TENANTS {
        let inserts = (0..EACH).map(|number| due(tenant, number).to_record());
        expected.extend(inserts.clone());
        for answer in
            backend.commit(inserts.map(|record| Transaction::new(vec![Operation::Insert(record)])).collect()).await
        {
            answer.unwrap();
        }
    }
    let at = |record: &aquifer_core::Record| match &record.values[MessageColumn::expires_at as usize] {
        Value::Timestamp(time) => *time,
        _ => panic!("a time"),
    };
    for index in [None, Some("by_expiry")] {
        match index {
            None => expected.sort_by_key(|record| (record.values[0].as_text().map(str::to_owned), name_of(record))),
            Some(_) => expected
                .sort_by_key(|record| (at(record), record.values[0].as_text().map(str::to_owned), name_of(record))),
        }
        for (descending, limit) in [(false, 33), (true, 33), (false, 800), (true, 1000)] {
            let mut scan = Scan { index, ..Scan::key(Message::KIND) }.limit(limit).descending(descending);
            let mut found = Vec::new();
            loop {
                let page = backend.scan(&scan).await.unwrap();
                found.extend(page.records.iter().map(name_of));
                match page.next {
                    None => break,
                    next => scan = scan.after(next),
                }
            }
            let mut names: Vec<String> = expected.iter().map(name_of).collect();
            if descending {
                names.reverse();
            }
            assert_eq!(found, names, "{index:?} {descending} {limit}");
        }
    }
    support::remove(&server, &prefix);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_one_tenant_however_many_want_it() {
    let server = url(Server::RedisCluster);
    let prefix = support::prefix();
    let tenant = |number: usize, name: &str| Tenant {
        id: TenantId::from(format!("tn_{number}")),
        name: name.to_owned(),
        metadata: None,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    };
    let backend = open(&server, &prefix).await;
    for number in 0..12 {
        let insert = Operation::Insert(tenant(number, &format!("own {number}")).to_record());
        backend.commit_one(Transaction::new(vec![insert])).await.unwrap();
    }
    // Each takes the name when it can and gives it back; whoever has it is alone.
    let holders = Arc::new(AtomicUsize::new(0));
    let mut takers = Vec::new();
    for number in 0..12 {
        let backend = open(&server, &prefix).await;
        let (holders, key) = (Arc::clone(&holders), tenant(number, "").to_record().key());
        takers.push(tokio::spawn(async move {
            let rename = |name: String| {
                let set = vec![(TenantColumn::name as usize, Value::from(name))];
                Transaction::new(vec![Operation::Update { key: key.clone(), condition: Condition::Exists, set }])
            };
            let mut won = 0;
            for _ in 0..15 {
                match backend.commit_one(rename("the name".to_owned())).await {
                    Ok(_) => {
                        assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0, "two have it");
                        won += 1;
                        tokio::task::yield_now().await;
                        holders.fetch_sub(1, Ordering::SeqCst);
                        commit_in_the_end(&*backend, rename(format!("own {number}"))).await;
                    }
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Unavailable), "{error:?}")
                    }
                }
            }
            won
        }));
    }
    let mut won = 0;
    for taker in takers {
        won += taker.await.unwrap();
    }
    assert!(won > 0);
    let found = backend.scan(&Scan::index(Tenant::KIND, "by_name")).await.unwrap();
    assert_eq!(found.records.len(), 12);
    support::remove(&server, &prefix);
}

#[tokio::test]
async fn an_idle_tenant_costs_nothing() {
    let server = url(Server::RedisCluster);
    let prefix = support::prefix();
    let backend: Arc<dyn Backend> = open(&server, &prefix).await;
    let later = Timestamp::from_micros(1_000_000_000_000).unwrap();
    for tenant in 0..TENANTS {
        let record = Message { expires_at: Some(later), ..due(tenant, 0) }.to_record();
        backend.commit_one(Transaction::new(vec![Operation::Insert(record)])).await.unwrap();
    }
    backend.commit_one(Transaction::new(vec![Operation::Insert(due(3, 1).to_record())])).await.unwrap();
    let soon = Claim { up_to: Some(Value::from(Timestamp::from_micros(20_000).unwrap())), ..claim_due(10) };
    assert_eq!(backend.claim(&soon).await.unwrap().len(), 1);
    // The first look finds the bound of the one that had something too low; after it the registry alone is read.
    assert!(backend.claim(&soon).await.unwrap().is_empty());
    let registry = format!("{prefix}:registry:{{messages.by_expiry}}:homes");
    let mut plain = plain_for(&server, &registry);
    let bounds: Vec<String> = redis::cmd("ZRANGE").arg(&registry).arg(0).arg(-1).query(&mut plain).unwrap();
    assert_eq!(bounds.len(), TENANTS);
    assert!(bounds.iter().all(|bound| bound.starts_with(&later.to_string())), "{bounds:?}");
    support::remove(&server, &prefix);
}
