//! A lab of its own for each test: own folder, own ports, taken down at the end whatever happens.

use std::future::Future;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

pub struct Lab {
    base_port: u16,
    pub http: Client,
    folder: TempDir,
}

impl Lab {
    /// `None`, loudly, on a machine without PostgreSQL.
    pub async fn up(base_port: u16) -> Option<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let mut builder = tempfile::Builder::new();
        // The servers run as another user when root runs the tests: the folder must let them pass.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        let folder = builder
            .prefix("muster-lab-")
            .permissions(open)
            .tempdir()
            .unwrap();
        let lab = Self {
            base_port,
            http,
            folder,
        };
        let (code, answer) = lab.run(&["up"]).await;
        let error = answer["error"].as_str().unwrap_or_default();
        if error.contains("PostgreSQL's server programs are not on this machine") {
            eprintln!("\n******** SKIPPED, NOTHING WAS TESTED: {error} ********\n");
            return None;
        }
        assert_eq!(code, 0, "{answer:#}");
        Some(lab)
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_muster-lab"));
        command
            .env("MUSTER_LAB_DIR", self.dir())
            .env("MUSTER_LAB_BASE_PORT", self.base_port.to_string());
        command.env_remove("MUSTER_LAB_URL");
        command
    }

    /// Runs a command with --json.
    pub async fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output: Output = self
            .command()
            .args(arguments)
            .arg("--json")
            .output()
            .await
            .unwrap();
        (
            output.status.code().unwrap(),
            serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        )
    }

    /// Runs a command that has to succeed.
    pub async fn done(&self, arguments: &[&str]) -> Value {
        let (code, answer) = self.run(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {answer:#}");
        answer
    }

    pub async fn status(&self) -> Value {
        self.done(&["status"]).await
    }

    pub async fn app(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = format!("http://127.0.0.1:{}{path}", self.base_port + 80);
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub async fn health(&self) -> (StatusCode, Value) {
        self.app(Method::GET, "/healthz", None).await
    }

    pub fn node_port(&self, node: &str) -> u16 {
        self.base_port + if node == "primary" { 32 } else { 33 }
    }

    pub fn secret(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.dir().join("secrets.env")).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    }

    pub fn recorded_pid(&self, name: &str) -> i64 {
        let file = self.dir().join(format!("run/{name}.json"));
        let record: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        record["pid"].as_i64().unwrap()
    }

    /// The superuser's connection to a node itself, past the proxy.
    pub async fn admin(&self, node: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.node_port(node))
            .username("postgres")
            .password(&self.secret("LAB_DB_ADMIN_PASSWORD"))
            .database("manufacturing")
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options).await
    }

    pub async fn promote(&self, node: &str) {
        let mut admin = self.admin(node).await.unwrap();
        let promoted: bool = sqlx::query_scalar("SELECT pg_promote()")
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert!(promoted);
    }

    pub async fn kill_daemon(&self) {
        let pid = self.status().await["lab"]["pid"].as_i64().unwrap() as i32;
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        until("the control API is gone", async || {
            self.run(&["status"]).await.0 != 0
        })
        .await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let mut down = std::process::Command::new(env!("CARGO_BIN_EXE_muster-lab"));
        let _ = down.arg("down").arg("--dir").arg(self.dir()).output();
    }
}

/// Asks until it is so; the bound is there to end a failing test, not to measure anything.
pub async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !ask().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
