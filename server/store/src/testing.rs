//! Databases for tests, here and in the crates above (feature `testing`). SQLite gets a temporary folder. PostgreSQL gets a
//! private server, shared by all test processes of this user: the first one starts it, a small keeper process stops and
//! removes it when nobody has used it for a while, also after tests were killed. Each test has a database of its own.
//!
//! Nothing here is skipped quietly: without PostgreSQL's programs a test that needs them fails and says so.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::OnceCell;

use crate::{Store, dialect};

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
        let folder = tempfile::Builder::new().prefix("muster-test-").tempdir().expect("a temporary folder can be made");
        let url = format!("sqlite://{}", folder.path().join("muster.db").display());
        Database { url, home: Home::Folder { _removed_on_drop: folder } }
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
                dialect::sqlite_migrations().run_to(version, &mut connection).await.expect("it migrates");
                connection.close().await.expect("it closes");
            }
            Home::Server(..) => {
                let mut connection = PgConnection::connect(&self.url).await.expect("the server answers");
                dialect::postgres_migrations().run_to(version, &mut connection).await.expect("it migrates");
                connection.close().await.expect("it closes");
            }
        }
    }

    /// Runs SQL on a connection of its own, past the store.
    pub async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql);
        match &self.home {
            Home::Folder { .. } => self.raw_sqlite().await.execute(sqlx::raw_sql(sql)).await.map(drop),
            Home::Server(..) => PgConnection::connect(&self.url).await?.execute(sqlx::raw_sql(sql)).await.map(drop),
        }
    }

    async fn raw_sqlite(&self) -> SqliteConnection {
        let path = self.url.trim_start_matches("sqlite://");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        options.connect().await.expect("the file opens")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Home::Server(cluster, name) = &self.home {
            // A database that stays is no harm: the whole server goes soon.
            let _ = Command::new(cluster.bin.join("dropdb"))
                .args(["--force", "--if-exists", "--maintenance-db", &cluster.url("postgres"), name])
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

/// The shared server, as this process sees it.
struct Cluster {
    bin: PathBuf,
    /// `postgres://muster:password@127.0.0.1:port/`
    address: String,
    template: String,
    /// Held while this process lives: tells the keeper that the server is in use.
    _user: File,
}

impl Cluster {
    async fn shared() -> &'static Cluster {
        static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
        CLUSTER.get_or_init(Cluster::join).await
    }

    fn url(&self, database: &str) -> String {
        format!("{}{database}", self.address)
    }

    /// Finds the server that runs, or starts one. One process at a time.
    async fn join() -> Cluster {
        let bin = postgres_bin();
        let server = Server { owner: Owner::find(), folder: folder() };
        server.owner.make_folder(&server.folder);
        let turn = server.lock_file("setup.lock");
        turn.lock().expect("a file can be locked");

        let address = match server.address_if_alive().await {
            Some(address) => address,
            None => server.start(&bin),
        };
        let user = server.lock_file("users.lock");
        user.lock_shared().expect("a file can be locked");
        user.set_modified(SystemTime::now()).expect("a lock file can be touched");

        let cluster = Cluster { bin, address, template: template_name(), _user: user };
        cluster.make_template().await;
        drop(turn);
        cluster
    }

    /// Under the lock, and renamed only when it is whole.
    async fn make_template(&self) {
        let name = &self.template;
        let mut admin = self.admin().await;
        let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_optional(&mut admin)
            .await
            .expect("the test server answers");
        if known.is_none() {
            run(&mut admin, "DROP DATABASE IF EXISTS unfinished WITH (FORCE)".into()).await;
            run(&mut admin, "CREATE DATABASE unfinished TEMPLATE template0".into()).await;
            Store::open(&self.url("unfinished")).await.expect("the template migrates").close().await;
            run(&mut admin, format!("ALTER DATABASE unfinished RENAME TO {name}")).await;
        }
        admin.close().await.expect("the test server says goodbye");
    }

    async fn create(&'static self, template: &str) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_nanos());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{count}_{started:x}", std::process::id());
        let mut admin = self.admin().await;
        run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        admin.close().await.expect("the test server says goodbye");
        Database { url: self.url(&name), home: Home::Server(self, name) }
    }

    async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.url("postgres")).await.expect("the test server answers")
    }
}

async fn run(admin: &mut PgConnection, sql: String) {
    admin.execute(AssertSqlSafe(sql.clone())).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The name changes with the text of any migration, so a server that still runs cannot hand out an old one.
fn template_name() -> String {
    use sha2::{Digest, Sha256};
    let mut sha = Sha256::new();
    for migration in dialect::postgres_migrations().iter() {
        sha.update(&migration.checksum);
    }
    format!("muster_{}", hex::encode(&sha.finalize()[..8]))
}

/// Short, for the path of a socket may have about a hundred bytes; and outside of `target`, which another user (PostgreSQL
/// refuses to run as root) may not be able to enter.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("muster-pg-{}", own_id()))
}

fn own_id() -> u32 {
    fs::metadata("/proc/self").map(|me| me.uid()).expect("Linux: /proc is there")
}

