//! What can go wrong, each as a sentence that says what to do.

use sqlx::migrate::MigrateError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{url:?} is not a database address ({why}): use sqlite:///absolute/path/muster.db or postgres://user@host/database"
    )]
    Address { url: String, why: String },

    #[error(
        "cannot open the database {place}: {source}. Check the address, that it is reachable, and the rights on it"
    )]
    Open { place: String, source: sqlx::Error },

    #[error(
        "the database {place} was last used by a newer Muster (it has migration {version}, which this program does not \
         know): start that release or a later one. Nothing was changed"
    )]
    Newer { place: String, version: i64 },

    #[error(
        "migration {version} was applied to the database {place} with another text than this program has: a migration must \
         not be edited once it is released. Put the old text back and add a new migration. Nothing was changed"
    )]
    Edited { place: String, version: i64 },

    #[error("cannot migrate the database {place}: {source}. It is as it was before")]
    Migrate { place: String, source: MigrateError },

    #[error("{what} contains a NUL character, which cannot be stored: remove it")]
    Nul { what: &'static str },

    #[error(
        "record {found} does not follow record {head}: read the head of this transaction and chain the records to it"
    )]
    OutOfOrder { head: u64, found: u64 },

    #[error("another node has written meanwhile: begin anew, and read what it wrote")]
    Moved,

    #[error("this transaction was given up after an error in it: begin a new one")]
    GivenUp,

    #[error("the database did not answer in time: it is busy, or down. Try again")]
    Busy(#[source] sqlx::Error),

    #[error("the disk of the database is full: make room. What was acknowledged is safe")]
    Full(#[source] sqlx::Error),

    #[error("the database refused this: {0}")]
    Refused(#[source] sqlx::Error),

    #[error("the database cannot be reached: {0}")]
    Unreachable(#[source] sqlx::Error),

    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl Error {
    pub(crate) fn migrate(place: &str, source: MigrateError) -> Error {
        let place = place.to_string();
        match source {
            MigrateError::VersionMissing(version) => Error::Newer { place, version },
            MigrateError::VersionMismatch(version) => Error::Edited { place, version },
            source => Error::Migrate { place, source },
        }
    }

    /// The same request may succeed later without anybody changing it.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Error::Busy(_) | Error::Full(_) | Error::Unreachable(_)
        )
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        use sqlx::Error as E;
        match &error {
            E::PoolTimedOut => Error::Busy(error),
            E::Io(_) | E::PoolClosed | E::WorkerCrashed | E::Tls(_) => Error::Unreachable(error),
            // SQLite gives its extended result codes as decimal numbers, PostgreSQL five-letter SQLSTATEs.
            E::Database(from) => match from.code().as_deref() {
                // SQLITE_BUSY, _RECOVERY, _SNAPSHOT; lock_not_available, deadlock_detected
                Some("5" | "261" | "517" | "55P03" | "40P01") => Error::Busy(error),
                // SQLITE_FULL; disk_full
                Some("13" | "53100") => Error::Full(error),
                // the classes "connection exception" and "operator intervention" (shutting down, starting up)
                Some(code)
                    if code.len() == 5 && (code.starts_with("08") || code.starts_with("57P")) =>
                {
                    Error::Unreachable(error)
                }
                // SQLITE_CONSTRAINT and its extensions (their low byte is 19); "integrity constraint violation"
                Some(code) if code.starts_with("23") && code.len() == 5 => Error::Refused(error),
                Some(code) if code.parse::<u32>().is_ok_and(|n| n & 0xff == 19) => {
                    Error::Refused(error)
                }
                _ => Error::Database(error),
            },
            _ => Error::Database(error),
        }
    }
}
