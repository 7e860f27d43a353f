//! `out`: everything the commands wrote, as raw bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Opens the output for appending, and for reading its end.
pub fn open(dir: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(dir.join("out"))
}

/// Writes `$ DISPLAY` on one line of its own, even after output that did not end its last one.
pub fn announce(mut out: &File, display: &str) -> io::Result<()> {
    let length = out.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        out.read_exact_at(&mut last, length - 1)?;
    }
    let open_line = if last == *b"\n" { "" } else { "\n" };
    let display = display.replace(['\n', '\r'], " ");
    out.write_all(format!("{open_line}$ {display}\n").as_bytes())
}

/// Up to `max` bytes of an attempt's output from `offset` on: raw, possibly cut inside a character.
/// Empty at the end, and while there is no output yet.
pub async fn read_output(dir: &Path, offset: u64, max: usize) -> io::Result<Vec<u8>> {
    with_output(dir, move |mut out| {
        let mut bytes = Vec::new();
        out.seek(SeekFrom::Start(offset))?;
        out.take(max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
    .await
}

/// How much an attempt has written so far.
pub async fn output_size(dir: &Path) -> io::Result<u64> {
    with_output(dir, |out| Ok(out.metadata()?.len())).await
}

async fn with_output<T, F>(dir: &Path, look: F) -> io::Result<T>
where
    T: Default + Send + 'static,
    F: FnOnce(File) -> io::Result<T> + Send + 'static,
{
    let path = dir.join("out");
    let looked = tokio::task::spawn_blocking(move || match File::open(path) {
        Ok(out) => look(out),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    });
    looked.await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_is_announced_on_a_line_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_output(dir.path(), 0, 10).await.unwrap(), b"");
        let mut out = open(dir.path()).unwrap();
        announce(&out, "first\nsecond").unwrap();
        out.write_all(b"no end of line").unwrap();
        announce(&out, "third").unwrap();
        let whole = b"$ first second\nno end of line\n$ third\n";
        assert_eq!(read_output(dir.path(), 0, usize::MAX).await.unwrap(), whole);
        assert_eq!(read_output(dir.path(), 2, 5).await.unwrap(), b"first");
        assert_eq!(read_output(dir.path(), 1000, 5).await.unwrap(), b"");
        assert_eq!(output_size(dir.path()).await.unwrap(), whole.len() as u64);
    }
}
