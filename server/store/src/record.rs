//! One event in its envelope, and the chain that makes the timeline tamper-evident.

use sha2::{Digest, Sha256};

use crate::rows::Blob32;

/// One event of the timeline, as stored. `actor` and `body` are JSON texts, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Record {
    /// 1 for the first event ever, then without gaps.
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    /// The thing it happened to, such as an incident or a run.
    pub stream: String,
    pub kind: String,
    /// When it happened, in microseconds since 1970 (UTC).
    pub occurred_at: i64,
    /// When it was written down.
    pub recorded_at: i64,
    pub actor: String,
    pub body: String,
    /// [`chain`] of the record before it and this one.
    #[sqlx(try_from = "Blob32")]
    pub hash: [u8; 32],
}

/// An event before it has a place in the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub stream: String,
    pub kind: String,
    pub occurred_at: i64,
    pub recorded_at: i64,
    pub actor: String,
    pub body: String,
}

/// The end of the timeline: the last number and its hash. Before the first event: 0 and 32 zero bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::FromRow)]
pub struct Head {
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    #[sqlx(try_from = "Blob32")]
    pub hash: [u8; 32],
}

impl Head {
    /// Gives the draft the next number and its hash, and moves on to it.
    pub fn append(&mut self, draft: Draft) -> Record {
        let Draft {
            stream,
            kind,
            occurred_at,
            recorded_at,
            actor,
            body,
        } = draft;
        let mut record = Record {
            seq: self.seq + 1,
            stream,
            kind,
            occurred_at,
            recorded_at,
            actor,
            body,
            hash: [0; 32],
        };
        record.hash = chain(&self.hash, &record);
        *self = Head {
            seq: record.seq,
            hash: record.hash,
        };
        record
    }
}

/// The hash of a record: SHA-256 over the hash of the record before it (32 zero bytes before the first), then the fields
/// seq, stream, kind, occurred_at, recorded_at, actor, body, each as its length in bytes (8 bytes, big-endian) and its
/// bytes: texts as UTF-8, numbers as 8 bytes big-endian (two's complement). The record's own `hash` plays no part.
///
/// ```
/// # use store::{chain, Record};
/// let first = Record {
///     seq: 1,
///     stream: "INC-2026-001".into(),
///     kind: "declared".into(),
///     occurred_at: 1_767_225_600_000_000,
///     recorded_at: 1_767_225_600_000_001,
///     actor: r#"{"name":"ada"}"#.into(),
///     body: r#"{"title":"Orders fail"}"#.into(),
///     hash: [0; 32],
/// };
/// assert_eq!(
///     hex::encode(chain(&[0; 32], &first)),
///     "cdc328cf4ecaffc89ac808280ffecd248911e10a608b54a688daf755e0f26f63"
/// );
/// ```
pub fn chain(prev: &[u8; 32], record: &Record) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(prev);
    for field in [
        &record.seq.to_be_bytes()[..],
        record.stream.as_bytes(),
        record.kind.as_bytes(),
        &record.occurred_at.to_be_bytes(),
        &record.recorded_at.to_be_bytes(),
        record.actor.as_bytes(),
        record.body.as_bytes(),
    ] {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    sha.finalize().into()
}
