//! The folder of an attempt before anything runs in it.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{self, Path, PathBuf};

use super::record;

/// A folder with a record of what is intended. Nothing is run in it before a supervisor claims it, so that it may be made
/// before the attempt has begun. A power failure may take it away together with all that was done in it: what is missing, or
/// claimed by nobody, has run nothing only if it was to begin since the machine was started.
pub struct Folder {
    pub(super) dir: PathBuf,
    pub(super) id: String,
    /// Open from the beginning, so that the supervisor cannot run out of descriptors later.
    pub(super) record: File,
}

impl Folder {
    /// `dir` and `id` as in [`super::Spec`].
    pub fn make(dir: &Path, id: &str) -> io::Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > 200 || !id.bytes().all(is_plain) {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "The id of an attempt has 1 to 200 letters, digits, `-`, `_` and `.`",
            ));
        }
        // The zygote lives in another folder.
        let dir = path::absolute(dir)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let record = record::create(&dir, id).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => io::Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "The folder {} has served an attempt already: each needs a new one",
                    dir.display()
                ),
            ),
            _ => error,
        })?;
        Ok(Self {
            dir,
            id: id.to_owned(),
            record,
        })
    }

    /// For an attempt that did not begin after all.
    pub async fn remove(self) -> io::Result<()> {
        tokio::fs::remove_dir_all(&self.dir).await
    }
}
