//! What was sent, and how far it had come when the other side reported on it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that are remembered: ten seconds of 10 ms frames. A report on older ones says nothing of the present.
const MAX_PACKETS: usize = 1024;

/// Packets and bytes, counted from the start of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// RTP packets.
    pub packets: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
}

impl Sent {
    /// What was sent after `earlier`.
    pub fn since(self, earlier: Sent) -> Sent {
        Sent {
            packets: self.packets.saturating_sub(earlier.packets),
            payload_bytes: self.payload_bytes.saturating_sub(earlier.payload_bytes),
        }
    }

    /// Bits on the wire, with so many bytes around each payload.
    pub fn wire_bits(self, overhead_bytes: u16) -> f64 {
        8.0 * (self.payload_bytes as f64 + self.packets as f64 * f64::from(overhead_bytes))
    }
}

/// How far a stream had come when a report on it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// All that had been sent.
    pub sent: Sent,
    /// What of it was sent up to the highest packet that had arrived there, that one included.
    pub covered: Sent,
    /// How long ago the packet after that one was sent: had it come through, the round trip would have been no longer than
    /// this. `None` where none was sent.
    pub waiting: Option<Duration>,
}

/// When each packet was sent, and how much before it.
#[derive(Debug, Clone)]
pub struct SentLog {
    /// Sequence number of the next packet.
    next: u64,
    total: Sent,
    /// When each of the latest was sent, and what was until then, itself included.
    packets: VecDeque<(Instant, Sent)>,
}

impl SentLog {
    /// Of a stream that begins with this sequence number.
    pub fn new(first: u64) -> SentLog {
        SentLog { next: first, total: Sent::default(), packets: VecDeque::with_capacity(MAX_PACKETS) }
    }

    /// Sequence number of the next packet.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// All that was sent so far.
    pub fn total(&self) -> Sent {
        self.total
    }

    /// The next packet goes out.
    pub fn on_sent(&mut self, at: Instant, payload_bytes: usize) {
        self.next += 1;
        self.total.packets += 1;
        self.total.payload_bytes += payload_bytes as u64;
        if self.packets.len() == MAX_PACKETS {
            self.packets.pop_front();
        }
        self.packets.push_back((at, self.total));
    }

    /// How far the stream had come by a report of `highest` that came at `at`, when `sent` was all that had been sent.
    /// `None` for a number that was not sent, or too long ago.
    pub fn progress(&self, at: Instant, sent: Sent, highest: u64) -> Option<Progress> {
        let back = usize::try_from(self.next.checked_sub(highest)?).ok()?;
        let place = self.packets.len().checked_sub(back)?;
        let covered = self.packets.get(place)?.1;
        let after = self.packets.get(place + 1).filter(|(_, until)| until.packets <= sent.packets);
        let waiting = after.map(|(left, _)| at.saturating_duration_since(*left));
        Some(Progress { sent, covered, waiting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn log_of(packets: u64) -> (SentLog, Instant) {
        let start = Instant::now();
        let mut log = SentLog::new(100);
        for n in 0..packets {
            log.on_sent(start + Duration::from_millis(10 * n), 40);
        }
        (log, start)
    }

    #[test]
    fn a_report_covers_what_was_sent_up_to_its_highest_and_the_next_packet_waits() {
        let (log, start) = log_of(50);
        let at = start + Duration::from_millis(500);
        let progress = log.progress(at, log.total(), 129).unwrap();
        assert_eq!(progress.covered, Sent { packets: 30, payload_bytes: 1200 });
        assert_eq!(progress.sent, Sent { packets: 50, payload_bytes: 2000 });
        assert_eq!(progress.waiting, Some(Duration::from_millis(200)));
        assert_eq!(progress.sent.since(progress.covered).wire_bits(56), 20.0 * 96.0 * 8.0);
    }

    #[test]
    fn nothing_waits_where_all_has_arrived_or_the_rest_was_sent_after_the_report_came() {
        let (log, start) = log_of(50);
        let at = start + Duration::from_millis(500);
        assert_eq!(log.progress(at, log.total(), 149).unwrap().waiting, None);
        let then = Sent { packets: 30, payload_bytes: 1200 };
        assert_eq!(log.progress(at, then, 129).unwrap().waiting, None);
    }

    #[test]
    fn numbers_that_were_never_sent_or_long_ago_are_of_no_use() {
        let (log, start) = log_of(2000);
        for highest in [0, 99, 100, 1075, 2100, 2101, u64::MAX] {
            assert_eq!(log.progress(start, log.total(), highest), None, "{highest}");
        }
        assert!(log.progress(start, log.total(), 1076).is_some());
        assert_eq!(SentLog::new(7).progress(start, Sent::default(), 7), None);
    }
}
