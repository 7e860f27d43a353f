//! What survives a kill, and what a failure leaves behind: nothing, and a store that works.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use store::testing::Database;
use store::{Batch, Error, Projection, Receipt, Store};

use crate::{append_many, chained, draft, on_both_engines};

on_both_engines! {
    an_acknowledged_event_survives_kill_nine
    a_failed_write_cannot_be_committed_in_part
    a_writer_goes_on_after_the_database_rolled_back_by_itself
    a_transaction_that_is_dropped_or_cut_short_leaves_no_trace
}

const URL: &str = "MUSTER_TEST_URL";

/// The other half of the next test, in a process of its own: appends and says so, until it is killed.
#[tokio::test]
#[ignore = "run by an_acknowledged_event_survives_kill_nine"]
async fn child_that_appends_until_it_is_killed() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = Store::open(&url).await.unwrap();
    loop {
        let records = append_many(&store, "s", 3).await;
        println!("acknowledged {}", records[2].seq);
    }
}

async fn an_acknowledged_event_survives_kill_nine(database: &Database) {
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "survival::child_that_appends_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(URL, &database.url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = 0;
        let mut count = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(seq) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = seq.parse().unwrap();
                count += 1;
                if count == 20 {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(count >= 20, "the child appended");
        let store = database.open().await;
        let verified = store.verify().await.unwrap();
        assert!(
            verified.events >= acknowledged,
            "{} of {acknowledged} are left",
            verified.events
        );
        append_many(&store, "s", 1).await;
        store.close().await;
    }
}

fn receipt(key: &str) -> Receipt {
    Receipt {
        key: key.into(),
        fingerprint: [1; 32],
        seq: 1,
        answer: "{}".into(),
        at: 1,
    }
}

async fn a_failed_write_cannot_be_committed_in_part(database: &Database) {
    let store = database.open().await;
    let mut tx = store.begin().await.unwrap();
    let records = chained(tx.head(), vec![draft("s", 1)]);
    // The event goes in, the second receipt is refused.
    let batch = Batch {
        records,
        receipts: vec![receipt("k"), receipt("k")],
        ..Batch::default()
    };
    assert!(matches!(tx.write(&batch).await, Err(Error::Refused(_))));
    assert!(matches!(tx.receipts(&["k"]).await, Err(Error::GivenUp)));
    assert!(matches!(tx.commit().await, Err(Error::GivenUp)));
    assert_eq!(store.head().await.unwrap().seq, 0);
    assert_eq!(append_many(&store, "s", 1).await[0].seq, 1);
}

/// SQLite ends the transaction by itself on a full disk or an I/O error, which this trigger stands in for.
async fn a_writer_goes_on_after_the_database_rolled_back_by_itself(database: &Database) {
    let store = database.open().await;
    append_many(&store, "s", 1).await;
    let trap = if database.url.starts_with("sqlite") {
        "CREATE TRIGGER trap BEFORE INSERT ON projection WHEN NEW.kind = 'trap' BEGIN SELECT RAISE(ROLLBACK, 'disk'); END"
    } else {
        "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            IF NEW.kind = 'trap' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$; \
         CREATE TRIGGER trap BEFORE INSERT ON projection FOR EACH ROW EXECUTE FUNCTION trap()"
    };
    database.execute(trap).await.unwrap();
    for _ in 0..3 {
        let mut tx = store.begin().await.unwrap();
        let records = chained(tx.head(), vec![draft("s", 2)]);
        let projections = vec![Projection {
            kind: "trap".into(),
            id: "x".into(),
            open: true,
            version: 2,
            body: "{}".into(),
        }];
        tx.write(&Batch {
            records,
            projections,
            ..Batch::default()
        })
        .await
        .expect_err("the trap closes");
        tx.commit().await.expect_err("nothing is left to commit");
        assert_eq!(store.head().await.unwrap().seq, 1);
    }
    assert_eq!(append_many(&store, "s", 1).await[0].seq, 2);
    store.verify().await.unwrap();
}

async fn a_transaction_that_is_dropped_or_cut_short_leaves_no_trace(database: &Database) {
    let store = database.open().await;
    for polls in 0..12 {
        let mut tx = store.begin().await.unwrap();
        let records = chained(tx.head(), (0..20).map(|n| draft("s", n)).collect());
        let batch = Batch {
            records,
            ..Batch::default()
        };
        let finished = {
            let mut write = std::pin::pin!(tx.write(&batch));
            let mut left = polls;
            // Polled a few times and then dropped, as a timeout around it would do.
            std::future::poll_fn(|cx| {
                if left == 0 {
                    return std::task::Poll::Ready(None);
                }
                left -= 1;
                write.as_mut().poll(cx).map(Some)
            })
            .await
        };
        match finished {
            None if polls > 0 => {
                assert!(matches!(tx.commit().await, Err(Error::GivenUp)), "{polls}")
            }
            _ => drop(tx),
        }
        assert_eq!(store.head().await.unwrap().seq, 0);
    }
    assert_eq!(append_many(&store, "s", 1).await[0].seq, 1);
}
