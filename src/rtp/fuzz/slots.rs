//! The jitter buffer under a script, against a renderer that counts slots and decodes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::scene::{Content, Listener, Scene};
use crate::rtp::buffer::MAX_FRAMES;
use crate::rtp::{Decision, JitterBuffer, Packet, RtpTimestamp, Samples, TargetSettings, Unplayed};

/// Virtual time of a script.
const LIMIT: Duration = Duration::from_secs(60);
/// After a script an honest stream is heard for so long, and must be heard well at the end of it.
const TAIL: Duration = Duration::from_secs(20);
/// The delay by then: a frame, a pull, and what a quiet network needs.
const TAIL_DELAY_MS: f64 = 40.0;
/// Decisions of one pull: every frame that waits may be too late, and each 2.5 ms may be made up.
const MAX_DECISIONS: usize = 2 * MAX_FRAMES;

/// Bytes as a script of what a sender, a network and a device may do: nothing panics; no slot of media time is played
/// twice; what waits stays within its bound; a pull ends; and an honest stream afterwards is heard whole and soon.
pub fn jitter_buffer(data: &[u8]) {
    let mut scene = Scene::new(data, LIMIT);
    let head = scene.byte();
    let ms_per_percent = [2.0, 10.0, 25.0, 60.0][usize::from(head & 3)];
    let settings = TargetSettings {
        ms_per_percent,
        repair_ms_per_percent: ms_per_percent,
        max_delay_ms: [400, 60, 120, 250][usize::from(head >> 2 & 3)],
        ..TargetSettings::default()
    };
    let mut counter = Counter::new(settings);
    scene.play(&mut counter);
    if head & 0x10 == 0 {
        return;
    }
    let _ = scene.tail(TAIL - Duration::from_secs(1), &mut counter);
    let before = counter.filled_in;
    let tail = scene.tail(Duration::from_secs(1), &mut counter);
    assert_eq!(counter.filled_in - before, 0, "an honest stream is heard whole");
    let delay_ms = tail.delay_ms.expect("and nothing of it is made up");
    assert!((0.0..=TAIL_DELAY_MS).contains(&delay_ms), "and soon: {delay_ms} ms");
}

/// A renderer that holds no sound.
struct Counter {
    buffer: JitterBuffer,
    unplayed: Unplayed,
    /// Media time up to which frames were decoded, and the stream's restarts by then.
    decoded_to: Option<(RtpTimestamp, u64)>,
    /// Samples made up, or silence.
    filled_in: i64,
}

impl Counter {
    fn new(settings: TargetSettings) -> Counter {
        let buffer = JitterBuffer::new(settings);
        Counter { buffer, unplayed: Unplayed::default(), decoded_to: None, filled_in: 0 }
    }

    /// Follows one decision; false when what is there is to be played.
    fn follow(&mut self, wanted: Samples) -> bool {
        let restarts = self.buffer.stats().restarts;
        let decision = self.buffer.decide(self.unplayed);
        match decision {
            Decision::Silence { samples } => {
                assert!(!samples.is_empty(), "silence of some length");
                let samples = samples.min(wanted);
                self.unplayed.real += samples;
                self.filled_in += samples.0;
            }
            Decision::Conceal { samples, .. } => {
                assert!(!samples.is_empty(), "concealment of some length");
                self.unplayed.made_up += samples;
            }
            Decision::Settle { samples } => {
                assert!(!samples.is_empty() && samples <= self.unplayed.made_up, "{samples:?}");
                self.unplayed.made_up -= samples;
                self.unplayed.real += samples;
                self.filled_in += samples.0;
            }
            Decision::Decode { timestamp, samples, skip, .. }
            | Decision::DecodeFec { timestamp, samples, skip, .. }
            | Decision::DecodeDred { timestamp, samples, skip, .. } => {
                let slot = Slot { timestamp, samples, skip };
                self.decode(slot, restarts);
            }
            Decision::DecodeUnheard { timestamp, samples, .. } => {
                self.note_slot(Slot { timestamp, samples, skip: samples }, restarts);
            }
            Decision::PlayMadeUp => return false,
        }
        true
    }

    fn decode(&mut self, slot: Slot, restarts: u64) {
        self.unplayed.made_up = Samples::ZERO;
        self.unplayed.real += slot.samples - slot.skip;
        self.note_slot(slot, restarts);
    }

    /// No slot comes twice.
    fn note_slot(&mut self, Slot { timestamp, samples, skip }: Slot, restarts: u64) {
        assert!((Samples::ZERO..=samples).contains(&skip), "{skip:?} of {samples:?} are left out");
        if let Some((decoded_to, before)) = self.decoded_to
            && before == restarts
        {
            assert!(
                (timestamp + skip).since(decoded_to) >= Samples::ZERO,
                "{timestamp} + {skip:?} was played already, up to {decoded_to}"
            );
        }
        self.decoded_to = Some((timestamp + samples, restarts));
    }

    /// As a stretching renderer would: a little at each pull.
    fn steer(&mut self) {
        let room = self.unplayed.real.0;
        let by = Samples(self.buffer.steer().excess.0.clamp(-24, 24).min(room));
        if by != Samples::ZERO && (by > Samples::ZERO || room > 0) {
            self.unplayed.real -= by;
            self.buffer.moved(by);
        }
    }
}

/// A frame that is to be decoded.
struct Slot {
    timestamp: RtpTimestamp,
    samples: Samples,
    skip: Samples,
}

impl Listener for Counter {
    fn payload(&mut self, content: Content) -> Arc<[u8]> {
        let (shortest, longer) = (28u8, 8u8);
        let config = match content.frame.0 {
            120 => shortest,
            240 => shortest + 1,
            480 => longer,
            960 => longer + 1,
            1920 => longer + 2,
            _ => longer + 3,
        };
        // The flag of the low-rate copy stands behind one flag of voice for each 20 ms.
        let voices = (content.frame.0 / 960).max(1) as u8;
        let flags = u8::from(content.fec) << (7 - voices);
        match content.dtx {
            true => vec![config << 3].into(),
            false => vec![config << 3, flags, 2, 3].into(),
        }
    }

    fn handle_packet(&mut self, packet: &Packet) {
        self.buffer.handle_packet(packet);
        assert!(self.buffer.waiting() <= MAX_FRAMES);
    }

    fn poll_playout(&self) -> Option<Instant> {
        self.buffer.poll_playout()
    }

    fn pull(&mut self, now: Instant, wanted: Samples) {
        self.buffer.begin(now, wanted, self.unplayed);
        let mut decisions = 0;
        while self.unplayed.real < wanted && self.follow(wanted) {
            decisions += 1;
            assert!(decisions <= MAX_DECISIONS, "a pull ends");
        }
        let made_up = (wanted - self.unplayed.real).max(Samples::ZERO);
        assert!(made_up <= self.unplayed.made_up, "a pull is filled");
        self.filled_in += made_up.0;
        self.unplayed.made_up -= made_up;
        self.unplayed.real -= wanted - made_up;
        self.steer();
    }

    fn heard(&self) -> Option<RtpTimestamp> {
        self.buffer.heard(self.unplayed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_script_ends_well() {
        let mut state = 1u64;
        for _ in 0..300 {
            let script: Vec<u8> = (0..120)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect();
            if std::panic::catch_unwind(|| jitter_buffer(&script)).is_err() {
                panic!("the script {script:?}");
            }
        }
    }
}
