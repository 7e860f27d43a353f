//! Commands elsewhere, through the system's own `ssh` to a real `sshd` on loopback.

use crate::scene::{Scene, run};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    net::TcpListener,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A server that knows one key, and is known by one host key.
struct Server {
    home: TempDir,
    port: u16,
    user: String,
}

fn sshd() -> Option<PathBuf> {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"];
    places.map(PathBuf::from).into_iter().find(|p| p.is_file())
}

fn key(file: &Path) {
    let mut make = Command::new("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file);
    assert!(make.status().unwrap().success());
}

impl Server {
    /// `None`, and a word about it, where no sshd is installed.
    fn start() -> Option<Server> {
        let Some(sshd) = sshd() else {
            eprintln!("SKIPPED: there is no sshd here; install openssh-server to run this test");
            return None;
        };
        // Where sshd, started by root, shuts its unprivileged half in.
        let _ = fs::create_dir_all("/run/sshd");
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        key(&at("host"));
        key(&at("user"));
        fs::copy(at("user.pub"), at("authorized")).unwrap();
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n",
            at("host").display(),
            at("authorized").display(),
        );
        fs::write(at("config"), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = at("config");
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let socket = OwnedFd::from(connection.unwrap());
                let mut serve = Command::new(&sshd);
                serve
                    .args(["-i", "-e", "-f"])
                    .arg(&config)
                    .stdin(socket.try_clone().unwrap())
                    .stdout(socket)
                    .stderr(Stdio::null());
                let mut child = serve.spawn().unwrap();
                std::thread::spawn(move || child.wait());
            }
        });
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Some(Server {
            port,
            user: String::from_utf8(user).unwrap().trim().to_owned(),
            home,
        })
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).unwrap()
    }

    /// A plan's folder that knows this host, and a key that it lets in.
    fn scene(&self) -> Scene {
        let scene = Scene::new();
        let folder = scene.home.path().join("the keys 100%");
        fs::create_dir(&folder).unwrap();
        let host = format!("[127.0.0.1]:{} {}", self.port, self.read("host.pub"));
        fs::write(folder.join("known hosts"), host).unwrap();
        fs::write(folder.join("none"), "").unwrap();
        // As a secret store may hand it over: without the last line's end.
        scene.env("THE_KEY", self.read("user").trim_end())
    }

    fn ssh(&self, command: Value) -> Value {
        json!({"ssh": {"host": "127.0.0.1", "port": self.port, "user": self.user, "identity": "THE_KEY",
                       "known_hosts": "the keys 100%/known hosts", "command": command}})
    }
}

#[tokio::test]
async fn a_remote_command_gets_its_words_as_they_are() {
    let Some(server) = Server::start() else {
        return;
    };
    let hostile = "a b'c\"; $(reboot) `x` \\ * \u{fc}\n-n";
    let scene = server.scene().env("MUSTER_PARAM_WORD", hostile);
    let said = scene
        .work(server.ssh(json!(["printf", "[%s]", {"parameter": "word"}, "", "$HOME"])))
        .await;
    said.is(0, &[&format!("[{hostile}][][$HOME]"), "printf [%s] <word>"]);
    said.keeps_quiet_about("PRIVATE KEY");
}

#[tokio::test]
async fn the_remote_exit_code_is_the_steps_own_and_255_is_explained() {
    let Some(server) = Server::start() else {
        return;
    };
    let scene = server.scene();
    scene
        .work(server.ssh(json!(["sh", "-c", "exit 7"])))
        .await
        .is(7, &["exit code 7"]);
    let mut stranger = server.ssh(json!(["true"]));
    stranger["ssh"]["known_hosts"] = json!("the keys 100%/none");
    scene
        .work(stranger)
        .await
        .is(255, &["Host key verification failed", "known_hosts"]);
    key(&scene.home.path().join("other"));
    let other = fs::read_to_string(scene.home.path().join("other")).unwrap();
    let scene = scene.env("THE_KEY", other);
    scene
        .work(server.ssh(json!(["true"])))
        .await
        .is(255, &["Permission denied", "not let in"]);
    let mut lost = server.ssh(json!(["true"]));
    lost["ssh"]["known_hosts"] = json!("nowhere");
    scene.work(lost).await.is(1, &["nowhere", "is not a file"]);
}

#[tokio::test]
async fn a_key_may_come_by_a_descriptor() {
    let Some(server) = Server::start() else {
        return;
    };
    let scene = server.scene().env("THE_KEY", "/dev/fd/0");
    let mut command = scene.command(
        "work",
        "MUSTER_STEP_WORK",
        &server.ssh(json!(["echo", "in"])),
    );
    command.stdin(File::open(server.home.path().join("user")).unwrap());
    run(command).await.is(0, &["in"]);
}
