//! The log cannot be changed, and if it was, the verifier says where.

use store::testing::Database;
use store::{Batch, Broken, Error, Fault, Head, Projection};

use crate::{append_many, chained, draft, on_both_engines};

on_both_engines! {
    one_flipped_byte_is_named_by_the_verifier
    a_missing_record_and_a_missing_end_are_named_by_the_verifier
    an_end_that_was_cut_off_is_remembered_in_two_places
    the_database_refuses_update_delete_truncate_and_gaps
    a_record_that_does_not_follow_the_head_is_refused
}

const ROW: &str = "stream, kind, occurred_at, recorded_at, actor, body, hash";

async fn the_database_refuses_update_delete_truncate_and_gaps(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 3).await;
    let copy = |seq: &str| {
        format!("INSERT INTO event (seq, {ROW}) SELECT {seq}, {ROW} FROM event WHERE seq = 1")
    };
    let mut attempts = vec![
        (
            "append-only",
            "UPDATE event SET body = '{}' WHERE seq = 2".to_string(),
        ),
        ("append-only", "DELETE FROM event WHERE seq = 3".into()),
        ("append-only", "DELETE FROM event".into()),
        ("gap", copy("5")),
        ("gap", copy("0")),
        ("gap", copy("seq - 1")),
        (
            "gap",
            format!("INSERT INTO event (seq, {ROW}) SELECT seq + 4, {ROW} FROM event"),
        ),
    ];
    if database.url.starts_with("sqlite") {
        attempts.push((
            "gap",
            format!("INSERT OR REPLACE INTO event (seq, {ROW}) SELECT 2, {ROW} FROM event LIMIT 1"),
        ));
        attempts.push((
            "gap",
            format!("INSERT INTO event ({ROW}) SELECT {ROW} FROM event LIMIT 1"),
        ));
    } else {
        attempts.push(("append-only", "TRUNCATE event".into()));
        attempts.push((
            "append-only",
            format!("{} ON CONFLICT (seq) DO UPDATE SET body = ''", copy("1")),
        ));
        attempts.push((
            "append-only",
            "SET session_replication_role = replica; DELETE FROM event".into(),
        ));
    }
    for (refusal, sql) in attempts {
        let error = database.execute(&sql).await.expect_err(&sql);
        assert!(error.to_string().contains(refusal), "{sql}: {error}");
    }
    let duplicate = database
        .execute(&copy("3"))
        .await
        .expect_err("a number is given once");
    assert!(duplicate.as_database_error().is_some(), "{duplicate}");
    assert_eq!(store.verify().await.unwrap().events, 3);
    database
        .execute(&copy("4"))
        .await
        .expect("the next number is let in");
}

async fn drop_triggers(database: &Database) {
    let sql = if database.url.starts_with("sqlite") {
        "DROP TRIGGER event_is_never_updated; DROP TRIGGER event_is_never_deleted"
    } else {
        "DROP TRIGGER event_is_append_only ON event"
    };
    database.execute(sql).await.unwrap();
}

async fn one_flipped_byte_is_named_by_the_verifier(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 5).await;
    drop_triggers(database).await;
    let sqlite = database.url.starts_with("sqlite");
    let flip_hash = if sqlite {
        "zeroblob(32)"
    } else {
        "set_byte(hash, 31, get_byte(hash, 31) # 1)"
    };
    let mut flips = vec![
        ("stream", "'r'"),
        ("kind", "'noteD'"),
        ("occurred_at", "occurred_at + 1"),
        ("recorded_at", "recorded_at - 1"),
        ("actor", "actor || ' '"),
        ("body", "replace(body, 'text', 'texT')"),
        ("hash", flip_hash),
    ];
    if sqlite {
        flips.push(("body", "CAST(x'7bff7d' AS TEXT)")); // not UTF-8 any more
    }
    for seq in [1, 3, 5] {
        for (column, value) in &flips {
            database
                .execute("CREATE TABLE kept AS SELECT * FROM event")
                .await
                .unwrap();
            database
                .execute(&format!(
                    "UPDATE event SET {column} = {value} WHERE seq = {seq}"
                ))
                .await
                .unwrap();
            let broken = store.verify().await.expect_err(column);
            assert_eq!(broken.seq, seq, "{column}: {broken}");
            assert!(
                matches!(broken.fault, Fault::Changed | Fault::Unreadable(_)),
                "{column}: {broken}"
            );
            let kept = format!("(SELECT {column} FROM kept WHERE kept.seq = event.seq)");
            database
                .execute(&format!(
                    "UPDATE event SET {column} = {kept}; DROP TABLE kept"
                ))
                .await
                .unwrap();
            store.verify().await.unwrap();
        }
    }
}

async fn a_missing_record_and_a_missing_end_are_named_by_the_verifier(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 4).await;
    drop_triggers(database).await;
    database
        .execute("DELETE FROM event WHERE seq = 4")
        .await
        .unwrap();
    assert_eq!(
        store.verify().await,
        Err(Broken {
            seq: 4,
            fault: Fault::CutOff { last: 4 }
        })
    );
    database
        .execute("DELETE FROM event WHERE seq = 2")
        .await
        .unwrap();
    assert_eq!(
        store.verify().await,
        Err(Broken {
            seq: 2,
            fault: Fault::Missing { found: 3 }
        })
    );
}

async fn an_end_that_was_cut_off_is_remembered_in_two_places(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 3).await;
    // Also of what is written past the triggers that can be switched off.
    let mut insert =
        format!("INSERT INTO event (seq, {ROW}) SELECT seq + 3, {ROW} FROM event WHERE seq = 1");
    if !database.url.starts_with("sqlite") {
        insert = format!("SET session_replication_role = replica; {insert}");
    }
    database.execute(&insert).await.unwrap();
    drop_triggers(database).await;
    let cut = "DELETE FROM event WHERE seq > 3";
    database.execute(cut).await.unwrap();
    let noticed = |seq, last| {
        let fault = Fault::CutOff { last };
        Err(Broken { seq, fault })
    };
    assert_eq!(store.verify().await, noticed(4, 4));
    let forget = "UPDATE timeline_end SET seq = 0";
    database.execute(forget).await.unwrap();
    assert!(store.verify().await.is_ok(), "nothing remembers it");
    let mut tx = store.begin().await.unwrap();
    let projection = Projection {
        kind: "k".into(),
        id: "i".into(),
        open: true,
        version: 4,
        body: "{}".into(),
    };
    tx.write(&Batch {
        projections: vec![projection],
        ..Batch::default()
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.verify().await, noticed(4, 4));
}

async fn a_record_that_does_not_follow_the_head_is_refused(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 2).await;
    let mut tx = store.begin().await.unwrap();
    let mut forged = chained(tx.head(), vec![draft("s", 3), draft("s", 4)]);
    forged[1].body.push(' ');
    for records in [chained(Head::default(), vec![draft("s", 3)]), forged] {
        let refused = tx
            .write(&Batch {
                records,
                ..Batch::default()
            })
            .await;
        assert!(
            matches!(refused, Err(Error::OutOfOrder { head: 2 | 3, .. })),
            "{refused:?}"
        );
    }
    let records = chained(tx.head(), vec![draft("s", 3)]);
    tx.write(&Batch {
        records,
        ..Batch::default()
    })
    .await
    .expect("the transaction goes on");
    tx.commit().await.unwrap();
    assert_eq!(store.verify().await.unwrap().events, 3);
}
