//! A deadline with microseconds, as something that a poll can wait for.
//!
//! `epoll_wait` counts in whole milliseconds, which would add up to a millisecond to every playout tick. On
//! Linux a `timerfd` stands beside the sockets instead; elsewhere the poll's own time-out has to do.

use std::io;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// One settable deadline.
#[derive(Debug)]
pub(super) struct Timer {
    #[cfg(target_os = "linux")]
    fd: std::os::fd::OwnedFd,
    #[cfg(target_os = "linux")]
    armed: Option<Instant>,
}

impl Timer {
    /// A timer that is not set, registered with the poll under `token`.
    #[cfg(target_os = "linux")]
    pub(super) fn register(registry: &mio::Registry, token: mio::Token) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut mio::unix::SourceFd(&fd.as_raw_fd()), token, mio::Interest::READABLE)?;
        Ok(Self { fd, armed: None })
    }

    /// A timer that lives in the poll's own time-out.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn register(_registry: &mio::Registry, _token: mio::Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Arms the timer for `deadline` and returns what the poll's own time-out must be: zero when the deadline
    /// has passed, `None` when the timer itself will end the wait.
    #[cfg(target_os = "linux")]
    pub(super) fn arm(&mut self, deadline: Option<Instant>, now: Instant) -> io::Result<Option<Duration>> {
        let Some(deadline) = deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Ok(Some(Duration::ZERO));
        }
        if self.armed != Some(deadline) {
            let value = Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            timerfd_settime(
                &self.fd,
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval: never, it_value: value },
            )?;
            self.armed = Some(deadline);
        }
        Ok(None)
    }

    /// The poll's time-out is the timer.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn arm(&mut self, deadline: Option<Instant>, now: Instant) -> io::Result<Option<Duration>> {
        Ok(deadline.map(|deadline| deadline.saturating_duration_since(now)))
    }

    /// The timer has fired: mio's edge-triggered registration needs no read, the next [`Timer::arm`] re-arms it.
    pub(super) fn fired(&mut self) {
        #[cfg(target_os = "linux")]
        {
            self.armed = None;
        }
    }
}
