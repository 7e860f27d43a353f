//! What was accepted, and what came of it: one numbered sequence, in one append-only file for each sink.
//!
//! The files are the record, one JSON object a line. Memory holds only where each line is and what is asked for most, so
//! that a hundred thousand mails cost little.
//!
//! Architecture invariant: [`Kept::keep`] returns after the line was handed to the kernel: a killed process loses none.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::faults::Fault;
use crate::failure::{Doing, Result};

/// Where something can be delivered. Calls and messages have one provider, and are separate because their senders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sink {
    Smtp,
    Slack,
    Phone,
    Sms,
    Hook,
    Teams,
    Pagerduty,
}

impl Sink {
    pub const ALL: [Self; 7] = [
        Self::Smtp,
        Self::Slack,
        Self::Phone,
        Self::Sms,
        Self::Hook,
        Self::Teams,
        Self::Pagerduty,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Slack => "slack",
            Self::Phone => "phone",
            Self::Sms => "sms",
            Self::Hook => "hook",
            Self::Teams => "teams",
            Self::Pagerduty => "pagerduty",
        }
    }
}

/// What a sender handed over.
#[derive(Debug, Default, Serialize)]
pub struct Delivery {
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    /// By which the sender's repetitions can be told: Message-ID, webhook-id, dedup_key, Idempotency-Key.
    pub key: Option<String>,
    pub fault: Option<Fault>,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub detail: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Status,
    Callback,
    Said,
    Pressed,
    Response,
}

/// What came of a delivery.
#[derive(Debug, Serialize)]
pub struct Happening {
    pub of: u64,
    pub kind: What,
    pub detail: Value,
}

#[derive(Serialize)]
struct Line<'a, T> {
    number: u64,
    at: Timestamp,
    sink: Sink,
    #[serde(flatten)]
    content: &'a T,
}

/// What memory holds of a line; read back from the file after a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Brief {
    pub number: u64,
    pub at: Timestamp,
    pub sink: Sink,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub fault: Option<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<What>,
    #[serde(skip)]
    place: (u64, usize),
}

/// Which entries are asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    pub happenings: bool,
    pub sink: Option<Sink>,
    pub to: Option<String>,
    pub key: Option<String>,
    pub of: Option<u64>,
    pub kind: Option<What>,
    pub after: u64,
}

impl Wanted {
    fn fits(&self, brief: &Brief) -> bool {
        brief.of.is_some() == self.happenings
            && self.sink.is_none_or(|sink| brief.sink == sink)
            && self.to.as_ref().is_none_or(|to| brief.to.contains(to))
            && self
                .key
                .as_ref()
                .is_none_or(|key| brief.key.as_ref() == Some(key))
            && self.of.is_none_or(|of| brief.of == Some(of))
            && self.kind.is_none_or(|kind| brief.kind == Some(kind))
    }
}

struct Log {
    file: Arc<File>,
    length: u64,
}

struct Inner {
    last: u64,
    rows: Vec<Brief>,
    logs: [Log; Sink::ALL.len()],
}

pub struct Kept {
    inner: Mutex<Inner>,
    news: watch::Sender<u64>,
}

