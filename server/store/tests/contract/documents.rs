//! Receipts, projections and plans: what is kept beside the log.

use store::testing::Database;
use store::{Batch, Draft, Error, PlanRevision, Projection, Receipt, Store};

use crate::{draft, on_both_engines};

on_both_engines! {
    a_projection_is_replaced_and_the_last_of_a_batch_stays
    projections_are_paged_newest_first_and_open_ones_listed
    a_thousand_documents_are_written_and_found
    a_receipt_is_given_once
    a_plan_revision_stays_as_it_was_first_loaded
    a_nul_character_is_refused_everywhere
}

fn projection(id: &str, open: bool, version: u64) -> Projection {
    Projection {
        kind: "incident".into(),
        id: id.into(),
        open,
        version,
        body: format!("{{\"v\":{version}}}"),
    }
}

fn receipt(key: &str) -> Receipt {
    Receipt {
        key: key.into(),
        fingerprint: [9; 32],
        seq: 0,
        answer: "{\"ok\":true}".into(),
        at: 12,
    }
}

async fn write(store: &Store, batch: Batch) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    tx.write(&batch).await?;
    tx.commit().await
}

async fn put(store: &Store, projections: Vec<Projection>) {
    write(
        store,
        Batch {
            projections,
            ..Batch::default()
        },
    )
    .await
    .unwrap();
}

async fn a_projection_is_replaced_and_the_last_of_a_batch_stays(database: &Database) {
    let store = database.open().await;
    assert_eq!(store.projection("incident", "a").await.unwrap(), None);
    // Four, so that they go down in one statement.
    let batch = [("a", 1), ("b", 1), ("b", 2), ("a", 3)];
    put(
        &store,
        batch
            .map(|(id, version)| projection(id, true, version))
            .into(),
    )
    .await;
    assert_eq!(
        store.projection("incident", "a").await.unwrap(),
        Some(projection("a", true, 3))
    );
    put(&store, vec![projection("a", false, 4)]).await;
    assert_eq!(
        store.projection("incident", "a").await.unwrap(),
        Some(projection("a", false, 4))
    );
    assert_eq!(
        store.open_projections("incident").await.unwrap(),
        [projection("b", true, 2)]
    );
    assert_eq!(store.projection("run", "a").await.unwrap(), None);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(
        tx.projection("incident", "b").await.unwrap(),
        Some(projection("b", true, 2))
    );
}

async fn projections_are_paged_newest_first_and_open_ones_listed(database: &Database) {
    let store = database.open().await;
    // Ids compare as bytes on both engines, whatever the locale: 'B' < 'a' < 'ä'.
    let ids = ["INC-2026-001", "INC-2026-002", "B", "a", "ä"];
    put(
        &store,
        ids.iter().map(|id| projection(id, *id != "a", 1)).collect(),
    )
    .await;
    let page = async |before: Option<&str>, limit| {
        let page = store.projections("incident", before, limit).await.unwrap();
        page.into_iter().map(|p| p.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ["ä", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["INC-2026-002", "INC-2026-001"]);
    assert_eq!(page(Some("INC-2026-001"), 2).await, ["B"]);
    assert!(page(Some("B"), 2).await.is_empty());
    let open: Vec<_> = store
        .open_projections("incident")
        .await
        .unwrap()
        .into_iter()
        .map(|p| p.id)
        .collect();
    assert_eq!(open, ["B", "INC-2026-001", "INC-2026-002", "ä"]);
}

async fn a_thousand_documents_are_written_and_found(database: &Database) {
    let store = database.open().await;
    let keys: Vec<String> = (0..1000).map(|n| format!("key-{n:04}")).collect();
    let receipts = keys.iter().map(|key| receipt(key)).collect();
    let projections: Vec<_> = keys
        .iter()
        .zip(1..)
        .map(|(key, n)| projection(key, n % 2 == 0, n))
        .collect();
    write(
        &store,
        Batch {
            receipts,
            projections: projections.clone(),
            ..Batch::default()
        },
    )
    .await
    .unwrap();
    let mut tx = store.begin().await.unwrap();
    let asked: Vec<&str> = keys
        .iter()
        .map(String::as_str)
        .chain(["nobody's"])
        .collect();
    let found = tx.receipts(&asked).await.unwrap();
    assert_eq!(found.len(), 1000);
    assert!(keys.iter().all(|key| found[key] == receipt(key)));
    assert!(tx.receipts(&[]).await.unwrap().is_empty());
    tx.rollback().await.unwrap();
    let mut page = store.projections("incident", None, 1000).await.unwrap();
    page.reverse();
    assert_eq!(page, projections);
}

async fn a_receipt_is_given_once(database: &Database) {
    let store = database.open().await;
    let batch = || Batch {
        receipts: vec![receipt("k")],
        ..Batch::default()
    };
    write(&store, batch()).await.unwrap();
    let again = write(&store, batch()).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
}

async fn a_plan_revision_stays_as_it_was_first_loaded(database: &Database) {
    let store = database.open().await;
    for body in ["{\"first\":1}", "{\"second\":2}"] {
        let revision = PlanRevision {
            hash: "abc".into(),
            body: body.into(),
            loaded_at: 5,
        };
        write(
            &store,
            Batch {
                plan_revisions: vec![revision],
                ..Batch::default()
            },
        )
        .await
        .unwrap();
    }
    assert_eq!(
        store.plan_revision("abc").await.unwrap().as_deref(),
        Some("{\"first\":1}")
    );
    assert_eq!(store.plan_revision("def").await.unwrap(), None);
}

async fn a_nul_character_is_refused_everywhere(database: &Database) {
    let store = database.open().await;
    let mut tx = store.begin().await.unwrap();
    let record = tx.head().append(Draft {
        body: "{\0}".into(),
        ..draft("s", 1)
    });
    let batches = [
        Batch {
            records: vec![record],
            ..Batch::default()
        },
        Batch {
            receipts: vec![receipt("a\0")],
            ..Batch::default()
        },
        Batch {
            projections: vec![projection("\0", true, 1)],
            ..Batch::default()
        },
    ];
    for batch in batches {
        let refused = tx.write(&batch).await;
        assert!(matches!(refused, Err(Error::Nul { .. })), "{refused:?}");
    }
    assert!(matches!(tx.receipts(&["\0"]).await, Err(Error::Nul { .. })));
    tx.write(&Batch {
        receipts: vec![receipt("a")],
        ..Batch::default()
    })
    .await
    .expect("the transaction goes on");
    tx.commit().await.unwrap();
    assert!(matches!(
        store.projection("incident", "\0").await,
        Err(Error::Nul { .. })
    ));
    assert!(matches!(
        store.stream("\0", 0, 1).await,
        Err(Error::Nul { .. })
    ));
}
