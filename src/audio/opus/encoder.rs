//! Frames in, packets out.

use audiopus::{Application, SampleRate, coder::Encoder as OpusEncoder};
use opusic_sys::{
    OPUS_BANDWIDTH_FULLBAND, OPUS_BANDWIDTH_WIDEBAND, OPUS_SET_DRED_DURATION_REQUEST,
    OPUS_SET_INBAND_FEC_REQUEST, OPUS_SET_MAX_BANDWIDTH_REQUEST, OPUS_SET_PACKET_LOSS_PERC_REQUEST,
};

use super::{Bandwidth, Bitrate, Channels, FrameLength, Mode};
use crate::audio::Error;

/// The most redundancy that an encoder packs into a packet: libopus keeps 104 frames of 10 ms.
const MAX_REDUNDANCY_MS: u32 = 1040;

/// How an [`Encoder`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderConfig {
    /// How much audio goes into a packet.
    pub frame: FrameLength,
    /// How many bits a second may be spent, redundancy included.
    pub bitrate: Bitrate,
    /// Channels of the input, and of what is coded.
    pub channels: Channels,
    /// What the coder is tuned for.
    pub mode: Mode,
    /// Whether silence is left out: most packets of a pause need not be sent (RFC 7587 §3.1.3).
    pub dtx: bool,
    /// Whether each packet carries a coarse copy of the one before (RFC 6716 §2.1.7). Takes effect in voice mode,
    /// at 10 ms or more, while `expected_loss_percent` is above 0.
    pub fec: bool,
    /// The share of packets that is expected to be lost, 0 to 100: how many bits FEC and deep redundancy may take.
    pub expected_loss_percent: u8,
    /// Deep redundancy: how many milliseconds before each packet it may restore, 0 (none) to 1040.
    pub redundancy_ms: u32,
    /// How hard the encoder works, 0 to 10; `None` works as hard as is heard.
    pub complexity: Option<u8>,
}

/// Below this many bits a second a voice gains from all that the speech coder can do (0.07 of PESQ-WB for recorded, 0.3
/// for synthetic voices at 18 kbit/s and 10 ms frames); above it gains 0.01 from recorded ones and pays a third of the
/// encoder's time.
const HARD_BELOW_BPS: u32 = 22_000;

/// All of the speech coder; what is above takes more time and is not heard.
const HARD: u8 = 9;

/// As much of the speech coder as is heard where bits are not scarce, and no analysis of what is heard.
const EASY: u8 = 6;

/// From here on libopus looks for speech and music in what it encodes, by which it tells what DTX may leave out.
const ANALYSING: u8 = 7;

impl EncoderConfig {
    /// How hard it works on this, 0 to 10.
    fn effort(&self) -> u8 {
        match self.complexity {
            Some(complexity) => complexity.min(10),
            // Music is told from speech by analysis, and has no bits to spare.
            None if self.mode == Mode::Music || self.bitrate.bps() < HARD_BELOW_BPS => HARD,
            None if self.dtx => ANALYSING,
            None => EASY,
        }
    }
}

impl Default for EncoderConfig {
    /// 10 ms frames of mono voice at 32 kbit/s, FEC ready, no DTX, no deep redundancy.
    fn default() -> EncoderConfig {
        EncoderConfig {
            frame: FrameLength::default(),
            bitrate: Bitrate::default(),
            channels: Channels::default(),
            mode: Mode::default(),
            dtx: false,
            fec: true,
            expected_loss_percent: 0,
            redundancy_ms: 0,
            complexity: None,
        }
    }
}

/// An Opus encoder at 48 kHz. Allocates when it is made and never again.
#[derive(Debug)]
pub struct Encoder {
    opus: OpusEncoder,
    config: EncoderConfig,
}

fn refused(doing: &'static str) -> impl FnOnce(audiopus::Error) -> Error {
    move |source| Error::Opus { doing, source }
}

impl Encoder {
    /// An encoder set up as `config` says.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses, which it does only for want of memory.
    pub fn new(config: EncoderConfig) -> Result<Encoder, Error> {
        // Frames under 10 ms are coded by CELT whatever the mode; the restricted application then looks 2.5 ms
        // ahead instead of 6.5.
        let application = match (config.frame.is_celt_only(), config.mode) {
            (true, _) => Application::LowDelay,
            (false, Mode::Voice) => Application::Voip,
            (false, Mode::Music) => Application::Audio,
        };
        let channels = match config.channels {
            Channels::Mono => audiopus::Channels::Mono,
            Channels::Stereo => audiopus::Channels::Stereo,
        };
        let opus = OpusEncoder::new(SampleRate::Hz48000, channels, application)
            .map_err(refused("make an encoder"))?;
        let mut encoder = Encoder { opus, config: config.clone() };
        encoder.opus.set_dtx(config.dtx).map_err(refused("set DTX"))?;
        encoder.set_bitrate(config.bitrate)?;
        encoder.set_fec(config.fec)?;
        encoder.set_expected_loss(config.expected_loss_percent)?;
        encoder.set_redundancy(config.redundancy_ms)?;
        Ok(encoder)
    }

