//! Everything the commands of an attempt wrote, masked, as raw bytes.
//!
//! ```text
//! out        index         the head: the first half of the limit
//! tail-O-L   index-O-L     parts of an eighth of the limit each; the oldest is dropped for a new one
//! ```
//!
//! Offsets and line numbers (from 0) are always those of the whole stream, whatever was dropped of it.
//! A tail's name says with which offset it begins, and how many lines had ended by then. An index has
//! pairs of little-endian numbers of 64 bits, line and offset: so many lines had ended before that
//! offset. There is a pair every 1,000 lines or 256 KiB, whichever comes first; it is written after
//! the bytes it speaks of. An index may be missing or short: it only saves reading.
//!
//! A part also ends where the disk refuses to take more. The next one begins when it takes some again.

mod kept;
mod lines;
mod search;
mod spool;

use std::io;
use std::path::{Path, PathBuf};

pub use lines::{LONGEST_LINE, Lines};
pub use search::Hit;
pub use spool::{Spool, Total};

use kept::Kept;

/// The limit of an attempt that names none.
pub const USUAL_LIMIT: u64 = 64 << 20;

/// Some of an attempt's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins: later than asked for if nothing of what was asked for is kept.
    pub offset: u64,
    /// Raw, possibly cut inside a character.
    pub bytes: Vec<u8>,
}

/// Up to `max` bytes of an attempt's output from `offset` on, or from where it is next kept. Empty at
/// the end, and while there is no output yet. What follows a piece begins where its last byte ends.
pub async fn read_output(dir: &Path, offset: u64, max: usize) -> io::Result<Piece> {
    look(dir, move |kept| kept.read(offset, max)).await
}

/// How much an attempt has written so far, kept or not.
pub async fn output_size(dir: &Path) -> io::Result<u64> {
    look(dir, |kept| Ok(kept.size())).await
}

/// Up to `count` lines from `first_line` on (counted from 0), and up to about `max_bytes` of them.
pub async fn read_lines(
    dir: &Path,
    first_line: u64,
    count: usize,
    max_bytes: usize,
) -> io::Result<Lines> {
    look(dir, move |kept| {
        lines::read(kept, first_line, count, max_bytes)
    })
    .await
}

/// Up to `limit` lines from `from_line` on that contain `needle`. To go on, ask from the line after
/// the last hit. Case is ignored for the letters of ASCII only.
pub async fn search(
    dir: &Path,
    needle: &str,
    case_insensitive: bool,
    from_line: u64,
    limit: usize,
) -> io::Result<Vec<Hit>> {
    let needle = needle.to_owned();
    look(dir, move |kept| {
        search::search(kept, &needle, case_insensitive, from_line, limit)
    })
    .await
}

async fn look<T: Send + 'static>(
    dir: &Path,
    ask: impl FnOnce(&Kept) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || ask(&Kept::open(&dir)?)).await?
}

/// Where a part begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Head,
    Tail { offset: u64, line: u64 },
}

impl Place {
    fn offset(self) -> u64 {
        match self {
            Place::Head => 0,
            Place::Tail { offset, .. } => offset,
        }
    }

    fn line(self) -> u64 {
        match self {
            Place::Head => 0,
            Place::Tail { line, .. } => line,
        }
    }

    fn of(name: &str) -> Option<Self> {
        if name == "out" {
            return Some(Place::Head);
        }
        let (offset, line) = name.strip_prefix("tail-")?.split_once('-')?;
        Some(Place::Tail {
            offset: offset.parse().ok()?,
            line: line.parse().ok()?,
        })
    }

    fn content(self, dir: &Path) -> PathBuf {
        match self {
            Place::Head => dir.join("out"),
            Place::Tail { offset, line } => dir.join(format!("tail-{offset}-{line}")),
        }
    }

    fn index(self, dir: &Path) -> PathBuf {
        match self {
            Place::Head => dir.join("index"),
            Place::Tail { offset, line } => dir.join(format!("index-{offset}-{line}")),
        }
    }
}

/// One pair of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// How many lines had ended.
    line: u64,
    /// Before this offset.
    offset: u64,
}

impl Mark {
    const SIZE: usize = 16;

    fn to_bytes(self) -> [u8; Self::SIZE] {
        (u128::from(self.offset) << 64 | u128::from(self.line)).to_le_bytes()
    }

    fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let both = u128::from_le_bytes(bytes);
        Self {
            line: both as u64,
            offset: (both >> 64) as u64,
        }
    }
}

#[cfg(test)]
mod tests;
