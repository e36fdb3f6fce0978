//! Asking the system to run a thread as soon as it has something to do.
//!
//! A thread that handles a frame each few milliseconds must not wait behind a compiler. Where the system lets us
//! (root, `CAP_SYS_NICE`, or a limit on real-time priority) the thread becomes a real-time one; elsewhere it stays
//! as it is, and the call only has to buffer more on a busy machine.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ScheduleParams, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Above ordinary threads, below what a sound server uses: it must be able to interrupt us.
const PRIORITY: u8 = 10;

/// Makes the current thread urgent, if the system lets us; says whether it did.
pub fn make_urgent() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let priority = ThreadPriority::from_posix(ScheduleParams { sched_priority: PRIORITY.into() });
    let done = set_thread_priority_and_policy(thread_native_id(), priority, policy);
    if let Err(error) = &done {
        tracing::debug!(%error, "no real-time priority; ordinary scheduling");
    }
    done.is_ok()
}