    /// Encodes one frame of interleaved samples into `packet` and returns how many bytes it took.
    ///
    /// `frame` holds exactly [`FrameLength::samples`] times [`Channels::count`] samples; `packet` has room for
    /// [`super::MAX_PACKET_BYTES`].
    ///
    /// # Errors
    /// [`Error::Opus`] if `frame` is not one frame long, or if `packet` has no room.
    pub fn encode(&mut self, frame: &[f32], packet: &mut [u8]) -> Result<usize, Error> {
        if frame.len() != self.config.frame.samples() * self.config.channels.count() {
            return Err(refused("encode a frame of another length")(audiopus::ErrorCode::BadArgument.into()));
        }
        let room = packet.len().min(super::MAX_PACKET_BYTES);
        self.opus.encode_float(frame, &mut packet[..room]).map_err(refused("encode a frame"))
    }

    /// How it is set up now.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Samples per channel by which what is decoded lags what was encoded: 312, or 120 for frames under 10 ms.
    pub fn lookahead_samples(&self) -> usize {
        self.opus.lookahead().map_or(0, |samples| samples as usize)
    }

    /// Takes frames of another length from the next one on, as long as both or neither are under 10 ms: the
    /// look-ahead of an encoder is fixed.
    pub(crate) fn set_frame(&mut self, frame: super::FrameLength) {
        debug_assert_eq!(frame.is_celt_only(), self.config.frame.is_celt_only());
        self.config.frame = frame;
    }

