//! Where the lab lives: the folder, the ports, the secrets, the small files of record.
//!
//! ```text
//! lab.json        marks the folder as a lab's own: base port, PostgreSQL binaries
//! state.json      where the proxy points, so that a restarted daemon points there again
//! secrets.env     0600, passwords; pgpass is the same for PostgreSQL's own tools
//! primary/ replica/ archive/ forensic/    data folders, archived WAL, copies of data folders taken before a rebuild
//! releases/{A,B} and releases/current     what the sample app says it is
//! sinks/                                  what the outside world received, and its keys
//! run/  log/  daemon.log                  pids with start times, stop report; what the servers and the app say
//! ```
//!
//! Architecture invariant: a folder that is not empty and has no `lab.json` is never written to and never wiped.

use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Doing, Failure, Result};
use crate::process::Proc;

pub const DEFAULT_BASE_PORT: u16 = 55400;

/// A database server by its name. Names do not follow roles: after a failover the node `replica` is the writable one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    Primary,
    Replica,
}

impl Node {
    pub const BOTH: [Self; 2] = [Self::Primary, Self::Replica];

    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }

    pub fn peer(self) -> Self {
        match self {
            Self::Primary => Self::Replica,
            Self::Replica => Self::Primary,
        }
    }

    /// What `heal` calls it.
    pub fn heal_name(self) -> &'static str {
        match self {
            Self::Primary => "db",
            Self::Replica => "replica",
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    base: u16,
}

impl Ports {
    pub fn new(base: u16) -> Result<Self> {
        if (1024..=65400).contains(&base) {
            return Ok(Self { base });
        }
        Err(Failure::wrong_use(format!(
            "--base-port {base}: choose a number from 1024 to 65400"
        )))
    }

    pub fn base(self) -> u16 {
        self.base
    }

    pub fn database(self) -> u16 {
        self.base + 30
    }

    pub fn node(self, node: Node) -> u16 {
        match node {
            Node::Primary => self.base + 32,
            Node::Replica => self.base + 33,
        }
    }

    pub fn smtp(self) -> u16 {
        self.base + 25
    }

    pub fn app(self) -> u16 {
        self.base + 80
    }

    pub fn control(self) -> u16 {
        self.base + 81
    }

    /// Slack, telephones, webhooks, and the page that shows what arrived.
    pub fn outside(self) -> u16 {
        self.base + 82
    }

    pub fn outside_url(self) -> String {
        format!("http://127.0.0.1:{}", self.outside())
    }

