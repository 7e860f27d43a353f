//! SQLite's one writer: a connection of its own, and the transactions on it.
//!
//! Whatever is asked of a connection is asked of another thread, which costs more than most statements do. So there is no
//! pool around this one, which would ask after its health whenever it comes back, and a transaction begins in the same
//! breath as it reads the head.

use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Error};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::{Head, sql};

macro_rules! begin {
    () => {
        "BEGIN IMMEDIATE"
    };
}
pub(crate) const BEGIN: &str = begin!();
pub(crate) const COMMIT: &str = "COMMIT";

/// What a log of a thousand pages takes, each with its head.
const ROOM: u64 = 1000 * (4096 + 24);
/// Of a disk with less than this nothing is taken that is not needed yet.
const SCARCE: u64 = 16 * ROOM;

#[derive(Clone)]
pub(crate) struct Writer {
    patience: Duration,
    place: Arc<Mutex<Place>>,
}

struct Place {
    options: SqliteConnectOptions,
    /// None after a transaction that was not brought to an end: its connection was closed, which undoes it.
    connection: Option<SqliteConnection>,
    closed: bool,
}

impl Writer {
    /// Over a connection made with such options; another one takes its place where it is lost.
    pub fn over(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        patience: Duration,
    ) -> Self {
        let place = Place {
            options,
            connection: Some(connection),
            closed: false,
        };
        Writer {
            patience,
            place: Arc::new(Mutex::new(place)),
        }
    }

    /// Takes the writer's place.
    pub async fn begin(&self) -> Result<SqliteTx, Error> {
        let mut tx = self.take().await?;
        sqlx::query(BEGIN).execute(&mut tx.connection).await?;
        Ok(tx)
    }

    /// The same, and reads the head.
    pub async fn begin_at_head(&self) -> Result<(SqliteTx, Option<Head>), Error> {
        let mut tx = self.take().await?;
        let head = tx.read_head().await?;
        Ok((tx, head))
    }

    /// Takes the place, and nothing else: the connection is not asked for anything yet.
    pub async fn take(&self) -> Result<SqliteTx, Error> {
        let place = timeout(self.patience, self.place.clone().lock_owned()).await;
        let mut place = place.map_err(|_| Error::PoolTimedOut)?;
        if place.closed {
            return Err(Error::PoolClosed);
        }
        let connection = match place.connection.take() {
            Some(connection) => connection,
            None => place.options.connect().await?,
        };
        Ok(SqliteTx { connection, place })
    }

    /// Has the log take the room on the disk that it comes to need before it begins anew (a thousand pages). Where a file
    /// grows, a sync waits for the file system's own log too, with all that others have changed meanwhile.
    pub async fn make_room(&self) -> Result<(), Error> {
        let mut tx = self.take().await?;
        // Beside the file itself, where this is a link to it.
        let file = tx.place.options.get_filename().canonicalize()?;
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        let has_room = std::fs::metadata(&log).is_ok_and(|log| log.len() >= ROOM);
        let free = statvfs(&file).map_or(0, |disk| disk.blocks_available() * disk.fragment_size());
        if has_room || free < SCARCE {
            tx.leave();
            return Ok(());
        }
        // What finds no room in memory goes to the log before there is a commit. Taken back, it is nothing but room.
        const MAKE_ROOM: &str = concat!(
            begin!(),
            "; CREATE TABLE room (bytes BLOB); INSERT INTO room VALUES (zeroblob(7000000)); ROLLBACK"
        );
        sqlx::query(MAKE_ROOM).execute(&mut tx.connection).await?;
        tx.leave();
        // Or the first commit waits for all of it.
        let done = tokio::task::spawn_blocking(move || File::open(log)?.sync_data());
        Ok(done.await.unwrap_or(Ok(()))?)
    }

    pub async fn close(&self) {
        let mut place = self.place.lock().await;
        place.closed = true;
        if let Some(connection) = place.connection.take() {
            let _ = connection.close().await;
        }
    }
}

/// Dropped before its end, it leaves no trace: its connection is closed.
pub(crate) struct SqliteTx {
    // First: who comes next must not meet it still open.
    connection: SqliteConnection,
    place: OwnedMutexGuard<Place>,
}

impl SqliteTx {
    /// Begins, and reads the head.
    pub async fn read_head(&mut self) -> Result<Option<Head>, Error> {
        const BEGIN_AT_HEAD: &str = concat!(begin!(), "; ", sql::head!());
        let head = sqlx::query_as(BEGIN_AT_HEAD).fetch_optional(&mut self.connection);
        head.await
    }

    /// After a script of its own that begins and commits, which may have failed: whether it certainly has not committed.
    pub async fn undo(self) -> bool {
        // Nothing to roll back: it was done, by a commit or because of a failure.
        self.rollback().await.is_ok()
    }

    /// After one that succeeded, or where there was nothing to do.
    pub fn leave(mut self) {
        self.place.connection = Some(self.connection);
    }

    pub async fn commit(self) -> Result<(), Error> {
        self.end(COMMIT).await
    }

    pub async fn rollback(self) -> Result<(), Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), Error> {
        sqlx::query(how).execute(&mut self.connection).await?;
        self.place.connection = Some(self.connection);
        Ok(())
    }
}

impl Deref for SqliteTx {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for SqliteTx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
