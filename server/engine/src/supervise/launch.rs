//! The server's hand on the zygote.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{self, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::socket::{MsgFlags, setsockopt, sockopt};
use nix::sys::time::TimeVal;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::attempt::{self, Adopted, Attempt, Lost};
use super::claim::Owner;
use super::wire::{self, Notice, Notices};
use super::{Folder, Spec, zygote};

/// How long a zygote or a supervisor may take to answer before it is taken for stuck.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many zygotes are tried for one attempt.
const TRIES: usize = 3;

/// Launches attempts. All clones share one zygote; a dead one is replaced when next needed.
#[derive(Clone)]
pub struct Supervisor {
    zygote: Arc<Mutex<Zygote>>,
}

struct Zygote {
    exe: PathBuf,
    socket: OwnedFd,
    process: Child,
}

/// What is ordered, to be sent as often as it takes.
struct Ready {
    folder: Folder,
    spec: OwnedFd,
}

impl Ready {
    fn send(&self, to: &Zygote, bell: &io::PipeWriter, flags: MsgFlags) -> io::Result<()> {
        let (spec, record) = (self.spec.as_fd(), self.folder.record.as_fd());
        wire::send_order(to.socket.as_fd(), spec, record, bell.as_fd(), flags)
    }
}

/// What came of an order.
enum Answer {
    Claimed(Owner, Notices),
    Refused(String),
    None,
}

impl Supervisor {
    /// Starts the zygote from this very binary, whose `main` calls [`super::run_if_zygote`].
    pub fn start() -> io::Result<Self> {
        // Not `current_exe`: after an upgrade that names a file that is gone, or another version.
        Self::start_with_exe("/proc/self/exe")
    }

    /// As [`Supervisor::start`], from another binary that calls [`super::run_if_zygote`].
    pub fn start_with_exe(exe: impl Into<PathBuf>) -> io::Result<Self> {
        let zygote = Zygote::start(exe.into())?;
        Ok(Self {
            zygote: Arc::new(Mutex::new(zygote)),
        })
    }

    /// The number of the zygote's process, for those who watch over it.
    pub fn zygote_pid(&self) -> u32 {
        self.zygote().process.id()
    }

    /// Returns once a supervisor has claimed the attempt, which from then on needs nobody. After an
    /// error it does not run and never will. If this future is dropped, ask [`super::adopt`].
    pub async fn launch(&self, spec: Spec) -> io::Result<Attempt> {
        let (dir, id) = (spec.dir.clone(), spec.id.clone());
        let folder = spawn_blocking(move || Folder::make(&dir, &id)).await??;
        self.launch_in(folder, spec).await
    }

    /// As [`Supervisor::launch`], in a folder that was made for it before.
    pub async fn launch_in(&self, folder: Folder, spec: Spec) -> io::Result<Attempt> {
        let order = Arc::new(prepare(folder, spec)?);
        let dir = order.folder.dir.clone();
        let mut sent = self.send(&order).await;
        let mut problem = "the process that starts commands died each time it was asked".to_owned();
        for tries_left in (0..TRIES).rev() {
            match self.answer(sent).await {
                Answer::Claimed(owner, notices) => {
                    return Ok(Attempt::launched(dir, owner, notices));
                }
                Answer::Refused(sentence) => {
                    problem = sentence;
                    break;
                }
                Answer::None if tries_left == 0 => break,
                Answer::None => sent = self.send(&order).await,
            }
        }
        // Closes the folder, unless there was a claim after all.
        loop {
            return match attempt::adopt(&dir).await {
                Ok(Adopted::Running(attempt)) => Ok(attempt),
                Ok(Adopted::Finished(outcome)) => Ok(Attempt::over(dir, Ok(outcome))),
                Ok(Adopted::Lost) => Ok(Attempt::over(dir, Err(Lost))),
                Ok(Adopted::NeverStarted) => Err(io::Error::other(format!(
                    "The attempt could not be started: {problem}."
                ))),
                // Not known yet: saying that it does not run could make it run twice.
                Err(error) => {
                    tracing::warn!(%error, "cannot look at the attempt's folder yet");
                    tokio::time::sleep(PATIENCE / 5).await;
                    continue;
                }
            };
        }
    }

    async fn answer(&self, sent: io::Result<OwnedFd>) -> Answer {
        let mut notices = match sent.and_then(Notices::on) {
            Ok(notices) => notices,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        match timeout(PATIENCE, notices.next()).await {
            Ok(Some(Notice::Claimed(owner))) => Answer::Claimed(owner, notices),
            Ok(Some(Notice::Refused(sentence))) => Answer::Refused(sentence),
            // The zygote or the supervisor died before the claim: nothing has happened yet.
            Ok(_) => Answer::None,
            Err(_) => {
                tracing::warn!(
                    "the process that starts commands does not answer; another takes its place"
                );
                self.zygote().end();
                Answer::None
            }
        }
    }

    /// Gives the order to a living zygote; the pipe tells what comes of it.
    async fn send(&self, order: &Arc<Ready>) -> io::Result<OwnedFd> {
        if let Some(notices) = self.send_at_once(order) {
            return Ok(notices);
        }
        let (this, order) = (self.clone(), order.clone());
        spawn_blocking(move || this.send_however_long(&order)).await?
    }

    /// Nothing where that would have to wait: for room, or for another zygote.
    fn send_at_once(&self, order: &Ready) -> Option<OwnedFd> {
        let (notices, bell) = io::pipe().ok()?;
        let zygote = self.zygote.try_lock().ok()?;
        order.send(&zygote, &bell, MsgFlags::MSG_DONTWAIT).ok()?;
        Some(notices.into())
    }

    fn send_however_long(&self, order: &Ready) -> io::Result<OwnedFd> {
        let (notices, bell) = io::pipe()?;
        let mut zygote = self.zygote();
        if order.send(&zygote, &bell, MsgFlags::empty()).is_err() {
            zygote.end();
            *zygote = Zygote::start(zygote.exe.clone())?;
            order.send(&zygote, &bell, MsgFlags::empty())?;
        }
        Ok(notices.into())
    }

    fn zygote(&self) -> MutexGuard<'_, Zygote> {
        // What a panic interrupted is a process, which is either there or replaced.
        self.zygote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Zygote {
    fn start(exe: PathBuf) -> io::Result<Self> {
        let (socket, theirs) = wire::channel()?;
        let patience = TimeVal::new(PATIENCE.as_secs() as i64, 0);
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
        let process = Command::new(&exe)
            .arg0("muster")
            .arg(zygote::ARGUMENT)
            // The secrets of the server are none of its business.
            .env_clear()
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let zygote = Self {
            exe,
            socket,
            process,
        };
        match wire::receive_ready(zygote.socket.as_fd()) {
            Ok(true) => Ok(zygote),
            _ => Err(io::Error::other(format!(
                "The process that starts commands did not come up: does `main` of {} call `run_if_zygote` first?",
                zygote.exe.display()
            ))),
        }
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Zygote {
    /// Supervisors live on; only the zygote leaves with the last handle.
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes, in memory, the order.
fn prepare(folder: Folder, mut spec: Spec) -> io::Result<Ready> {
    if spec.commands.is_empty() {
        return Err(invalid("An attempt needs a command"));
    }
    if spec.id != folder.id {
        return Err(invalid("The folder was made for another attempt"));
    }
    // The zygote lives in another folder.
    spec.dir = folder.dir.clone();
    spec.cwd = path::absolute(&spec.cwd)?;
    let spec = wire::write_spec(&spec)?;
    Ok(Ready { folder, spec })
}

fn invalid(sentence: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, sentence)
}
