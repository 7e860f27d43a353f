//! The smallest server there can be, for the tests of `engine::supervise`, which kill it.
//!
//! - `launch FILE`: launches the spec in FILE, waits, prints the outcome.
//! - `adopt DIR`: prints what is found there; waits for what runs.
//! - `record DIR …`: writes the arguments and environment it was given into DIR, byte for byte.
//! - `pour BYTES`: writes so many to its standard output, and how many, with their SHA-256, to `poured`.
//! - `ingest LINES`: prints how fast an attempt stores lines of 100 bytes, and how fast they are found.
//! - `measure ROUNDS`: prints what an attempt costs over a bare spawn.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine::supervise::{
    Adopted, CommandLine, Spec, Supervisor, adopt, read_lines, run_if_zygote, search,
};
use sha2::{Digest, Sha256};

type Anything = Result<(), Box<dyn Error>>;

fn main() -> Anything {
    run_if_zygote();
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .take(2)
        .map(|arg| arg.to_string_lossy().into())
        .collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["launch", file] => runtime.block_on(launch(Path::new(file))),
        ["adopt", dir] => runtime.block_on(find(Path::new(dir))),
        ["record", dir] => record(Path::new(dir)),
        ["pour", bytes] => pour(bytes.parse()?),
        ["ingest", lines] => runtime.block_on(ingest(lines)),
        ["measure", rounds] => runtime.block_on(measure(rounds.parse()?)),
        _ => Err(
            "launch FILE | adopt DIR | record DIR … | pour BYTES | ingest LINES | measure ROUNDS"
                .into(),
        ),
    }
}

async fn launch(file: &Path) -> Anything {
    let spec: Spec = serde_json::from_slice(&fs::read(file)?)?;
    let outcome = Supervisor::start()?.launch(spec).await?.wait().await?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn find(dir: &Path) -> Anything {
    let outcome = match adopt(dir).await? {
        Adopted::Finished(outcome) => outcome,
        Adopted::Running(mut attempt) => attempt.wait().await?,
        Adopted::NeverStarted => return Err("never started".into()),
        Adopted::Lost => return Err("lost".into()),
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn record(dir: &Path) -> Anything {
    for (from, to) in [("cmdline", "argv"), ("environ", "env")] {
        fs::write(dir.join(to), fs::read(format!("/proc/self/{from}"))?)?;
    }
    Ok(())
}

fn pour(bytes: usize) -> Anything {
    let (mut out, mut hash) = (std::io::stdout().lock(), Sha256::new());
    let (mut left, mut state) = (bytes, 1u64);
    while left > 0 {
        let mut chunk = Vec::with_capacity(9_000);
        while chunk.len() < 9_000 {
            // Xorshift: no two chunks are alike.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend(state.to_le_bytes());
        }
        chunk.truncate(left);
        out.write_all(&chunk)?;
        hash.update(&chunk);
        left -= chunk.len();
    }
    fs::write(
        "poured",
        format!("{bytes} {}", hex::encode(hash.finalize())),
    )?;
    Ok(())
}

/// Without secrets, and with ten; the producer alone is the control.
async fn ingest(lines: &str) -> Anything {
    let dir = std::env::temp_dir().join(format!("supervise-ingest-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let script = format!("yes {} | head -n {lines}", "x".repeat(99));
    let supervisor = Supervisor::start()?;
    let count: f64 = lines.parse()?;
    let began = Instant::now();
    Command::new("sh")
        .args(["-c", &format!("{script} | cat > /dev/null")])
        .status()?;
    println!(
        "producer alone     {:9.0} lines/s",
        count / began.elapsed().as_secs_f64()
    );
    for secrets in [0, 10] {
        let spec = Spec {
            dir: dir.join(secrets.to_string()),
            id: format!("ingest-{}-{secrets}", std::process::id()),
            commands: vec![CommandLine {
                display: "yes".into(),
                argv: vec!["/bin/sh".into(), "-c".into(), script.clone()],
            }],
            cwd: "/".into(),
            env: vec![],
            files: vec![],
            mask: (0..secrets)
                .map(|n| format!("xxsecret-{n}-of/this&house"))
                .collect(),
            output_limit: 1 << 40,
            timeout: None,
            grace: Duration::from_secs(1),
        };
        let attempt = spec.dir.clone();
        let began = Instant::now();
        supervisor.launch(spec).await?.wait().await?;
        println!(
            "with {secrets:2} secrets    {:9.0} lines/s",
            count / began.elapsed().as_secs_f64()
        );
        let began = Instant::now();
        let found = read_lines(&attempt, count as u64 - 1_000, 1_000, usize::MAX).await?;
        println!("1,000 of {} lines in {:?}", found.total, began.elapsed());
        let began = Instant::now();
        search(&attempt, "not there", false, 0, 1).await?;
        println!("searched in {:?}", began.elapsed());
    }
    fs::remove_dir_all(&dir)?;
    Ok(())
}

/// All in turns, so that whatever else the machine does burdens them alike: a bare spawn, one with the
/// files and the two fsyncs that a durable attempt cannot do without, and an attempt.
async fn measure(rounds: usize) -> Anything {
    let dir = std::env::temp_dir().join(format!("supervise-measure-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let supervisor = Supervisor::start()?;
    let (mut bare, mut durable, mut supervised) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let began = Instant::now();
        spawn(&dir.join("out"))?;
        bare.push(began.elapsed());

        let began = Instant::now();
        let control = dir.join(format!("{round}-control"));
        fs::create_dir(&control)?;
        let record = File::create(control.join("rec"))?;
        record.write_all_at(&[0; 4096], 0)?;
        record.sync_all()?;
        fs::write(control.join("claim"), "me")?;
        spawn(&control.join("out"))?;
        record.write_all_at(&[1; 2048], 2048)?;
        record.sync_data()?;
        durable.push(began.elapsed());

        let began = Instant::now();
        let spec = Spec {
            dir: dir.join(round.to_string()),
            id: format!("measure-{}-{round}", std::process::id()),
            commands: vec![CommandLine {
                display: "true".into(),
                argv: vec!["/bin/true".into()],
            }],
            cwd: "/".into(),
            env: vec![],
            files: vec![],
            mask: vec![],
            output_limit: 0,
            timeout: Some(Duration::from_secs(60)),
            grace: Duration::from_secs(1),
        };
        supervisor.launch(spec).await?.wait().await?;
        supervised.push(began.elapsed());
    }
    fs::remove_dir_all(&dir)?;
    for (name, mut times) in [
        ("bare", bare),
        ("bare and durable", durable),
        ("attempt", supervised),
    ] {
        times.sort();
        println!(
            "{name:16} p50 {:?} p99 {:?}",
            times[rounds / 2],
            times[rounds * 99 / 100]
        );
    }
    Ok(())
}

fn spawn(out: &Path) -> Anything {
    let out = File::create(out)?;
    let mut command = Command::new("/bin/true");
    command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .env_clear();
    command.spawn()?.wait()?;
    Ok(())
}
