//! How long a packet was under way, though the two clocks do not agree.
//!
//! A sender report says what the sender's clock showed as it left (RFC 3550, section 6.4.1); the least that our clock
//! shows beyond that is the path at its fastest plus the difference of the clocks. Half of the least round trip stands
//! for the path at its fastest, so the difference is known to within the other half: that is the error bound, and a path
//! that takes as long one way as the other has none of it.
//!
//! Reports and the `abs-capture-time` header extension also say when a sample of which RTP timestamp was captured.
//! With both, every packet tells how old its first sample was as it arrived.

use std::time::{Duration, Instant};

use super::{RtpTimestamp, Samples};

/// What a sender says of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// When it came.
    pub at: Instant,
    /// The RTP timestamp of a sample, as it stands on the wire.
    pub timestamp: u32,
    /// When that sample was captured, in microseconds since 1970 by the sender's clock.
    pub captured_us: i64,
    /// The sender's clock when it said so, in the same unit; only a report knows.
    pub sent_us: Option<i64>,
}

/// The delay of one direction, as it is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneWay {
    /// From capture of a packet's last sample to its arrival, in milliseconds: sending it and the network.
    pub ms: f32,
    /// How far from the truth that may be either way.
    pub error_ms: f32,
}

/// Half of the time over which the fastest are remembered. Clocks that differ by 100 ppm move 2 ms in both halves.
const HALF: Duration = Duration::from_secs(10);
/// Packets over which the delay is averaged.
const PACKETS: f64 = 40.0;
/// What lies outside of this is a lie, or a clock that was set.
const SANE_US: std::ops::RangeInclusive<i64> = -1_000_000..=30_000_000;

/// Measures it.
#[derive(Debug, Clone, Default)]
pub struct OneWayDelay {
    origin: Option<Instant>,
    /// RTP timestamp and capture time of one sample.
    sample: Option<(u32, i64)>,
    transit: Least,
    round_trip: Least,
    mean_us: Option<f64>,
}

/// The least of the last while, in two halves.
#[derive(Debug, Clone, Copy, Default)]
struct Least {
    halves: [Option<i64>; 2],
    began: Option<Instant>,
}

impl Least {
    fn observe(&mut self, value: i64, now: Instant) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= HALF) {
            self.began = Some(now);
            self.halves = [self.halves[1], None];
        }
        self.halves[1] = Some(self.halves[1].map_or(value, |least| least.min(value)));
    }

    fn get(&self) -> Option<i64> {
        self.halves.into_iter().flatten().min()
    }
}

impl OneWayDelay {
    fn clock_us(&mut self, at: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(at);
        match at.checked_duration_since(origin) {
            Some(after) => after.as_micros() as i64,
            None => -(origin.duration_since(at).as_micros() as i64),
        }
    }

    /// Takes in what the sender says of its clock.
    pub fn handle_sender_clock(&mut self, clock: &SenderClock) {
        let now_us = self.clock_us(clock.at);
        self.sample = Some((clock.timestamp, clock.captured_us));
        if let Some(sent_us) = clock.sent_us {
            self.transit.observe(now_us.wrapping_sub(sent_us), clock.at);
        }
    }

    /// Takes in a round trip.
    pub fn handle_round_trip(&mut self, rtt: Duration, now: Instant) {
        self.round_trip.observe(rtt.as_micros().min(60_000_000) as i64, now);
    }

    /// Takes in that a packet arrived whose first sample is `timestamp` and that holds `frame`.
    pub fn handle_packet(&mut self, timestamp: RtpTimestamp, frame: Samples, arrival: Instant) {
        let now_us = self.clock_us(arrival);
        let (Some((of, captured_us)), Some(transit), Some(rtt)) =
            (self.sample, self.transit.get(), self.round_trip.get())
        else {
            return;
        };
        let since = Samples(i64::from(timestamp.wire().wrapping_sub(of) as i32)) + frame;
        let spoken_us = captured_us.wrapping_add(since.us()).wrapping_add(transit).wrapping_sub(rtt / 2);
        let delay_us = now_us.wrapping_sub(spoken_us);
        if SANE_US.contains(&delay_us) {
            let mean = self.mean_us.get_or_insert(delay_us as f64);
            *mean += (delay_us as f64 - *mean) / PACKETS;
        }
    }

    /// The delay as it is now; `None` until the sender has said what time it is.
    pub fn get(&self) -> Option<OneWay> {
        let error_us = self.round_trip.get()? / 2;
        Some(OneWay { ms: (self.mean_us? / 1000.0) as f32, error_ms: error_us as f32 / 1000.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Samples = Samples(480);

    /// A path of `there` and `back` milliseconds between clocks that are `offset` seconds apart, for 20 s.
    fn measured(there: f64, back: f64, offset: f64, ppm: f64) -> OneWay {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let at = |ms: f64| start + Duration::from_micros((ms * 1000.0) as u64);
        let their_us = |ms: f64| (offset * 1e6 + ms * 1000.0 * (1.0 + ppm * 1e-6)) as i64;
        let mut delay = OneWayDelay::default();
        for n in 0..2000u32 {
            let spoken_ms = f64::from(n) * 10.0;
            let sent_ms = spoken_ms + 10.0;
            let jitter = f64::from(n * 7919 % 100) / 50.0;
            let timestamp = RtpTimestamp((u64::from(u32::MAX) - 1000) + u64::from(n) * 480);
            if n % 100 == 0 {
                delay.handle_round_trip(Duration::from_secs_f64((there + back) / 1000.0), at(sent_ms));
                delay.handle_sender_clock(&SenderClock {
                    at: at(sent_ms + there),
                    timestamp: timestamp.wire(),
                    captured_us: their_us(spoken_ms),
                    sent_us: Some(their_us(sent_ms)),
                });
            }
            delay.handle_packet(timestamp, FRAME, at(sent_ms + there + jitter));
        }
        delay.get().unwrap()
    }

    #[test]
    fn a_path_that_is_the_same_both_ways_is_measured_whatever_the_clocks_show() {
        for offset in [0.0, 1.7e9, 12.5] {
            let found = measured(30.0, 30.0, offset, 0.0);
            assert!((found.ms - 31.0).abs() < 1.0, "{found:?}");
            assert_eq!(found.error_ms, 30.0);
        }
    }

    #[test]
    fn clocks_that_drift_are_followed() {
        for ppm in [-100.0, 100.0] {
            let found = measured(30.0, 30.0, 1000.0, ppm);
            assert!((found.ms - 31.0).abs() < 3.0, "{ppm}: {found:?}");
        }
    }

    #[test]
    fn a_path_that_is_not_the_same_both_ways_is_within_the_error_bound() {
        let found = measured(50.0, 10.0, 5.0, 0.0);
        assert!((found.ms - 51.0).abs() <= found.error_ms, "{found:?}");
    }

    #[test]
    fn lies_about_the_time_are_survived() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let at = Instant::now();
        let mut delay = OneWayDelay::default();
        for lie in [i64::MIN, -1, 0, i64::MAX] {
            delay.handle_round_trip(Duration::MAX, at);
            let clock =
                SenderClock { at, timestamp: 7, captured_us: lie, sent_us: Some(-lie.max(-i64::MAX)) };
            delay.handle_sender_clock(&clock);
            delay.handle_packet(RtpTimestamp(u64::MAX), FRAME, at);
            delay.handle_packet(RtpTimestamp(0), FRAME, at);
            let _ = delay.get();
        }
    }
}
