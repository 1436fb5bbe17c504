//! Creating, reading and changing records.

use std::time::Duration;

use aquifer_core::kinds::*;
use aquifer_core::{Entity, ErrorKind, Json, MAX_DOCUMENT_BYTES, MAX_NAME_BYTES, Operation, Paging, Transaction};

use crate::fixture::{Fixture, tenant, token, user, version, workflow};

#[tokio::test]
async fn changes_need_the_revision_that_was_read() {
    let f = Fixture::new().await;
    let created = f.acme.create_user(user(f.acme.id(), "us_1", "ada")).await.unwrap();
    assert_eq!((created.revision, created.created_at), (1, f.store.now()));
    let later = f.tick();

    let mut changed = created.clone();
    changed.entity.email = Some("ada@example.com".to_owned());
    let changed = f.acme.update_user(changed).await.unwrap();
    assert_eq!((changed.revision, changed.updated_at), (2, later));
    assert_eq!(f.acme.get_user(&"us_1".into()).await.unwrap(), changed);
    assert_eq!(f.acme.find_user("ada").await.unwrap().as_ref(), Some(&changed));
    assert_eq!(f.acme.find_user_by_email("ada@example.com").await.unwrap().as_ref(), Some(&changed));

    let error = f.acme.update_user(created).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
}

#[tokio::test]
async fn unique_values_are_taken_once_a_tenant() {
    let f = Fixture::new().await;
    f.acme.create_user(user(f.acme.id(), "us_1", "ada")).await.unwrap();
    let error = f.acme.create_user(user(f.acme.id(), "us_2", "ada")).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    f.other.create_user(user(f.other.id(), "us_3", "ada")).await.unwrap();
    assert!(f.store.create_tenant(tenant("acme")).await.unwrap_err().is_already_exists());
}

#[tokio::test]
async fn names_and_documents_have_limits() {
    let f = Fixture::new().await;
    for name in [String::new(), "x".repeat(MAX_NAME_BYTES + 1), "a\nb".to_owned(), "\0".to_owned()] {
        let error = f.acme.create_user(user(f.acme.id(), "us_1", &name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{name:?}");
        assert!(error.message().contains("username"), "{error}");
        assert!(f.store.create_tenant(tenant(&name)).await.is_err());
    }
    f.acme.create_user(user(f.acme.id(), "us_1", &"x".repeat(MAX_NAME_BYTES))).await.unwrap();

    let large = Json::encode(&"x".repeat(MAX_DOCUMENT_BYTES)).unwrap();
    let error = f.acme.put_setting("tenant", "theme", large).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(f.acme.get_setting("tenant", "theme").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_workflow_and_its_versions_stay_in_step() {
    let f = Fixture::new().await;
    let stored = f.workflow(&f.acme, "default", "order").await;
    assert_eq!(f.acme.find_workflow("default", "order").await.unwrap().as_ref(), Some(&stored));
    let error = f.acme.add_version(stored.clone(), version(&stored, 2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "the workflow does not name version 2 yet");

    let mut newer = stored.clone();
    newer.entity.latest_version = 2;
    let (newer, second) = f.acme.add_version(newer.clone(), version(&newer, 2)).await.unwrap();
    assert_eq!((newer.revision, second.number), (2, 2));
    assert_eq!(f.acme.get_workflow(&stored.id).await.unwrap(), newer);
    assert_eq!(f.acme.get_version(&stored.id, 2).await.unwrap().source.as_deref(), Some("do: []"));
    assert_eq!(f.acme.find_version(&stored.id, "2.0.0").await.unwrap().unwrap().number, 2);
    let listed = f.acme.list_versions(&stored.id, &Paging::default()).await.unwrap();
    assert_eq!(listed.items.iter().map(|item| item.number).collect::<Vec<_>>(), [2, 1]);
    assert!(listed.items.iter().all(|item| item.source.is_none()), "a listing leaves sources out");

    // Two who add the same version: one wins, and nothing of the other is stored.
    let mut rival = stored;
    rival.entity.latest_version = 2;
    assert!(f.acme.add_version(rival.clone(), version(&rival, 2)).await.is_err());
    assert_eq!(f.count("workflow_versions").await, 2);

    let twin = workflow(f.acme.id(), "wf_twin".into(), "default", "order");
    let first = version(&twin, 1);
    assert!(f.acme.create_workflow(twin, first).await.unwrap_err().is_already_exists());
    assert_eq!(f.count("workflow_versions").await, 2);
}

#[tokio::test]
async fn the_last_to_put_a_setting_wins() {
    let f = Fixture::new().await;
    for value in [1, 2] {
        f.acme.put_setting("us_1", "theme", Json::encode(&value).unwrap()).await.unwrap();
    }
    assert_eq!(f.acme.get_setting("us_1", "theme").await.unwrap().value.as_str(), "2");
    assert_eq!(f.acme.list_settings("us_1", &Paging::default()).await.unwrap().items.len(), 1);
    f.acme.delete_setting("us_1", "theme").await.unwrap();
    assert!(f.acme.delete_setting("us_1", "theme").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_has_expired_is_void_at_once_and_removed_by_a_sweep() {
    let f = Fixture::new().await;
    f.acme.create_user(user(f.acme.id(), "us_1", "ada")).await.unwrap();
    let soon = f.store.now().saturating_add(Duration::from_secs(60));
    for number in 0..250 {
        let expires_at = (number > 0).then_some(soon);
        f.acme.create_token(token(f.acme.id(), &format!("tk_{number:03}"), "us_1", expires_at)).await.unwrap();
    }
    assert_eq!(f.store.sweep_expired(1000).await.unwrap(), 0);
    f.clock.advance(Duration::from_secs(60));
    assert!(f.acme.get_token(&"tk_001".into()).await.unwrap_err().is_not_found());
    assert_eq!(f.acme.find_token("hash-of-tk_001").await.unwrap(), None);
    assert!(f.acme.find_token("hash-of-tk_000").await.unwrap().is_some());
    assert_eq!(f.acme.list_tokens(Some(&"us_1".into()), &Paging::first(1000)).await.unwrap().items.len(), 1);

    assert_eq!(f.store.sweep_expired(120).await.unwrap(), 120);
    assert_eq!(f.store.sweep_expired(1000).await.unwrap(), 129);
    assert_eq!(f.count("api_tokens").await, 1);
}

#[test]
fn debug_output_shows_no_secrets() {
    let ada = user(&"tn_acme".into(), "us_1", "ada");
    let token = token(&"tn_acme".into(), "tk_1", "us_1", None);
    let secret = Secret {
        tenant_id: "tn_acme".into(),
        name: "key".to_owned(),
        ciphertext: vec![222, 173],
        key_id: "k1".to_owned(),
        created_at: ada.created_at,
        updated_at: ada.created_at,
    };
    let column = UserColumn::password_hash as usize;
    let update = Operation::Update {
        key: ada.to_record().key(),
        condition: aquifer_core::Condition::Exists,
        set: vec![(column, "$argon2id$hash".into())],
    };
    // The id is random, and must not happen to look like what is hidden.
    let transaction = Transaction { id: 1, ..Transaction::new(vec![Operation::Insert(ada.to_record()), update]) };
    let texts = [
        format!("{ada:?} {token:?} {secret:?}"),
        format!("{:?} {:?} {:?}", ada.to_record(), token.to_record(), secret.to_record()),
        format!("{transaction:?}"),
    ];
    for text in texts {
        assert!(text.contains("us_1") && text.contains("<secret>"), "{text}");
        for hidden in ["argon2", "hash-of", "222"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}
