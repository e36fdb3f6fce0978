//! One link, one way to send over it, and what comes out.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handset::audio::control::{self, Abilities, Plan, Policy};
use handset::audio::trial::{Pull, Trial};
use handset::audio::{FrameLength, Latency, Receiver, ReceiverConfig, RedSettings, Sender, SenderConfig};
use handset::rtp::{Packet, RedHeader, RtpTimestamp, Samples, Seq};
use handset::sim::{Link, LinkConfig, Loss};

const PATH: Duration = Duration::from_millis(20);
const ORIGIN: RtpTimestamp = RtpTimestamp(1 << 32);
const FRAME: FrameLength = FrameLength::Ms20;
/// From mouth to ear without the jitter buffer: frame, look-ahead, path.
pub(crate) const BASE_DELAY_MS: f64 = 20.0 + 6.5 + 20.0;

/// What is sent against losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Nothing: the receiver makes up what is lost.
    Concealment,
    /// Opus' in-band FEC.
    Fec,
    /// Copies of the frame so many before.
    Red(u8),
    /// Parity over so many frames.
    Parity(u8),
    /// Deep redundancy that reaches back so many milliseconds.
    Dred(u32),
    /// What the controller chooses.
    Controller,
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Method, String> {
        let (kind, number) = text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()));
        let unknown = || {
            format!("expected plc, fec, red1 to red8, parity2 to parity8 or dred60 to dred1000, found {text}")
        };
        match (kind, number) {
            ("plc", "") => Ok(Method::Concealment),
            ("fec", "") => Ok(Method::Fec),
            ("red", _) => number.parse().map(Method::Red).map_err(|_| unknown()),
            ("parity", _) => number.parse().map(Method::Parity).map_err(|_| unknown()),
            ("dred", _) => number.parse().map(Method::Dred).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

/// A link, and what everything on it must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) lost: f64,
    pub(crate) burst: f64,
    pub(crate) limits: Limits,
}

/// What sender and receiver may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) wire_bps: u32,
    pub(crate) overhead_bytes: u16,
    pub(crate) max_delay_ms: u32,
    pub(crate) latency: Latency,
}

impl Case {
    /// The plan that a method is: the best one of those that send nothing else against losses.
    pub(crate) fn plan(&self, method: Method) -> Plan {
        let plain = Abilities::plain(&SenderConfig::default());
        let overhead_bytes = self.limits.overhead_bytes;
        // What is left of RTP's own header tells whether RED's are short too.
        let are_short = overhead_bytes < Abilities::OVERHEAD_BYTES - Abilities::SHORT_TAG_SAVES;
        let red_header = if are_short { RedHeader::Short } else { RedHeader::Whole };
        let all = Abilities { red: true, dred: true, overhead_bytes, red_header, ..plain };
        let free = Policy {
            latency: self.limits.latency,
            frame: Some(FRAME),
            max_bitrate_bps: Some(self.limits.wire_bps),
            ..Policy::default()
        };
        let only =
            |fec, red, dred| Policy { fec: Some(fec), red_distance: Some(red), dred_ms: Some(dred), ..free };
        let policy = match method {
            Method::Concealment => only(false, 0, 0),
            Method::Fec => only(true, 0, 0),
            Method::Red(distance) => only(false, distance, 0),
            Method::Parity(frames) => Policy { parity: Some(frames), ..only(false, 0, 0) },
            Method::Dred(ms) => only(false, 0, ms),
            Method::Controller => free,
        };
        let path = control::Path { lost: self.lost, burst: self.burst, ..control::Path::default() };
        Plan::best(&policy, &all, &path)
    }

    /// Sends what was encoded over the link, and returns what was heard and the mean delay in the jitter buffer.
    pub(crate) fn call(&self, encoded: &Encoded, seed: u64) -> (Vec<f32>, f64) {
        let start = encoded.start;
        let loss = Loss::Bursts { share: self.lost, mean_burst: self.burst, in_bad: 1.0 };
        let mut link =
            Link::new(LinkConfig { delay: PATH, loss: vec![loss], ..Default::default() }, seed, start);
        for packet in &encoded.packets {
            link.send(packet.arrival, 0, packet.clone());
        }
        let mut arrivals = Vec::new();
        while let Some(at) = link.poll_timeout() {
            if let Some((arrival, packet)) = link.poll(at) {
                arrivals.push(Packet { arrival, ..packet });
            }
        }
        let trial = Trial {
            start,
            origin_at: start,
            origin: ORIGIN,
            pull: Pull::Ready,
            sink_ppm: 0.0,
            source_ppm: 0.0,
            end: start + Samples::from(encoded.samples).duration() + Duration::from_millis(300),
            keeps_sound: true,
        };
        let Limits { latency, max_delay_ms, .. } = self.limits;
        let config = ReceiverConfig { latency, max_delay_ms, ..ReceiverConfig::default() };
        let mut receiver = Receiver::new(config).expect("memory");
        let outcome = trial.run(&mut receiver, arrivals.iter());
        let waited = outcome.mean_delay_ms(2000.0) - (BASE_DELAY_MS - 6.5);
        (outcome.samples, waited)
    }
}

/// What a sender made of a voice.
pub(crate) struct Encoded {
    start: Instant,
    samples: usize,
    packets: Vec<Packet>,
}

impl Encoded {
    /// By `plan`.
    pub(crate) fn new(speech: &[f32], plan: Plan) -> Encoded {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let mut sender = sender(plan);
        sender.push(&speech[..0], start);
        let mut packets: Vec<Packet> = Vec::new();
        for block in speech.chunks(FRAME.samples()) {
            sender.push(block, start);
            while let Some(frame) = sender.poll_frame() {
                let spoken = Samples(frame.timestamp as i64);
                packets.push(Packet {
                    ssrc: 1,
                    seq: Seq(packets.len() as u64),
                    timestamp: ORIGIN + spoken,
                    arrival: start + (spoken + Samples(i64::from(frame.samples))).duration(),
                    marker: frame.marker,
                    format: frame.format,
                    payload: Arc::from(frame.payload),
                });
            }
        }
        Encoded { start, samples: speech.len(), packets }
    }
}

fn sender(plan: Plan) -> Sender {
    let mut sender = Sender::new(SenderConfig {
        frame: plan.frame,
        bitrate: plan.bitrate,
        fec: plan.fec,
        expected_loss_percent: plan.expected_loss_percent,
        redundancy_ms: plan.dred_ms,
        ..SenderConfig::default()
    })
    .expect("an encoder");
    if plan.red_distance > 0 || plan.parity > 0 {
        let Plan { red_distance: distance, red_copies: copies, parity, .. } = plan;
        sender.set_red(Some(RedSettings { payload_type: 111, distance, copies, parity }));
    }
    sender
}
