//! Packets in, frames out; and what stands in for packets that did not come.

use std::fmt;

use super::{
    Channels, MAX_PACKET_SAMPLES, STEP_SAMPLES,
    ffi::{Effort, RawDecoder, RawDred, RawDredReader, Source},
};
use crate::audio::{Error, SAMPLE_RATE};

/// How much work a [`Decoder`] puts into concealment. The default is deep concealment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum DecoderEffort {
    /// Classic concealment only.
    Plain,
    /// Concealment by a neural model of speech (deep PLC); needed for deep redundancy too.
    #[default]
    DeepConcealment,
}

impl DecoderEffort {
    /// The decoder complexity at which libopus turns each on.
    fn complexity(self) -> u8 {
        match self {
            DecoderEffort::Plain => 0,
            DecoderEffort::DeepConcealment => 5,
        }
    }
}

/// An Opus decoder at 48 kHz. Allocates when it is made and never again.
///
/// Its calls are the timeline: whatever call fills them, samples come out in order and none is skipped.
/// For each packet of `n` samples that was lost, one of [`Decoder::decode_fec`], [`Decoder::decode_dred`]
/// and [`Decoder::conceal`] makes `n` samples; then the packet after it is decoded as usual.
pub struct Decoder {
    raw: RawDecoder,
    channels: Channels,
    effort: DecoderEffort,
}

/// Opus packets up to this many bytes hold no sound: the encoder was silent (RFC 6716, section 2.1.9).
const EMPTY_BYTES: usize = 2;

impl Decoder {
    /// A decoder whose output has `channels`, however the packets were coded.
    ///
    /// # Errors
    /// [`Error::Opus`] if there is no memory.
    pub fn new(channels: Channels, effort: DecoderEffort) -> Result<Decoder, Error> {
        let mut raw = RawDecoder::new(channels.count())?;
        raw.set_complexity(effort.complexity())?;
        Ok(Decoder { raw, channels, effort })
    }

    /// Channels of the output.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Decodes `packet` into the front of `out` (interleaved) and returns the samples per channel.
    ///
    /// [`MAX_PACKET_SAMPLES`] per channel is room enough for any packet;
    /// [`PacketInfo::samples`](super::PacketInfo) says how much this one needs. Samples may lie beyond ±1.0.
    ///
    /// # Errors
    /// [`Error::Packet`] or [`Error::Opus`] if the packet is malformed or does not fit; the state is as before.
    pub fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<usize, Error> {
        if packet.is_empty() {
            return Err(Error::Packet { reason: "it is empty" });
        }
        if packet.len() <= EMPTY_BYTES {
            // libopus makes something up for it, as for a packet that was lost.
            return self.plainly(|decoder| decoder.raw.decode(Source::Packet(packet), out));
        }
        self.raw.decode(Source::Packet(packet), out)
    }

    /// Makes the audio that was lost just before `next` from the FEC in `next`, and fills `out` with it.
    ///
    /// FEC covers the last [`PacketInfo::frame_samples`](super::PacketInfo) of `out`; what lies before it is concealed, and so is
    /// everything if `next` has none. `out` is as long as for [`Decoder::conceal`].
    ///
    /// # Errors
    /// As [`Decoder::decode`] and [`Decoder::conceal`].
    pub fn decode_fec(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Error> {
        if next.is_empty() {
            return Err(Error::Packet { reason: "it is empty" });
        }
        self.fill(Source::Fec(next), out)
    }

    /// Makes up audio that was lost, and fills `out` with it.
    ///
    /// `out` lasts a multiple of 2.5 ms ([`STEP_SAMPLES`] per channel), at most [`MAX_PACKET_SAMPLES`] per channel.
    ///
    /// # Errors
    /// [`Error::Opus`] if `out` has another length.
    pub fn conceal(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.fill(Source::Nothing, out)
    }

    /// Goes on with the background of a voice that has gone quiet on purpose, and fills `out` with it: concealment without
    /// the model of speech, whatever the effort. `out` is as long as for [`Decoder::conceal`].
    ///
    /// # Errors
    /// As [`Decoder::conceal`].
    pub fn conceal_pause(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.plainly(|decoder| decoder.fill(Source::Nothing, out))
    }

    /// Makes lost audio from the deep redundancy of a later packet, and fills `out` with it.
    ///
    /// `before_packet` is the distance from the first sample of `out` to the first sample of the packet that `dred`
    /// was read from: the frame of `n` samples just before that packet is `n` before it. What the redundancy does
    /// not cover is concealed. `out` is as long as for [`Decoder::conceal`].
    ///
    /// # Errors
    /// [`Error::Opus`] if `out` has another length.
    pub fn decode_dred(&mut self, dred: &Dred, before_packet: usize, out: &mut [f32]) -> Result<(), Error> {
        // No redundancy is a second old; what lies beyond is concealed wherever it lies.
        let offset = before_packet.min(2 * SAMPLE_RATE as usize) as i32;
        self.fill(Source::Dred(&dred.raw, offset), out)
    }

    /// Remembers where decoding stands, before something is made up in the place of a packet that may yet come.
    pub fn mark(&mut self) {
        self.raw.mark();
    }

    /// Goes back to where decoding stood at the [mark](Decoder::mark), once: what was made up since leaves no trace in what is
    /// decoded next. Nothing happens without a mark.
    pub fn rewind(&mut self) {
        self.raw.rewind();
    }

    /// Forgets what was decoded, as at the start of another stream.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.raw.reset()
    }

