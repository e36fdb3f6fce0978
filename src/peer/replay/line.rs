//! The fastest packets over time: what delay is counted from when nobody knows when something was spoken.
//!
//! Clocks differ, so that a straight line would be off by a third of a second after an hour. The fastest packet of each
//! stretch of time is known, and in between the line is bent.

use crate::rtp::{RtpTimestamp, Samples};

/// Length of a stretch.
const STRETCH_US: u64 = 10_000_000;

/// The arrival that the fastest packets would have had, by media time.
#[derive(Debug, Clone)]
pub(super) struct FastestLine {
    origin: RtpTimestamp,
    /// Middle of each stretch in microseconds, and the least of arrival less media time in it.
    points: Vec<(i64, i64)>,
}

impl FastestLine {
    /// The line below packets of one source: when each arrived, in microseconds, and its media time.
    pub(super) fn below(packets: impl IntoIterator<Item = (u64, RtpTimestamp)>) -> FastestLine {
        let mut packets = packets.into_iter().peekable();
        let origin = packets.peek().map_or(RtpTimestamp(0), |first| first.1);
        let mut points: Vec<(i64, i64)> = Vec::new();
        let mut stretch = None;
        for (at_us, timestamp) in packets {
            let above = at_us as i64 - timestamp.since(origin).us();
            let number = at_us / STRETCH_US;
            if stretch == Some(number)
                && let Some(point) = points.last_mut()
            {
                point.1 = point.1.min(above);
            } else {
                points.push(((number * STRETCH_US + STRETCH_US / 2) as i64, above));
                stretch = Some(number);
            }
        }
        FastestLine { origin, points }
    }

    /// When a packet of this media time that arrived at `at_us` would have arrived had it been the fastest, in
    /// milliseconds.
    pub(super) fn arrival_ms(&self, at_us: u64, timestamp: RtpTimestamp) -> f64 {
        let media: Samples = timestamp.since(self.origin);
        (media.us() as f64 + self.above(at_us as i64)) / 1000.0
    }

    fn above(&self, at_us: i64) -> f64 {
        let next = self.points.partition_point(|point| point.0 <= at_us);
        match (next.checked_sub(1).and_then(|before| self.points.get(before)), self.points.get(next)) {
            (Some(before), Some(after)) => {
                let part = (at_us - before.0) as f64 / (after.0 - before.0).max(1) as f64;
                before.1 as f64 + part * (after.1 - before.1) as f64
            }
            (Some(point), None) | (None, Some(point)) => point.1 as f64,
            (None, None) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_a_clock_that_drifts() {
        // A minute in which the sender's clock gains 300 ppm, and every tenth packet is fast.
        let packets = (0..6000u64).map(|n| {
            let late = if n % 10 == 0 { 0 } else { 5000 };
            (((n * 10_000) as f64 / 1.0003) as u64 + late + 20_000, RtpTimestamp(1 << 33 | (n * 480)))
        });
        let line = FastestLine::below(packets.clone());
        for (at_us, timestamp) in packets {
            let late_ms = at_us as f64 / 1000.0 - line.arrival_ms(at_us, timestamp);
            assert!((-2.0..8.5).contains(&late_ms), "{late_ms}");
        }
    }

    #[test]
    fn nothing_has_a_line_too() {
        assert_eq!(FastestLine::below([]).arrival_ms(5000, RtpTimestamp(0)), 0.0);
    }
}
