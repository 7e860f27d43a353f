//! What a durable step costs over a bare spawn, and how fast a command's output is taken in. `cargo bench -p engine --bench
//! runs`, some minutes; with `-- step` or `-- ingest` one of the two.
//!
//! Everything is real: a Desk over SQLite on the disk, a Runner, a Supervisor whose zygote is this very program. Absolute
//! numbers depend on the machine and on who else uses it: so all variants take turns in every round, and each is also shown
//! as the median of its ratios to its control in the same round.

mod figures;
mod ingest;
mod others;
mod step;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn main() {
    engine::supervise::run_if_zygote();
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this too, and is not a place to measure.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let only = words.iter().find(|word| !word.starts_with('-'));
    let wanted = |name| only.is_none_or(|only| only == name);
    if wanted("step") {
        runtime.block_on(step::run());
    }
    if wanted("ingest") {
        runtime.block_on(ingest::run());
    }
}

/// A folder on the disk, empty. Like a data folder it is far from where thousands of files have just been deleted: next to
/// them ext4 takes 0.3 ms or more to make one (it looks for a number that none of them had) instead of 0.01 ms, and an
/// attempt makes four. So it stays when the bench is over, for those that are run soon after it.
struct Ground {
    home: PathBuf,
    /// The names of all like it begin so.
    prefix: String,
}

const GROUNDS: &str = "/var/tmp";
/// What has stayed so long is in nobody's way any more.
const LONG_GONE: Duration = Duration::from_secs(3600);

impl Ground {
    fn new(name: &str) -> Ground {
        let prefix = format!("muster-bench-{name}-");
        let home = Path::new(GROUNDS).join(format!("{prefix}{}", std::process::id()));
        std::fs::create_dir(&home).expect("a folder under /var/tmp");
        // What is made in it is put elsewhere on the disk. Where that cannot be asked for, it is where it is.
        let _ = Command::new("chattr").arg("+T").arg(&home).status();
        let ground = Ground { home, prefix };
        std::fs::create_dir(ground.path()).expect("a folder of ours");
        ground
    }

    fn path(&self) -> PathBuf {
        // By its name a place is chosen for it.
        self.home.join(std::process::id().to_string())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(GROUNDS).into_iter().flatten().flatten() {
            let made = entry.metadata().and_then(|found| found.modified());
            let age = made.map(|made| made.elapsed().unwrap_or_default());
            let is_like_it = entry
                .file_name()
                .to_string_lossy()
                .starts_with(&self.prefix);
            if is_like_it && age.is_ok_and(|age| age > LONG_GONE) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}
