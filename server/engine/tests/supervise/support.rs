//! What the promises of `supervise.rs` are told with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::supervise::{
    Adopted, Attempt, CommandLine, Outcome, Spec, Supervisor, adopt, read_output,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub const PROBE: &str = env!("CARGO_BIN_EXE_supervise-probe");
pub const SECRET: &str = "correct-horse-battery-staple-4711";

/// A folder with room for one attempt (`attempt`) and for what its commands leave behind.
pub struct Scene {
    pub home: TempDir,
    pub spec: Spec,
}

impl Scene {
    /// The attempt runs `script` in a shell, in the scene's own folder.
    pub fn new(script: &str) -> Self {
        Self::of(vec![shell(script)])
    }

    pub fn of(commands: Vec<CommandLine>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let unique = home
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_start_matches('.')
            .to_owned();
        let spec = Spec {
            dir: home.path().join("attempt"),
            id: format!("test-{unique}"),
            commands,
            cwd: home.path().to_owned(),
            env: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("SECRET".into(), SECRET.into()),
            ],
            files: vec![],
            mask: vec![],
            output_limit: 0,
            timeout: None,
            grace: Duration::from_secs(20),
        };
        Self { home, spec }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn touch(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    /// The number that a script wrote with `echo $$ > NAME.new; mv NAME.new NAME`.
    pub async fn pid(&self, name: &str) -> i32 {
        until(name, || self.path(name).exists()).await;
        fs::read_to_string(self.path(name))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    pub async fn output(&self) -> String {
        let piece = read_output(&self.spec.dir, 0, usize::MAX).await.unwrap();
        String::from_utf8(piece.bytes).unwrap()
    }

    pub async fn launch(&self) -> Attempt {
        supervisor().launch(self.spec.clone()).await.unwrap()
    }

    pub async fn run(&self) -> Outcome {
        self.launch().await.wait().await.unwrap()
    }

    /// Starts a server of its own process group that launches the attempt and waits for it.
    pub fn serve(&self) -> Server {
        use std::os::unix::process::CommandExt;
        let file = self.path("spec.json");
        fs::write(&file, serde_json::to_vec(&self.spec).unwrap()).unwrap();
        let process = Command::new(PROBE)
            .arg("launch")
            .arg(file)
            .stdout(Stdio::null())
            .process_group(0)
            .spawn();
        Server(process.unwrap())
    }

    /// The claim as it is on the disk.
    pub fn claim(&self) -> serde_json::Value {
        let claim: serde_json::Value =
            serde_json::from_slice(&fs::read(self.spec.dir.join("claim")).unwrap()).unwrap();
        claim["supervisor"].clone()
    }

    pub fn supervisor_pid(&self) -> i32 {
        self.claim()["pid"].as_i64().unwrap() as i32
    }
}

pub struct Server(Child);

impl Server {
    /// kill -9 of the whole process group, zygote or not.
    pub fn die(mut self) {
        kill(Pid::from_raw(-(self.0.id() as i32)), Signal::SIGKILL).unwrap();
        self.0.wait().unwrap();
    }
}

pub fn supervisor() -> Supervisor {
    Supervisor::start_with_exe(PROBE).unwrap()
}

pub fn shell(script: &str) -> CommandLine {
    command("sh", &["/bin/sh", "-c", script])
}

pub fn command(display: &str, argv: &[&str]) -> CommandLine {
    CommandLine {
        display: display.into(),
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
    }
}

/// Has another process find the attempt, and waits for what it says.
pub fn adopt_elsewhere(dir: &Path) -> Outcome {
    let found = Command::new(PROBE).arg("adopt").arg(dir).output().unwrap();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    serde_json::from_slice(&found.stdout).unwrap()
}

pub async fn adopt_running(dir: &Path) -> Attempt {
    match adopt(dir).await.unwrap() {
        Adopted::Running(attempt) => attempt,
        _ => panic!("the attempt does not run"),
    }
}

/// Whether a process lives; a dead one that nobody buried does not.
pub fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub fn children(pid: i32) -> Vec<i32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    listed
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

pub fn kill_nine(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "waited in vain: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
