//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::opus::{DecoderEffort, Encoder, EncoderConfig, FrameLength, MAX_PACKET_BYTES};
use super::{Channels, Latency, Receiver, ReceiverConfig};
use crate::rtp::fuzz::{Content, Listener, Scene};
use crate::rtp::{Packet, RtpTimestamp, Samples};

/// Virtual time of a script: a decoder takes a hundred times as long as decisions alone.
const LIMIT: Duration = Duration::from_secs(3);
/// After some scripts an honest stream is heard for so long, and must be heard well at the end of it.
const TAIL: Duration = Duration::from_secs(8);
/// The delay by then: a frame, a pull, and what a quiet network needs.
const TAIL_DELAY_MS: f64 = 40.0;
/// What more it may be where something was repaired, which is waited for for a while yet. `balanced` and `robust` wait for what
/// came late once in all that they remember, up to the greatest delay.
const REMEMBERED_MS: f64 = 40.0;
/// Packets of each kind that are ready to be sent.
const POOL: usize = 50;
/// No sound of a decoder is that loud, whatever the packet; an overflow or an uninitialised sample is.
const LOUDEST: f32 = 100.0;
/// Longest piece that is repeated to raise the delay, once in 20 ms: what is heard steps back by no more.
const REPEATED: Samples = Samples::from_ms(15);
/// See [`REPEATED`].
const REPEATED_EVERY: Samples = Samples::from_ms(20);
/// Of what was made up so much is kept at the most where it is like the sound behind it, which is heard so much later.
const KEPT: Samples = Samples::from_ms(8);

/// Bytes as a script of what a sender, a network and a device may do to a whole receiver: nothing panics, every sample
/// asked for is a finite number, what is heard does not step back further than a repeated piece and a joint, the counts hold
/// together, and an honest stream afterwards is heard whole and soon.
pub fn receiver(data: &[u8]) {
    let mut scene = Scene::new(data, LIMIT);
    let head = scene.byte();
    let config = ReceiverConfig {
        channels: if head & 1 == 0 { Channels::Mono } else { Channels::Stereo },
        latency: Latency::ALL[usize::from(head >> 1 & 3)],
        target: None,
        max_delay_ms: if head & 8 == 0 { 120 } else { 60 },
        effort: if head & 0x20 == 0 { DecoderEffort::Plain } else { DecoderEffort::DeepConcealment },
    };
    let mut ear = Ear::new(config);
    scene.play(&mut ear);
    if head & 0x40 == 0 {
        return;
    }
    let _ = scene.tail(TAIL - Duration::from_secs(1), &mut ear);
    let before = ear.receiver.stats();
    let tail = scene.tail(Duration::from_secs(1), &mut ear);
    let after = ear.receiver.stats();
    assert_eq!(after.concealed_samples - before.concealed_samples, 0, "an honest stream is heard whole");
    assert_eq!(after.undecodable, before.undecodable);
    let delay_ms = tail.delay_ms.expect("and nothing of it is made up");
    let has_repairs = after.fec_used + after.red_used + after.dred_used > 0;
    let most_ms = match config.latency {
        Latency::Balanced | Latency::Robust => f64::from(config.max_delay_ms),
        Latency::Ultra | Latency::Low if has_repairs => TAIL_DELAY_MS + REMEMBERED_MS,
        Latency::Ultra | Latency::Low => TAIL_DELAY_MS,
    };
    assert!((-1.0..=most_ms).contains(&delay_ms), "and soon: {delay_ms} ms");
}

/// A receiver that is watched as it renders.
struct Ear {
    receiver: Receiver,
    channels: usize,
    out: Vec<f32>,
    rendered: u64,
    /// What was heard last, and the stream's restarts by then.
    last_heard: Option<(RtpTimestamp, u64)>,
}

impl Ear {
    fn new(config: ReceiverConfig) -> Ear {
        let receiver = Receiver::new(config).expect("there is memory");
        Ear { receiver, channels: config.channels.count(), out: Vec::new(), rendered: 0, last_heard: None }
    }

