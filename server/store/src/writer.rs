//! SQLite's one writer: a connection of its own, and the transactions on it.
//!
//! Whatever is asked of a connection is asked of another thread, which costs more than most statements do. So there is no
//! pool around this one, which would ask after its health whenever it comes back, and a transaction begins in the same
//! breath as it reads the head.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Error};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::{Head, sql};

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
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut tx.connection)
            .await?;
        Ok(tx)
    }

    /// The same, and reads the head.
    pub async fn begin_at_head(&self) -> Result<(SqliteTx, Option<Head>), Error> {
        const BEGIN: &str = concat!("BEGIN IMMEDIATE; ", sql::head!());
        let mut tx = self.take().await?;
        let head = sqlx::query_as(BEGIN).fetch_optional(&mut tx.connection);
        let head = head.await?;
        Ok((tx, head))
    }

    async fn take(&self) -> Result<SqliteTx, Error> {
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
    pub async fn commit(self) -> Result<(), Error> {
        self.end("COMMIT").await
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
