//! The way of the output: from the commands through a pipe, a mask and into the spool.
//!
//! It is one pipe for the whole attempt, and the supervisor keeps an end to write to it: what a command
//! left behind in the background may go on writing, and nobody's holding on to it ever has to be waited
//! for. A command that writes faster than the disk takes it waits, as it would for any pipe.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::mask::Mask;
use super::output::{Spool, Total};
use super::{Spec, sys};

/// What a pipe holds at first, and what one that was found full is made to hold.
const USUAL: usize = 64 << 10;
const LARGE: i32 = 1 << 20;
const CHUNK: usize = 256 << 10;

pub struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
    is_large: bool,
    chunk: Vec<u8>,
    secrets: Vec<String>,
    /// Made when first needed: by then the first command is on its way.
    mask: Option<Mask>,
    spool: Spool,
}

impl Pipe {
    pub fn new(spec: &Spec) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            reader,
            writer,
            is_large: false,
            chunk: vec![0; USUAL],
            secrets: spec.mask.clone(),
            mask: None,
            spool: Spool::new(&spec.dir, spec.output_limit),
        })
    }

    pub fn end_to_write(&self) -> BorrowedFd<'_> {
        self.writer.as_fd()
    }

    pub fn end_to_read(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    pub fn mask(&mut self) -> &mut Mask {
        self.mask.get_or_insert_with(|| Mask::new(&self.secrets))
    }

    /// Stores what is there now, up to a chunk; says how much it was.
    pub fn take(&mut self) -> usize {
        if self.is_large {
            self.chunk.resize(CHUNK, 0);
        }
        let length = self.reader.read(&mut self.chunk).unwrap_or(0);
        if length >= USUAL && !self.is_large {
            // Who is allowed no more has to do with less.
            let _ = fcntl(&self.writer, FcntlArg::F_SETPIPE_SZ(LARGE));
            self.is_large = true;
        }
        let mask = self.mask.get_or_insert_with(|| Mask::new(&self.secrets));
        mask.pass(&self.chunk[..length], |bytes| self.spool.append(bytes));
        length
    }

    /// Stores what has been written by now, and no more, should somebody go on writing.
    pub fn drain(&mut self) {
        let mut left = sys::readable(self.reader.as_fd()).unwrap_or(0);
        while left > 0 {
            match self.take() {
                0 => return,
                length => left = left.saturating_sub(length),
            }
        }
    }

    /// Writes `$ DISPLAY` on one line of its own, even after output that did not end its last one.
    pub fn announce(&mut self, display: &str) {
        let display = display.replace(['\n', '\r'], " ");
        let mask = self.mask.get_or_insert_with(|| Mask::new(&self.secrets));
        mask.finish(|bytes| self.spool.append(bytes));
        let open_line = if self.spool.ends_line() { "" } else { "\n" };
        let line = format!("{open_line}$ {display}\n");
        mask.pass(line.as_bytes(), |bytes| self.spool.append(bytes));
    }

    pub fn finish(mut self) -> Total {
        let spool = &mut self.spool;
        if let Some(mask) = &mut self.mask {
            mask.finish(|bytes| spool.append(bytes));
        }
        spool.total()
    }
}
