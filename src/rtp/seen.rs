//! Which slots of media time have had a frame, and which were given up without one.

use super::RtpTimestamp;

/// Slots remembered. At 2.5 ms frames 2.56 s, longer than any copy of a frame may be late.
const SLOTS: usize = 1024;
/// Shortest Opus frame: two frames never begin closer together.
const STEP: u64 = 120;

/// A memory of the last slots by their media time, in constant time and space.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    timestamp: u64,
    seen: bool,
    given_up: bool,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { slots: vec![Slot::default(); SLOTS].into() }
    }
}

impl Seen {
    /// Notes that some copy of the frame at `timestamp` is there; `true` when it is the first one.
    pub(super) fn insert(&mut self, timestamp: RtpTimestamp) -> bool {
        let slot = self.slot(timestamp);
        if slot.seen {
            return false;
        }
        slot.seen = true;
        true
    }

    /// Notes that playout went past `timestamp` without the frame.
    pub(super) fn give_up(&mut self, timestamp: RtpTimestamp) {
        self.slot(timestamp).given_up = true;
    }

    /// Whether playout went past `timestamp` without the frame.
    pub(super) fn given_up(&self, timestamp: RtpTimestamp) -> bool {
        let slot = &self.slots[index(timestamp)];
        slot.timestamp == timestamp.0 && slot.given_up
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::default());
    }

    fn slot(&mut self, timestamp: RtpTimestamp) -> &mut Slot {
        let slot = &mut self.slots[index(timestamp)];
        if slot.timestamp != timestamp.0 {
            *slot = Slot { timestamp: timestamp.0, seen: false, given_up: false };
        }
        slot
    }
}

fn index(timestamp: RtpTimestamp) -> usize {
    (timestamp.0 / STEP) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_copy_of_a_frame_is_the_first_only_once() {
        let mut seen = Seen::default();
        for n in 0..5000 {
            assert!(seen.insert(RtpTimestamp(n * 120)));
            assert!(!seen.insert(RtpTimestamp(n * 120)));
        }
    }

    #[test]
    fn what_was_given_up_is_known_until_it_is_long_past() {
        let mut seen = Seen::default();
        seen.give_up(RtpTimestamp(960));
        assert!(seen.given_up(RtpTimestamp(960)));
        assert!(!seen.given_up(RtpTimestamp(1920)));
        seen.insert(RtpTimestamp(960 + 120 * SLOTS as u64));
        assert!(!seen.given_up(RtpTimestamp(960)));
    }
}