    /// Does something with classic concealment only.
    fn plainly<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.raw.set_complexity(DecoderEffort::Plain.complexity())?;
        let done = work(self);
        self.raw.set_complexity(self.effort.complexity())?;
        done
    }

    /// Runs a source that makes as many samples as it is asked for.
    fn fill(&mut self, source: Source<'_>, out: &mut [f32]) -> Result<(), Error> {
        let step = STEP_SAMPLES * self.channels.count();
        if out.is_empty()
            || !out.len().is_multiple_of(step)
            || out.len() > MAX_PACKET_SAMPLES * self.channels.count()
        {
            return Err(Error::Opus {
                doing: "fill a gap that is not a multiple of 2.5 ms, up to 120 ms",
                source: audiopus::ErrorCode::BadArgument.into(),
            });
        }
        let made = self.raw.decode(source, out)?;
        debug_assert_eq!(made * self.channels.count(), out.len(), "libopus fills what it is asked to");
        Ok(())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("channels", &self.channels).finish_non_exhaustive()
    }
}

/// Which samples before a packet its redundancy restores: from `reach` before it up to `end` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DredSpan {
    /// Samples from the oldest restorable sample to the packet's first; 0 if there is no redundancy.
    pub reach: usize,
    /// Samples from the end of the newest restorable audio to the packet's first; mostly 0.
    pub end: usize,
}

impl DredSpan {
    /// Whether it covers the `samples` that begin `before_packet` samples before the packet.
    pub fn covers(&self, before_packet: usize, samples: usize) -> bool {
        before_packet <= self.reach && before_packet.saturating_sub(samples) >= self.end
    }
}

/// The deep redundancy (DRED) of one packet, ready for [`Decoder::decode_dred`]. Reused from packet to packet.
pub struct Dred {
    raw: RawDred,
    span: DredSpan,
}

impl Dred {
    /// Room for the redundancy of one packet, empty until a [`DredReader`] fills it.
    ///
    /// # Errors
    /// [`Error::Opus`] if there is no memory.
    pub fn new() -> Result<Dred, Error> {
        Ok(Dred { raw: RawDred::new()?, span: DredSpan::default() })
    }

    /// What it restores.
    pub fn span(&self) -> DredSpan {
        self.span
    }
}

impl fmt::Debug for Dred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dred").field("span", &self.span).finish_non_exhaustive()
    }
}

/// Reads deep redundancy out of packets. Allocates when it is made and never again.
pub struct DredReader {
    raw: RawDredReader,
}

impl DredReader {
    /// A reader; one serves any number of streams.
    ///
    /// # Errors
    /// [`Error::Opus`] if there is no memory.
    pub fn new() -> Result<DredReader, Error> {
        Ok(DredReader { raw: RawDredReader::new()? })
    }

    /// What the redundancy of `packet` covers, without making it ready for use: a fraction of the work of
    /// [`DredReader::read`]. `scratch` is empty afterwards.
    ///
    /// # Errors
    /// [`Error::Packet`] or [`Error::Opus`] if the packet is malformed.
    pub fn span(&mut self, packet: &[u8], max_samples: usize, scratch: &mut Dred) -> Result<DredSpan, Error> {
        scratch.span = DredSpan::default();
        let (reach, end) = self.raw.read(packet, max_samples, &mut scratch.raw, Effort::SpanAlone)?;
        Ok(DredSpan { reach, end })
    }

    /// Reads the redundancy of `packet`, as far back as `max_samples`, into `dred` and returns what it covers.
    ///
    /// A packet without any leaves `dred` empty, with a span of nothing.
    ///
    /// # Errors
    /// [`Error::Packet`] or [`Error::Opus`] if the packet is malformed; `dred` is then empty.
    pub fn read(&mut self, packet: &[u8], max_samples: usize, dred: &mut Dred) -> Result<DredSpan, Error> {
        dred.span = DredSpan::default();
        let (reach, end) = self.raw.read(packet, max_samples, &mut dred.raw, Effort::Ready)?;
        dred.span = DredSpan { reach, end };
        Ok(dred.span)
    }
}

