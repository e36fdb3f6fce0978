//! One direction of a call: encoded once, sent over any network.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handset::audio::opus::{Bandwidth, Encoder, EncoderConfig, FrameLength, MAX_PACKET_BYTES};
use handset::audio::trial::{Pull, Trial};
use handset::rtp::{Packet, PayloadFormat, RedPacker, RtpTimestamp, Samples, Seq, red};
use handset::sim::{Link, Profile, Random};

use super::setting;

/// Media time of the first sample.
const ORIGIN: RtpTimestamp = RtpTimestamp(1 << 32);
/// IP, UDP, RTP and SRTP.
const OVERHEAD_BYTES: usize = 20 + 8 + 12 + 10;

/// A device asks for sound in steps of this length.
pub(crate) const TICK: Samples = Samples::from_ms(10);
/// Purpose of the numbers from which phases are drawn, of the first network.
const PHASE: u64 = 1000;
/// Purpose of those from which hiccups are drawn.
const HICCUPS: u64 = 999;

/// What packets carry beside their own frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redundancy {
    /// Nothing.
    None,
    /// Opus' in-band FEC.
    Fec,
    /// Copies of the last frames (RFC 2198).
    Red(usize),
    /// Parity over so many frames.
    Parity(u8),
}

impl FromStr for Redundancy {
    type Err = ();

    fn from_str(text: &str) -> Result<Redundancy, ()> {
        match text {
            "none" => Ok(Redundancy::None),
            "fec" => Ok(Redundancy::Fec),
            "red" => Ok(Redundancy::Red(1)),
            "red2" => Ok(Redundancy::Red(2)),
            _ => text.strip_prefix("parity").and_then(|n| n.parse().ok()).map(Redundancy::Parity).ok_or(()),
        }
    }
}

/// The packets of one direction.
pub(crate) struct Call {
    start: Instant,
    frame: usize,
    samples: usize,
    payloads: Vec<(PayloadFormat, Arc<[u8]>)>,
}

impl Call {
    /// Encodes `speech`.
    pub(crate) fn encode(speech: &[f32], frame_ms: f32, redundancy: Redundancy) -> Call {
        let frame = (frame_ms * 48.0) as usize;
        let mut config = EncoderConfig {
            frame: FrameLength::from_samples(frame).expect("a frame length"),
            ..EncoderConfig::default()
        };
        config.bitrate = std::env::var("BITRATE").unwrap_or("32k".into()).parse().expect("a bit rate");
        config.expected_loss_percent =
            if redundancy == Redundancy::Fec { setting("TOLD_PERCENT", 15) } else { 0 };
        let mut encoder = Encoder::new(config).expect("an encoder");
        if std::env::var("BANDWIDTH").is_ok_and(|band| band == "wide") {
            encoder.set_max_bandwidth(Bandwidth::Wide).expect("a bandwidth");
        }
        let mut packet = [0; MAX_PACKET_BYTES];
        let plain: Vec<Vec<u8>> = speech
            .chunks_exact(frame)
            .map(|samples| {
                let bytes = encoder.encode(samples, &mut packet).expect("a frame");
                packet[..bytes].to_vec()
            })
            .collect();
        let payloads = match redundancy {
            Redundancy::Red(copies) => (0..plain.len())
                .map(|n| (PayloadFormat::Red, with_copies(&plain, n, copies, frame)))
                .collect(),
            Redundancy::Parity(frames) => with_parity(&plain, frames, frame as u64),
            _ => plain.into_iter().map(|packet| (PayloadFormat::Opus, Arc::from(packet))).collect(),
        };
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        Call { start, frame, samples: speech.len(), payloads }
    }

    /// The same said again and again, `seconds` long.
    pub(crate) fn lasting(self, seconds: f64) -> Call {
        let samples = (seconds * 48_000.0) as usize;
        let payloads = self.payloads.iter().cycle().take(samples / self.frame).cloned().collect();
        Call { samples, payloads, ..self }
    }

