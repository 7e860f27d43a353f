//! Secrets are hidden before anything is stored.
//!
//! The bytes pass through as they come. Only an end that may be the beginning of a secret is held back
//! until more bytes, or the end, decide it.
//!
//! A secret split over two base64 lines, compressed, encrypted or spelled backwards is not recognised:
//! this guards against accidents, not against a command that wants to tell.

mod forms;

use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

/// What is stored in place of a secret.
pub const STARS: &[u8] = b"********";

/// Values shorter than this are not hidden: they would turn up everywhere by chance.
const SHORTEST: usize = 4;
/// Lines of a value shorter than this are not hidden by themselves.
const SHORTEST_LINE: usize = 6;

static LAST: Mutex<(Vec<String>, Option<Arc<Secrets>>)> = Mutex::new((Vec::new(), None));

/// Nothing is kept any more of the last secrets.
pub fn forget() {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = (Vec::new(), None);
}

/// Replaces each secret in a stream, in whatever form it is written. Whatever the chunks, the result
/// is that of the whole stream; every run of overlapping secrets becomes one row of stars.
pub struct Mask {
    secrets: Option<Arc<Secrets>>,
    /// Undecided: it is, or it is followed by, the beginning of a secret.
    held: Vec<u8>,
    /// How much of `held` is part of a secret whose stars have been written.
    covered: usize,
}

struct Secrets {
    finder: AhoCorasick,
    /// Sorted.
    forms: Vec<Vec<u8>>,
    longest: usize,
    /// Whether one begins with these two bytes, a bit for all of those: few do, and the rest is not looked at.
    pairs: Vec<u64>,
}

impl Mask {
    pub fn new(values: &[String]) -> Self {
        Self {
            secrets: Secrets::of(values),
            held: Vec::new(),
            covered: 0,
        }
    }

    /// Hands on what is decided by now.
    pub fn pass(&mut self, chunk: &[u8], to: impl FnMut(&[u8])) {
        self.advance(chunk, false, to);
    }

    /// Hands on what is left: nothing follows that could complete a secret.
    pub fn finish(&mut self, to: impl FnMut(&[u8])) {
        self.advance(b"", true, to);
    }

    /// A text by itself.
    pub fn whole(&mut self, text: &[u8]) -> Vec<u8> {
        let held = (std::mem::take(&mut self.held), self.covered);
        self.covered = 0;
        let mut masked = Vec::with_capacity(text.len());
        self.advance(text, true, |bytes| masked.extend_from_slice(bytes));
        (self.held, self.covered) = held;
        masked
    }

    fn advance(&mut self, chunk: &[u8], last: bool, mut to: impl FnMut(&[u8])) {
        let Some(secrets) = &self.secrets else {
            if !chunk.is_empty() {
                to(chunk);
            }
            return;
        };
        let joined;
        let bytes = if self.held.is_empty() {
            chunk
        } else {
            self.held.extend_from_slice(chunk);
            joined = std::mem::take(&mut self.held);
            &joined[..]
        };
        // No secret that begins before it can still grow, or still appear.
        let decided = if last {
            bytes.len()
        } else {
            secrets.undecided_from(bytes)
        };
        let mut written = self.covered;
        let mut from = 0;
        while let Some(found) = secrets.finder.find(Input::new(bytes).range(from..)) {
            if found.start() >= decided {
                break;
            }
            if found.start() >= written {
                if found.start() > written {
                    to(&bytes[written..found.start()]);
                }
                to(STARS);
            }
            written = written.max(found.end());
            // Another may begin inside this one and end after it.
            from = found.start() + 1;
        }
        if written < decided {
            to(&bytes[written..decided]);
            written = decided;
        }
        self.covered = written - decided;
        self.held = bytes[decided..].to_vec();
    }
}

impl Secrets {
    /// What is made of values is kept for the next to have the same: the attempts of a run do, one after the other.
    fn of(values: &[String]) -> Option<Arc<Self>> {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0 != values {
            *last = (values.to_vec(), Secrets::new(values).map(Arc::new));
        }
        last.1.clone()
    }

    fn new(values: &[String]) -> Option<Self> {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for value in values.iter().filter(|value| value.len() >= SHORTEST) {
            forms::all(value, &mut forms);
            if value.contains('\n') {
                // What a shell leaves of it.
                let trimmed = value.trim_end_matches('\n');
                if trimmed.len() >= SHORTEST {
                    forms::all(trimmed, &mut forms);
                }
                let lines = trimmed.split('\n').map(|line| line.trim_end_matches('\r'));
                for line in lines.filter(|line| line.len() >= SHORTEST_LINE) {
                    forms::usual(line, &mut forms);
                }
            }
        }
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort();
        forms.dedup();
        // The quickest to build that is quick enough to search with: a command waits for neither.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&forms);
        // It fails for gigabytes of secrets only.
        let finder = finder.ok().filter(|_| !forms.is_empty())?;
        let longest = forms.iter().map(Vec::len).max()?;
        let mut pairs = vec![0; (1 << 16) / 64];
        for pair in forms.iter().map(|form| pair(form)) {
            pairs[pair / 64] |= 1 << (pair % 64);
        }
        Some(Self {
            finder,
            forms,
            longest,
            pairs,
        })
    }

    /// Where the longest end of `bytes` begins that is the beginning of a secret.
    fn undecided_from(&self, bytes: &[u8]) -> usize {
        let last = bytes.len().saturating_sub(1);
        let first = bytes.len().saturating_sub(self.longest - 1);
        let mut pairs = bytes[first..].windows(2).enumerate();
        let found = pairs
            .find(|(at, two)| self.is_first_pair(two) && self.is_beginning(&bytes[first + at..]));
        match found {
            Some((at, _)) => first + at,
            None if self.is_beginning(&bytes[last..]) => last,
            None => bytes.len(),
        }
    }

    fn is_first_pair(&self, two: &[u8]) -> bool {
        let pair = pair(two);
        self.pairs[pair / 64] >> (pair % 64) & 1 == 1
    }

    /// Not of nothing.
    fn is_beginning(&self, end: &[u8]) -> bool {
        // The first form that is longer than `end` and not smaller.
        let next = self.forms.partition_point(|form| form.as_slice() <= end);
        let form = self.forms.get(next);
        !end.is_empty() && form.is_some_and(|form| form.starts_with(end))
    }
}

/// The first two of at least as many bytes, as a number.
fn pair(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

#[cfg(test)]
mod tests;
