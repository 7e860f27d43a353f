//! One process of `muster step`, with the environment the runner would give it.

use serde_json::{Value, json};
use std::{
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Scene {
    /// The plan's folder.
    pub home: TempDir,
    env: Vec<(String, String)>,
}

pub struct Said {
    status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Scene {
    pub fn new() -> Scene {
        Scene {
            home: tempfile::tempdir().unwrap(),
            env: Vec::new(),
        }
    }

    /// With a pinned plan whose targets are these.
    pub fn with_targets(targets: Value) -> Scene {
        let scene = Scene::new();
        let mut plan = serde_json::to_value(domain::plan::Plan::default()).unwrap();
        plan["targets"] = targets;
        let file = scene.home.path().join("plan.json");
        std::fs::write(&file, plan.to_string()).unwrap();
        scene.env("MUSTER_PLAN_FILE", file.display())
    }

    pub fn env(mut self, name: &str, value: impl ToString) -> Scene {
        self.env.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn command(&self, word: &str, given: &str, what: &Value) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command
            .args(["step", word])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("MUSTER_PLAN", self.home.path())
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .env(given, what.to_string())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub async fn work(&self, work: Value) -> Said {
        run(self.command("work", "MUSTER_STEP_WORK", &work)).await
    }

    pub async fn expect(&self, expect: Value) -> Said {
        run(self.command("expect", "MUSTER_STEP_EXPECT", &expect)).await
    }

    pub async fn dry_run(&self, dry: Value) -> Said {
        run(self.command("dry-run", "MUSTER_STEP_DRY_RUN", &dry)).await
    }

    /// Started, and left to itself.
    pub fn begin(&self, work: Value) -> Child {
        let mut command = self.command("work", "MUSTER_STEP_WORK", &work);
        command.spawn().unwrap()
    }
}

pub async fn run(mut command: Command) -> Said {
    let child = command.spawn().unwrap();
    end(child).await
}

pub async fn end(child: Child) -> Said {
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let done = tokio::time::timeout(PATIENCE, waiting).await;
    let done = done.expect("it ends").unwrap();
    Said {
        status: done.status,
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

impl Said {
    pub fn all(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }

    /// It ended so, saying all of this.
    #[track_caller]
    pub fn is(&self, code: i32, words: &[&str]) -> &Said {
        assert_eq!(self.status.code(), Some(code), "{}", self.all());
        for word in words {
            assert!(
                self.all().contains(word),
                "“{word}” is not said:\n{}",
                self.all()
            );
        }
        self
    }

    #[track_caller]
    pub fn keeps_quiet_about(&self, secret: &str) {
        assert!(!self.all().contains(secret), "{}", self.all());
    }
}

/// Targets that hold one database with one node, and the route to the same.
pub fn targets(url: &str) -> Value {
    let node = json!({ "url": url });
    json!({ "databases": { "orders": {
        "nodes": { "a": node }, "primary": "a", "replica": "a", "route": node,
    } } })
}
