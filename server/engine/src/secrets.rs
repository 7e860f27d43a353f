//! Secrets by name: sealed in the database, open only in memory and in the command that asked for one.
//!
//! The key is 32 bytes in the data folder (`secret.key`, for its owner only), or in `MUSTER_SECRET_KEY` where several
//! nodes share a database. Whoever has only the database, or a copy of it, has no secret.
//!
//! Architecture invariant: a value appears in no event, no log, no argv, and in no file but under seal.

use crate::{Beside, Desk, No, Request};
use domain::{Actor, Command, RunId};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use std::{
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};
use store::{Secret, Store};

const KEY: &str = "MUSTER_SECRET_KEY";
/// The longest value; it travels in the environment of a command.
const LONGEST: usize = 64 * 1024;

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    key: Arc<LessSafeKey>,
    /// What other keys are made from, each for one purpose.
    root: hmac::Key,
}

impl Vault {
    /// With the key of this data folder, which is made if there is none; or with that of the environment.
    pub fn open(data: &Path) -> Result<Vault, String> {
        let bytes = match std::env::var(KEY) {
            Ok(text) => hex::decode(text.trim())
                .ok()
                .filter(|k| k.len() == 32)
                .ok_or_else(|| format!("{KEY} must be 64 hexadecimal digits"))?,
            Err(_) => key_in(data)?,
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
            .map_err(|_| "the key for secrets is damaged: it must have 32 bytes".to_owned())?;
        Ok(Vault {
            key: Arc::new(LessSafeKey::new(key)),
            root: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        })
    }

    /// A key of its own for a purpose: the same on every node that has ours, and no way back to it.
    pub fn subkey(&self, purpose: &str) -> hmac::Key {
        let bytes = hmac::sign(&self.root, purpose.as_bytes());
        hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref())
    }

    /// The row of a secret.
    pub fn seal(&self, name: &str, value: &str, now: i64) -> Result<Secret, String> {
        Ok(Secret {
            name: name.to_owned(),
            sealed: self.seal_text(name, value)?,
            changed_at: now,
        })
    }

    /// Under seal. Its name is sealed with it: one cannot be passed off as another.
    pub fn seal_text(&self, name: &str, value: &str) -> Result<Vec<u8>, String> {
        let trouble = |_| "the system has no randomness to seal a secret with".to_owned();
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(trouble)?;
        let mut sealed = value.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name),
                &mut sealed,
            )
            .map_err(trouble)?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn unseal(&self, secret: &Secret) -> Option<String> {
        self.open_text(&secret.name, &secret.sealed)
    }

    pub fn open_text(&self, name: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut open = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let value = (self.key)
            .open_in_place(nonce, Aad::from(name), &mut open)
            .ok()?;
        String::from_utf8(value.to_vec()).ok()
    }

    /// The value of a secret, or a sentence that says what to do.
    pub async fn value(&self, store: &Store, name: &str) -> Result<String, String> {
        let found = store.secret(name).await.map_err(|e| e.to_string())?;
        let Some(secret) = found else {
            return Err(format!(
                "there is no secret `{name}`; set it with: muster secret set {name}"
            ));
        };
        self.unseal(&secret).ok_or_else(|| {
            format!("the secret `{name}` was sealed with another key; set it again with: muster secret set {name}")
        })
    }

    /// Keeps a secret under a name.
    pub async fn set(&self, desk: &Desk, by: &Actor, name: &str, value: &str) -> Result<(), No> {
        if value.is_empty() || value.len() > LONGEST || value.contains('\0') {
            return Err(No::Refused(domain::Refusal::invalid(
                "value",
                "A secret has 1 to 65,536 bytes and no NUL.",
            )));
        }
        let row = self
            .seal(name, value, desk.clock().now().0)
            .map_err(No::Unavailable)?;
        let beside = Beside {
            secrets: vec![row],
            ..Beside::default()
        };
        let command = Command::SetSecret {
            name: name.to_owned(),
        };
        let request = Request::new(by, command).beside(beside);
        desk.execute(request).await.map(drop)
    }
}

/// Forgets a secret.
pub async fn remove(desk: &Desk, by: &Actor, name: &str) -> Result<(), No> {
    let beside = Beside {
        secrets_gone: vec![name.to_owned()],
        ..Beside::default()
    };
    let command = Command::RemoveSecret {
        name: name.to_owned(),
    };
    let request = Request::new(by, command).beside(beside);
    desk.execute(request).await.map(drop)
}

/// The name under which a run's own secret parameter is kept until the run ends. People's names have no `/`.
pub fn of_run(run: &RunId, parameter: &str) -> String {
    format!("run/{run}/{parameter}")
}

fn key_in(data: &Path) -> Result<Vec<u8>, String> {
    let file = data.join("secret.key");
    let trouble = |e: std::io::Error| format!("cannot use {}: {e}", file.display());
    match std::fs::read(&file) {
        Ok(key) if key.len() == 32 => return Ok(key),
        Ok(_) => {
            return Err(format!(
                "{} is damaged: it must have 32 bytes. Without the old one the secrets must be set again.",
                file.display()
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(trouble(error)),
    }
    let mut key = vec![0; 32];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| "the system has no randomness for a key".to_owned())?;
    // Whole or not there, also after a power failure; and the first of two processes wins.
    let half = data.join(format!("secret.key.{}", std::process::id()));
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .and_then(|mut out| out.write_all(&key).and_then(|()| out.sync_all()));
    let linked = written.and_then(|()| std::fs::hard_link(&half, &file));
    let _ = std::fs::remove_file(&half);
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            std::fs::read(&file).map_err(trouble)
        }
        Err(error) => Err(trouble(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_under_its_own_name_and_key() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let vault = Vault::open(dir.path()).unwrap();
        let secret = vault.seal("db", "s3cret", 1).unwrap();
        assert!(!secret.sealed.windows(6).any(|w| w == b"s3cret"));
        let again = Vault::open(dir.path()).unwrap();
        assert_eq!(again.unseal(&secret).as_deref(), Some("s3cret"));
        let renamed = Secret {
            name: "web".into(),
            ..secret.clone()
        };
        assert_eq!(again.unseal(&renamed), None);
        let stranger = Vault::open(other.path()).unwrap();
        assert_eq!(stranger.unseal(&secret), None);
    }
}
