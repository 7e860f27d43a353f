//! A command on another machine, by the system's own `ssh`: its configuration, its agents, its proxies.
//!
//! Architecture invariant: what the remote shell is handed is a list of words in single quotes. It can expand nothing.

use super::{No, values::Values};
use domain::plan::Ssh;
use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        stat::{Mode, fchmod},
    },
};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

/// What `ssh` needs of the environment; secrets and tokens are not its business.
const HANDED_ON: [&str; 7] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TERM",
    "SSH_AUTH_SOCK",
];

pub async fn work(ssh: &Ssh, values: &Values) -> Result<ExitCode, No> {
    let words = ssh.command.iter().map(|w| values.take(w));
    let words: Vec<String> = words.collect::<Result<_, _>>()?;
    if words.is_empty() {
        return Err(No::Ever("there is no command to run over there".into()));
    }
    // Open until ssh has ended: it reads the key through us.
    let key = match &ssh.identity {
        Some(name) => Some(
            sealed(&values.secret(name)?)
                .map_err(|e| No::Ever(format!("cannot keep the key {name} in memory: {e}")))?,
        ),
        None => None,
    };
    let key_path = key
        .as_ref()
        .map(|key| format!("/proc/{}/fd/{}", std::process::id(), key.as_raw_fd()));
    let argv = argv(ssh, &words, key_path.as_deref())?;
    println!("on {}: {}", ssh.destination(), shown(ssh));
    let status = tokio::process::Command::new("ssh")
        .args(argv)
        .env_clear()
        .envs(
            HANDED_ON
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        )
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(|e| No::Ever(format!("cannot run `ssh`: {e}")))?;
    drop(key);
    match status.code() {
        Some(0) => Ok(ExitCode::SUCCESS),
        Some(255) => {
            eprintln!(
                "muster: ssh could not reach {} or was not let in (or the command itself ended with 255): look at the \
                 line above. A host must stand in known_hosts, and no password is ever asked for.",
                ssh.destination()
            );
            Ok(ExitCode::from(255))
        }
        Some(code) => {
            eprintln!(
                "muster: the command on {} ended with exit code {code}",
                ssh.destination()
            );
            Ok(ExitCode::from(code.clamp(1, 255) as u8))
        }
        None => Err(No::Yet("ssh was ended by a signal".into())),
    }
}

/// The remote command with names in the places of what was handed over.
pub fn shown(ssh: &Ssh) -> String {
    let words: Vec<_> = ssh.command.iter().map(|w| w.display()).collect();
    words.join(" ")
}

/// The words after `ssh`.
fn argv(ssh: &Ssh, words: &[String], key: Option<&str>) -> Result<Vec<OsString>, No> {
    let mut argv: Vec<OsString> = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]
        .into_iter()
        .chain(["-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"])
        .map(Into::into)
        .collect();
    if let Some(port) = ssh.port {
        argv.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(file) = known_hosts(ssh) {
        argv.extend(["-o".into(), known_hosts_option(&file)?.into()]);
        // The plan's word counts, not what this machine has met.
        argv.extend(["-o".into(), "GlobalKnownHostsFile=/dev/null".into()]);
    }
    if let Some(key) = key {
        argv.extend(["-o".into(), "IdentitiesOnly=yes".into()]);
        argv.extend(["-o".into(), "IdentityAgent=none".into()]);
        argv.extend(["-i".into(), key.into()]);
    }
    argv.extend(["--".into(), ssh.destination().into()]);
    argv.push(quoted(words).into());
    Ok(argv)
}

/// Where the plan keeps the host's keys.
pub fn known_hosts(ssh: &Ssh) -> Option<PathBuf> {
    let folder = std::env::var_os("MUSTER_PLAN").map_or_else(|| ".".into(), PathBuf::from);
    ssh.known_hosts.as_ref().map(|file| folder.join(file))
}

/// ssh splits this at spaces and expands `%` and `${…}` in it.
fn known_hosts_option(file: &Path) -> Result<String, No> {
    let wrong = |what: &str| {
        No::Ever(format!(
            "the path of known_hosts, {}, {what}",
            file.display()
        ))
    };
    let file = std::path::absolute(file).map_err(|e| wrong(&format!("cannot be used: {e}")))?;
    let text = file.to_str().ok_or_else(|| wrong("is not UTF-8"))?;
    if text.contains(['"', '\\', '\n']) || text.contains("${") {
        return Err(wrong("holds a character that ssh would misread"));
    }
    if !file.is_file() {
        return Err(wrong("is not a file"));
    }
    Ok(format!(
        "UserKnownHostsFile=\"{}\"",
        text.replace('%', "%%")
    ))
}

/// A command line for a POSIX shell that means these very words.
fn quoted(words: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// In memory only, readable by us only, and never to be changed again.
fn sealed(key: &str) -> io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(c"muster-key", flags)?);
    fchmod(&file, Mode::S_IRUSR | Mode::S_IWUSR)?;
    file.write_all(key.as_bytes())?;
    if !key.ends_with('\n') {
        // ssh does not read a key whose last line has no end.
        file.write_all(b"\n")?;
    }
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, string::string_regex};
    use std::{io::Read, process::Command};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn the_remote_shell_hands_on_every_word_byte_for_byte(
            words in vec(string_regex("[^\0]{0,12}|['\"\\\\$`!;&|<>(){}*?~#\n\r\t -]{0,12}").unwrap(), 0..6),
        ) {
            let line = format!("printf '%s\\0' x {}", quoted(&words));
            let out = Command::new("sh").arg("-c").arg(line).output().unwrap().stdout;
            let mut expected = b"x\0".to_vec();
            for word in &words {
                expected.extend_from_slice(word.as_bytes());
                expected.push(0);
            }
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_host_that_looks_like_an_option_is_still_a_host() {
        let ssh = Ssh {
            host: "-oProxyCommand=reboot".into(),
            ..Ssh::default()
        };
        let argv = argv(&ssh, &["true".into()], None).unwrap();
        let end: Vec<_> = argv.iter().rev().take(3).rev().collect();
        assert_eq!(end, ["--", "-oProxyCommand=reboot", "'true'"]);
    }

    #[test]
    fn a_key_is_for_its_owner_and_cannot_be_changed() {
        use std::os::unix::fs::PermissionsExt;
        let key = sealed("secret").unwrap();
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!((&key).write_all(b"more").is_err());
        let mut again = File::open(format!("/proc/self/fd/{}", key.as_raw_fd())).unwrap();
        let mut text = String::new();
        again.read_to_string(&mut text).unwrap();
        assert_eq!(text, "secret\n");
    }
}
