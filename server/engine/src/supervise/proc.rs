//! What /proc says about a process.

use std::fs;
use std::io::{self, Read};
use std::sync::OnceLock;

/// The fields of `/proc/PID/stat` that matter here.
pub struct Stat {
    pub state: char,
    pub session: i32,
    /// In clock ticks after boot: with the number, it names one process of one boot.
    pub start: u64,
}

impl Stat {
    pub fn of(pid: i32) -> io::Result<Self> {
        // One call: a file in /proc does not tell its size, and reading it bit by bit takes six.
        let mut stat = [0; 1024];
        let length = fs::File::open(format!("/proc/{pid}/stat"))?.read(&mut stat)?;
        Self::parse(&stat[..length]).ok_or_else(|| {
            io::Error::other(format!(
                "/proc/{pid}/stat has a form this program does not know"
            ))
        })
    }

    fn parse(stat: &[u8]) -> Option<Self> {
        // The second field is a name in brackets, in which a process may put spaces and brackets too.
        let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
        let fields: Vec<&str> = str::from_utf8(&stat[after_name..])
            .ok()?
            .split_ascii_whitespace()
            .collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            session: fields.get(3)?.parse().ok()?,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Dead, if perhaps not yet buried.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Every process there is.
pub fn all() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The children of the calling process, which must have one thread. A subreaper gets to see its
/// grandchildren here once their parents are dead.
pub fn own_children() -> Vec<i32> {
    let pid = std::process::id();
    let listed = fs::read_to_string(format!("/proc/self/task/{pid}/children")).unwrap_or_default();
    listed
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Names the time since the machine was last started.
pub fn boot_id() -> io::Result<&'static str> {
    static ID: OnceLock<String> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(id);
    }
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(ID.get_or_init(|| id.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_process_name_does_not_shift_the_fields() {
        let stat = b"42 (a) R 1 2 3 (\xff) S 7 8 9 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 12345 99 1\n";
        let stat = Stat::parse(stat).unwrap();
        assert_eq!((stat.state, stat.session, stat.start), ('S', 9, 12345));
    }

    #[test]
    fn a_process_knows_itself() {
        let stat = Stat::of(std::process::id() as i32).unwrap();
        assert!(!stat.has_ended() && stat.start > 0);
        // In a container the session may have been opened outside, and is then 0.
        assert!(stat.session >= 0);
    }
}
