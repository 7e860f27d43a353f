//! The real program on a free port, over a copy of the shipped plan, a data folder of its own, and either database.

// Each test file uses its part of it.
#![allow(dead_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod small;
mod wire;

pub use wire::Wire;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use store::{Store, testing::Database};
use tempfile::TempDir;

const MUSTER: &str = env!("CARGO_BIN_EXE_muster");
/// Nothing that is waited for may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct House {
    pub home: TempDir,
    database: Option<Database>,
    /// Where the database is reached, if not at its own address.
    wired: Option<String>,
    /// Where its servers listen: on any free port, unless one is to come up again where it was.
    pub listen: String,
    /// Given to every `muster` of this house.
    pub env: Vec<(String, String)>,
}

impl House {
    pub fn sqlite() -> House {
        let home = tempfile::tempdir().unwrap();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../plan"),
            &home.path().join("plan"),
        );
        House {
            home,
            database: None,
            wired: None,
            listen: "127.0.0.1:0".into(),
            env: Vec::new(),
        }
    }

    /// With a plan of a few lines and no checks instead of the shipped one.
    pub fn small() -> House {
        let house = House::sqlite();
        fs::remove_dir_all(house.path("plan")).unwrap();
        fs::create_dir_all(house.path("plan/runbooks")).unwrap();
        for (file, text) in small::PLAN {
            fs::write(house.path("plan").join(file), text).unwrap();
        }
        house
    }

    pub async fn postgres() -> House {
        House::sqlite().over_postgres().await
    }

    /// The same house over PostgreSQL, at the end of a wire.
    pub async fn over_a_wire(self) -> (House, Wire) {
        let house = self.over_postgres().await;
        let database = house.database.as_ref().unwrap();
        let (before, rest) = database.url.split_once('@').unwrap();
        let (there, name) = rest.split_once('/').unwrap();
        let wire = Wire::to(there.to_owned());
        let url = format!("{before}@{}/{name}", wire.address);
        let house = House {
            wired: Some(url),
            ..house
        };
        (house, wire)
    }

    /// The same house over PostgreSQL.
    pub async fn over_postgres(self) -> House {
        House {
            database: Some(Database::postgres().await),
            ..self
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Puts this in the place of a file of the plan.
    pub fn write_plan(&self, file: &str, text: &str) {
        fs::write(self.path("plan").join(file), text).unwrap();
    }

    /// Adds a runbook as it is.
    pub fn write_runbook(&self, slug: &str, runbook: &Value) {
        let file = self.path("plan/runbooks").join(format!("{slug}.yaml"));
        fs::write(file, runbook.to_string()).unwrap();
    }

    /// Adds a runbook of one step: a script, handed to `sh` as it stands. `$HERE` in it is this house's folder.
    pub fn runbook(&self, slug: &str, script: &str) {
        let script = script.replace("$HERE", &self.home.path().display().to_string());
        let yaml = format!(
            "name: Prove {slug}\nsteps:\n  - name: Only step\n    commands:\n      - {}\n",
            json!(["sh", "-c", script])
        );
        fs::write(
            self.path("plan/runbooks").join(format!("{slug}.yaml")),
            yaml,
        )
        .unwrap();
    }

    fn muster(&self, words: &[&str]) -> Command {
        self.muster_on("data", &[MUSTER], words)
    }

    /// On one of several data folders; `program` may have a tracer before it.
    fn muster_on(&self, data: &str, program: &[&str], words: &[&str]) -> Command {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MUSTER_")) {
            command.env_remove(name);
        }
        command
            .args(words)
            .arg("--data")
            .arg(self.path(data))
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .envs(self.env.clone());
        if let Some(database) = &self.database {
            let url = self.wired.as_ref().unwrap_or(&database.url);
            command.args(["--database-url", url]);
        }
        command
    }

    /// Runs a command line to its end and returns what it printed.
    pub fn run(&self, words: &[&str]) -> String {
        let done = self.muster(words).output().unwrap();
        assert!(
            done.status.success(),
            "muster {words:?}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// As [`House::run`], and gives it something to read.
    pub fn run_with(&self, words: &[&str], input: &str) {
        let mut child = self
            .muster(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "muster {words:?}");
    }

    /// A token, made on the data itself.
    pub fn token(&self, role: &str) -> String {
        self.run(&[
            "token",
            "create",
            "--name",
            &format!("the {role}"),
            "--role",
            role,
        ])
    }

    pub async fn store(&self) -> Store {
        let url = match &self.database {
            Some(database) => database.url.clone(),
            None => format!("sqlite://{}", self.path("data/muster.db").display()),
        };
        Store::open(&url).await.unwrap()
    }

    /// Starts the server and waits until it serves.
    pub fn start(&self) -> Server {
        self.start_on("data", &[])
    }

    /// One of several nodes, or one that a tracer looks at.
    pub fn start_on(&self, data: &str, tracer: &[&str]) -> Server {
        let plan = self.path("plan").display().to_string();
        let program = [tracer, &[MUSTER]].concat();
        let words = ["serve", "--plan", &plan, "--listen", &self.listen];
        let mut command = self.muster_on(data, &program, &words);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (serves, served) = mpsc::channel();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), log.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("Muster serves ") {
                    let _ =
                        serves.send(url.split_whitespace().next().unwrap_or_default().to_owned());
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        match served.recv_timeout(PATIENCE) {
            Ok(url) => Server {
                child,
                url,
                log,
                traced: !tracer.is_empty(),
            },
            Err(_) => {
                let _ = child.kill();
                panic!("the server does not start:\n{}", log.lock().unwrap())
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A running server; killed (as by `kill -9`) when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    /// What it has written to its standard error.
    pub log: Arc<Mutex<String>>,
    traced: bool,
}

impl Server {
    pub fn kill(mut self) {
        self.end();
    }

    /// The server's own process, not its tracer's.
    pub fn pid(&self) -> String {
        let child = self.child.id().to_string();
        let children = format!("/proc/{child}/task/{child}/children");
        let under = fs::read_to_string(children).unwrap_or_default();
        match under.split_whitespace().next() {
            Some(first) if self.traced => first.to_owned(),
            _ => child,
        }
    }

    fn end(&mut self) {
        if self.traced {
            // A tracer that is killed lets go; one whose tracee is gone leaves, with all written.
            kill_nine(&self.pid());
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// A caller that shows nothing, yet.
    pub fn anybody(&self) -> Caller {
        // The second one only says that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Caller {
            http,
            url: self.url.clone(),
            shows: Vec::new(),
        }
    }

    /// A program with this token.
    pub fn program(&self, token: &str) -> Caller {
        Caller {
            shows: vec![("authorization", format!("Bearer {token}"))],
            ..self.anybody()
        }
    }

    /// A browser that has used a sign-in link of this role.
    pub async fn browser(&self, house: &House, role: &str) -> Caller {
        let link = house.run(&[
            "signin", "--name", "Jane Doe", "--role", role, "--url", &self.url,
        ]);
        let anybody = self.anybody();
        let answer = anybody.http.get(link).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Caller {
            shows: vec![("cookie", cookie)],
            ..anybody
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Clone)]
pub struct Caller {
    pub http: reqwest::Client,
    pub url: String,
    shows: Vec<(&'static str, String)>,
}

impl Caller {
    /// The same caller, at a server that came up elsewhere.
    pub fn at(&self, url: String) -> Caller {
        Caller {
            url,
            ..self.clone()
        }
    }

    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        self.shows
            .iter()
            .fold(request, |r, (name, value)| r.header(*name, value))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.ask(Method::POST, path)
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.ask(Method::POST, path)
            .form(fields)
            .send()
            .await
            .unwrap()
    }

    /// Declares by REST and returns the number.
    pub async fn declare(&self, body: Value) -> String {
        let answer = self.post("/api/v1/incidents", body).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().await.unwrap()["number"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Asks again until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// What a brotli-compressed answer holds.
pub fn unbrotli(bytes: &[u8]) -> String {
    let mut text = String::new();
    brotli::Decompressor::new(bytes, 4096)
        .read_to_string(&mut text)
        .unwrap();
    text
}

pub fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// A refusal as programs read it.
pub async fn refused(answer: Response, status: StatusCode) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    answer.json().await.unwrap()
}

/// How many incidents there are, open or not.
pub async fn incidents(caller: &Caller) -> usize {
    caller.json("/api/v1/incidents").await["incidents"]
        .as_array()
        .unwrap()
        .len()
}

/// Sends KILL to a process.
pub fn kill_nine(pid: &str) {
    // It may be gone by itself.
    let kill = Command::new("kill")
        .args(["-9", pid])
        .stderr(Stdio::null())
        .status();
    assert!(kill.is_ok(), "there is no `kill` on this machine");
}

/// A size that an environment variable may raise.
pub fn size(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |n| n.parse().unwrap())
}

/// How often the server dies in a test of that: `MUSTER_PROVE_KILLS`, or a few times.
pub fn kills() -> usize {
    size("MUSTER_PROVE_KILLS", 4)
}
