//! A child process in a process group of its own, killed and reaped when dropped.

use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::software::watch::TICK;

/// How long the kernel may take to hand over a killed child before it is left as a zombie.
const REAP: Duration = Duration::from_secs(5);

pub(super) struct Child {
    inner: std::process::Child,
    status: Option<ExitStatus>,
}

impl Child {
    /// Starts `command` with all three standard streams piped.
    pub(super) fn spawn(command: &mut Command) -> std::io::Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self { inner: command.spawn()?, status: None })
    }

    /// The pipes; given once.
    pub(super) fn pipes(&mut self) -> &mut std::process::Child {
        &mut self.inner
    }

    /// Its exit status, waiting for at most `patience`.
    pub(super) fn wait_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while self.status.is_none() {
            // Fails only if somebody else reaped it, which then cannot be waited for either.
            self.status = self.inner.try_wait().ok()?;
            if self.status.is_none() {
                if Instant::now() >= deadline {
                    return None;
                }
                std::thread::sleep(Duration::from_millis(2).min(TICK));
            }
        }
        self.status
    }

    /// Kills the whole group, unless the child is reaped already, and reaps the child.
    pub(super) fn kill(&mut self) {
        if self.status.is_some() {
            return;
        }
        if let Ok(pid) = libc::pid_t::try_from(self.inner.id()) {
            // SAFETY: takes no pointers. The child is not reaped, so its number, which is its
            // group's, is still its own.
            unsafe { libc::kill(-pid, libc::SIGKILL) };
        }
        self.wait_within(REAP);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
