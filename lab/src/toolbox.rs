//! PostgreSQL's own programs: where they are, and as whom they run.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::User;
use tokio::process::Command;

use crate::failure::{Doing, Failure, Result};
use crate::place::{Place, write_file};

/// The binaries, and the account they run under (PostgreSQL refuses to run as root).
#[derive(Debug, Clone)]
pub struct Toolbox {
    bin: PathBuf,
    account: Option<User>,
    pgpass: PathBuf,
}

const NEEDED: [&str; 4] = ["initdb", "postgres", "pg_basebackup", "pg_rewind"];

impl Toolbox {
    pub fn find(place: &Place) -> Result<Self> {
        let bin = match place.postgres_bin().filter(|bin| is_complete(bin)) {
            Some(bin) => bin,
            None => {
                let bin = find_binaries()?;
                place.remember_postgres_bin(&bin)?;
                bin
            }
        };
        Ok(Self {
            bin,
            account: account()?,
            pgpass: place.pgpass(),
        })
    }

    pub fn pgpass(&self) -> &Path {
        &self.pgpass
    }

    pub fn describe(&self) -> String {
        let account = self
            .account
            .as_ref()
            .map_or("this user", |user| user.name.as_str());
        format!("{} as {account}", self.bin.display())
    }

    pub fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.bin.join(tool));
        self.run_as_account(&mut command);
        command
            .env("PGPASSFILE", &self.pgpass)
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    fn run_as_account(&self, command: &mut Command) {
        if let Some(user) = &self.account {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }

    /// Runs a tool to its end; its last words are the error.
    pub async fn run<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(
        &self,
        tool: &str,
        arguments: I,
    ) -> Result<()> {
        let output = self
            .command(tool)
            .args(arguments)
            .output()
            .await
            .doing(|| format!("run {tool}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = said.lines().rev().take(4).collect();
        let words: Vec<&str> = words.into_iter().rev().collect();
        Err(Failure::failed(format!(
            "{tool} ended with {}: {}",
            output.status,
            words.join(" / ")
        )))
    }

    /// Hands a file or an empty folder to the account the servers run under.
    pub fn give(&self, path: &Path) -> Result<()> {
        match &self.account {
            Some(user) => chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .doing(|| format!("give {} to {}", path.display(), user.name)),
            None => Ok(()),
        }
    }

    pub fn write(&self, path: &Path, text: &str) -> Result<()> {
        write_file(path, text.as_bytes(), 0o600)?;
        self.give(path)
    }

    /// The account must be able to walk to the folder: a lab inside a closed home folder cannot work.
    pub async fn can_enter(&self, dir: &Path) -> Result<()> {
        let Some(user) = &self.account else {
            return Ok(());
        };
        let mut command = Command::new("test");
        self.run_as_account(&mut command);
        let status = command
            .arg("-x")
            .arg(dir)
            .status()
            .await
            .doing(|| "run test".into())?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "the database servers run as {}, who cannot enter {}; choose a folder everyone may pass through, \
             such as --dir /var/tmp/muster-lab",
            user.name,
            dir.display()
        )))
    }
}

fn is_complete(bin: &Path) -> bool {
    NEEDED.iter().all(|tool| bin.join(tool).is_file())
}

fn find_binaries() -> Result<PathBuf> {
    if let Some(bin) = std::env::var_os("MUSTER_PG_BIN").map(PathBuf::from) {
        return is_complete(&bin).then_some(bin.clone()).ok_or_else(|| {
            Failure::failed(format!(
                "MUSTER_PG_BIN is {}, which does not hold {}",
                bin.display(),
                NEEDED.join(", ")
            ))
        });
    }
    let asked = std::process::Command::new("pg_config")
        .arg("--bindir")
        .output()
        .ok();
    let configured =
        asked.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    if let Some(bin) = configured.filter(|bin| is_complete(bin)) {
        return Ok(bin);
    }
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .filter(|entry| is_complete(&entry.path().join("bin")))
        .max_by_key(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .parse::<u32>()
                .unwrap_or(0)
        });
    newest.map(|entry| entry.path().join("bin")).ok_or_else(|| {
        Failure::failed(
            "PostgreSQL's server programs are not on this machine; install them (Debian, Ubuntu: \
             `apt-get install postgresql`) or name their folder in MUSTER_PG_BIN",
        )
    })
}

fn account() -> Result<Option<User>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).doing(|| format!("look up the user {name}"))? {
            return Ok(Some(user));
        }
    }
    Err(Failure::failed(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it",
    ))
}
