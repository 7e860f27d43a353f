//! What passes between the three processes: an order to the zygote, notices from the supervisor.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv,
    recvmsg, send, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};
use tokio::net::unix::pipe;

use super::claim::Owner;
use super::{Outcome, Spec};

/// The first message of a zygote: it is one.
pub const READY: &[u8] = b"ready";
const KEPT: &[u8] = b"kept";

/// What a supervisor says, a line of JSON each: the second or the first, then perhaps the third.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    Refused(String),
    Claimed(Owner),
    Ended(Outcome),
}

/// An order to get ready: the spec in a memory file, whatever its size, the channel through which the word comes to go on,
/// and the pipe to give notice on. The word is the record of the attempt's folder; before it, there need not be one.
pub struct Order {
    pub spec: OwnedFd,
    pub word: OwnedFd,
    pub bell: OwnedFd,
}

impl Order {
    pub fn pass_on(&self, channel: BorrowedFd<'_>) -> io::Result<()> {
        let all = [&self.spec, &self.word, &self.bell];
        hand_over(channel, all.map(AsFd::as_fd), MsgFlags::empty())
    }
}

/// A way for orders. What is sent arrives whole or not at all.
pub fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, kind) = (AddressFamily::Unix, SockType::SeqPacket);
    Ok(socketpair(family, kind, None, SockFlag::SOCK_CLOEXEC)?)
}

pub fn write_spec(spec: &Spec) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"muster-attempt", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(&serde_json::to_vec(spec)?)?;
    Ok(file.into())
}

pub fn read_spec(spec: BorrowedFd<'_>) -> io::Result<Spec> {
    let file = File::from(spec.try_clone_to_owned()?);
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    // Not `read`: the position is shared with a server that may have to send the order again.
    file.read_exact_at(&mut bytes, 0)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Descriptors, that the other side has from then on too.
pub fn hand_over<const N: usize>(
    socket: BorrowedFd<'_>,
    descriptors: [BorrowedFd<'_>; N],
    flags: MsgFlags,
) -> io::Result<()> {
    let rights = descriptors.map(|descriptor| descriptor.as_raw_fd());
    let rights = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(b"run")],
        &rights,
        MsgFlags::MSG_NOSIGNAL | flags,
        None,
    )?;
    Ok(())
}

/// Says that what was told is kept elsewhere.
pub fn say_kept(channel: BorrowedFd<'_>) {
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let _ = send(channel.as_raw_fd(), KEPT, flags);
}

/// Whether that is said, within a time.
pub fn hears_kept(channel: BorrowedFd<'_>, time: Duration) -> bool {
    let limit = Instant::now() + time;
    let mut text = [0; 8];
    while comes_within(channel, limit.saturating_duration_since(Instant::now())).unwrap_or(false) {
        match recv(channel.as_raw_fd(), &mut text, MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(_) => return false,
            Ok(length) if &text[..length] == KEPT => return true,
            // The word, said once more.
            Ok(_) => {}
        }
    }
    false
}

/// Whether there is something to receive, be it that the other side is gone.
pub fn comes_within(channel: BorrowedFd<'_>, time: Duration) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(channel, PollFlags::POLLIN)], timeout) {
        Err(Errno::EINTR) => Ok(true),
        ready => Ok(ready? > 0),
    }
}

/// `None` when the other side is gone.
pub fn receive_order(socket: BorrowedFd<'_>) -> io::Result<Option<Order>> {
    loop {
        return match take_over(socket) {
            // What is no order is dropped, and its sender sees the pipe close.
            Err(error) if error.kind() == ErrorKind::InvalidData => continue,
            Err(error) => Err(error),
            Ok(all) => Ok(all.map(|[spec, word, bell]| Order { spec, word, bell })),
        };
    }
}

/// As many descriptors as were handed over at once; `None` when the other side is gone.
pub fn take_over<const N: usize>(socket: BorrowedFd<'_>) -> io::Result<Option<[OwnedFd; N]>> {
    loop {
        let mut text = [0; 8];
        let mut text = [IoSliceMut::new(&mut text)];
        let mut room = cmsg_space!([RawFd; 3]);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = match recvmsg::<()>(socket.as_raw_fd(), &mut text, Some(&mut room), flags) {
            Err(Errno::EINTR) => continue,
            message => message?,
        };
        if message.bytes == 0 {
            return Ok(None);
        }
        let mut received = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(fds) = control {
                // SAFETY: the kernel just made these descriptors for us; nothing else owns them.
                received.extend(
                    fds.into_iter()
                        .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }),
                );
            }
        }
        let received = <[OwnedFd; N]>::try_from(received);
        return match received {
            Ok(received) => Ok(Some(received)),
            Err(_) => Err(io::Error::from(ErrorKind::InvalidData)),
        };
    }
}

pub fn send_ready(socket: BorrowedFd<'_>) -> io::Result<()> {
    send(socket.as_raw_fd(), READY, MsgFlags::MSG_NOSIGNAL)?;
    Ok(())
}

pub fn receive_ready(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut text = [0; 8];
    let length = recv(socket.as_raw_fd(), &mut text, MsgFlags::empty())?;
    Ok(&text[..length] == READY)
}

/// Whether somebody still listens. A line is far shorter than what a pipe takes at once.
pub fn notify(bell: &OwnedFd, notice: &Notice) -> bool {
    serde_json::to_vec(notice).is_ok_and(|mut line| {
        line.push(b'\n');
        nix::unistd::write(bell.as_fd(), &line).is_ok()
    })
}

/// The listening end.
pub struct Notices {
    pipe: pipe::Receiver,
    unread: Vec<u8>,
}

impl Notices {
    pub fn on(pipe: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            pipe: pipe::Receiver::from_owned_fd(pipe)?,
            unread: Vec::new(),
        })
    }

    /// `None` when the supervisor is gone or going. May be dropped and called again at any time.
    pub async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            self.pipe.readable().await.ok()?;
            let mut chunk = [0; 4096];
            match self.pipe.try_read(&mut chunk) {
                Ok(0) => return None,
                Ok(length) => self.unread.extend(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }
}
