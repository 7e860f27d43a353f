//! `outputs`: what commands tell the steps after them, as lines of `KEY=VALUE`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;

use super::mask::Mask;
use super::{Spec, record};

/// Names the file to the commands.
const VARIABLE: &str = "MUSTER_OUTPUT";

const MOST: usize = 50;
const LONGEST_KEY: usize = 60;
const LONGEST_VALUE: usize = 4 << 10;
const LARGEST_FILE: u64 = 256 << 10;

/// What the commands of an attempt wrote to the file that `MUSTER_OUTPUT` names: lines of `KEY=VALUE`,
/// of which the last one counts for each key. Keys are those of `[A-Za-z_][A-Za-z0-9_]*` with up to 60
/// bytes, values have up to 4 KiB, there are up to 50, and 256 KiB are read; all else is passed over.
///
/// Nothing before the attempt is over: only then are secrets masked in it.
pub async fn read_outputs(dir: &Path) -> io::Result<BTreeMap<String, String>> {
    let dir = dir.to_owned();
    let read = move || match record::read_result(&dir)? {
        Some(_) => Ok(parse(&read(&dir)?)),
        None => Ok(BTreeMap::new()),
    };
    tokio::task::spawn_blocking(read).await?
}

pub fn path(dir: &Path) -> PathBuf {
    dir.join("outputs")
}

/// Tells the commands of the file, which is theirs to make: most have nothing to tell.
pub fn offer(spec: &mut Spec) {
    let path = path(&spec.dir).to_string_lossy().into_owned();
    spec.env.push((VARIABLE.to_owned(), path));
}

/// Leaves only what may be kept. What cannot be masked is removed.
pub fn mask(dir: &Path, mask: &mut Mask) {
    let found = fs::symlink_metadata(path(dir));
    if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return;
    }
    let masked = read(dir).and_then(|bytes| {
        let masked = mask.whole(&bytes);
        let draft = dir.join("outputs.new");
        let mut new = OpenOptions::new();
        new.write(true).create(true).truncate(true).mode(0o600);
        new.open(&draft)?.write_all(&masked)?;
        fs::rename(draft, path(dir))
    });
    if masked.is_err() {
        remove(dir);
    }
}

/// To be done with those that nobody masked.
pub fn remove(dir: &Path) {
    for left in [path(dir), dir.join("outputs.new")] {
        // Also what a command has made a folder of. (Links are not followed.)
        let _ = fs::remove_file(&left).or_else(|_| fs::remove_dir_all(&left));
    }
}

/// Whole lines, as many as may be read. It is in the hands of the commands what kind of file it is.
fn read(dir: &Path) -> io::Result<Vec<u8>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path(dir));
    let file: File = match opened {
        Ok(file) if file.metadata()?.is_file() => file,
        Ok(_) => return Err(io::Error::other("the outputs are no file")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        // Half a line could be half a secret.
        bytes.pop();
        let whole = bytes.iter().rposition(|&byte| byte == b'\n');
        bytes.truncate(whole.map_or(0, |end| end + 1));
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        if let Some((key, value)) = line.split_once('=')
            && is_key(key)
            && value.len() <= LONGEST_VALUE
            && (outputs.len() < MOST || outputs.contains_key(key))
        {
            outputs.insert(key.to_owned(), value.to_owned());
        }
    }
    outputs
}

fn is_key(key: &str) -> bool {
    key.len() <= LONGEST_KEY
        && !key.starts_with(|first: char| first.is_ascii_digit())
        && !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(content: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(path(dir.path()), content).unwrap();
        dir
    }

    fn pairs(content: &[u8]) -> Vec<(String, String)> {
        parse(content).into_iter().collect()
    }

    #[test]
    fn good_lines_count_and_others_are_passed_over() {
        let content =
            b"lag=12\nno equals\n=x\n9a=1\na-b=1\nurl=http://a/?b=c\r\n_x=\nlag=13\nbad=\xff";
        let expected = [
            ("_x", ""),
            ("bad", "\u{fffd}"),
            ("lag", "13"),
            ("url", "http://a/?b=c"),
        ];
        assert_eq!(
            pairs(content),
            expected.map(|(key, value)| (key.into(), value.into()))
        );
        assert!(pairs(format!("{}=1", "k".repeat(61)).as_bytes()).is_empty());
        assert!(pairs(format!("k={}", "v".repeat(4097)).as_bytes()).is_empty());
        let many: String = (0..60).map(|n| format!("k{n}=1\n")).collect();
        assert_eq!(parse(many.as_bytes()).len(), 50);
    }

    #[tokio::test]
    async fn nothing_is_told_before_it_is_masked() {
        let dir = scene(b"a=1\n");
        assert!(read_outputs(dir.path()).await.unwrap().is_empty());
    }

    #[test]
    fn what_is_kept_of_a_file_is_masked() {
        let mut secret = Mask::new(&["hunter2".into()]);
        let dir = scene(b"a=hunter2\n");
        mask(dir.path(), &mut secret);
        assert_eq!(fs::read(path(dir.path())).unwrap(), b"a=********\n");
        let dir = scene("a=hunter2\n".repeat(100_000).as_bytes());
        mask(dir.path(), &mut secret);
        let kept = fs::read(path(dir.path())).unwrap();
        assert!(kept.len() > 256 << 10 && kept.len() < 300_000);
        assert!(kept.chunks(11).all(|line| line == b"a=********\n"));
    }

    #[test]
    fn what_is_no_file_any_more_is_removed() {
        let mut secret = Mask::new(&["hunter2".into()]);
        let dir = scene(b"");
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "a=hunter2\n").unwrap();
        fs::remove_file(path(dir.path())).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path(dir.path())).unwrap();
        mask(dir.path(), &mut secret);
        assert!(!path(dir.path()).exists() && elsewhere.exists());
        fs::create_dir_all(path(dir.path()).join("a=hunter2")).unwrap();
        mask(dir.path(), &mut secret);
        assert!(!path(dir.path()).exists());
    }
}