    /// Spends this many bits a second from the next frame on.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), Error> {
        self.opus
            .set_bitrate(audiopus::Bitrate::BitsPerSecond(bitrate.bps() as i32))
            .map_err(refused("set the bit rate"))?;
        self.config.bitrate = bitrate;
        self.opus.set_complexity(self.config.effort()).map_err(refused("set the encoder's complexity"))
    }

    /// Sends in-band FEC, or not, from the next frame on.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_fec(&mut self, fec: bool) -> Result<(), Error> {
        // 1 lets libopus turn to the speech coder, which alone carries FEC, when the loss asks for it; 2 (for
        // music) does not.
        let kind = match (fec, self.config.mode) {
            (false, _) => 0,
            (true, Mode::Voice) => 1,
            (true, Mode::Music) => 2,
        };
        self.opus.set_encoder_ctl_request(OPUS_SET_INBAND_FEC_REQUEST, kind).map_err(refused("set FEC"))?;
        self.config.fec = fec;
        Ok(())
    }

    /// Codes no higher than this from the next frame on; a new encoder codes in full band.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_max_bandwidth(&mut self, bandwidth: Bandwidth) -> Result<(), Error> {
        let bandwidth = match bandwidth {
            Bandwidth::Wide => OPUS_BANDWIDTH_WIDEBAND,
            Bandwidth::Full => OPUS_BANDWIDTH_FULLBAND,
        };
        self.opus
            .set_encoder_ctl_request(OPUS_SET_MAX_BANDWIDTH_REQUEST, bandwidth)
            .map_err(refused("set the bandwidth"))
    }

    /// Prepares for this share of lost packets, in percent; more than 100 is 100.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), Error> {
        let percent = percent.min(100);
        self.opus
            .set_encoder_ctl_request(OPUS_SET_PACKET_LOSS_PERC_REQUEST, percent.into())
            .map_err(refused("set the expected loss"))?;
        self.config.expected_loss_percent = percent;
        Ok(())
    }

    /// Packs this much deep redundancy into packets, in steps of 10 ms; more than 1040 is 1040.
    ///
    /// How far back it really reaches depends on the bits that the expected loss sets aside for it.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub fn set_redundancy(&mut self, ms: u32) -> Result<(), Error> {
        let ms = ms.min(MAX_REDUNDANCY_MS);
        self.opus
            .set_encoder_ctl_request(OPUS_SET_DRED_DURATION_REQUEST, (ms / 10) as i32)
            .map_err(refused("set the redundancy"))?;
        self.config.redundancy_ms = ms;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Coding, MAX_PACKET_BYTES, PacketInfo};
    use super::*;
    use crate::audio::opus::testing::voice_like;

    #[test]
    fn every_frame_length_is_encoded_and_looks_ahead_as_little_as_it_can() {
        for frame in FrameLength::ALL {
            for channels in [Channels::Mono, Channels::Stereo] {
                for mode in [Mode::Voice, Mode::Music] {
                    let config = EncoderConfig { frame, channels, mode, ..EncoderConfig::default() };
                    let mut encoder = Encoder::new(config).unwrap();
                    let expected = if frame < FrameLength::Ms10 { 120 } else { 312 };
                    assert_eq!(encoder.lookahead_samples(), expected);
                    let samples = voice_like(frame.samples() * channels.count());
                    let mut packet = [0; MAX_PACKET_BYTES];
                    let bytes = encoder.encode(&samples, &mut packet).unwrap();
                    assert_eq!(PacketInfo::read(&packet[..bytes]).unwrap().samples, frame.samples());
                }
            }
        }
    }

    #[test]
    fn a_frame_of_another_length_is_refused() {
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        assert!(encoder.encode(&[0.0; 479], &mut [0; 1275]).is_err());
        assert!(encoder.encode(&[], &mut [0; 1275]).is_err());
    }

    #[test]
    fn the_bit_rate_is_kept_and_can_change() {
        let bytes_a_second = |encoder: &mut Encoder| -> usize {
            let samples = voice_like(48_000);
            let mut packet = [0; MAX_PACKET_BYTES];
            samples.chunks(480).map(|frame| encoder.encode(frame, &mut packet).unwrap()).sum()
        };
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        let first = bytes_a_second(&mut encoder);
        assert!((2500..5500).contains(&first), "{first} bytes a second at 32 kbit/s");
        encoder.set_bitrate(Bitrate::new(96_000).unwrap()).unwrap();
        assert!(bytes_a_second(&mut encoder) > 2 * first);
    }

    #[test]
    fn expected_loss_brings_fec_into_the_packets_and_its_end_takes_it_out() {
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        let mut packet = [0; MAX_PACKET_BYTES];
        let samples = voice_like(48_000);
        let mut packets_with_fec = |encoder: &mut Encoder| {
            let mut with_fec = 0;
            for frame in samples.chunks(480) {
                let bytes = encoder.encode(frame, &mut packet).unwrap();
                with_fec += usize::from(PacketInfo::read(&packet[..bytes]).unwrap().has_fec);
            }
            with_fec
        };
        assert_eq!(packets_with_fec(&mut encoder), 0);
        encoder.set_expected_loss(20).unwrap();
        assert!(packets_with_fec(&mut encoder) > 50);
        encoder.set_fec(false).unwrap();
        packets_with_fec(&mut encoder);
        assert_eq!(packets_with_fec(&mut encoder), 0);
    }

    #[test]
    fn silence_shrinks_to_almost_nothing_with_dtx() {
        let mut encoder = Encoder::new(EncoderConfig { dtx: true, ..EncoderConfig::default() }).unwrap();
        let mut packet = [0; MAX_PACKET_BYTES];
        let sizes: Vec<usize> = (0..100).map(|_| encoder.encode(&[0.0; 480], &mut packet).unwrap()).collect();
        assert!(sizes[50..].iter().filter(|&&bytes| bytes <= 2).count() > 40, "{sizes:?}");
    }

    #[test]
    fn it_works_hard_where_bits_are_scarce_and_as_it_is_told_where_it_is_told() {
        let effort = |bps, config: EncoderConfig| {
            EncoderConfig { bitrate: Bitrate::new(bps).unwrap(), ..config }.effort()
        };
        let voice = EncoderConfig::default;
        assert_eq!(effort(18_000, voice()), 9);
        assert_eq!(effort(32_000, voice()), 6);
        assert_eq!(effort(32_000, EncoderConfig { mode: Mode::Music, ..voice() }), 9);
        assert_eq!(effort(32_000, EncoderConfig { dtx: true, ..voice() }), 7, "DTX needs the analysis");
        assert_eq!(effort(18_000, EncoderConfig { complexity: Some(3), ..voice() }), 3);
        assert_eq!(effort(18_000, EncoderConfig { complexity: Some(200), ..voice() }), 10);
    }

    #[test]
    fn frames_under_10_ms_are_celt() {
        let config = EncoderConfig { frame: FrameLength::Ms5, ..EncoderConfig::default() };
        let mut packet = [0; MAX_PACKET_BYTES];
        let bytes = Encoder::new(config).unwrap().encode(&voice_like(240), &mut packet).unwrap();
        assert_eq!(PacketInfo::read(&packet[..bytes]).unwrap().coding, Coding::Celt);
    }

    #[test]
    fn hostile_samples_are_survived() {
        let mut encoder = Encoder::new(EncoderConfig::default()).unwrap();
        for sample in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE] {
            assert!(encoder.encode(&[sample; 480], &mut [0; MAX_PACKET_BYTES]).is_ok(), "{sample}");
        }
    }
}
