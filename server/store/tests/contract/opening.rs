//! Opening: new, old, newer, edited, and wrong addresses.

use store::testing::{Database, migrations};
use store::{Error, Store};

use crate::append_many;

/// A file or database as the first release left it, with an event in it.
async fn old(database: &Database) {
    database.migrate_to(1).await;
    let hash = if database.url.starts_with("sqlite") {
        "x'{}'"
    } else {
        "'\\x{}'"
    };
    // The hash of this record: the fixture is as old as the format.
    let hash = hash.replace("{}", OLD_HASH);
    let row = format!("(1, 's', 'noted', 1, 2, '{{}}', '{{\"old\":true}}', {hash})");
    database
        .execute(&format!("INSERT INTO event VALUES {row}"))
        .await
        .unwrap();
}

const OLD_HASH: &str = "d2e67ae4c11e1ba25beab096022bc42b962ebd342b3434eb1301ef86ca2f6d15";

async fn reopening_an_old_one_migrates(database: &Database) {
    old(database).await;
    let store = database.open().await;
    assert_eq!(
        store.events_after(0, 10).await.unwrap()[0].body,
        "{\"old\":true}"
    );
    assert_eq!(
        store.plan_revision("none").await.unwrap(),
        None,
        "the newer tables are there"
    );
    // There is room for one row only: another is refused, unless there is none to insert.
    let unless_it_ends_at_1 =
        "INSERT INTO timeline_end SELECT 2, seq FROM timeline_end WHERE seq <> 1";
    let known = database.execute(unless_it_ends_at_1).await;
    known.expect("where an old timeline ends is known");
    append_many(&store, "s", 1).await;
    assert_eq!(store.verify().await.unwrap().events, 2);
    store.close().await;
    assert_eq!(database.open().await.head().await.unwrap().seq, 2);
}

#[tokio::test]
async fn reopening_an_old_file_migrates() {
    reopening_an_old_one_migrates(&Database::sqlite()).await;
}

#[tokio::test]
async fn reopening_an_old_postgres_database_migrates() {
    reopening_an_old_one_migrates(&Database::postgres_empty().await).await;
}

async fn refused_after(database: &Database, sql: &str) -> Error {
    database.open().await.close().await;
    database.execute(sql).await.unwrap();
    Store::open(&database.url).await.expect_err("it is refused")
}

async fn an_edited_or_newer_one_is_refused(database: &Database) {
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        SELECT 99, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
    let error = refused_after(database, newer).await;
    assert!(matches!(error, Error::Newer { version: 99, .. }), "{error}");
    assert!(error.to_string().contains("start that release"), "{error}");
    database
        .execute("DELETE FROM _sqlx_migrations WHERE version = 99")
        .await
        .unwrap();

    let other = if database.url.starts_with("sqlite") {
        "x'00'"
    } else {
        "'\\x00'"
    };
    let edited = format!("UPDATE _sqlx_migrations SET checksum = {other} WHERE version = 2");
    let error = refused_after(database, &edited).await;
    assert!(matches!(error, Error::Edited { version: 2, .. }), "{error}");
    assert!(
        !error.to_string().contains("muster:"),
        "no password in it: {error}"
    );
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    an_edited_or_newer_one_is_refused(&Database::sqlite()).await;
}

#[tokio::test]
async fn an_edited_migration_of_postgres_is_refused() {
    an_edited_or_newer_one_is_refused(&Database::postgres().await).await;
}

/// Not from a template: both must make the tables.
async fn may_be_opened_by_many_at_once(database: &Database) {
    let opened: Vec<_> = (0..6)
        .map(|_| {
            let url = database.url.clone();
            tokio::spawn(async move { Store::open(&url).await })
        })
        .collect();
    for store in opened {
        store
            .await
            .unwrap()
            .expect("each of them opens")
            .ping()
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_may_be_opened_by_many_at_once() {
    may_be_opened_by_many_at_once(&Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_postgres_database_may_be_opened_by_many_at_once() {
    may_be_opened_by_many_at_once(&Database::postgres_empty().await).await;
}

#[tokio::test]
async fn a_wrong_address_is_explained() {
    for (url, words) in [
        ("mysql://x/y", "neither sqlite:// nor postgres://"),
        ("sqlite://relative.db", "absolute"),
        ("sqlite://", "absolute"),
        (
            "sqlite:///no/such/folder/muster.db",
            "cannot open the database /no/such/folder/muster.db",
        ),
        (
            "postgres://nobody:secret@127.0.0.1:1/none",
            "cannot open the database postgres://nobody@127.0.0.1:1/none",
        ),
    ] {
        let error = Store::open(url).await.expect_err(url).to_string();
        assert!(error.contains(words), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn every_migration_file_is_applied_on_both_engines() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    for (engine, migrator) in ["sqlite", "postgres"].iter().zip(migrations()) {
        let mut files: Vec<_> = std::fs::read_dir(format!("{root}/{engine}"))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let known: Vec<_> = migrator
            .iter()
            .map(|migration| migration.description.to_string())
            .collect();
        assert_eq!(files, known, "{engine}");
        for (number, migration) in (1..).zip(migrator.iter()) {
            assert!(
                migration.version == number
                    && migration.description.starts_with(&format!("{number:04}_"))
            );
        }
    }
}

#[tokio::test]
async fn room_made_in_the_log_is_nothing_but_room() {
    let database = Database::sqlite();
    let store = database.open().await;
    append_many(&store, "s", 3).await;
    let log = database.url.strip_prefix("sqlite://").unwrap().to_owned() + "-wal";
    let length = || std::fs::metadata(&log).unwrap().len();
    let before = length();
    store.make_room().await.unwrap();
    let room = length();
    assert!(before < 1 << 20 && room > 4 << 20, "{before} {room}");
    append_many(&store, "s", 50).await;
    store.make_room().await.unwrap();
    assert_eq!(length(), room, "it is written in, and not made twice");
    let table = database.execute("SELECT * FROM room").await;
    assert!(table.is_err());
    assert_eq!(store.verify().await.unwrap().events, 53);
    // Nor is anything found there by who has to read the log after a crash.
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("copy.db");
    std::fs::copy(log.trim_end_matches("-wal"), &file).unwrap();
    std::fs::copy(&log, copy.path().join("copy.db-wal")).unwrap();
    let copied = Store::open(&format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    assert_eq!(copied.verify().await.unwrap().events, 53);
}
