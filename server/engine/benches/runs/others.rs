//! The controls: bare processes, and two programs that people run steps with.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// So many lines or tasks less one of them: what remains is their own time, not that of the program's start.
const LINES: u32 = 51;
const TASKS: u32 = 11;

pub fn spawn(words: &[&str]) -> Duration {
    let began = Instant::now();
    finish(Command::new(words[0]).args(&words[1..]).env_clear());
    began.elapsed()
}

/// The least that a durable step can be: its folder and what is intended on the disk, then the process, then its result.
pub fn durable_spawn(dir: &Path) -> Duration {
    let began = Instant::now();
    fs::create_dir(dir).expect("a folder");
    let record = File::create(dir.join("rec")).expect("a record");
    record.write_all_at(&[0; 4096], 0).expect("written");
    record.sync_all().expect("synced");
    let out = File::create(dir.join("out")).expect("an output");
    finish(Command::new("/bin/true").stdout(out).env_clear());
    record.write_all_at(&[1; 2048], 2048).expect("written");
    record.sync_data().expect("synced");
    began.elapsed()
}

fn finish(command: &mut Command) {
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        done.as_ref().is_ok_and(|done| done.success()),
        "{command:?}: {done:?}"
    );
}

fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    finish(command.stdout(Stdio::null()));
    began.elapsed()
}

/// `just`, if `MUSTER_BENCH_JUST` or the PATH has it.
pub struct Just {
    program: PathBuf,
    file: PathBuf,
}

impl Just {
    pub fn find(dir: &Path) -> Option<Just> {
        let program = program("MUSTER_BENCH_JUST", "just")?;
        let file = dir.join("justfile");
        let lines = "  @true\n".repeat(LINES as usize);
        fs::write(&file, format!("one:\n  @true\nmany:\n{lines}")).expect("a justfile");
        Some(Just { program, file })
    }

    fn call(&self, recipe: &str) -> Duration {
        timed(
            Command::new(&self.program)
                .arg("-f")
                .arg(&self.file)
                .arg(recipe),
        )
    }

    /// A recipe of one line, from the program's start to its end; and what each further line takes.
    pub fn times(&self) -> (Duration, Duration) {
        let (one, many) = (self.call("one"), self.call("many"));
        (one, many.saturating_sub(one) / (LINES - 1))
    }
}

/// `ansible-playbook` on this machine itself, if `MUSTER_BENCH_ANSIBLE` or the PATH has it.
pub struct Ansible {
    program: PathBuf,
    dir: PathBuf,
}

impl Ansible {
    pub fn find(dir: &Path) -> Option<Ansible> {
        let program = program("MUSTER_BENCH_ANSIBLE", "ansible-playbook")?;
        for (name, tasks) in [("one", 1), ("many", TASKS)] {
            let head = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n";
            let tasks = "    - command: \"true\"\n".repeat(tasks as usize);
            fs::write(dir.join(format!("{name}.yaml")), format!("{head}{tasks}"))
                .expect("a playbook");
        }
        Some(Ansible {
            program,
            dir: dir.to_owned(),
        })
    }

    fn call(&self, book: &str) -> Duration {
        let mut command = Command::new(&self.program);
        command.args(["-i", "localhost,", &format!("{book}.yaml")]);
        timed(command.current_dir(&self.dir))
    }

    /// What each further task takes.
    pub fn task(&self) -> Duration {
        let (one, many) = (self.call("one"), self.call("many"));
        many.saturating_sub(one) / (TASKS - 1)
    }
}

fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let told = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(name));
    let program = told.or_else(|| found.find(|program| program.is_file()))?;
    let answers = Command::new(&program).arg("--version").output();
    answers
        .is_ok_and(|answer| answer.status.success())
        .then_some(program)
}
