//! When a stream goes on elsewhere in time: its sender's clock jumped, or its path became longer than may be waited for.

/// Packets on another timeline, one after the other, that make it the new one, and the time over which they come:
/// one liar does not move playout, and a burst after a stall is not a new timeline.
const FOREIGN_PACKETS: u32 = 3;
/// See [`FOREIGN_PACKETS`].
const FOREIGN_US: i64 = 40_000;
/// How far apart delays on a new timeline may be to count as one.
const FOREIGN_SPREAD_US: i64 = 50_000;

/// Where everything comes later than may be waited for, for so long, the path has become longer, or the sender stood still
/// and its clock with it. A burst after a stall is over before.
const LATE_US: i64 = 500_000;

/// What came of late that does not belong where playout is.
#[derive(Debug, Clone, Default)]
pub(super) struct TimelineWatch {
    foreign: Option<Foreign>,
    /// Since when every packet has come later than the greatest delay.
    late_since_us: Option<i64>,
}

/// Packets that came on another timeline.
#[derive(Debug, Clone, Copy)]
struct Foreign {
    delay_us: i64,
    since_us: i64,
    packets: u32,
}

impl TimelineWatch {
    /// A packet came on another timeline, `delay_us` away. `true` when there have been enough of them for playout to move over.
    pub(super) fn on_foreign(&mut self, delay_us: i64, now_us: i64) -> bool {
        let foreign = match self.foreign {
            Some(seen) if (delay_us - seen.delay_us).abs() <= FOREIGN_SPREAD_US => {
                Foreign { packets: seen.packets.saturating_add(1), ..seen }
            }
            _ => Foreign { delay_us, since_us: now_us, packets: 1 },
        };
        self.foreign = Some(foreign);
        foreign.packets >= FOREIGN_PACKETS && now_us - foreign.since_us >= FOREIGN_US
    }

    /// A packet came later than may be waited for. `true` when nothing else came for so long that nothing would be heard any more.
    pub(super) fn on_late(&mut self, now_us: i64) -> bool {
        self.foreign = None;
        now_us - *self.late_since_us.get_or_insert(now_us) >= LATE_US
    }
}
