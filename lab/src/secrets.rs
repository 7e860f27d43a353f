//! The passwords of the lab: made once, kept in `secrets.env` (0600), one `NAME=value` per line. The addresses and
//! secrets of the outside world are there too, under the names by which Muster is told them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use crate::failure::{Doing, Failure, Result};
use crate::place::{Node, Place, write_file};

/// The passwords of the lab. The file is read anew for each use, so that a drill may rotate one in place.
#[derive(Debug, Clone)]
pub struct Secrets {
    pub app: String,
    pub admin: String,
    pub replication: String,
}

impl Secrets {
    pub fn load(place: &Place) -> Result<Self> {
        let path = place.secrets_file();
        let text = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
        let get = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(|value| value.trim().to_owned())
                .ok_or_else(|| Failure::failed(format!("{} has no line {name}=…", path.display())))
        };
        Ok(Self {
            app: get("LAB_DB_PASSWORD")?,
            admin: get("LAB_DB_ADMIN_PASSWORD")?,
            replication: get("LAB_DB_REPLICATION_PASSWORD")?,
        })
    }

    pub fn load_or_create(place: &Place) -> Result<Self> {
        if !place.secrets_file().exists() {
            let ports = place.ports;
            let text = format!(
                "LAB_DB_HOST=127.0.0.1\nLAB_DB_PORT={}\nLAB_DB_NAME=manufacturing\nLAB_DB_USER=manufacturing\n\
                 LAB_DB_PASSWORD={}\nLAB_DB_ADMIN_USER=postgres\nLAB_DB_ADMIN_PASSWORD={}\n\
                 LAB_DB_REPLICATION_USER=replicator\nLAB_DB_REPLICATION_PASSWORD={}\n\
                 LAB_DB_PRIMARY_PORT={}\nLAB_DB_REPLICA_PORT={}\n",
                ports.database(),
                random_password()?,
                random_password()?,
                random_password()?,
                ports.node(Node::Primary),
                ports.node(Node::Replica),
            );
            write_file(&place.secrets_file(), text.as_bytes(), 0o600)?;
        }
        Self::load(place)
    }
}

/// Adds lines to the file, or puts them in the place of those of the same name.
pub fn add(place: &Place, lines: &BTreeMap<String, String>) -> Result<()> {
    let path = place.secrets_file();
    let text = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
    let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    let old = text.lines().filter(|line| !lines.contains_key(&name(line)));
    let mut text: String = old.map(|line| format!("{line}\n")).collect();
    text.extend(
        lines
            .iter()
            .map(|(name, value)| format!("{name}={value}\n")),
    );
    write_file(&path, text.as_bytes(), 0o600)
}

fn random_password() -> Result<String> {
    let mut bytes = [0u8; 24];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .doing(|| "read random bytes from /dev/urandom".into())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
