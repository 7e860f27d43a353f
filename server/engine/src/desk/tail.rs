//! The last events as the live stream sends them: each is written once, as a whole frame, and every reader is handed the
//! same bytes.

use bytes::Bytes;
use domain::{Event, Stamped, words};
use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, PoisonError, RwLock},
};

/// How much is kept at hand. A reader further behind begins anew: nobody's slowness makes it more.
const KEPT: usize = 4 * 1024 * 1024;
/// What is handed out in one piece, unless one event alone is larger.
const PIECE: usize = 64 * 1024;

/// Events that were committed together, as they are sent.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Bytes,
    /// The number of each event, and where its frame ends.
    ends: Vec<(u64, usize)>,
    /// Sessions and tokens that end with these events.
    revoked: Vec<String>,
}

impl Frames {
    fn of(events: &[Stamped]) -> Vec<Frames> {
        let (mut all, mut bytes, mut frames) = (Vec::new(), Vec::new(), Frames::default());
        for event in events {
            let from = bytes.len();
            // JSON has no line break of its own: one line is the whole datum.
            let written = write!(bytes, "id: {}\ndata: ", event.seq)
                .and_then(|()| match words::said(event) {
                    Some(said) => Ok(serde_json::to_writer(&mut bytes, &said)?),
                    None => Ok(serde_json::to_writer(&mut bytes, event)?),
                })
                .and_then(|()| bytes.write_all(b"\n\n"));
            if let Err(error) = written {
                tracing::error!(event.seq, %error, "Event {} cannot be sent", event.seq);
                bytes.truncate(from);
            }
            frames.ends.push((event.seq, bytes.len()));
            if let Event::TokenRevoked { id } = &event.event {
                frames.revoked.push(id.clone());
            }
            if bytes.len() >= PIECE {
                frames.bytes = std::mem::take(&mut bytes).into_boxed_slice().into();
                all.push(std::mem::take(&mut frames));
            }
        }
        if !frames.ends.is_empty() {
            frames.bytes = bytes.into_boxed_slice().into();
            all.push(frames);
        }
        all
    }

    pub fn last(&self) -> u64 {
        self.ends.last().map_or(0, |(seq, _)| *seq)
    }

    /// The frames of the events after `seq`: a slice of what all readers share.
    pub fn after(&self, seq: u64) -> Bytes {
        let passed = self.ends.partition_point(|(s, _)| *s <= seq);
        let from = passed.checked_sub(1).map_or(0, |last| self.ends[last].1);
        self.bytes.slice(from..)
    }

    pub fn revoke(&self, credential: &str) -> bool {
        self.revoked.iter().any(|id| id == credential)
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<(u64, usize)>()
    }
}

/// The reader's place is further back than what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFar;

pub(super) struct Tail(RwLock<Kept>);

struct Kept {
    /// Every event after this one is here.
    from: u64,
    size: usize,
    pieces: VecDeque<Arc<Frames>>,
}

impl Tail {
    /// Of a log whose last events, those after `from`, are these.
    pub(super) fn of(from: u64, events: &[Stamped]) -> Tail {
        let tail = Tail(RwLock::new(Kept {
            from,
            size: 0,
            pieces: VecDeque::new(),
        }));
        tail.push(events);
        tail
    }

    pub(super) fn push(&self, events: &[Stamped]) {
        let new = Frames::of(events);
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for frames in new {
            kept.size += frames.size();
            kept.pieces.push_back(Arc::new(frames));
        }
        while kept.size > KEPT
            && kept.pieces.len() > 1
            && let Some(oldest) = kept.pieces.pop_front()
        {
            kept.size -= oldest.size();
            kept.from = oldest.last();
        }
    }

    /// The piece that the event after `seq` is in, or nothing where there is none yet.
    pub(super) fn after(&self, seq: u64) -> Result<Option<Arc<Frames>>, TooFar> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if seq < kept.from {
            return Err(TooFar);
        }
        let passed = kept.pieces.partition_point(|p| p.last() <= seq);
        Ok(kept.pieces.get(passed).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Actor, Source, Stamp};

    fn event(seq: u64, event: Event) -> Stamped {
        Stamped {
            seq,
            stream: event.stream(),
            at: Stamp(seq as i64),
            recorded: Stamp(seq as i64),
            actor: Actor::system("test", Source::Cli),
            event,
        }
    }

    fn revoked(seq: u64, id: &str) -> Stamped {
        event(seq, Event::TokenRevoked { id: id.to_owned() })
    }

    fn ids(bytes: &[u8]) -> Vec<u64> {
        std::str::from_utf8(bytes)
            .unwrap()
            .lines()
            .filter_map(|l| l.strip_prefix("id: "))
            .map(|id| id.parse().unwrap())
            .collect()
    }

    #[test]
    fn readers_are_handed_the_same_bytes_from_their_own_place() {
        let tail = Tail::of(0, &[revoked(1, "a"), revoked(2, "b"), revoked(3, "c")]);
        tail.push(&[revoked(4, "d")]);
        let first = tail.after(0).unwrap().unwrap();
        assert_eq!((ids(&first.after(0)), first.last()), (vec![1, 2, 3], 3));
        assert_eq!(ids(&first.after(2)), [3]);
        assert!(first.revoke("b") && !first.revoke("d"));
        let again = tail.after(1).unwrap().unwrap();
        assert_eq!(again.after(0).as_ptr(), first.after(0).as_ptr());
        assert_eq!(ids(&tail.after(3).unwrap().unwrap().after(3)), [4]);
        assert!(tail.after(4).unwrap().is_none());
    }

    #[test]
    fn a_number_that_was_passed_over_misleads_no_reader() {
        // Event 3 did not decode.
        let tail = Tail::of(0, &[revoked(1, "a"), revoked(2, "b")]);
        tail.push(&[revoked(4, "d")]);
        tail.push(&[revoked(5, "e")]);
        for place in [2, 3] {
            assert_eq!(ids(&tail.after(place).unwrap().unwrap().after(place)), [4]);
        }
        assert_eq!(ids(&tail.after(4).unwrap().unwrap().after(4)), [5]);
    }

    #[test]
    fn the_tail_is_bounded_and_says_who_is_too_far_behind() {
        let tail = Tail::of(10, &[]);
        assert_eq!(tail.after(9).err(), Some(TooFar));
        let long = "x".repeat(10_000);
        for batch in 0..100_u64 {
            let events: Vec<_> = (0..10)
                .map(|n| revoked(11 + batch * 10 + n, &long))
                .collect();
            tail.push(&events);
        }
        let kept = tail.0.read().unwrap();
        let held: usize = kept.pieces.iter().map(|p| p.size()).sum();
        assert!(held == kept.size && held <= KEPT, "{held}");
        assert!(kept.pieces.iter().all(|p| p.bytes.len() < 2 * PIECE));
        let (from, to) = (kept.from, kept.pieces.back().unwrap().last());
        drop(kept);
        assert_eq!(tail.after(from - 1).err(), Some(TooFar));
        let (mut place, mut seen) = (from, Vec::new());
        while let Some(frames) = tail.after(place).unwrap() {
            seen.extend(ids(&frames.after(place)));
            place = frames.last();
        }
        assert_eq!(seen, (from + 1..=to).collect::<Vec<_>>());
    }
}
