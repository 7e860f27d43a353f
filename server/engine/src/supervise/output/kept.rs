//! What is kept of an output, as one reader finds it at one moment. The writer may go on meanwhile.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memchr::memchr_iter;

use super::{Mark, Piece, Place};
use crate::supervise::record;

const CHUNK: usize = 64 << 10;

pub struct Kept {
    dir: PathBuf,
    /// The size of the whole, once it is known.
    size: Option<u64>,
    /// Each is whole; between two of them something was dropped.
    pub runs: Vec<Run>,
}

/// Parts without a gap between them.
pub struct Run {
    parts: Vec<Stored>,
}

struct Stored {
    place: Place,
    file: File,
    size: u64,
}

impl Kept {
    pub fn open(dir: &Path) -> io::Result<Self> {
        // Asked first: if it is over by now, nothing is added to what is found below.
        let size = record::read_result(dir)?.map(|outcome| outcome.output_bytes);
        let mut places: Vec<Place> = match fs::read_dir(dir) {
            Ok(entries) => entries
                .flatten()
                .filter_map(|entry| Place::of(entry.file_name().to_str()?))
                .collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        places.sort_by_key(|place| (place.offset(), *place));
        let mut runs: Vec<Run> = Vec::new();
        for place in places {
            let file = match File::open(place.content(dir)) {
                Ok(file) => file,
                // Dropped for a newer one meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let size = file.metadata()?.len();
            let part = Stored { place, file, size };
            if size == 0 {
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.end() == place.offset() => run.parts.push(part),
                _ => runs.push(Run { parts: vec![part] }),
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            size,
            runs,
        })
    }

    pub fn is_final(&self) -> bool {
        self.size.is_some()
    }

    pub fn size(&self) -> u64 {
        let end = self.runs.last().map_or(0, Run::end);
        self.size.unwrap_or(end).max(end)
    }

    pub fn read(&self, offset: u64, max: usize) -> io::Result<Piece> {
        let Some(run) = self.runs.iter().find(|run| run.end() > offset) else {
            return Ok(Piece {
                offset: offset.max(self.size()),
                bytes: Vec::new(),
            });
        };
        let offset = offset.max(run.start());
        let length = (run.end() - offset).min(max as u64);
        let mut bytes = vec![0; length as usize];
        let mut done = 0;
        while done < bytes.len() {
            match run.read(offset + done as u64, &mut bytes[done..])? {
                0 => break,
                more => done += more,
            }
        }
        bytes.truncate(done);
        Ok(Piece { offset, bytes })
    }

    /// How many lines of `run` have ended, counted from the beginning of the output.
    pub fn lines_ended(&self, run: &Run) -> io::Result<u64> {
        let Some(last) = run.parts.last() else {
            return Ok(0);
        };
        let from = self.mark_before(last, u64::MAX);
        let mut lines = from.line;
        run.scan(from.offset, |chunk, _| {
            lines += memchr_iter(b'\n', chunk).count() as u64;
            true
        })?;
        Ok(lines)
    }

    /// Where line `line` begins in `run`, or the run itself if it begins with (the rest of) that line;
    /// the run's end if it is not in there.
    pub fn line_start(&self, run: &Run, line: u64) -> io::Result<u64> {
        let after = run.parts.partition_point(|part| part.place.line() < line);
        let Some(part) = after.checked_sub(1).and_then(|at| run.parts.get(at)) else {
            return Ok(run.start());
        };
        let from = self.mark_before(part, line);
        let (mut left, mut start) = (line - from.line, run.end());
        run.scan(from.offset, |chunk, offset| {
            for newline in memchr_iter(b'\n', chunk) {
                left -= 1;
                if left == 0 {
                    start = offset + newline as u64 + 1;
                    return false;
                }
            }
            true
        })?;
        Ok(start)
    }

    /// The last mark of `part` for a line before `line`: its beginning, if nothing better is known.
    fn mark_before(&self, part: &Stored, line: u64) -> Mark {
        let begin = Mark {
            line: part.place.line(),
            offset: part.place.offset(),
        };
        let Ok(index) = File::open(part.place.index(&self.dir)) else {
            return begin;
        };
        let end = begin.offset + part.size;
        let mark = |at: u64| {
            let mut bytes = [0; Mark::SIZE];
            index
                .read_exact_at(&mut bytes, at * Mark::SIZE as u64)
                .ok()?;
            Some(Mark::from_bytes(bytes)).filter(|mark| (begin.offset..=end).contains(&mark.offset))
        };
        // What cannot be read, or speaks of bytes that came after this look, is too late.
        let is_before = |at| mark(at).is_some_and(|mark| mark.line < line);
        let (mut low, mut high) = (
            0,
            index.metadata().map_or(0, |index| index.len()) / Mark::SIZE as u64,
        );
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1).and_then(mark).unwrap_or(begin)
    }
}

impl Run {
    pub fn start(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.place.offset())
    }

    pub fn end(&self) -> u64 {
        self.parts
            .last()
            .map_or(0, |part| part.place.offset() + part.size)
    }

    /// How many lines had ended before it.
    pub fn first_line(&self) -> u64 {
        self.parts.first().map_or(0, |part| part.place.line())
    }

    pub fn ends_line(&self) -> io::Result<bool> {
        let mut last = [0];
        Ok(self.read(self.end().saturating_sub(1), &mut last)? == 0 || last == *b"\n")
    }

    /// Reads what one part has there, at most.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let after = self
            .parts
            .partition_point(|part| part.place.offset() <= offset);
        let Some(part) = after.checked_sub(1).and_then(|at| self.parts.get(at)) else {
            return Ok(0);
        };
        let within = offset - part.place.offset();
        let length = (part.size.saturating_sub(within)).min(into.len() as u64);
        part.file.read_at(&mut into[..length as usize], within)
    }

    /// Shows all from `offset` on, in chunks with their offsets, until told to stop.
    pub fn scan(&self, offset: u64, mut show: impl FnMut(&[u8], u64) -> bool) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let mut offset = offset;
        loop {
            match self.read(offset, &mut chunk)? {
                0 => return Ok(()),
                length if !show(&chunk[..length], offset) => return Ok(()),
                length => offset += length as u64,
            }
        }
    }
}
