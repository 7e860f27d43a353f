//! The timeline and its projections, on SQLite (a file, the default) or PostgreSQL (several nodes).
//!
//! The store keeps what happened and hands it back in order. It knows nothing of incidents: an event is an envelope
//! ([`Record`]) around an opaque JSON body, a projection is an opaque JSON document. Rules live in `domain`, and the one
//! door that turns commands into events is the engine's Desk.
//!
//! Writing: [`Store::begin`] takes the one writer's place and reads the head; [`Head::append`] numbers and chains the new
//! records; [`Tx::finish`] puts a whole [`Batch`] down and makes it durable. Reading never waits for a writer.
//!
//! Architecture invariant: appends are serialized (SQLite's one writer, PostgreSQL advisory lock), so sequence numbers
//! become visible in their order: a reader at number n never skips one.
//! Architecture invariant: the database itself refuses to change, delete or skip an event, by triggers on both engines.
//! Architecture invariant: every record carries the hash of all before it; [`Store::verify`] and [`export::verify_lines`]
//! name the first record that is not as it was written.
//! Architecture invariant: one SQL text serves both engines. What differs is the DDL in `migrations/`, and how a connection
//! is taken (`dialect.rs`, `writer.rs`); SQLite is given few rows as several of those texts at once (`put.rs`).
//! Architecture invariant: a wake-up carries no data ([`Appends`]); readers always read the log.
//!
//! Deliberately absent: a store trait and mocks (SQLite in a temporary folder is the fake), knowledge of any event's meaning,
//! queries into JSON bodies, deleting (but for subscribers of the public page, who are forgotten when they leave).

mod dialect;
mod error;
pub mod export;
mod kept;
mod outbox;
mod put;
mod read;
mod record;
mod rows;
mod sql;
mod subscribers;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod verify;
mod wake;
mod writer;

pub use error::Error;
pub use kept::{Kept, Measure};
pub use outbox::{Attempt, Claim, Notification, Release, Settlement, Told};
pub use record::{Draft, Head, Record, chain};
pub use rows::{
    Credential, CredentialKind, HistoryDay, HistorySpell, Node, PlanRevision, Projection, Receipt,
    Revocation, Secret,
};
pub use subscribers::{Ending, Mailing, Standing, Subscriber, SubscriberCount};
pub use tx::{Batch, Tx, Unfinished};
pub use verify::{Broken, Fault, Verified, Verifier};
pub use wake::Appends;

use std::sync::Arc;

use dialect::Begun;
use tokio::sync::watch;

/// A database of Muster. Cheap to clone; every clone is the same database.
#[derive(Clone)]
pub struct Store {
    db: dialect::Db,
    place: Arc<str>,
    /// Told after each commit of events in this process.
    appended: Arc<watch::Sender<()>>,
}

impl Store {
    /// Opens the database at `sqlite:///absolute/path/muster.db` or `postgres://user@host/database`, and migrates it.
    /// A SQLite file is made if it does not exist; its folder must.
    pub async fn open(url: &str) -> Result<Store, Error> {
        let (db, place) = dialect::open(url).await?;
        Ok(Store {
            db,
            place: place.into(),
            appended: Arc::new(watch::Sender::new(())),
        })
    }

    /// Where the data is, for people: the address without its password.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Takes the one writer's place, waiting for others to finish, and reads the head.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let (tx, head) = self.db.begin().await?;
        let begun = Begun {
            tx,
            head: head.unwrap_or_default(),
            is_assumed: false,
        };
        Ok(Tx::new(begun, Arc::clone(&self.appended)))
    }

    /// The same for a caller that has seen the head, and is most likely the only one to write. Where another has written
    /// meanwhile, it fails with [`Error::Moved`], or [`Tx::head`] tells.
    pub async fn begin_at(&self, head: Head) -> Result<Tx, Error> {
        let begun = self.db.begin_at(head).await?;
        Ok(Tx::new(begun, Arc::clone(&self.appended)))
    }

    /// For who is going to write much: has the database's log take its room on the disk now. Nothing depends on it but time.
    pub async fn make_room(&self) -> Result<(), Error> {
        Ok(self.db.make_room().await?)
    }

    /// A signal that events were appended, by this process or another node.
    pub async fn appends(&self) -> Result<Appends, Error> {
        Appends::subscribe(&self.db, self.appended.subscribe()).await
    }

    /// Finishes what is under way and lets go of the database. Dropping the store is as safe, only less tidy.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.place)
    }
}
