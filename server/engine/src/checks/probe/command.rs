//! A command that looks. It has a process group of its own, which is gone when the look is over, however it ends.

use super::{Looked, Seen};
use crate::checks::failure::{Class, Failure};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// Of what it says this much is kept, and of that the last line is told.
const MOST_READ: usize = 4096;
const MOST_TOLD: usize = 200;
/// What was written before its end comes within this time.
const LAST_WORDS: Duration = Duration::from_millis(200);

struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody is left: that is what is wanted.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

pub async fn run(argv: &[String]) -> Looked {
    let Some((program, words)) = argv.split_first() else {
        return Err(Failure::new(Class::Error, "the plan names no command"));
    };
    let kept = ["PATH", "HOME", "LANG", "TZ"];
    let environment = std::env::vars_os().filter(|(n, _)| kept.iter().any(|k| n == *k));
    let mut child = Command::new(program)
        .args(words)
        .env_clear()
        .envs(environment)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| Failure::new(Class::Error, format!("cannot run {program}: {e}")))?;
    let group = Group(child.id().map(|id| Pid::from_raw(id as i32)));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let said = async { tokio::join!(sip(out), sip(err)) };
    tokio::pin!(said);
    let mut early = None;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            words = &mut said, if early.is_none() => early = Some(words),
        }
    };
    drop(group);
    let (out, err) = match early {
        Some(words) => words,
        None => tokio::time::timeout(LAST_WORDS, said)
            .await
            .unwrap_or_default(),
    };
    let told = last_line(if status.success() || err.is_empty() {
        &out
    } else {
        &err
    });
    if status.success() {
        let says = if told.is_empty() { "exit 0" } else { &told };
        return Ok(Seen::new(says));
    }
    let gap = if told.is_empty() { "" } else { ": " };
    Err(Failure::wrong(format!("{status}{gap}{told}")))
}

/// Reads to the end, and keeps the last of it.
async fn sip(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut from) = from else {
        return Vec::new();
    };
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let surplus = kept.len().saturating_sub(MOST_READ);
        kept.drain(..surplus);
    }
    kept
}

fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|l| !l.trim().is_empty());
    line.unwrap_or_default()
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MOST_TOLD)
        .collect()
}
