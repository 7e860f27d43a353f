//! Puts the output of an attempt into its files, as much of it as is to be kept.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memchr::memchr_iter;
use sha2::{Digest, Sha256};

use super::{Mark, Place, USUAL_LIMIT};

const MARK_LINES: u64 = 1_000;
const MARK_BYTES: u64 = 256 << 10;
/// A limit below this is raised to it.
const LEAST_LIMIT: u64 = 4 << 10;
/// A disk that is full again and again could make a part of every few bytes.
const MOST_TAILS: usize = 64;

/// Never fails: what cannot be written is counted and dropped.
pub struct Spool {
    dir: PathBuf,
    limit: u64,
    open: Option<Part>,
    /// The tails there are, with their sizes; the last one may be open.
    tails: VecDeque<(Place, u64)>,
    /// Where the stream has got to, and since when there is no mark.
    at: Mark,
    marked: Mark,
    ends_line: bool,
    evicted: u64,
    refused: u64,
    hash: Sha256,
}

struct Part {
    place: Place,
    file: File,
    size: u64,
    room: u64,
    index: Option<File>,
    marks: u64,
}

/// What there was of an output in the end.
pub struct Total {
    pub bytes: u64,
    /// How many of them are not kept.
    pub dropped: u64,
    /// Of all of them.
    pub sha256: String,
}

impl Spool {
    pub fn new(dir: &Path, limit: u64) -> Self {
        let start = Mark { line: 0, offset: 0 };
        Self {
            dir: dir.to_owned(),
            limit: if limit == 0 { USUAL_LIMIT } else { limit }.max(LEAST_LIMIT),
            open: None,
            tails: VecDeque::new(),
            at: start,
            marked: start,
            ends_line: true,
            evicted: 0,
            refused: 0,
            hash: Sha256::new(),
        }
    }

    /// Whether nothing has been written, or a whole line last.
    pub fn ends_line(&self) -> bool {
        self.ends_line
    }

    pub fn append(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.ends_line = *last == b'\n';
        self.hash.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.open.as_ref().is_none_or(|part| part.room == 0) {
                self.open = self.next_part().ok();
            }
            let written = self.open.as_mut().map_or(0, |part| part.write(rest));
            let (kept, left) = rest.split_at(written);
            self.walk(kept);
            if let Some(Part {
                place: Place::Tail { .. },
                size,
                ..
            }) = &self.open
                && let Some(tail) = self.tails.back_mut()
            {
                tail.1 = *size;
            }
            rest = left;
            if self.open.as_ref().is_none_or(|part| part.room > 0) && !rest.is_empty() {
                self.refuse(rest);
                return;
            }
        }
    }

    pub fn total(&self) -> Total {
        Total {
            bytes: self.at.offset,
            dropped: self.evicted + self.refused,
            sha256: hex::encode(self.hash.clone().finalize()),
        }
    }

    /// The disk does not take the rest. What comes next may find room again, in a part of its own.
    fn refuse(&mut self, rest: &[u8]) {
        self.refused += rest.len() as u64;
        if let Some(part) = self.open.take()
            && part.size == 0
            && part.place != Place::Head
        {
            self.drop_tail(self.tails.len() - 1);
        }
        self.walk(rest);
    }

    fn next_part(&mut self) -> io::Result<Part> {
        // Closed first: its number of bytes is final.
        let is_first = self.open.take().is_none() && self.at.offset == 0;
        let place = if is_first {
            Place::Head
        } else {
            Place::Tail {
                offset: self.at.offset,
                line: self.at.line,
            }
        };
        let room = if is_first {
            self.limit / 2
        } else {
            self.limit / 8
        };
        let file = create(&place.content(&self.dir))?;
        if !is_first {
            self.tails.push_back((place, 0));
            let kept =
                |tails: &VecDeque<(Place, u64)>| tails.iter().map(|(_, size)| size).sum::<u64>();
            while self.tails.len() > MOST_TAILS || kept(&self.tails) + room > self.limit / 2 {
                self.drop_tail(0);
            }
        }
        self.marked = self.at;
        Ok(Part {
            place,
            file,
            size: 0,
            room,
            index: None,
            marks: 0,
        })
    }

    fn drop_tail(&mut self, which: usize) {
        if let Some((place, size)) = self.tails.remove(which) {
            let _ = fs::remove_file(place.content(&self.dir));
            let _ = fs::remove_file(place.index(&self.dir));
            self.evicted += size;
        }
    }

    /// Counts bytes and lines, and puts up marks on the way.
    fn walk(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = MARK_BYTES - (self.at.offset - self.marked.offset);
            let mut end = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            let due = self.marked.line + MARK_LINES;
            for newline in memchr_iter(b'\n', &bytes[..end]) {
                self.at.line += 1;
                if self.at.line == due {
                    end = newline + 1;
                    break;
                }
            }
            self.at.offset += end as u64;
            if self.at.line == due || end as u64 == room {
                self.marked = self.at;
                if let Some(part) = &mut self.open {
                    part.mark(&self.dir, self.at);
                }
            }
            bytes = &bytes[end..];
        }
    }
}

impl Part {
    /// Says how many bytes, from the first on, there was room for.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let wanted = bytes
            .len()
            .min(usize::try_from(self.room).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < wanted {
            match self.file.write_at(&bytes[done..wanted], self.size) {
                Ok(0) | Err(_) => break,
                Ok(more) => {
                    done += more;
                    self.size += more as u64;
                    self.room -= more as u64;
                }
            }
        }
        done
    }

    /// A mark that finds no room is left out, and with it the next ones: the scan is longer then.
    fn mark(&mut self, dir: &Path, mark: Mark) {
        if self.marks == 0 {
            self.index = create(&self.place.index(dir)).ok();
        }
        if let Some(index) = &self.index {
            match index.write_all_at(&mark.to_bytes(), self.marks * Mark::SIZE as u64) {
                Ok(()) => {}
                Err(_) => self.index = None,
            }
        }
        self.marks += 1;
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}