impl Kept {
    pub fn open(dir: &Path) -> Result<Self> {
        let mut rows = Vec::new();
        let mut open = |sink: Sink| {
            let path = dir.join(format!("{}.jsonl", sink.name()));
            Log::open(&path, &mut rows).doing(|| format!("open {}", path.display()))
        };
        let logs = [
            open(Sink::Smtp)?,
            open(Sink::Slack)?,
            open(Sink::Phone)?,
            open(Sink::Sms)?,
            open(Sink::Hook)?,
            open(Sink::Teams)?,
            open(Sink::Pagerduty)?,
        ];
        rows.sort_by_key(|row| row.number);
        let last = rows.last().map_or(0, |row| row.number);
        Ok(Self {
            inner: Mutex::new(Inner { last, rows, logs }),
            news: watch::Sender::new(last),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a delivery, and says under which number.
    pub fn keep(&self, sink: Sink, delivery: &Delivery) -> std::io::Result<u64> {
        self.append(sink, delivery, |row| Brief {
            to: delivery.to.clone(),
            subject: delivery.subject.clone(),
            key: delivery.key.clone(),
            fault: delivery.fault,
            ..row
        })
    }

    /// Adds what came of a delivery. Nobody can be answered for it, so a full disk is only noted.
    pub fn add(&self, sink: Sink, of: u64, kind: What, detail: Value) {
        let happening = Happening { of, kind, detail };
        let added = self.append(sink, &happening, |row| Brief {
            of: Some(of),
            kind: Some(kind),
            ..row
        });
        if let Err(error) = added {
            crate::daemon::note(&format!("what came of {of} could not be kept: {error}"));
        }
    }

    fn append(
        &self,
        sink: Sink,
        content: &impl Serialize,
        row: impl FnOnce(Brief) -> Brief,
    ) -> std::io::Result<u64> {
        let mut inner = self.inner();
        let number = inner.last + 1;
        let line = Line {
            number,
            at: Timestamp::now(),
            sink,
            content,
        };
        let at = line.at;
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let place = inner.logs[sink as usize].append(&bytes)?;
        inner.last = number;
        inner.rows.push(row(Brief {
            number,
            at,
            sink,
            to: Vec::new(),
            subject: String::new(),
            key: None,
            fault: None,
            of: None,
            kind: None,
            place,
        }));
        drop(inner);
        self.news.send_replace(number);
        Ok(number)
    }

    /// Waits until `count` entries are there that are wanted, or the time is up.
    pub async fn wait(&self, wanted: &Wanted, count: usize, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut news = self.news.subscribe();
        let (mut seen, mut from) = (0, wanted.after);
        loop {
            news.borrow_and_update();
            {
                let inner = self.inner();
                let fresh = inner.after(from).iter().filter(|row| wanted.fits(row));
                seen += fresh.count();
                from = from.max(inner.last);
            }
            if seen >= count {
                return;
            }
            if !matches!(
                tokio::time::timeout_at(deadline, news.changed()).await,
                Ok(Ok(()))
            ) {
                return;
            }
        }
    }

    pub fn brief(&self, wanted: &Wanted, limit: usize) -> Vec<Brief> {
        let inner = self.inner();
        let rows = inner.after(wanted.after).iter();
        rows.filter(|row| wanted.fits(row))
            .take(limit)
            .cloned()
            .collect()
    }

    pub fn last(&self) -> u64 {
        self.inner().last
    }

    /// The newest first.
    pub fn newest(&self, limit: usize) -> Vec<Brief> {
        let inner = self.inner();
        let rows = inner.rows.iter().rev().filter(|row| row.of.is_none());
        rows.take(limit).cloned().collect()
    }

    pub fn one(&self, number: u64) -> Option<Brief> {
        let inner = self.inner();
        let found = inner.rows.binary_search_by_key(&number, |row| row.number);
        Some(inner.rows[found.ok()?].clone())
    }

    /// The line as it is in the file, without its end.
    pub fn line(&self, row: &Brief) -> std::io::Result<String> {
        let file = self.inner().logs[row.sink as usize].file.clone();
        let (offset, length) = row.place;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn value(&self, row: &Brief) -> std::io::Result<Value> {
        Ok(serde_json::from_str(&self.line(row)?)?)
    }

    pub fn forget(&self) -> std::io::Result<()> {
        let mut inner = self.inner();
        inner.rows.clear();
        for log in &mut inner.logs {
            log.file.set_len(0)?;
            log.length = 0;
        }
        Ok(())
    }
}

impl Inner {
    fn after(&self, number: u64) -> &[Brief] {
        let start = self.rows.partition_point(|row| row.number <= number);
        &self.rows[start..]
    }
}

impl Log {
    fn open(path: &Path, rows: &mut Vec<Brief>) -> std::io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let mut reader = BufReader::new(&file);
        let (mut length, mut line) = (0, Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 {
            // Only the last line of a process that was killed can be half a line.
            let Some(text) = line.strip_suffix(b"\n") else {
                break;
            };
            let row: Brief = serde_json::from_slice(text)?;
            rows.push(Brief {
                place: (length, text.len()),
                ..row
            });
            length += line.len() as u64;
            line.clear();
        }
        file.set_len(length)?;
        Ok(Self {
            file: Arc::new(file),
            length,
        })
    }

    /// Appends the whole line or nothing; says where it is, without its end.
    fn append(&mut self, line: &[u8]) -> std::io::Result<(u64, usize)> {
        let place = (self.length, line.len() - 1);
        if let Err(error) = (&*self.file).write_all(line) {
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(place)
    }
}
