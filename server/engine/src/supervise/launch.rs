//! The server's hand on the zygote.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
struct Order {
    dir: PathBuf,
    id: String,
    spec: OwnedFd,
}

/// This side's ends of the ways to and from whoever takes an order.
struct Line {
    word: OwnedFd,
    notices: OwnedFd,
}

impl Line {
    fn order(order: &Order, zygote: &Zygote, flags: MsgFlags) -> io::Result<Self> {
        let (word, their_word) = wire::channel()?;
        let (notices, bell) = io::pipe()?;
        let all = [order.spec.as_fd(), their_word.as_fd(), bell.as_fd()];
        wire::hand_over(zygote.socket.as_fd(), all, flags)?;
        Ok(Self {
            word,
            notices: notices.into(),
        })
    }
}

/// A supervisor that is getting ready for an attempt, and needs only the word to begin it. Dropped before that it is called
/// off, and nothing is run.
pub struct Standby {
    supervisor: Supervisor,
    order: Arc<Order>,
    line: io::Result<Line>,
}

/// What came of an order.
enum Answer {
    Claimed(Owner, Notices, OwnedFd),
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
        let folder = spawn_blocking(move || Folder::make(&dir, &id));
        let standby = self.prepare(spec).await;
        let folder = folder.await??;
        standby?.go(folder).await
    }

    /// Has a supervisor get ready. There need be no folder yet.
    pub async fn prepare(&self, mut spec: Spec) -> io::Result<Standby> {
        if spec.commands.is_empty() {
            return Err(invalid("An attempt needs a command"));
        }
        // The zygote lives in another folder.
        spec.dir = path::absolute(&spec.dir)?;
        spec.cwd = path::absolute(&spec.cwd)?;
        let order = Arc::new(Order {
            spec: wire::write_spec(&spec)?,
            dir: spec.dir,
            id: spec.id,
        });
        Ok(Standby {
            line: self.send(&order).await,
            supervisor: self.clone(),
            order,
        })
    }

    /// Gives the order to a living zygote; the line tells what comes of it.
    async fn send(&self, order: &Arc<Order>) -> io::Result<Line> {
        if let Some(line) = self.send_at_once(order) {
            return Ok(line);
        }
        let (this, order) = (self.clone(), order.clone());
        spawn_blocking(move || this.send_however_long(&order)).await?
    }

    /// Nothing where that would have to wait: for room, or for another zygote.
    fn send_at_once(&self, order: &Order) -> Option<Line> {
        let zygote = self.zygote.try_lock().ok()?;
        Line::order(order, &zygote, MsgFlags::MSG_DONTWAIT).ok()
    }

    fn send_however_long(&self, order: &Order) -> io::Result<Line> {
        let mut zygote = self.zygote();
        Line::order(order, &zygote, MsgFlags::empty()).or_else(|_| {
            zygote.end();
            *zygote = Zygote::start(zygote.exe.clone())?;
            Line::order(order, &zygote, MsgFlags::empty())
        })
    }

    /// Says the word, and hears what comes of it.
    async fn ask(&self, line: io::Result<Line>, folder: &Folder) -> Answer {
        let notices = line.and_then(|line| {
            // Whoever is gone hears nothing, and says nothing.
            let _ = say(&line.word, folder.record.as_fd());
            Ok((Notices::on(line.notices)?, line.word))
        });
        let (mut notices, word) = match notices {
            Ok(both) => both,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        match timeout(PATIENCE, notices.next()).await {
            Ok(Some(Notice::Claimed(owner))) => Answer::Claimed(owner, notices, word),
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

    fn zygote(&self) -> MutexGuard<'_, Zygote> {
        // What a panic interrupted is a process, which is either there or replaced.
        self.zygote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The word to begin, for somebody else to say.
pub struct Word {
    channel: OwnedFd,
    record: OwnedFd,
}

impl Word {
    /// Waits for nothing. Whoever is gone does not hear it.
    pub fn say(self) {
        let _ = say(&self.channel, self.record.as_fd());
    }
}

fn say(channel: &OwnedFd, record: BorrowedFd<'_>) -> io::Result<()> {
    wire::hand_over(channel.as_fd(), [record], MsgFlags::MSG_DONTWAIT)
}

impl Standby {
    /// To be said before [`Standby::go`], which then only hears what comes of it.
    pub fn word(&self, folder: &Folder) -> io::Result<Word> {
        let Ok(line) = &self.line else {
            return Err(io::Error::other("nobody took the order"));
        };
        Ok(Word {
            channel: line.word.try_clone()?,
            record: folder.record.try_clone()?.into(),
        })
    }

    /// Begins the attempt, in the folder that was made for it. Returns as [`Supervisor::launch`] does.
    pub async fn go(self, folder: Folder) -> io::Result<Attempt> {
        let Self {
            supervisor,
            order,
            mut line,
        } = self;
        if (&order.dir, &order.id) != (&folder.dir, &folder.id) {
            return Err(invalid("The folder was made for another attempt"));
        }
        let mut problem = "the process that starts commands died each time it was asked".to_owned();
        for tries_left in (0..TRIES).rev() {
            match supervisor.ask(line, &folder).await {
                Answer::Claimed(owner, notices, word) => {
                    return Ok(Attempt::launched(folder.dir, owner, notices, word));
                }
                Answer::Refused(sentence) => {
                    problem = sentence;
                    break;
                }
                Answer::None if tries_left == 0 => break,
                Answer::None => line = supervisor.send(&order).await,
            }
        }
        // Closes the folder, unless there was a claim after all.
        let dir = folder.dir;
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

fn invalid(sentence: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, sentence)
}