    fn check_counts(&mut self) -> u64 {
        let stats = self.receiver.stats();
        assert_eq!(stats.total_samples, self.rendered);
        assert!(stats.concealed_samples <= stats.total_samples + stats.shortened_samples + 48_000);
        assert!(stats.discarded <= stats.received && stats.late <= stats.discarded, "{stats:?}");
        let figures = [stats.playout_delay_ms, stats.target_ms, stats.drift_ppm];
        assert!(figures.iter().all(|figure| figure.is_finite()), "{stats:?}");
        stats.restarts
    }

    fn check_heard(&mut self, wanted: Samples, restarts: u64) {
        let Some(heard) = self.receiver.heard() else { return };
        if let Some((last, before)) = self.last_heard
            && before == restarts
        {
            let repeats = wanted.0 / REPEATED_EVERY.0 + 1;
            let back = last.since(heard);
            assert!(back.0 <= repeats * REPEATED.0 + KEPT.0, "{heard} is heard {back:?} after it was heard");
        }
        self.last_heard = Some((heard, restarts));
    }
}

impl Listener for Ear {
    fn payload(&mut self, content: Content) -> Arc<[u8]> {
        packet(content)
    }

    fn handle_packet(&mut self, packet: &Packet) {
        self.receiver.handle_packet(packet);
    }

    fn poll_playout(&self) -> Option<Instant> {
        self.receiver.poll_playout()
    }

    fn pull(&mut self, now: Instant, wanted: Samples) {
        self.out.clear();
        self.out.resize(wanted.len() * self.channels, f32::NAN);
        self.receiver.render(now, &mut self.out);
        self.rendered += wanted.len() as u64;
        let odd = self.out.iter().find(|sample| sample.is_nan() || sample.abs() > LOUDEST);
        assert_eq!(odd, None, "every sample is a finite number");
        let restarts = self.check_counts();
        self.check_heard(wanted, restarts);
    }

    fn heard(&self) -> Option<RtpTimestamp> {
        self.receiver.heard()
    }
}

/// A real Opus packet: encoded once for each frame length, used again and again.
fn packet(content: Content) -> Arc<[u8]> {
    static PACKETS: OnceLock<Vec<Vec<Arc<[u8]>>>> = OnceLock::new();
    let pool = PACKETS.get_or_init(|| {
        let kinds = FrameLength::ALL.iter().flat_map(|frame| [(*frame, false), (*frame, true)]);
        kinds.map(|(frame, fec)| encode(frame, fec)).collect()
    });
    let length = FrameLength::from_samples(content.frame.len()).unwrap_or_default();
    let index = FrameLength::ALL.iter().position(|frame| *frame == length).unwrap_or_default();
    let kind = &pool[2 * index + usize::from(content.fec)];
    let packet = &kind[content.number as usize % POOL];
    if content.dtx { packet[..1].into() } else { packet.clone() }
}

fn encode(frame: FrameLength, fec: bool) -> Vec<Arc<[u8]>> {
    let loss = if fec { 20 } else { 0 };
    let config = EncoderConfig {
        frame,
        fec,
        expected_loss_percent: loss,
        complexity: Some(1),
        ..EncoderConfig::default()
    };
    let mut encoder = Encoder::new(config).expect("there is memory");
    let mut packet = [0; MAX_PACKET_BYTES];
    let mut time = 0u32;
    let mut frame_of_sound = || {
        let samples: Vec<f32> = (0..frame.samples()).map(|n| buzz(time + n as u32)).collect();
        time += frame.samples() as u32;
        samples
    };
    (0..POOL)
        .map(|_| {
            let bytes = encoder.encode(&frame_of_sound(), &mut packet).expect("a frame of its length");
            packet[..bytes].into()
        })
        .collect()
}

/// A tone with overtones that swells: coded as a voice is.
fn buzz(sample: u32) -> f32 {
    let t = sample as f32 / 48_000.0;
    let swell = 0.3 + 0.2 * (t * 9.0).sin();
    swell * (1..8).map(|k| (std::f32::consts::TAU * 140.0 * k as f32 * t).sin() / k as f32).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_script_ends_well() {
        let mut state = 5u64;
        for _ in 0..5 {
            let script: Vec<u8> = (0..60)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                })
                .collect();
            if std::panic::catch_unwind(|| receiver(&script)).is_err() {
                panic!("the script {script:?}");
            }
        }
    }
}