    /// What arrives over `network`.
    pub(crate) fn over(&self, network: Profile, seed: u64) -> Trace {
        let mut link = Link::new(network.link(), seed, self.start);
        let mut arrivals = Vec::new();
        for (n, (format, payload)) in self.payloads.iter().enumerate() {
            let (sent, packet) = (self.sent(n), self.packet(n, *format, payload));
            // A link holds no more than so many packets at once: those of an hour have to come out as they go in.
            take_until(&mut link, Some(sent), &mut arrivals);
            link.send(sent, payload.len() + OVERHEAD_BYTES, packet);
        }
        take_until(&mut link, None, &mut arrivals);
        self.hold_up(&mut arrivals, seed);
        let took =
            |packet: &Packet| packet.arrival.saturating_duration_since(self.sent(packet.seq.0 as usize));
        let path_ms: f64 = arrivals.iter().map(|packet| took(packet).as_secs_f64() * 1000.0).sum();
        let path_ms = path_ms / arrivals.len().max(1) as f64;
        let phase = TICK.duration().mul_f64(Random::new(seed, PHASE + network as u64).unit());
        Trace { arrivals, path_ms, phase }
    }

    /// Each 1 to 4 s everything stands still for 8 ms up to `HICCUPS_MS`, as a machine with much else to do does.
    fn hold_up(&self, arrivals: &mut [Packet], seed: u64) {
        let most_ms = setting("HICCUPS_MS", 0.0);
        let mut random = Random::new(seed, HICCUPS);
        let mut rest = arrivals;
        let mut at_s = 0.0;
        while most_ms > 0.0 && !rest.is_empty() {
            at_s += 1.0 + 3.0 * random.unit();
            let ms = 8.0 + (most_ms - 8.0f64).max(0.0) * random.unit();
            let from = self.start + Duration::from_secs_f64(at_s);
            let to = from + Duration::from_secs_f64(ms / 1000.0);
            let begin = rest.partition_point(|packet| packet.arrival < from);
            let held = rest[begin..].partition_point(|packet| packet.arrival < to);
            rest = &mut rest[begin..];
            rest[..held].iter_mut().for_each(|packet| packet.arrival = to);
        }
    }

    fn packet(&self, n: usize, format: PayloadFormat, payload: &Arc<[u8]>) -> Packet {
        Packet {
            ssrc: 1,
            seq: Seq(n as u64),
            timestamp: ORIGIN + Samples::from(n * self.frame),
            arrival: self.start,
            marker: n == 0,
            format,
            payload: payload.clone(),
        }
    }

    fn sent(&self, n: usize) -> Instant {
        self.start + Samples::from((n + 1) * self.frame).duration()
    }

    /// A trial of this call.
    pub(crate) fn trial(&self, pull: Pull) -> Trial {
        // What is on its way at the end is not waited for: it would count as made up.
        let end = self.start + Samples::from(self.samples).duration();
        Trial {
            start: self.start,
            origin_at: self.start,
            origin: ORIGIN,
            pull,
            sink_ppm: 0.0,
            source_ppm: 0.0,
            end,
            keeps_sound: std::env::var_os("WAVS").is_some(),
        }
    }
}

/// What arrives over one network.
pub(crate) struct Trace {
    /// Packets in order of arrival.
    pub(crate) arrivals: Vec<Packet>,
    /// The path's own mean delay, in milliseconds.
    pub(crate) path_ms: f64,
    /// By how much a device's clock ticks after the first packet: nobody chose that, and it is another one on each trace.
    pub(crate) phase: Duration,
}

/// Takes what comes out of a link, all of it or what does before a moment.
fn take_until(link: &mut Link<Packet>, end: Option<Instant>, arrivals: &mut Vec<Packet>) {
    while let Some(at) = link.poll_timeout().filter(|at| end.is_none_or(|end| *at < end)) {
        arrivals.extend(link.poll(at).map(|(arrival, packet)| Packet { arrival, ..packet }));
    }
}

/// The packets of `plain`, with the parity of those before every so many.
fn with_parity(plain: &[Vec<u8>], frames: u8, samples: u64) -> Vec<(PayloadFormat, Arc<[u8]>)> {
    let mut packer = RedPacker::default();
    let pack = |(n, frame): (usize, &Vec<u8>)| match packer.pack_parity(
        111,
        frames,
        n as u64 * samples,
        (samples, frame),
    ) {
        Some(payload) => (PayloadFormat::Red, Arc::from(payload)),
        None => (PayloadFormat::Opus, Arc::from(frame.as_slice())),
    };
    plain.iter().enumerate().map(pack).collect()
}

fn with_copies(plain: &[Vec<u8>], n: usize, copies: usize, frame: usize) -> Arc<[u8]> {
    let older: Vec<(Samples, &[u8])> = (1..=copies.min(n))
        .rev()
        .map(|age| (Samples::from(age * frame), plain[n - age].as_slice()))
        .collect();
    let mut payload = Vec::new();
    red::write(111, &older, &plain[n], &mut payload).expect("copies fit");
    payload.into()
}
