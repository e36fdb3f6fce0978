//! The capture half: samples in, encoded frames out.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::{
    Bitrate, Channels, Error, Fader, FrameLength, Level, SAMPLE_RATE,
    bandwidth_watch::BandwidthWatch,
    opus::{Bandwidth, Encoder, EncoderConfig, MAX_PACKET_BYTES},
    pause::Pause,
};
use crate::rtp::{PayloadFormat, RedPacker};

/// How a [`Sender`] is set up: the settings of its encoder.
pub type SenderConfig = EncoderConfig;

/// How much unencoded sound a sender holds, in seconds. A caller that drains it after every push leaves less than
/// one frame; this is for one that was held up for long, and beyond it old sound would be worth nothing in a call.
const MAX_PENDING_SECONDS: usize = 1;

/// An Opus packet or less of this many bytes stands for silence and need not be sent (RFC 7587 §3.1.3).
const MAX_DTX_BYTES: usize = 2;

/// One encoded frame, to be sent at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodedFrame<'a> {
    /// What goes into an RTP packet, laid out as `format` says.
    pub payload: &'a [u8],
    /// One Opus packet, or one with an older copy in front of it.
    pub format: PayloadFormat,
    /// Its first sample's position since the sender began, in samples per channel at 48 kHz: the RTP clock.
    pub timestamp: u64,
    /// Samples per channel in it.
    pub samples: u32,
    /// When its first sample was captured.
    pub captured_at: Instant,
    /// How loud it is.
    pub level: Level,
    /// Whether it is silence that need not be sent.
    pub dtx: bool,
    /// Whether sound begins with it: at the start, after silence that was not sent, after a gap (RFC 3551 §4.1).
    pub marker: bool,
}

/// Copies of older frames in the packets of newer ones (RED, RFC 2198).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedSettings {
    /// Payload type of Opus, which the blocks name.
    pub payload_type: u8,
    /// How many frames before its packet the copy was sent; 0 sends plain Opus.
    pub distance: u8,
    /// How many copies of each frame are sent, each so many frames behind the one before it; at most
    /// [`MAX_RED_COPIES`](crate::rtp::MAX_RED_COPIES), 0 sends plain Opus in RED.
    pub copies: u8,
    /// How many frames each block of parity covers, which is sent in place of copies; at most
    /// [`MAX_PARITY_FRAMES`](crate::rtp::MAX_PARITY_FRAMES), 0 sends none. The other side must have agreed to
    /// [short headers](crate::sdp::SHORT_HEADERS).
    pub parity: u8,
}

/// Cuts captured sound into frames and encodes them.
///
/// Call order: [`Sender::push`] with what was captured, then [`Sender::poll_frame`] until it gives `None`.
/// At the end of the sound, [`Sender::finish`] and poll again. Allocates when it is made and in
/// [`Sender::set_frame`], never in between.
#[derive(Debug)]
pub struct Sender {
    encoder: Encoder,
    /// What the encoder was told, and who says what it should be.
    bandwidth: Bandwidth,
    bandwidth_watch: BandwidthWatch,
    fader: Fader,
    /// Sound that is not encoded yet, from `taken` on, interleaved. Never grows beyond its first capacity.
    pending: Vec<f32>,
    /// Samples at the front of `pending` that are encoded.
    taken: usize,
    /// When the first sample that is not encoded was captured.
    pending_since: Option<Instant>,
    /// The position of that sample.
    timestamp: u64,
    /// Whether the last frame was one to be sent.
    talking: bool,
    dropped_samples: u64,
    packet: [u8; MAX_PACKET_BYTES],
    pause: Pause,
    red: Option<RedSettings>,
    packer: RedPacker,
}

impl Sender {
    /// A sender set up as `config` says.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses, which it does only for want of memory.
    pub fn new(config: SenderConfig) -> Result<Sender, Error> {
        let channels = config.channels;
        Ok(Sender {
            encoder: Encoder::new(config)?,
            bandwidth: Bandwidth::Full,
            bandwidth_watch: BandwidthWatch::new(),
            fader: Fader::new(channels),
            pending: Vec::with_capacity(MAX_PENDING_SECONDS * SAMPLE_RATE as usize * channels.count()),
            taken: 0,
            pending_since: None,
            timestamp: 0,
            talking: false,
            dropped_samples: 0,
            packet: [0; MAX_PACKET_BYTES],
            pause: Pause::default(),
            red: None,
            packer: RedPacker::default(),
        })
    }

