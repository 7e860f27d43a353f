//! Databases for tests, here and in the crates above (feature `testing`). SQLite gets a temporary folder. PostgreSQL gets a
//! private server, shared by all test processes of this user: the first one starts it, a small keeper process stops and
//! removes it when nobody has used it for a while, also after tests were killed. Each test has a database of its own.
//!
//! Nothing here is skipped quietly: without PostgreSQL's programs a test that needs them fails and says so.

mod cluster;

use std::process::{Command, Stdio};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};

use crate::{Store, dialect};
use cluster::Cluster;

/// A database that is gone when this is dropped.
pub struct Database {
    pub url: String,
    home: Home,
}

enum Home {
    Folder { _removed_on_drop: tempfile::TempDir },
    Server(&'static Cluster, String),
}

impl Database {
    /// A SQLite file that does not exist yet.
    pub fn sqlite() -> Database {
        let folder = tempfile::Builder::new()
            .prefix("muster-test-")
            .tempdir()
            .expect("a temporary folder can be made");
        let url = format!("sqlite://{}", folder.path().join("muster.db").display());
        Database {
            url,
            home: Home::Folder {
                _removed_on_drop: folder,
            },
        }
    }

    /// A PostgreSQL database that is migrated already (copied from a template, which is quick).
    pub async fn postgres() -> Database {
        let cluster = Cluster::shared().await;
        cluster.create(&cluster.template).await
    }

    /// A PostgreSQL database without any table.
    pub async fn postgres_empty() -> Database {
        Cluster::shared().await.create("template0").await
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.expect("a test database opens")
    }

    /// Brings an empty database to the state of an older release.
    pub async fn migrate_to(&self, version: i64) {
        match &self.home {
            Home::Folder { .. } => {
                let mut connection = self.raw_sqlite().await;
                dialect::sqlite_migrations()
                    .run_to(version, &mut connection)
                    .await
                    .expect("it migrates");
                connection.close().await.expect("it closes");
            }
            Home::Server(..) => {
                let mut connection = PgConnection::connect(&self.url)
                    .await
                    .expect("the server answers");
                dialect::postgres_migrations()
                    .run_to(version, &mut connection)
                    .await
                    .expect("it migrates");
                connection.close().await.expect("it closes");
            }
        }
    }

    /// Runs SQL on a connection of its own, past the store.
    pub async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql);
        match &self.home {
            Home::Folder { .. } => self
                .raw_sqlite()
                .await
                .execute(sqlx::raw_sql(sql))
                .await
                .map(drop),
            Home::Server(..) => PgConnection::connect(&self.url)
                .await?
                .execute(sqlx::raw_sql(sql))
                .await
                .map(drop),
        }
    }

    async fn raw_sqlite(&self) -> SqliteConnection {
        let path = self.url.trim_start_matches("sqlite://");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true);
        options.connect().await.expect("the file opens")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Home::Server(cluster, name) = &self.home {
            // A database that stays is no harm: the whole server goes soon.
            let _ = Command::new(cluster.bin.join("dropdb"))
                .args([
                    "--force",
                    "--if-exists",
                    "--maintenance-db",
                    &cluster.url("postgres"),
                    name,
                ])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Every statement of the store, by name.
pub fn statements() -> Vec<(String, &'static str)> {
    crate::sql::all()
}

/// The migrations of SQLite and of PostgreSQL.
pub fn migrations() -> [Migrator; 2] {
    [dialect::sqlite_migrations(), dialect::postgres_migrations()]
}
