//! The export is proof on its own: no database, every byte counts.

use store::export::{self, verify_lines};
use store::testing::Database;
use store::{Broken, Fault};

use crate::{append_many, on_both_engines};

on_both_engines! {
    export_verifies_offline_and_names_a_flipped_byte
    an_export_that_was_cut_off_is_refused
    an_empty_timeline_exports
}

async fn exported(database: &Database, events: u32) -> Vec<u8> {
    let store = database.open().await;
    if events > 0 {
        append_many(&store, "s", events).await;
    }
    let mut out = Vec::new();
    let head = export::write(&store, &mut out).await.unwrap();
    assert_eq!(head, store.head().await.unwrap());
    let verified = verify_lines(&out[..]).unwrap();
    assert_eq!(verified.head, head);
    assert_eq!(verified, store.verify().await.unwrap());
    out
}

async fn export_verifies_offline_and_names_a_flipped_byte(database: &Database) {
    let export = exported(database, 4).await;
    let starts: Vec<usize> = [0]
        .into_iter()
        .chain(
            export
                .iter()
                .enumerate()
                .filter(|(_, b)| **b == b'\n')
                .map(|(at, _)| at + 1),
        )
        .collect();
    assert_eq!(starts.len(), 6, "a header, four records, the end");
    // The last newline is the only byte that says nothing.
    for at in 0..export.len() - 1 {
        for bit in 0..8 {
            let mut flipped = export.clone();
            flipped[at] ^= 1 << bit;
            let broken = verify_lines(&flipped[..]).expect_err("a flipped bit is noticed");
            let line = starts.iter().filter(|start| **start <= at).count() as u64 - 1;
            // A flipped number of events in the header is found at the end.
            assert!(
                broken.seq == line || line == 0,
                "byte {at} bit {bit} is in line {line}: {broken}"
            );
        }
    }
}

async fn an_export_that_was_cut_off_is_refused(database: &Database) {
    let export = String::from_utf8(exported(database, 3).await).unwrap();
    let lines: Vec<&str> = export.lines().collect();
    let cut = verify_lines(lines[..3].join("\n").as_bytes()).unwrap_err();
    assert_eq!(
        cut,
        Broken {
            seq: 3,
            fault: Fault::CutOff { last: 3 }
        }
    );
    let hole = verify_lines([lines[0], lines[1], lines[3]].join("\n").as_bytes()).unwrap_err();
    assert_eq!(
        hole,
        Broken {
            seq: 2,
            fault: Fault::Missing { found: 3 }
        }
    );
    let headless = verify_lines(lines[1..].join("\n").as_bytes()).unwrap_err();
    assert_eq!(headless.seq, 0, "{headless}");
    let half = verify_lines(&export.as_bytes()[..export.len() - 20]).unwrap_err();
    assert_eq!(half.seq, 3, "{half}");
    assert_eq!(verify_lines(&b""[..]).unwrap_err().seq, 0);
}

async fn an_empty_timeline_exports(database: &Database) {
    let export = exported(database, 0).await;
    assert_eq!(export.iter().filter(|b| **b == b'\n').count(), 1);
}
