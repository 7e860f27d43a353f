//! Credentials: good once, good for a while, and not after they were revoked.

use store::testing::Database;
use store::{Batch, Credential, CredentialKind, Revocation, Secret, Store};

use crate::on_both_engines;

on_both_engines! {
    a_used_link_cannot_be_used_twice
    a_link_that_expired_or_was_revoked_cannot_be_used
    a_revoked_credential_stays_revoked
    a_secret_belongs_to_one_credential
    a_secret_is_kept_sealed_and_gone_when_removed
    a_node_that_lives_beats
}

fn credential(id: &str, kind: CredentialKind) -> Credential {
    let mut secret_hash = [0; 32];
    secret_hash[..id.len()].copy_from_slice(id.as_bytes());
    let person = r#"{"name":"Ada"}"#.into();
    Credential {
        id: id.into(),
        kind,
        secret_hash,
        person,
        expires_at: 1000,
        revoked_at: None,
        used_at: None,
        created_at: 1,
    }
}

async fn write(store: &Store, batch: Batch) {
    let mut tx = store.begin().await.unwrap();
    tx.write(&batch).await.unwrap();
    tx.commit().await.unwrap();
}

async fn put(store: &Store, credentials: Vec<Credential>) {
    write(
        store,
        Batch {
            credentials,
            ..Batch::default()
        },
    )
    .await;
}

async fn use_link(store: &Store, id: &str, at: i64) -> bool {
    let mut tx = store.begin().await.unwrap();
    let used = tx.use_link(id, at).await.unwrap();
    tx.commit().await.unwrap();
    used
}

async fn a_used_link_cannot_be_used_twice(database: &Database) {
    let nodes = [database.open().await, database.open().await];
    put(&nodes[0], vec![credential("l", CredentialKind::Link)]).await;
    let attempts: Vec<_> = (0..10)
        .map(|n| {
            let store = nodes[n % 2].clone();
            tokio::spawn(async move { use_link(&store, "l", 100 + n as i64).await })
        })
        .collect();
    let mut used = 0;
    for attempt in attempts {
        used += u32::from(attempt.await.unwrap());
    }
    assert_eq!(used, 1);
    let link = nodes[0]
        .credential_by_hash(&credential("l", CredentialKind::Link).secret_hash)
        .await
        .unwrap()
        .unwrap();
    assert!((100..110).contains(&link.used_at.unwrap()));
    put(&nodes[0], vec![credential("l", CredentialKind::Link)]).await;
    assert!(
        !use_link(&nodes[1], "l", 200).await,
        "writing it again does not renew it"
    );
}

async fn a_link_that_expired_or_was_revoked_cannot_be_used(database: &Database) {
    let store = database.open().await;
    let ids = ["expired", "revoked", "token"];
    let kinds = [
        CredentialKind::Link,
        CredentialKind::Link,
        CredentialKind::Token,
    ];
    put(
        &store,
        ids.iter()
            .zip(kinds)
            .map(|(id, kind)| credential(id, kind))
            .collect(),
    )
    .await;
    write(
        &store,
        Batch {
            revocations: vec![Revocation {
                id: "revoked".into(),
                at: 5,
            }],
            ..Batch::default()
        },
    )
    .await;
    assert!(!use_link(&store, "expired", 1000).await);
    assert!(!use_link(&store, "revoked", 6).await);
    assert!(
        !use_link(&store, "token", 6).await,
        "only links are good for one use"
    );
    assert!(!use_link(&store, "nobody's", 6).await);
    assert!(
        use_link(&store, "expired", 999).await,
        "it was good until then"
    );
}

async fn a_revoked_credential_stays_revoked(database: &Database) {
    let store = database.open().await;
    let session = credential("s", CredentialKind::Session);
    put(
        &store,
        vec![session.clone(), credential("t", CredentialKind::Token)],
    )
    .await;
    for at in [7, 8] {
        write(
            &store,
            Batch {
                revocations: vec![Revocation { id: "s".into(), at }],
                ..Batch::default()
            },
        )
        .await;
    }
    put(
        &store,
        vec![Credential {
            expires_at: 2000,
            used_at: Some(9),
            ..session.clone()
        }],
    )
    .await;
    let found = store
        .credential_by_hash(&session.secret_hash)
        .await
        .unwrap();
    let expected = Credential {
        expires_at: 2000,
        used_at: Some(9),
        revoked_at: Some(7),
        ..session
    };
    assert_eq!(found, Some(expected.clone()));
    assert_eq!(
        store.credentials(CredentialKind::Session).await.unwrap(),
        [expected]
    );
    assert_eq!(store.credential_by_hash(&[1; 32]).await.unwrap(), None);
}

async fn a_secret_belongs_to_one_credential(database: &Database) {
    let store = database.open().await;
    put(&store, vec![credential("a", CredentialKind::Token)]).await;
    let mut tx = store.begin().await.unwrap();
    let copy = Credential {
        id: "b".into(),
        ..credential("a", CredentialKind::Token)
    };
    let refused = tx
        .write(&Batch {
            credentials: vec![copy],
            ..Batch::default()
        })
        .await;
    assert!(
        matches!(refused, Err(store::Error::Refused(_))),
        "{refused:?}"
    );
}

async fn a_secret_is_kept_sealed_and_gone_when_removed(database: &Database) {
    let store = database.open().await;
    let secret = |name: &str, sealed: &[u8]| Secret {
        name: name.into(),
        sealed: sealed.into(),
        changed_at: 5,
    };
    let secrets = vec![secret("b", b"\x00\xff"), secret("a", b"one")];
    write(
        &store,
        Batch {
            secrets,
            ..Batch::default()
        },
    )
    .await;
    write(
        &store,
        Batch {
            secrets: vec![secret("a", b"two")],
            ..Batch::default()
        },
    )
    .await;
    let all = store.secrets("").await.unwrap();
    assert_eq!(all, [secret("a", b"two"), secret("b", b"\x00\xff")]);
    let some = store.secrets("b").await.unwrap();
    assert_eq!(some, [secret("b", b"\x00\xff")]);
    write(
        &store,
        Batch {
            secrets_gone: vec!["a".into()],
            ..Batch::default()
        },
    )
    .await;
    assert_eq!(store.secret("a").await.unwrap(), None);
    assert!(store.secret("b").await.unwrap().is_some());
}

async fn a_node_that_lives_beats(database: &Database) {
    let store = database.open().await;
    store.beat("n", "/spool", "boot-1").await.unwrap();
    store.beat("n", "/spool", "boot-2").await.unwrap();
    let nodes = store.nodes().await.unwrap();
    assert_eq!(
        nodes
            .iter()
            .map(|n| (n.name.as_str(), n.beat, n.boot.as_str()))
            .collect::<Vec<_>>(),
        [("n", 2, "boot-2")]
    );
}
