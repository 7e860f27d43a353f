//! Proving that a timeline is as it was written: one fold over its records, for the database and for an export alike.

use std::fmt;

use crate::{Head, Record, chain};

/// A timeline that was read to its end, every hash right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub events: u64,
    /// Compare it with a head noted elsewhere: then even a rewritten timeline cannot pass.
    pub head: Head,
}

/// The first record that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its number; 0 for the header of an export.
    pub seq: u64,
    pub fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not there; this number stands in its place.
    Missing { found: u64 },
    /// The timeline ends before it, though it once went on to the given number.
    CutOff { last: u64 },
    /// Its hash does not fit its fields and the record before it.
    Changed,
    /// It could not be read, so nothing is known of it or of those after it.
    Unreadable(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match &self.fault {
            Fault::Missing { found } => {
                write!(
                    f,
                    "record {seq} is missing: record {found} stands in its place. All before it is as it was written"
                )
            }
            Fault::CutOff { last } => write!(
                f,
                "record {seq} is missing: the timeline ends before it, but went on to record {last}. All before it is as it \
                 was written"
            ),
            Fault::Changed => write!(
                f,
                "record {seq} is not as it was written: its hash does not fit it. All before it is as it was written"
            ),
            Fault::Unreadable(why) if seq == 0 => {
                write!(f, "this is not an export of a timeline: {why}")
            }
            Fault::Unreadable(why) => {
                write!(
                    f,
                    "record {seq} cannot be read: {why}. All before it is as it was written"
                )
            }
        }
    }
}

impl std::error::Error for Broken {}

/// Takes records in their order and stops at the first wrong one.
#[derive(Debug, Default)]
pub struct Verifier {
    head: Head,
}

impl Verifier {
    /// The last record that was right.
    pub fn head(&self) -> Head {
        self.head
    }

    pub fn push(&mut self, record: &Record) -> Result<(), Broken> {
        let seq = self.head.seq + 1;
        if record.seq != seq {
            return Err(Broken {
                seq,
                fault: Fault::Missing { found: record.seq },
            });
        }
        if record.hash != chain(&self.head.hash, record) {
            return Err(Broken {
                seq,
                fault: Fault::Changed,
            });
        }
        self.head = Head {
            seq,
            hash: record.hash,
        };
        Ok(())
    }

    /// The end was reached. It must not come before a number that is known to have been written.
    pub fn finish(self, at_least: u64) -> Result<Verified, Broken> {
        if self.head.seq < at_least {
            return Err(Broken {
                seq: self.head.seq + 1,
                fault: Fault::CutOff { last: at_least },
            });
        }
        Ok(Verified {
            events: self.head.seq,
            head: self.head,
        })
    }
}
