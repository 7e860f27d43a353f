//! All that differs between the engines: opening, migrating, and taking the one writer's place.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgPool, Postgres, SqlSafeStr, SqlitePool, Transaction};

use crate::writer::{SqliteTx, Writer};
use crate::{Error, Head, sql};

/// One connection writes, for appends are serialized anyway; several read.
#[derive(Clone)]
pub(crate) enum Db {
    Sqlite { write: Writer, read: SqlitePool },
    Postgres { write: PgPool, read: PgPool },
}

pub(crate) enum DbTx {
    Sqlite(SqliteTx),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction, and the end of the timeline as it is in it; or as it is assumed to be, in one that has not begun.
pub(crate) struct Begun {
    pub tx: DbTx,
    pub head: Head,
    pub is_assumed: bool,
}

impl DbTx {
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            DbTx::Sqlite(tx) => tx.commit().await,
            DbTx::Postgres(tx) => tx.commit().await,
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            DbTx::Sqlite(tx) => tx.rollback().await,
            DbTx::Postgres(tx) => tx.rollback().await,
        }
    }
}

/// `on!(db, p => expression)`: the expression over the pool for reading, typed once per engine.
macro_rules! on {
    ($db:expr, $p:ident => $e:expr) => {
        match $db {
            $crate::dialect::Db::Sqlite { read: $p, .. } => $e,
            $crate::dialect::Db::Postgres { read: $p, .. } => $e,
        }
    };
}
pub(crate) use on;

/// `on_tx!(tx, c => expression)`: the expression over the connection in a transaction, typed once per engine.
macro_rules! on_tx {
    ($tx:expr, $c:ident => $e:expr) => {
        match $tx {
            $crate::dialect::DbTx::Sqlite(tx) => {
                let $c = &mut **tx;
                $e
            }
            $crate::dialect::DbTx::Postgres(tx) => {
                let $c = &mut **tx;
                $e
            }
        }
    };
}
pub(crate) use on_tx;

/// `work!(db, c => expression)`: the expression over the connection in a transaction about work, of its own; what it answers
/// once that is committed.
macro_rules! work {
    ($db:expr, $c:ident => $e:expr) => {{
        let mut tx = $db.begin_work().await?;
        let done = $crate::dialect::on_tx!(&mut tx, $c => $e)?;
        tx.commit().await?;
        done
    }};
}
pub(crate) use work;

macro_rules! migrations {
    ($($version:literal $file:literal;)*) => {
        pub(crate) fn sqlite_migrations() -> Migrator {
            migrator(&[$(($version, $file, include_str!(concat!("../../../migrations/sqlite/", $file)))),*])
        }
        pub(crate) fn postgres_migrations() -> Migrator {
            migrator(&[$(($version, $file, include_str!(concat!("../../../migrations/postgres/", $file)))),*])
        }
    };
}

// Never edit a released file: both engines keep its checksum and refuse to start. Add a file.
migrations! {
    1 "0001_timeline.sql";
    2 "0002_access.sql";
    3 "0003_secrets_and_nodes.sql";
    4 "0004_heartbeats.sql";
    5 "0005_notifications.sql";
    6 "0006_history.sql";
    7 "0007_subscribers.sql";
    8 "0008_timeline_end.sql";
}

fn migrator(files: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |&(version, file, sql): &(i64, &'static str, &'static str)| {
        Migration::new(
            version,
            file.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

/// How long one may wait for another's transaction, or for the server.
const PATIENCE: Duration = Duration::from_secs(10);
const READERS: u32 = 8;
/// All sizes of all statements fit, and all scripts.
const STATEMENTS: usize = 1024;
/// So many rows an answer of SQLite's has room for before its thread waits for who reads them.
const ROWS: usize = 512;
/// Any number of our own: writers of one PostgreSQL database agree on it.
const WRITER_LOCK: i64 = 0x6d75_7374_6572;

/// Opens and migrates; gives the place back for people (no password in it).
pub(crate) async fn open(url: &str) -> Result<(Db, String), Error> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let path = Path::new(path);
        if !path.is_absolute() || path.file_name().is_none() {
            return Err(Error::Address {
                url: url.into(),
                why: "the path of the file must be absolute".into(),
            });
        }
        Ok((open_sqlite(path).await?, url.into()))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        // Not repeated in the error: it may hold a password.
        let options = PgConnectOptions::from_str(url).map_err(|why| Error::Address {
            url: "postgres://…".into(),
            why: why.to_string(),
        })?;
        let (user, host, port) = (
            options.get_username(),
            options.get_host(),
            options.get_port(),
        );
        let place = format!(
            "postgres://{user}@{host}:{port}/{}",
            options.get_database().unwrap_or(user)
        );
        Ok((open_postgres(options, &place).await?, place))
    } else {
        Err(Error::Address {
            url: url.into(),
            why: "it starts with neither sqlite:// nor postgres://".into(),
        })
    }
}

async fn open_sqlite(path: &Path) -> Result<Db, Error> {
    // Two programs may open a new file at once: the loser finds a lock or a half-known table, and then all done.
    let mut attempt = 0;
    loop {
        match try_open_sqlite(path).await {
            Err(Error::Open { .. } | Error::Migrate { .. }) if attempt < 5 && path.exists() => {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(20 << attempt)).await;
            }
            result => return result,
        }
    }
}

