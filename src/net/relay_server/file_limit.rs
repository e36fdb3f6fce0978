//! How many files the system lets this process have open: a relay needs one for each allocation.

/// Raises the limit to at least `wanted`, or as far as the system lets it, and says where it is then.
#[cfg(unix)]
pub(super) fn raise(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit.
    let Some(now) = current else { return u64::MAX };
    if now >= wanted {
        return now;
    }
    // Above the hard limit only an administrator's process comes.
    let hard = maximum.unwrap_or(u64::MAX);
    for (soft, hard) in [(wanted, hard.max(wanted)), (wanted.min(hard), hard)] {
        let raised = Rlimit { current: Some(soft), maximum: maximum.map(|_| hard) };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return soft;
        }
    }
    now
}

#[cfg(not(unix))]
pub(super) fn raise(_wanted: u64) -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_high_enough_stays_as_it_is() {
        let now = raise(0);
        assert!(now > 0);
        assert_eq!(raise(now), now);
        assert_eq!(raise(0), now);
    }
}
