//! The PostgreSQL server that tests share.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use super::{Database, Home};
use crate::{Store, dialect};

/// The shared server, as this process sees it.
pub(super) struct Cluster {
    pub(super) bin: PathBuf,
    /// `postgres://muster:password@127.0.0.1:port/`
    address: String,
    pub(super) template: String,
    /// Held while this process lives: tells the keeper that the server is in use.
    _user: File,
}

impl Cluster {
    pub(super) async fn shared() -> &'static Cluster {
        static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
        CLUSTER.get_or_init(Cluster::join).await
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("{}{database}", self.address)
    }

    /// Finds the server that runs, or starts one. One process at a time.
    async fn join() -> Cluster {
        let bin = postgres_bin();
        let server = Server {
            owner: Owner::find(),
            folder: folder(),
        };
        server.owner.make_folder(&server.folder);
        let turn = server.lock_file("setup.lock");
        turn.lock().expect("a file can be locked");

        let address = match server.address_if_alive().await {
            Some(address) => address,
            None => server.start(&bin),
        };
        let user = server.lock_file("users.lock");
        user.lock_shared().expect("a file can be locked");
        user.set_modified(SystemTime::now())
            .expect("a lock file can be touched");

        let cluster = Cluster {
            bin,
            address,
            template: template_name(),
            _user: user,
        };
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
            run(
                &mut admin,
                "DROP DATABASE IF EXISTS unfinished WITH (FORCE)".into(),
            )
            .await;
            run(
                &mut admin,
                "CREATE DATABASE unfinished TEMPLATE template0".into(),
            )
            .await;
            Store::open(&self.url("unfinished"))
                .await
                .expect("the template migrates")
                .close()
                .await;
            run(
                &mut admin,
                format!("ALTER DATABASE unfinished RENAME TO {name}"),
            )
            .await;
        }
        admin.close().await.expect("the test server says goodbye");
    }

    pub(super) async fn create(&'static self, template: &str) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let started = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |age| age.as_nanos());
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{count}_{started:x}", std::process::id());
        let mut admin = self.admin().await;
        run(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        admin.close().await.expect("the test server says goodbye");
        Database {
            url: self.url(&name),
            home: Home::Server(self, name),
        }
    }

    async fn admin(&self) -> PgConnection {
        PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the test server answers")
    }
}

async fn run(admin: &mut PgConnection, sql: String) {
    admin
        .execute(AssertSqlSafe(sql.clone()))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
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
    fs::metadata("/proc/self")
        .map(|me| me.uid())
        .expect("Linux: /proc is there")
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
        places.extend(
            versions
                .into_iter()
                .rev()
                .map(|version| version.join("bin")),
        );
    }
    let complete = |bin: &PathBuf| {
        ["initdb", "pg_ctl", "postgres", "dropdb"]
            .iter()
            .all(|name| bin.join(name).exists())
    };
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
        let find = || {
            ["postgres", "nobody"]
                .iter()
                .find_map(|name| Some((id("-u", name)?, id("-g", name)?)))
        };
        let other = (own_id() == 0)
            .then(|| find().expect("as root, this test needs a user postgres or nobody"));
        Owner { other }
    }

    fn make_folder(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a temporary folder can be made");
        self.hand_over(folder, 0o700);
    }

    fn hand_over(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .expect("the folder of the test server is ours");
        if let Some((user, group)) = self.other {
            chown(path, Some(user), Some(group)).expect("root may chown");
        }
    }

    /// A command in a session of its own, so that what ends a test run does not end the server under other tests. `setsid`
    /// says whether it is waited for.
    fn command(&self, setsid: &str, program: &Path) -> Command {
        let mut command = Command::new("setsid");
        command.arg(setsid);
        if let Some((user, group)) = self.other {
            command.arg("setpriv").args([
                format!("--reuid={user}"),
                format!("--regid={group}"),
                "--clear-groups".into(),
            ]);
        }
        command
            .arg(program)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
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
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .expect("a lock file can be made");
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
        let (folder, data, log) = (
            &self.folder,
            self.folder.join("data"),
            self.folder.join("log"),
        );
        if data.exists() {
            // A server that still hangs on to it ends itself when it finds that its folder is gone.
            fs::remove_dir_all(&data).expect("what an earlier test server left can be removed");
        }
        let password = random_hex();
        let password_file = folder.join("password");
        fs::write(&password_file, &password).expect("the folder of the test server can be written");
        self.owner.hand_over(&password_file, 0o600);

        let mut initdb = self.owner.command("--wait", &bin.join("initdb"));
        initdb
            .args([
                "--username=muster",
                "--auth=md5",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
            ])
            .arg(&data);
        initdb.arg(format!("--pwfile={}", password_file.display()));
        assert!(
            initdb.status().is_ok_and(|done| done.success()),
            "initdb failed; run it by hand to see why: {initdb:?}"
        );

        let port = free_port();
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -k {} -c max_connections=300",
            folder.display()
        );
        let mut start = self.owner.command("--wait", &bin.join("pg_ctl"));
        start
            .args(["start", "--wait", "--timeout=60", "-o", &options, "-l"])
            .arg(&log)
            .arg("-D")
            .arg(&data);
        if !start.status().is_ok_and(|done| done.success()) {
            panic!(
                "PostgreSQL for tests did not start:\n{}",
                fs::read_to_string(&log).unwrap_or_default()
            );
        }
        let address = format!("postgres://muster:{password}@127.0.0.1:{port}/");
        let path = folder.join("address");
        fs::write(&path, &address).expect("the folder of the test server can be written");
        self.owner.hand_over(&path, 0o600);
        self.lock_file("users.lock");

        let mut keeper = self.owner.command("--fork", Path::new("sh"));
        keeper
            .args(["-c", KEEPER, "muster-test-keeper"])
            .arg(folder)
            .arg(bin);
        assert!(
            keeper.status().is_ok_and(|done| done.success()),
            "the keeper of the test server starts"
        );
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
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

fn random_hex() -> String {
    use std::io::Read;
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .expect("Linux: /dev/urandom is there");
    hex::encode(bytes)
}
