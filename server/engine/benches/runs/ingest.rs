//! A command that writes as fast as it can: masked, hashed, indexed and stored, beside plain pipes to a file and to a hash.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::supervise::{CommandLine, Ending, Spec, Supervisor};

use crate::{
    Ground,
    figures::{Row, median, ms, number},
};

const ROUNDS: usize = 7;
const LINES: usize = 1_000_000;
/// What a run with nothing but its own token has to hide, and what one has with many.
const SECRETS: [usize; 2] = [1, 10];

pub async fn run() {
    let ground = Ground::new("ingest");
    let dir = ground.path();
    let lines = dir.join("lines");
    let bytes = write_lines(&lines);
    let supervisor = Supervisor::start().expect("a zygote");
    let (from, to) = (lines.display(), dir.join("copy"));
    let copy = to.display();
    let controls = [
        format!("cat {from} | cat > {copy}"),
        format!("cat {from} | sha256sum > {copy}"),
        format!("cat {from} | tee {copy} | sha256sum > {copy}.sum"),
    ];
    let mut rows = [
        "`cat lines | cat > file`",
        "`cat lines | sha256sum`",
        "`cat lines | tee file | sha256sum`",
        "Muster, 1 secret to hide",
        "Muster, 10 secrets to hide",
    ]
    .map(Row::new);
    for round in 0..ROUNDS {
        for (row, script) in rows.iter_mut().zip(&controls) {
            row.rounds.push(vec![ms(shell(script))]);
            let _ = fs::remove_file(&to);
        }
        for (row, secrets) in rows[controls.len()..].iter_mut().zip(SECRETS) {
            let dir = dir.join(format!("{round}-{secrets}"));
            let time = attempt(&supervisor, &lines, &dir, secrets, bytes).await;
            row.rounds.push(vec![ms(time)]);
            fs::remove_dir_all(&dir).expect("removed");
        }
    }
    fs::remove_dir_all(&dir).expect("removed");
    println!(
        "{LINES} lines of {} bytes on average; medians of {ROUNDS} rounds   lines/s   MB/s  rate to [1]  to [3]",
        bytes / LINES as u64
    );
    for (n, row) in (1..).zip(&rows) {
        let rate = rate(row);
        let to = |control: usize| row.to(&rows[control], |own, control| control / own);
        println!(
            "[{n}] {:<52} {rate:>9.0} {:>6.0} {:>12.2} {:>7.2}",
            row.name,
            rate * bytes as f64 / LINES as f64 / 1e6,
            to(0),
            to(2)
        );
    }
    let slowest = rows[controls.len()..]
        .iter()
        .map(rate)
        .fold(f64::INFINITY, f64::min);
    number(
        "log ingest",
        "≥ 200,000 lines/s",
        format!("{slowest:.0} lines/s"),
        slowest >= 200_000.0,
    );
}

fn rate(row: &Row) -> f64 {
    LINES as f64 / (median(row.rounds.concat()) / 1e3)
}

/// Lines as a service writes them, no two alike.
fn write_lines(path: &Path) -> u64 {
    let mut file = std::io::BufWriter::new(fs::File::create(path).expect("a file"));
    let (mut line, mut state, mut bytes) = (String::new(), 1u64, 0);
    for n in 0..LINES {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        line.clear();
        let _ = writeln!(
            line,
            "2026-01-05T03:{:02}:{:02}.{:03}Z INFO request={state:016x} GET /orders/{} 200 {}ms",
            n / 60_000 % 60,
            n / 1_000 % 60,
            n % 1_000,
            state % 1_000_000,
            state % 900
        );
        bytes += line.len() as u64;
        file.write_all(line.as_bytes()).expect("written");
    }
    file.flush().expect("written");
    bytes
}

fn shell(script: &str) -> Duration {
    let began = Instant::now();
    let done = Command::new("/bin/sh").args(["-c", script]).status();
    assert!(done.expect("a shell").success(), "{script}");
    began.elapsed()
}

async fn attempt(
    supervisor: &Supervisor,
    lines: &Path,
    dir: &Path,
    secrets: usize,
    bytes: u64,
) -> Duration {
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let spec = Spec {
        dir: dir.to_owned(),
        id: format!("ingest-{}-{}", std::process::id(), name.unwrap_or_default()),
        commands: vec![CommandLine {
            display: "cat lines".into(),
            argv: vec!["/bin/cat".into(), lines.display().to_string()],
        }],
        cwd: "/".into(),
        env: Vec::new(),
        files: Vec::new(),
        mask: (0..secrets)
            .map(|n| format!("muster_{n}_Zm9yIGEgcnVuLCBhIHRva2Vu"))
            .collect(),
        // All of it is kept.
        output_limit: 1 << 30,
        timeout: None,
        grace: Duration::from_secs(1),
    };
    let began = Instant::now();
    let mut attempt = supervisor.launch(spec).await.expect("launched");
    let outcome = attempt.wait().await.expect("ended");
    let time = began.elapsed();
    assert_eq!(outcome.ending, Ending::Exited(0));
    assert_eq!(outcome.dropped_bytes, 0, "all is kept");
    assert_eq!(outcome.output_bytes, bytes + "$ cat lines\n".len() as u64);
    time
}