    /// Takes captured sound: whole interleaved frames of the configured channels, any number of them.
    ///
    /// `captured_at` is the moment of the first of them. Beyond a second of sound that was not polled the oldest
    /// is dropped and counted, and time goes on as if it had been sent.
    pub fn push(&mut self, samples: &[f32], captured_at: Instant) {
        debug_assert!(samples.len().is_multiple_of(self.channels().count()), "whole frames only");
        self.pending.copy_within(self.taken.., 0);
        self.pending.truncate(self.pending.len() - self.taken);
        self.taken = 0;
        let waited = self.lasting(self.pending.len());
        self.pending_since = Some(captured_at.checked_sub(waited).unwrap_or(captured_at));

        let excess = (self.pending.len() + samples.len()).saturating_sub(self.pending.capacity());
        let excess = excess.next_multiple_of(self.channels().count());
        let old = excess.min(self.pending.len());
        self.pending.copy_within(old.., 0);
        self.pending.truncate(self.pending.len() - old);
        self.pending.extend_from_slice(&samples[excess - old..]);
        if excess > 0 {
            self.dropped_samples += (excess / self.channels().count()) as u64;
            self.pass(excess);
        }
    }

    /// The next encoded frame, if there is sound enough for one.
    pub fn poll_frame(&mut self) -> Option<EncodedFrame<'_>> {
        let samples = self.encoder.config().frame.samples();
        let end = self.taken + samples * self.channels().count();
        let frame = self.pending.get_mut(self.taken..end)?;
        self.fader.apply(frame);
        let level = Level::of(frame);
        let (timestamp, captured_at) = (self.timestamp, self.pending_since?);
        let (bytes, dtx) = self.encode(self.taken..end);
        self.taken = end;
        self.pass(samples * self.channels().count());
        let marker = !dtx && !self.talking;
        self.talking = !dtx;
        let (format, payload) = self.payload(bytes, timestamp, dtx);
        Some(EncodedFrame {
            payload,
            format,
            timestamp,
            samples: samples as u32,
            captured_at,
            level,
            dtx,
            marker,
        })
    }

    /// Has the packet of a frame of what is pending in `packet`. Returns its bytes, and whether it stands for silence.
    fn encode(&mut self, frame: Range<usize>) -> (usize, bool) {
        let frame = &self.pending[frame];
        // Deep redundancy counts on having seen every frame.
        let may_repeat = self.encoder.config().redundancy_ms == 0;
        if may_repeat && let Some(bytes) = self.pause.repeat(frame) {
            return (bytes, true);
        }
        let bandwidth = self.bandwidth_watch.on_frame(frame, self.encoder.config().channels.count());
        if bandwidth != self.bandwidth && self.encoder.set_max_bandwidth(bandwidth).is_ok() {
            self.bandwidth = bandwidth;
        }
        let bytes = self.encoder.encode(frame, &mut self.packet).unwrap_or_else(|error| {
            // Not reached by any input that we know; the receiver conceals the frame.
            tracing::error!(%error, "a frame was not encoded");
            0
        });
        let dtx = bytes == 0 || (self.encoder.config().dtx && bytes <= MAX_DTX_BYTES);
        self.pause.on_encoded(frame, bytes, dtx);
        (bytes, dtx)
    }

    /// The payload around the Opus packet of `bytes` that was just made.
    fn payload(&mut self, bytes: usize, timestamp: u64, dtx: bool) -> (PayloadFormat, &[u8]) {
        let frame = &self.packet[..bytes];
        match self.red {
            Some(RedSettings { payload_type, parity: frames @ 1.., .. }) if !dtx => {
                let samples = self.encoder.config().frame.samples() as u64;
                match self.packer.pack_parity(payload_type, frames, timestamp, (samples, frame)) {
                    Some(payload) => (PayloadFormat::Red, payload),
                    None => (PayloadFormat::Opus, frame),
                }
            }
            Some(RedSettings { payload_type, distance: distance @ 1.., copies, .. }) if !dtx => {
                (PayloadFormat::Red, self.packer.pack(payload_type, (distance, copies), timestamp, frame))
            }
            _ => {
                self.packer.remember(timestamp, frame);
                (PayloadFormat::Opus, frame)
            }
        }
    }

    /// Ends the sound: pads it with silence so that polling gives every sample that was pushed, and what the
    /// encoder still holds back as look-ahead.
    pub fn finish(&mut self) {
        if self.pending_since.is_none() {
            return;
        }
        let channels = self.channels().count();
        let frame = self.encoder.config().frame.samples() * channels;
        let waiting = self.pending.len() - self.taken;
        let total = (waiting + self.encoder.lookahead_samples() * channels).next_multiple_of(frame);
        self.pending.drain(..self.taken);
        self.taken = 0;
        self.pending.resize(total.min(self.pending.capacity() / frame * frame), 0.0);
    }

    /// Passes over a gap of `samples` per channel in which nothing was captured, so that time stays true.
    /// Sound short of a whole frame before the gap is dropped.
    pub fn skip(&mut self, samples: u64) {
        let waiting = self.pending.len() - self.taken;
        self.timestamp += (waiting / self.channels().count()) as u64 + samples;
        self.pending.clear();
        self.taken = 0;
        self.pending_since = None;
        self.talking = false;
        self.packer.clear();
    }

    /// Sends silence in place of the sound, or the sound again, with a short fade.
    pub fn set_muted(&mut self, muted: bool) {
        self.fader.set_open(!muted);
    }

    /// Whether it sends silence.
    pub fn is_muted(&self) -> bool {
        !self.fader.is_open()
    }

    /// Sends frames of another length from the next one on. Copies of frames of the length before are not sent.
    ///
    /// # Errors
    /// [`Error::Opus`] if a new encoder is needed and cannot be made; the old one then stays.
    pub fn set_frame(&mut self, frame: FrameLength) -> Result<(), Error> {
        let current = self.encoder.config().frame;
        if frame.is_celt_only() == current.is_celt_only() {
            self.encoder.set_frame(frame);
        } else {
            // An encoder cannot change its application, on which the look-ahead depends, once it has begun.
            let config = EncoderConfig { frame, ..self.encoder.config().clone() };
            self.encoder = Encoder::new(config)?;
            self.bandwidth = Bandwidth::Full;
        }
        if frame != current {
            self.packer.clear();
            self.pause = Pause::default();
        }
        Ok(())
    }

    /// Spends this many bits a second from the next frame on.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), Error> {
        self.encoder.set_bitrate(bitrate)
    }

    /// Prepares for this share of lost packets: how much FEC and deep redundancy weigh.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), Error> {
        self.encoder.set_expected_loss(percent)
    }

    /// Sends in-band FEC, or not.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_fec(&mut self, fec: bool) -> Result<(), Error> {
        self.encoder.set_fec(fec)
    }

    /// Packs deep redundancy into packets that reaches this far back, 0 for none.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_redundancy(&mut self, ms: u32) -> Result<(), Error> {
        self.encoder.set_redundancy(ms)
    }

    /// Sends copies of older frames from the next one on, or none. The other side must have agreed to RED.
    pub fn set_red(&mut self, red: Option<RedSettings>) {
        self.red = red;
    }

    /// The copies that are sent.
    pub fn red(&self) -> Option<RedSettings> {
        self.red
    }

    /// How it is set up now.
    pub fn config(&self) -> &SenderConfig {
        self.encoder.config()
    }

    /// Samples per channel by which what is decoded lags what was pushed.
    pub fn lookahead_samples(&self) -> usize {
        self.encoder.lookahead_samples()
    }

    /// Samples per channel that were pushed and dropped because nobody polled.
    pub fn dropped_samples(&self) -> u64 {
        self.dropped_samples
    }

    fn channels(&self) -> Channels {
        self.encoder.config().channels
    }

    /// How long this many interleaved samples last.
    fn lasting(&self, interleaved: usize) -> Duration {
        let frames = (interleaved / self.channels().count()) as u64;
        Duration::from_nanos(frames * 1_000_000_000 / u64::from(SAMPLE_RATE))
    }

    /// Moves the position of the first sample that is not encoded past `interleaved` samples.
    fn pass(&mut self, interleaved: usize) {
        self.timestamp += (interleaved / self.channels().count()) as u64;
        self.pending_since = self.pending_since.map(|since| since + self.lasting(interleaved));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::opus::{Decoder, DecoderEffort, Mode, testing::correlation, testing::voice_like};
    use crate::rtp::{Samples, parity_frames, red};

    fn sender(config: SenderConfig) -> (Sender, Instant) {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary moment to count from")]
        let now = Instant::now();
        (Sender::new(config).unwrap(), now)
    }

    fn timestamps(sender: &mut Sender) -> Vec<u64> {
        std::iter::from_fn(|| sender.poll_frame().map(|frame| frame.timestamp)).collect()
    }

    #[test]
    fn a_frame_comes_out_as_soon_as_its_last_sample_is_in() {
        let (mut sender, now) = sender(SenderConfig::default());
        sender.push(&[0.1; 479], now);
        assert_eq!(sender.poll_frame(), None);
        sender.push(&[0.1; 1], now);
        let frame = sender.poll_frame().unwrap();
        assert_eq!((frame.timestamp, frame.samples, frame.marker, frame.dtx), (0, 480, true, false));
        assert_eq!(sender.poll_frame(), None);
    }

    #[test]
    fn blocks_of_any_size_make_the_same_packets() {
        let source = voice_like(9600);
        let packets = |block: usize| {
            let (mut sender, now) = sender(SenderConfig::default());
            let mut packets = Vec::new();
            for samples in source.chunks(block) {
                sender.push(samples, now);
                while let Some(frame) = sender.poll_frame() {
                    packets.push((frame.timestamp, frame.payload.to_vec()));
                }
            }
            packets
        };
        let expected = packets(480);
        assert_eq!(expected.len(), 20);
        for block in [1, 7, 128, 441, 1000, 9600] {
            assert_eq!(packets(block), expected, "blocks of {block}");
        }
    }

    #[test]
    fn a_copy_travels_along_at_the_distance_that_was_set() {
        let (mut sender, now) = sender(SenderConfig::default());
        sender.push(&voice_like(4800), now);
        let plain: Vec<Vec<u8>> =
            std::iter::from_fn(|| sender.poll_frame().map(|frame| frame.payload.to_vec())).collect();
        let (mut sender, now) = self::sender(SenderConfig::default());
        sender.push(&voice_like(4800), now);
        sender.set_red(Some(RedSettings { payload_type: 111, distance: 2, copies: 1, parity: 0 }));
        for n in 0..plain.len() {
            let frame = sender.poll_frame().unwrap();
            assert_eq!(frame.format, PayloadFormat::Red);
            let blocks = red::parse(frame.payload).unwrap();
            assert_eq!(&frame.payload[blocks.primary().bytes.clone()], plain[n]);
            let back = n.min(2);
            let older: Vec<_> =
                blocks.redundant().iter().map(|b| (b.offset, &frame.payload[b.bytes.clone()])).collect();
            let expected = (back > 0).then(|| (Samples::from(480 * back), plain[n - back].as_slice()));
            assert_eq!(older, expected.into_iter().collect::<Vec<_>>(), "{n}");
        }
    }

    #[test]
    fn parity_travels_along_behind_as_many_frames_as_it_covers() {
        let (mut sender, now) = sender(SenderConfig::default());
        sender.set_red(Some(RedSettings { payload_type: 111, distance: 0, copies: 0, parity: 3 }));
        sender.push(&voice_like(48 * 240), now);
        for n in 0..12 {
            let frame = sender.poll_frame().unwrap();
            let parity = match frame.format {
                PayloadFormat::Opus => None,
                PayloadFormat::Red => red::parse(frame.payload).unwrap().parity().cloned(),
            };
            let covered = parity.map(|block| parity_frames(&frame.payload[block.bytes]));
            assert_eq!(covered, (n > 0 && n % 3 == 0).then_some(3), "{n}");
        }
    }

    #[test]
    fn a_frame_knows_when_its_first_sample_was_captured() {
        let (mut sender, now) = sender(SenderConfig::default());
        let ms = Duration::from_millis;
        sender.push(&[0.1; 240], now);
        sender.push(&[0.1; 1200], now + ms(5));
        assert_eq!(sender.poll_frame().unwrap().captured_at, now);
        assert_eq!(sender.poll_frame().unwrap().captured_at, now + ms(10));
        // A push that comes late moves the 10 ms that wait before it.
        sender.push(&[0.1; 480], now + ms(40));
        assert_eq!(sender.poll_frame().unwrap().captured_at, now + ms(30));
    }

    #[test]
    fn a_second_that_nobody_polls_is_kept_and_what_is_older_is_dropped_on_the_clock() {
        let (mut sender, now) = sender(SenderConfig::default());
        for _ in 0..100 {
            sender.push(&[0.1; 480], now);
        }
        assert_eq!(sender.dropped_samples(), 0);
        sender.push(&[0.1; 960], now);
        assert_eq!(sender.dropped_samples(), 960);
        assert_eq!(timestamps(&mut sender)[..2], [960, 1440]);
        sender.push(&[0.1; 100_000], now);
        assert_eq!(timestamps(&mut sender).len(), 100);
    }

    #[test]
    fn finishing_gives_every_sample_that_was_pushed() {
        let source = voice_like(5000);
        let (mut sender, now) =
            sender(SenderConfig { bitrate: "96k".parse().unwrap(), ..Default::default() });
        let lookahead = sender.lookahead_samples();
        let mut decoder = Decoder::new(Channels::Mono, DecoderEffort::Plain).unwrap();
        let mut heard = Vec::new();
        let mut out = [0.0; 480];
        sender.push(&source, now);
        sender.finish();
        while let Some(frame) = sender.poll_frame() {
            decoder.decode(frame.payload, &mut out).unwrap();
            heard.extend_from_slice(&out);
        }
        assert!(heard.len() >= lookahead + source.len());
        let tail = &heard[lookahead + 4000..lookahead + 5000];
        assert!(correlation(&source[4000..], tail) > 0.9);
    }

    #[test]
    fn a_gap_moves_the_clock_and_starts_a_new_talkspurt() {
        let (mut sender, now) = sender(SenderConfig::default());
        sender.push(&[0.1; 600], now);
        assert!(sender.poll_frame().unwrap().marker);
        sender.skip(1000);
        sender.push(&[0.1; 480], now);
        let frame = sender.poll_frame().unwrap();
        assert_eq!((frame.timestamp, frame.marker), (1600, true));
    }

    #[test]
    fn a_muted_sender_sends_silence_and_with_dtx_next_to_nothing() {
        let (mut sender, now) = sender(SenderConfig { dtx: true, ..Default::default() });
        let source = voice_like(48_000);
        sender.set_muted(true);
        sender.push(&source, now);
        let mut quiet = 0;
        while let Some(frame) = sender.poll_frame() {
            assert!(frame.timestamp == 0 || frame.level == Level::SILENCE);
            quiet += usize::from(frame.dtx);
        }
        assert!(quiet > 50, "{quiet} of 100 frames need not be sent");
        sender.set_muted(false);
        sender.push(&source, now);
        let marked = std::iter::from_fn(|| sender.poll_frame().map(|f| f.marker)).filter(|&m| m).count();
        assert_eq!(marked, 1, "the talkspurt begins once");
    }

    #[test]
    fn speech_after_a_pause_of_which_little_was_encoded_is_that_after_one_of_which_all_was() {
        // The second encoder is never let off: there is always something, if too soft to be heard.
        let heard_after = |hiss: f32, mode| {
            let config = SenderConfig { dtx: true, mode, ..Default::default() };
            let (mut sender, now) = sender(config);
            let mut decoder = Decoder::new(Channels::Mono, DecoderEffort::Plain).unwrap();
            let (mut out, mut heard) = ([0.0; 480], Vec::new());
            for part in [voice_like(4800), vec![hiss; 48_000], voice_like(24_000)] {
                sender.push(&part, now);
                heard.clear();
                while let Some(frame) = sender.poll_frame() {
                    decoder.decode(frame.payload, &mut out).unwrap();
                    heard.extend_from_slice(&out);
                }
            }
            heard
        };
        for mode in [Mode::Voice, Mode::Music] {
            let similar = correlation(&heard_after(0.0, mode), &heard_after(1e-9, mode));
            assert!(similar > 0.99, "{mode}: {similar}");
        }
    }

    #[test]
    fn the_frame_length_can_change_between_frames() {
        let (mut sender, now) = sender(SenderConfig::default());
        sender.push(&[0.1; 480 + 960 + 120], now);
        assert_eq!(sender.poll_frame().unwrap().samples, 480);
        sender.set_frame(FrameLength::Ms20).unwrap();
        let frame = sender.poll_frame().unwrap();
        assert_eq!((frame.timestamp, frame.samples), (480, 960));
        sender.set_frame(FrameLength::Ms2_5).unwrap();
        assert_eq!(sender.poll_frame().unwrap().samples, 120);
        assert_eq!(sender.lookahead_samples(), 120);
    }
}