async fn try_open_sqlite(path: &Path) -> Result<Db, Error> {
    let place = path.display().to_string();
    let open = |source| Error::Open {
        place: place.clone(),
        source,
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // WAL's usual NORMAL may lose the last commits with the power. A timeline may not.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .pragma("recursive_triggers", "ON")
        .row_buffer_size(ROWS)
        .statement_cache_capacity(STATEMENTS);
    let mut connection = options.connect().await.map_err(open)?;
    sqlite_migrations()
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| Error::migrate(&place, error))?;
    // A file that is gone meanwhile is not made again: an empty timeline is not what was there.
    let options = options.create_if_missing(false);
    let write = Writer::over(connection, options.clone(), PATIENCE);
    let read = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.pragma("query_only", "ON"))
        .await
        .map_err(open)?;
    Ok(Db::Sqlite { write, read })
}

async fn open_postgres(options: PgConnectOptions, place: &str) -> Result<Db, Error> {
    let open = |source| Error::Open {
        place: place.to_string(),
        source,
    };
    let options = options
        .application_name("muster")
        .statement_cache_capacity(STATEMENTS);
    // A connection of its own: the limits below are for appends, a migration may take longer.
    let mut connection = tokio::time::timeout(PATIENCE, options.connect())
        .await
        .map_err(|_| open(sqlx::Error::PoolTimedOut))?
        .map_err(open)?;
    // As `run` does; that one is not `Send` over a bare connection.
    postgres_migrations()
        .run_direct(None, &mut connection, false)
        .await
        .map_err(|error| Error::migrate(place, error))?;
    connection.close().await.map_err(open)?;

    let pool = |connections: u32| {
        PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(1)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::query(SESSION).execute(connection).await.map(drop) })
            })
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    // A round trip only for those that were idle: the server may have been restarted meanwhile.
                    if meta.idle_for > Duration::from_secs(1) {
                        connection.ping().await?;
                    }
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options.clone())
    };
    let write = pool(1).await.map_err(open)?;
    let read = pool(READERS).await.map_err(open)?;
    Ok(Db::Postgres { write, read })
}

/// For every PostgreSQL session of ours. A commit is durable whatever the server's default says (a stronger default stays).
/// Nobody waits for a writer forever, and a node that froze while it held the writer's place loses it. And plans are kept:
/// one made while a table was small would go on reading all of it when it has grown, though every statement has an index.
const SESSION: &str = "SELECT \
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false), \
    set_config('lock_timeout', '10s', false), \
    set_config('idle_in_transaction_session_timeout', '10s', false), \
    set_config('enable_seqscan', 'off', false), \
    set_config('jit', 'off', false)";

impl Db {
    /// Begins a transaction as the only writer, with the end of the timeline as it is then.
    pub(crate) async fn begin(&self) -> Result<(DbTx, Option<Head>), sqlx::Error> {
        match self {
            Db::Sqlite { write, .. } => {
                let (tx, head) = write.begin_at_head().await?;
                Ok((DbTx::Sqlite(tx), head))
            }
            Db::Postgres { write, .. } => {
                let mut tx = write.begin().await?;
                // A statement of its own: the next one takes its snapshot after the wait, and so sees what was awaited.
                sqlx::query("SELECT pg_advisory_xact_lock($1)")
                    .bind(WRITER_LOCK)
                    .execute(&mut *tx)
                    .await?;
                let head = sqlx::query_as(sql::HEAD).fetch_optional(&mut *tx).await?;
                Ok((DbTx::Postgres(tx), head))
            }
        }
    }

    /// The same where the caller knows the end of the timeline, most likely. SQLite is then not asked: what is written must
    /// follow it, or is refused.
    pub(crate) async fn begin_at(&self, head: Head) -> Result<Begun, sqlx::Error> {
        Ok(match self {
            Db::Sqlite { write, .. } => Begun {
                tx: DbTx::Sqlite(write.take().await?),
                head,
                is_assumed: true,
            },
            Db::Postgres { .. } => {
                let (tx, head) = self.begin().await?;
                Begun {
                    tx,
                    head: head.unwrap_or_default(),
                    is_assumed: false,
                }
            }
        })
    }

    /// Begins a transaction about work, beside the timeline's writers: PostgreSQL's rows need no place of their own, and
    /// SQLite has one writer anyway.
    pub(crate) async fn begin_work(&self) -> Result<DbTx, sqlx::Error> {
        match self {
            Db::Sqlite { write, .. } => Ok(DbTx::Sqlite(write.begin().await?)),
            Db::Postgres { read, .. } => Ok(DbTx::Postgres(read.begin().await?)),
        }
    }

    /// PostgreSQL uses the files of its log again by itself.
    pub(crate) async fn make_room(&self) -> Result<(), sqlx::Error> {
        match self {
            Db::Sqlite { write, .. } => write.make_room().await,
            Db::Postgres { .. } => Ok(()),
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Db::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres { write, read } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}