/// The folder of PostgreSQL's programs.
fn postgres_bin() -> PathBuf {
    let mut places: Vec<PathBuf> = Vec::new();
    if let Ok(found) = Command::new("pg_config").arg("--bindir").output() {
        places.push(String::from_utf8_lossy(&found.stdout).trim().into());
    }
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|version| version.path()).collect();
        versions.sort();
        places.extend(versions.into_iter().rev().map(|version| version.join("bin")));
    }
    let complete = |bin: &PathBuf| ["initdb", "pg_ctl", "postgres", "dropdb"].iter().all(|name| bin.join(name).exists());
    places.into_iter().find(complete).unwrap_or_else(|| {
        panic!(
            "this test needs PostgreSQL's programs (initdb, pg_ctl, postgres, dropdb), which are neither where pg_config \
             points nor in /usr/lib/postgresql/*/bin: install them (Debian: apt-get install postgresql)"
        )
    })
}

/// Who the server runs as: root may not.
struct Owner {
    other: Option<(u32, u32)>,
}

impl Owner {
    fn find() -> Owner {
        let id = |flag, name| {
            let found = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8_lossy(&found.stdout).trim().parse().ok()
        };
        let find = || ["postgres", "nobody"].iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        let other = (own_id() == 0).then(|| find().expect("as root, this test needs a user postgres or nobody"));
        Owner { other }
    }

    fn make_folder(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a temporary folder can be made");
        self.hand_over(folder, 0o700);
    }

    fn hand_over(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the folder of the test server is ours");
        if let Some((user, group)) = self.other {
            chown(path, Some(user), Some(group)).expect("root may chown");
        }
    }

    /// A command in a session of its own, so that what ends a test run does not end the server under other tests.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait");
        if let Some((user, group)) = self.other {
            command.arg("setpriv").args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]);
        }
        command.arg(program).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

struct Server {
    owner: Owner,
    folder: PathBuf,
}

impl Server {
    fn lock_file(&self, name: &str) -> File {
        let path = self.folder.join(name);
        let file = File::options().create(true).append(true).open(&path).expect("a lock file can be made");
        self.owner.hand_over(&path, 0o600);
        file
    }

    async fn address_if_alive(&self) -> Option<String> {
        let address = fs::read_to_string(self.folder.join("address")).ok()?;
        match PgConnection::connect(&format!("{address}postgres")).await {
            Ok(connection) => connection.close().await.ok()?,
            // too_many_connections: alive indeed
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("53300") => {}
            Err(_) => return None,
        }
        Some(address)
    }

    /// Clears away what an earlier server left, makes a new one and the keeper that will stop it.
    fn start(&self, bin: &Path) -> String {
        let (folder, data, log) = (&self.folder, self.folder.join("data"), self.folder.join("log"));
        if data.exists() {
            // A server that still hangs on to it ends itself when it finds that its folder is gone.
            fs::remove_dir_all(&data).expect("what an earlier test server left can be removed");
        }
        let password = random_hex();
        let password_file = folder.join("password");
        fs::write(&password_file, &password).expect("the folder of the test server can be written");
        self.owner.hand_over(&password_file, 0o600);

        let mut initdb = self.owner.command(&bin.join("initdb"));
        initdb.args(["--username=muster", "--auth=md5", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        initdb.arg(format!("--pwfile={}", password_file.display()));
        assert!(initdb.status().is_ok_and(|done| done.success()), "initdb failed; run it by hand to see why: {initdb:?}");

        let port = free_port();
        let options = format!("-p {port} -c listen_addresses=127.0.0.1 -k {} -c max_connections=300", folder.display());
        let mut start = self.owner.command(&bin.join("pg_ctl"));
        start.args(["start", "--wait", "--timeout=60", "-o", &options, "-l"]).arg(&log).arg("-D").arg(&data);
        if !start.status().is_ok_and(|done| done.success()) {
            panic!("PostgreSQL for tests did not start:\n{}", fs::read_to_string(&log).unwrap_or_default());
        }
        let address = format!("postgres://muster:{password}@127.0.0.1:{port}/");
        let path = folder.join("address");
        fs::write(&path, &address).expect("the folder of the test server can be written");
        self.owner.hand_over(&path, 0o600);
        self.lock_file("users.lock");

        let mut keeper = self.owner.command(Path::new("sh"));
        keeper.args(["-c", KEEPER, "muster-test-keeper"]).arg(folder).arg(bin);
        keeper.spawn().expect("the keeper of the test server starts");
        address
    }
}

/// Stops the server when no test process has held `users.lock` for a while. It holds both locks while it does, so a newcomer
/// waits and then finds nothing. The kernel lets go of a killed test's lock.
const KEEPER: &str = r#"
folder=$1 bin=$2
while sleep 2 && "$bin/pg_ctl" status -D "$folder/data" >/dev/null; do
    exec 8<"$folder/setup.lock" 9<"$folder/users.lock"
    if ! flock --nonblock 9; then
        touch "$folder/users.lock"
    elif [ -z "$(find "$folder/users.lock" -newermt '-20 seconds')" ] && flock --nonblock 8; then
        rm -f "$folder/address"
        "$bin/pg_ctl" stop -m fast -D "$folder/data"
        rm -rf "$folder/data" "$folder/log" "$folder/password"
        exit
    fi
    exec 8<&- 9<&-
done
"#;

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn random_hex() -> String {
    use std::io::Read;
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).expect("Linux: /dev/urandom is there");
    hex::encode(bytes)
}