    pub fn control_url(self) -> String {
        format!("http://127.0.0.1:{}", self.control())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct LabFile {
    base_port: u16,
    postgres_bin: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub struct Place {
    pub dir: PathBuf,
    pub ports: Ports,
}

impl Place {
    /// Opens the lab's folder, making it when it is not there. An existing lab keeps the base port it was made with.
    pub fn open_or_create(dir: &Path, base_port: Option<u16>) -> Result<Self> {
        fs::create_dir_all(dir).doing(|| format!("make the folder {}", dir.display()))?;
        let dir = dir
            .canonicalize()
            .doing(|| format!("open the folder {}", dir.display()))?;
        // The path goes into postgresql.conf, connection strings and a shell line: keep all three simple.
        if dir
            .to_str()
            .is_none_or(|path| path.contains(['\'', '"', '\\', '%', '\n']))
        {
            return Err(Failure::wrong_use(format!(
                "{} has a quote, backslash, percent sign or line break in its path; choose another folder with --dir",
                dir.display()
            )));
        }
        if let Some(place) = Self::existing(&dir)? {
            return match base_port {
                Some(wanted) if wanted != place.ports.base => Err(Failure::wrong_use(format!(
                    "the lab in {} was made with --base-port {}; use that, or another --dir, or `muster-lab reset --yes`",
                    dir.display(),
                    place.ports.base
                ))),
                _ => Ok(place),
            };
        }
        let ports = Ports::new(base_port.unwrap_or(DEFAULT_BASE_PORT))?;
        let occupied = fs::read_dir(&dir)
            .doing(|| format!("read the folder {}", dir.display()))?
            .next()
            .is_some();
        if occupied {
            return Err(Failure::wrong_use(format!(
                "{} is not empty and is not a lab; name a new or empty folder with --dir",
                dir.display()
            )));
        }
        let place = Self { dir, ports };
        // Servers run as another user when the lab is started by root: they must be able to pass through here.
        fs::set_permissions(&place.dir, fs::Permissions::from_mode(0o755))
            .doing(|| format!("set the permissions of {}", place.dir.display()))?;
        place.write_lab_file(None)?;
        Ok(place)
    }

    /// The lab in this folder, when there is one.
    pub fn existing(dir: &Path) -> Result<Option<Self>> {
        let Ok(dir) = dir.canonicalize() else {
            return Ok(None);
        };
        let file = dir.join("lab.json");
        if !file.exists() {
            return Ok(None);
        }
        let lab: LabFile = read_json(&file)?;
        Ok(Some(Self {
            ports: Ports::new(lab.base_port)?,
            dir,
        }))
    }

    fn write_lab_file(&self, postgres_bin: Option<PathBuf>) -> Result<()> {
        write_json(
            &self.dir.join("lab.json"),
            &LabFile {
                base_port: self.ports.base,
                postgres_bin,
            },
        )
    }

    /// The PostgreSQL binaries that made the data folders: other versions cannot read them.
    pub fn postgres_bin(&self) -> Option<PathBuf> {
        read_json::<LabFile>(&self.dir.join("lab.json"))
            .ok()?
            .postgres_bin
    }

    pub fn remember_postgres_bin(&self, bin: &Path) -> Result<()> {
        self.write_lab_file(Some(bin.to_owned()))
    }

    pub fn data(&self, node: Node) -> PathBuf {
        self.dir.join(node.name())
    }

    pub fn sinks(&self) -> PathBuf {
        self.dir.join("sinks")
    }

    pub fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    pub fn forensic(&self) -> PathBuf {
        self.dir.join("forensic")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("log").join(format!("{name}.log"))
    }

    pub fn daemon_log(&self) -> PathBuf {
        self.dir.join("daemon.log")
    }

    pub fn run(&self, name: &str) -> PathBuf {
        self.dir.join("run").join(name)
    }

    pub fn state_file(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    pub fn secrets_file(&self) -> PathBuf {
        self.dir.join("secrets.env")
    }

    pub fn pgpass(&self) -> PathBuf {
        self.dir.join("pgpass")
    }

    pub fn fence(&self, node: Node) -> PathBuf {
        self.dir.join(format!("fenced.{node}"))
    }

    pub fn is_fenced(&self, node: Node) -> bool {
        self.fence(node).exists()
    }

    pub fn current_release(&self) -> PathBuf {
        self.dir.join("releases").join("current")
    }

    /// Folders and releases; what exists is left as it is (a rollback moves `current`, and stays moved).
    pub fn lay_out(&self) -> Result<()> {
        for name in [
            "run",
            "log",
            "archive",
            "forensic",
            "releases/A",
            "releases/B",
        ] {
            let path = self.dir.join(name);
            fs::create_dir_all(&path).doing(|| format!("make the folder {}", path.display()))?;
        }
        for (release, version) in [("A", "1.4.0"), ("B", "1.5.0")] {
            let file = self.dir.join("releases").join(release).join("release.json");
            if !file.exists() {
                write_json(
                    &file,
                    &Release {
                        release: release.into(),
                        version: version.into(),
                    },
                )?;
            }
        }
        let current = self.current_release();
        if current.symlink_metadata().is_err() {
            symlink("B", &current).doing(|| format!("link {}", current.display()))?;
        }
        Ok(())
    }

    pub fn recorded(&self, name: &str) -> Option<Proc> {
        read_json::<Proc>(&self.run(name))
            .ok()
            .filter(|proc| proc.is_alive())
    }

    pub fn wipe(&self) -> Result<()> {
        // lab.json goes last: an interrupted wipe can then be taken up again.
        let entries =
            fs::read_dir(&self.dir).doing(|| format!("read the folder {}", self.dir.display()))?;
        for entry in entries
            .flatten()
            .filter(|entry| entry.file_name() != "lab.json")
        {
            let path = entry.path();
            let removed = match entry.file_type() {
                Ok(kind) if kind.is_dir() => fs::remove_dir_all(&path),
                _ => fs::remove_file(&path),
            };
            removed.doing(|| format!("remove {}", path.display()))?;
        }
        let mark = self.dir.join("lab.json");
        fs::remove_file(&mark).doing(|| format!("remove {}", mark.display()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub release: String,
    pub version: String,
}

impl Release {
    pub fn read(folder: &Path) -> Result<Self> {
        read_json(&folder.join("release.json"))
    }
}

pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).doing(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).doing(|| format!("understand {}", path.display()))
}

pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(value).doing(|| format!("encode {}", path.display()))?;
    write_file(path, &bytes, 0o644)
}

/// Writes the whole file or nothing: a reader sees the old content or the new one.
pub fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&fresh)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().doing(|| format!("write {}", path.display()))
}
