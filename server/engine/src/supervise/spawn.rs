//! A child that soon becomes another program.
//!
//! Until then it works in its parent's memory, as that of `posix_spawn` does: nothing has to be copied for it, page by
//! page, and nothing taken down when it turns into the program. `posix_spawn` itself cannot put it into a cgroup.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

use super::sys::{self, Fork};

/// Runs `child` in a new process, if it can straight in `cgroup`: one that is moved there later could fork before it.
/// Returns when that process has become another program, or is gone.
///
/// Only for processes with one thread that have blocked all signals and handle none. `child` neither allocates nor drops
/// anything, and gives up by [`sys::exit_now`]: whatever it changes in memory, it changes for its parent.
pub fn spawn(
    cgroup: Option<BorrowedFd<'_>>,
    mut child: impl FnMut() -> Infallible,
) -> io::Result<i32> {
    let mut child = || match child() {};
    in_our_memory(cgroup, &mut child).map_or_else(|| in_a_copy(cgroup, &mut child), Ok)
}

/// On an older kernel, or one that forbids the other way.
fn in_a_copy(cgroup: Option<BorrowedFd<'_>>, child: &mut dyn FnMut()) -> io::Result<i32> {
    match sys::fork(cgroup)? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => {
            child();
            sys::exit_now(127)
        }
    }
}

/// Nothing where it cannot be done.
#[cfg(target_arch = "x86_64")]
fn in_our_memory(cgroup: Option<BorrowedFd<'_>>, mut child: &mut dyn FnMut()) -> Option<i32> {
    use std::arch::asm;
    use std::mem::MaybeUninit;

    /// The child's only: a path or two, and what is called by the kernel's name.
    const STACK: usize = 64 << 10;

    extern "C" fn begin(child: &mut &mut dyn FnMut()) -> ! {
        child();
        sys::exit_now(127)
    }

    // 16 bytes each, as the ends of a stack are aligned.
    let mut stack = Box::<[u128]>::new_uninit_slice(STACK / size_of::<u128>());
    let stack: &mut [MaybeUninit<u128>] = &mut stack;
    // `struct clone_args`: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
    // cgroup.
    let mut args = [0u64; 11];
    args[0] = (libc::CLONE_VM | libc::CLONE_VFORK) as u64;
    args[4] = libc::SIGCHLD as u64;
    args[5] = stack.as_mut_ptr() as u64;
    args[6] = size_of_val(stack) as u64;
    if let Some(cgroup) = cgroup {
        args[0] |= sys::CLONE_INTO_CGROUP;
        args[10] = cgroup.as_raw_fd() as u64;
    }
    let pid: i64;
    // SAFETY: with CLONE_VFORK the kernel lets this process, which has one thread, go on only when the child uses its memory
    // no more: nobody sees anything half-done, and `stack` and `child` outlive it. The child has that stack to itself and
    // never returns from `begin`, so that nothing of this function is done twice. No signal handler runs in either of them.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => pid,
            in("rdi") args.as_ptr(),
            in("rsi") size_of_val(&args),
            in("r12") &raw mut child,
            in("r13") begin as extern "C" fn(&mut &mut dyn FnMut()) -> !,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    i32::try_from(pid).ok().filter(|pid| *pid > 0)
}

#[cfg(not(target_arch = "x86_64"))]
fn in_our_memory(_: Option<BorrowedFd<'_>>, _: &mut dyn FnMut()) -> Option<i32> {
    None
}
