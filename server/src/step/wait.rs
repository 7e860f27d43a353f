//! Asks again and again until it is so. Says each change of the answer, and now and then that it still waits.

use super::{No, http, sql, values::Values};
use domain::{
    Span,
    plan::{CommandLine, Predicate, WaitFor},
};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// Without any change, a word this often.
const STILL: Duration = Duration::from_secs(10);
/// One look by a command takes at most this long.
const LOOK: Duration = Duration::from_secs(60);
/// Of a command's output the end is kept.
const MOST_KEPT: usize = 4096;
const MOST_CHARS: usize = 200;

pub async fn work(wait: &WaitFor, values: &Values) -> Result<(), No> {
    println!(
        "waiting until {}, asking every {}{}",
        wait.until.display(),
        wait.every,
        if wait.times > 1 {
            format!(", {} times in a row", wait.times)
        } else {
            String::new()
        }
    );
    let begun = Instant::now();
    let mut telling = Telling::default();
    let mut in_a_row = 0;
    loop {
        let seen = look(&wait.until, values).await;
        let (so, says) = match seen {
            Ok(says) => (true, format!("yes: {says}")),
            Err(No::Yet(says)) => (false, format!("not yet: {says}")),
            Err(no) => return Err(no),
        };
        in_a_row = if so { in_a_row + 1 } else { 0 };
        if let Some(line) = telling.line(begun.elapsed(), &says) {
            println!("{line}");
        }
        if in_a_row >= wait.times {
            println!(
                "so it is, after {} (asked {} times)",
                Span(begun.elapsed()).human(),
                telling.asked
            );
            return Ok(());
        }
        tokio::time::sleep(wait.every.0).await;
    }
}

/// What is worth a line.
#[derive(Default)]
struct Telling {
    asked: u64,
    last: Option<String>,
    told: Duration,
}

impl Telling {
    fn line(&mut self, at: Duration, says: &str) -> Option<String> {
        self.asked += 1;
        let after = Span(at).human();
        let line = if self.last.as_deref() != Some(says) {
            self.last = Some(says.to_owned());
            format!("after {after}: {says}")
        } else if at.saturating_sub(self.told) >= STILL {
            format!("after {after}, asked {} times, still: {says}", self.asked)
        } else {
            return None;
        };
        self.told = at;
        Some(line)
    }
}

async fn look(until: &Predicate, values: &Values) -> Result<String, No> {
    match until {
        Predicate::Http(http) => http::look(http, values).await,
        Predicate::Sql(sql) => sql::look(sql, values).await,
        Predicate::Command(command) => run(command, values).await,
    }
}

async fn run(command: &CommandLine, values: &Values) -> Result<String, No> {
    let argv = match command {
        CommandLine::Line(line) => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        CommandLine::Argv(words) => words
            .iter()
            .map(|w| values.take(w))
            .collect::<Result<_, _>>()?,
    };
    let [program, words @ ..] = argv.as_slice() else {
        return Err(No::Ever("the command to wait for is empty".into()));
    };
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| No::Yet(format!("cannot run `{program}`: {e}")))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(child.wait(), end_of(out), end_of(err)) };
    let (status, out, err) = match tokio::time::timeout(LOOK, all).await {
        Ok((Ok(status), out, err)) => (status, out, err),
        Ok((Err(error), ..)) => return Err(No::Yet(format!("cannot see its end: {error}"))),
        Err(_) => {
            return Err(No::Yet(format!(
                "`{program}` did not end within {}",
                Span(LOOK).human()
            )));
        }
    };
    let said = [out, err].iter().find_map(|o| last_line(o));
    let said = said.map(|line| format!(", {line}")).unwrap_or_default();
    match status.code() {
        Some(0) => Ok(format!("exit code 0{said}")),
        Some(code) => Err(No::Yet(format!("exit code {code}{said}"))),
        None => Err(No::Yet(format!("ended by a signal{said}"))),
    }
}

/// Reads all of it, so that nobody blocks on a full pipe, and keeps the end.
async fn end_of(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else {
        return kept;
    };
    let mut chunk = [0; MOST_KEPT];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let over = kept.len().saturating_sub(MOST_KEPT);
        kept.drain(..over);
    }
    kept
}

fn last_line(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().map(str::trim).find(|l| !l.is_empty())?;
    Some(line.chars().take(MOST_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_tells_each_change_and_else_a_word_every_ten_seconds() {
        let mut telling = Telling::default();
        let mut told = Vec::new();
        for second in 0..=25 {
            let says = if second == 3 { "half" } else { "no" };
            told.extend(
                telling
                    .line(Duration::from_secs(second), says)
                    .map(|_| second),
            );
        }
        assert_eq!(told, [0, 3, 4, 14, 24]);
    }
}