impl fmt::Debug for DredReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DredReader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, EncoderConfig, FrameLength, MAX_PACKET_BYTES, PacketInfo};
    use super::*;
    use crate::audio::opus::testing::{correlation, encode_all, voice_like};

    fn decoder() -> Decoder {
        Decoder::new(Channels::Mono, DecoderEffort::DeepConcealment).unwrap()
    }

    /// Encodes a second of voice-like sound, decodes it with packet `lost` made by `fill`, and returns the
    /// correlation of the filled frame with what was lost.
    fn fill_one(
        config: EncoderConfig,
        lost: usize,
        fill: impl Fn(&mut Decoder, &[Vec<u8>], &mut [f32]),
    ) -> f32 {
        let n = config.frame.samples();
        let packets = encode_all(config, &voice_like(48_000));
        let (mut whole, mut gappy) = (decoder(), decoder());
        let (mut expected, mut filled) = (vec![0.0; n], vec![0.0; n]);
        for packet in &packets[..lost] {
            whole.decode(packet, &mut expected).unwrap();
            gappy.decode(packet, &mut filled).unwrap();
        }
        whole.decode(&packets[lost], &mut expected).unwrap();
        fill(&mut gappy, &packets[lost..], &mut filled);
        correlation(&expected, &filled)
    }

    #[test]
    fn what_is_encoded_comes_out_again_later_by_the_lookahead() {
        for frame in FrameLength::ALL {
            let config = EncoderConfig { frame, bitrate: "64k".parse().unwrap(), ..EncoderConfig::default() };
            let lookahead = Encoder::new(config.clone()).unwrap().lookahead_samples();
            let source = voice_like(48_000 / 2880 * 2880);
            let mut decoder = decoder();
            let mut heard = Vec::new();
            let mut out = vec![0.0; MAX_PACKET_SAMPLES];
            for packet in encode_all(config, &source) {
                let samples = decoder.decode(&packet, &mut out).unwrap();
                assert_eq!(samples, frame.samples());
                heard.extend_from_slice(&out[..samples]);
            }
            let similar = correlation(&source[4800..40_000], &heard[4800 + lookahead..40_000 + lookahead]);
            assert!(similar > 0.9, "{frame} ms: {similar}");
        }
    }

    #[test]
    fn stereo_packets_decode_to_mono_and_mono_to_stereo() {
        let config = EncoderConfig { channels: Channels::Stereo, ..EncoderConfig::default() };
        let stereo = encode_all(config, &voice_like(960));
        assert_eq!(decoder().decode(&stereo[0], &mut [0.0; 480]).unwrap(), 480);
        let mono = encode_all(EncoderConfig::default(), &voice_like(480));
        let mut decoder = Decoder::new(Channels::Stereo, DecoderEffort::Plain).unwrap();
        assert_eq!(decoder.decode(&mono[0], &mut [0.0; 960]).unwrap(), 480);
    }

    #[test]
    fn a_lost_frame_is_concealed_by_something_like_it() {
        let similar = fill_one(EncoderConfig::default(), 60, |decoder, _, out| decoder.conceal(out).unwrap());
        assert!(similar > 0.5, "{similar}");
    }

    #[test]
    fn what_was_made_up_for_a_late_packet_leaves_no_trace_when_it_is_undone() {
        for fec in [0, 20] {
            let config = EncoderConfig { expected_loss_percent: fec, ..EncoderConfig::default() };
            let packets = encode_all(config, &voice_like(48_000));
            let (mut prompt, mut late) = (decoder(), decoder());
            let (mut expected, mut heard) = (vec![0.0; 480], vec![0.0; 480]);
            for (n, packet) in packets.iter().enumerate() {
                if n % 20 == 19 {
                    late.mark();
                    for _ in 0..n / 20 + 1 {
                        late.conceal(&mut heard).unwrap();
                    }
                    late.rewind();
                }
                prompt.decode(packet, &mut expected).unwrap();
                late.decode(packet, &mut heard).unwrap();
                assert_eq!(heard, expected, "packet {n}");
            }
        }
    }

    #[test]
    fn without_a_mark_there_is_nothing_to_go_back_to() {
        let packets = encode_all(EncoderConfig::default(), &voice_like(4800));
        let (mut plain, mut other) = (decoder(), decoder());
        let (mut expected, mut heard) = (vec![0.0; 480], vec![0.0; 480]);
        other.mark();
        other.rewind();
        for packet in &packets {
            plain.decode(packet, &mut expected).unwrap();
            other.decode(packet, &mut heard).unwrap();
            other.rewind();
        }
        assert_eq!(heard, expected);
        other.mark();
        other.reset().unwrap();
        other.rewind();
        plain.reset().unwrap();
        plain.decode(&packets[0], &mut expected).unwrap();
        other.decode(&packets[0], &mut heard).unwrap();
        assert_eq!(heard, expected, "a mark does not outlive what was forgotten");
    }

    #[test]
    fn fec_in_the_next_packet_restores_the_lost_one() {
        let config = EncoderConfig { expected_loss_percent: 20, ..EncoderConfig::default() };
        let similar = fill_one(config, 60, |decoder, packets, out| {
            assert!(PacketInfo::read(&packets[1]).unwrap().has_fec);
            decoder.decode_fec(&packets[1], out).unwrap();
        });
        assert!(similar > 0.8, "{similar}");
    }

    #[test]
    fn deep_redundancy_restores_a_frame_lost_many_packets_before() {
        let config = EncoderConfig {
            frame: FrameLength::Ms20,
            expected_loss_percent: 30,
            redundancy_ms: 400,
            bitrate: "48k".parse().unwrap(),
            ..EncoderConfig::default()
        };
        let (mut reader, dred) = (DredReader::new().unwrap(), Dred::new().unwrap());
        let dred = std::cell::RefCell::new(dred);
        let n = config.frame.samples();
        let packets = encode_all(config.clone(), &voice_like(48_000));
        let later = packets[34].clone();
        let span = reader.read(&later, 48_000, &mut dred.borrow_mut()).unwrap();
        assert!(span.covers(4 * n, n), "{span:?}");
        assert!(!span.covers(48_000, n), "{span:?}");
        // Deep redundancy restores what is heard, not the waveform: compare loudness, not correlation.
        let mut decoder = decoder();
        let mut out = vec![0.0; n];
        for packet in &packets[..30] {
            decoder.decode(packet, &mut out).unwrap();
        }
        let before = crate::audio::Level::of(&out).dbov();
        decoder.decode_dred(&dred.borrow(), 4 * n, &mut out).unwrap();
        let restored = crate::audio::Level::of(&out).dbov();
        assert!((before - restored).abs() < 12, "{before} then {restored} dBov");
    }

    #[test]
    fn redundancy_that_was_never_read_conceals() {
        let dred = Dred::new().unwrap();
        assert_eq!(dred.span(), DredSpan::default());
        decoder().decode_dred(&dred, 480, &mut [0.0; 480]).unwrap();
        decoder().decode_dred(&dred, usize::MAX, &mut [0.0; 480]).unwrap();
    }

    #[test]
    fn a_packet_without_redundancy_spans_nothing() {
        let packets = encode_all(EncoderConfig::default(), &voice_like(4800));
        let mut dred = Dred::new().unwrap();
        let span = DredReader::new().unwrap().read(&packets[5], 48_000, &mut dred).unwrap();
        assert_eq!(span, DredSpan { reach: 0, end: 0 });
        assert!(DredReader::new().unwrap().read(&[], 0, &mut dred).is_err());
    }

    #[test]
    fn gaps_that_opus_cannot_fill_are_refused() {
        for samples in [0, 1, 119, 121, MAX_PACKET_SAMPLES + 120] {
            assert!(decoder().conceal(&mut vec![0.0; samples]).is_err(), "{samples}");
        }
        for steps in [1, 3, 48] {
            decoder().conceal(&mut vec![0.0; steps * 120]).unwrap();
        }
    }

    #[test]
    fn a_packet_longer_than_the_room_is_refused_and_the_next_one_decodes() {
        let packets = encode_all(EncoderConfig::default(), &voice_like(960));
        let mut decoder = decoder();
        assert!(decoder.decode(&packets[0], &mut [0.0; 240]).is_err());
        assert!(decoder.decode(&packets[0], &mut []).is_err());
        assert_eq!(decoder.decode(&packets[1], &mut [0.0; 480]).unwrap(), 480);
    }

    #[test]
    fn hostile_packets_are_refused_or_decoded_but_never_panic() {
        let mut decoder = decoder();
        let mut reader = DredReader::new().unwrap();
        let mut dred = Dred::new().unwrap();
        let mut out = vec![0.0; MAX_PACKET_SAMPLES];
        let good = encode_all(EncoderConfig::default(), &voice_like(4800));
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for round in 0..3000usize {
            let mut packet = good[round % good.len()].clone();
            for _ in 0..4 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % packet.len();
                packet[at] = (state >> 24) as u8;
            }
            packet.truncate(1 + round % MAX_PACKET_BYTES);
            let _ = decoder.decode(&packet, &mut out);
            let _ = decoder.decode_fec(&packet, &mut out[..480]);
            let _ = reader.read(&packet, usize::MAX, &mut dred);
            decoder.decode_dred(&dred, round, &mut out[..480]).unwrap();
        }
    }
}
