//! The timeline as a text file that can be checked without a database, or without Muster: one JSON object per line.
//!
//! The first line is the header: `{"format":"muster-timeline","version":1,"events":N,"head":"<hash of record N>"}`. Each
//! further line is one record, its fields under their names in [`Record`], `actor` and `body` as strings that hold the JSON
//! text byte for byte (the hash is over these bytes), `hash` in lower-case hex. There is one way to write a record, and the
//! verifier accepts no other: every byte counts. The recipe of the hash is at [`crate::chain`].

use std::borrow::Cow;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::{Broken, Error, Fault, Head, Record, Store, Verified, Verifier};

const FORMAT: &str = "muster-timeline";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    events: u64,
    head: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: u64,
    stream: Cow<'a, str>,
    kind: Cow<'a, str>,
    occurred_at: i64,
    recorded_at: i64,
    actor: Cow<'a, str>,
    body: Cow<'a, str>,
    hash: Cow<'a, str>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] Error),
    #[error("cannot write the export: {0}")]
    Write(#[from] std::io::Error),
}

/// The first line of an export that ends at this head.
pub fn header(head: Head) -> String {
    let header = Header {
        format: FORMAT.into(),
        version: VERSION,
        events: head.seq,
        head: hex::encode(head.hash),
    };
    line_of(&header)
}

/// The line of one record.
pub fn line(record: &Record) -> String {
    let Record {
        seq,
        stream,
        kind,
        occurred_at,
        recorded_at,
        actor,
        body,
        hash,
    } = record;
    line_of(&Line {
        seq: *seq,
        stream: stream.into(),
        kind: kind.into(),
        occurred_at: *occurred_at,
        recorded_at: *recorded_at,
        actor: actor.into(),
        body: body.into(),
        hash: hex::encode(hash).into(),
    })
}

fn line_of(value: &impl Serialize) -> String {
    // Strings and numbers only: there is nothing in it that JSON cannot say.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

/// Writes the timeline up to its present head, which is answered.
pub async fn write(store: &Store, out: &mut (impl Write + Send)) -> Result<Head, ExportError> {
    const PAGE: u64 = 1000;
    let head = store.head().await?;
    out.write_all(header(head).as_bytes())?;
    let mut written = 0;
    while written < head.seq {
        let page = PAGE.min(head.seq - written) as u32;
        let records = store.events_after(written, page).await?;
        let Some(last) = records.last() else { break };
        written = last.seq;
        for record in &records {
            out.write_all(line(record).as_bytes())?;
        }
    }
    out.flush()?;
    Ok(head)
}

/// Checks an export, to its end. Needs nothing but the lines.
pub fn verify_lines(lines: impl BufRead) -> Result<Verified, Broken> {
    let mut lines = lines.lines();
    let promised = read_header(lines.next()).map_err(|why| Broken {
        seq: 0,
        fault: Fault::Unreadable(why),
    })?;
    let mut verifier = Verifier::default();
    for line in lines {
        let seq = verifier.head().seq + 1;
        let record = line
            .map_err(|error| error.to_string())
            .and_then(|line| read_line(&line));
        let record = record.map_err(|why| Broken {
            seq,
            fault: Fault::Unreadable(why),
        })?;
        verifier.push(&record)?;
    }
    let verified = verifier.finish(promised.seq)?;
    if verified.head != promised {
        let why = format!(
            "its header tells of {} events with another end",
            promised.seq
        );
        return Err(Broken {
            seq: 0,
            fault: Fault::Unreadable(why),
        });
    }
    Ok(verified)
}

fn read_header(line: Option<std::io::Result<String>>) -> Result<Head, String> {
    let line = line
        .ok_or("it is empty")?
        .map_err(|error| error.to_string())?;
    let header: Header = serde_json::from_str(&line)
        .map_err(|error| format!("its first line is no header: {error}"))?;
    if header.format != FORMAT {
        return Err(format!("its format is {:?}, not {FORMAT:?}", header.format));
    }
    if header.version != VERSION {
        return Err(format!(
            "its format version is {}, this program knows {VERSION}: use a newer one",
            header.version
        ));
    }
    let head = Head {
        seq: header.events,
        hash: read_hash(&header.head)?,
    };
    as_written(&line, &self::header(head))?;
    Ok(head)
}

fn read_line(line: &str) -> Result<Record, String> {
    let Line {
        seq,
        stream,
        kind,
        occurred_at,
        recorded_at,
        actor,
        body,
        hash,
    } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let record = Record {
        seq,
        stream: stream.into(),
        kind: kind.into(),
        occurred_at,
        recorded_at,
        actor: actor.into(),
        body: body.into(),
        hash: read_hash(&hash)?,
    };
    as_written(line, &self::line(&record))?;
    Ok(record)
}

fn as_written(found: &str, written: &str) -> Result<(), String> {
    if found == written.trim_end_matches('\n') {
        Ok(())
    } else {
        Err("it is not written as an export writes it".into())
    }
}

fn read_hash(hex: &str) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    hex::decode_to_slice(hex, &mut hash)
        .map_err(|error| format!("{hex:?} is not a hash in hex: {error}"))?;
    Ok(hash)
}
