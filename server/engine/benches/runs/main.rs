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

use std::path::PathBuf;
use std::process::Command;

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

/// A folder on the disk, empty, and removed when it is dropped. Like a data folder it is far from where a compiler has just
/// deleted thousands of files: next to them ext4 takes 0.3 ms to make one (it looks for a number that none of them had)
/// instead of 0.01 ms, and an attempt makes five.
struct Ground(PathBuf);

impl Ground {
    fn new(name: &str) -> Ground {
        let home = PathBuf::from(format!(
            "/var/tmp/muster-bench-{name}-{}",
            std::process::id()
        ));
        std::fs::create_dir(&home).expect("a folder under /var/tmp");
        // What is made in it is put elsewhere on the disk. Where that cannot be asked for, it is where it is.
        let _ = Command::new("chattr").arg("+T").arg(&home).status();
        std::fs::create_dir(home.join("ground")).expect("a folder of ours");
        Ground(home)
    }

    fn path(&self) -> PathBuf {
        self.0.join("ground")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
