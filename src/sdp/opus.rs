//! Opus's format parameters (RFC 7587).

use super::ptime::PacketTime;
use super::words::{number, push_number, trim};

/// What one side says of its Opus: the parameters of `a=fmtp` (RFC 7587 section 6.1).
///
/// Each is what the *author* can or will do: `stereo`, `use_inband_fec`, `use_dtx`,
/// `max_average_bitrate` and `max_playback_rate` are wishes about what it **receives**;
/// `sprop_stereo` and `sprop_max_capture_rate` describe what it **sends**. `None` is "not said", which
/// is not the same as the default: an answer may leave it unsaid.
///
/// Grammar: `key=value` pairs between semicolons, keys in any case, spaces ignored. Keys not known are
/// skipped; the fmtp line itself keeps them. A value that makes no sense counts as not said; one out
/// of its range is brought to the nearest end of the range. A key said twice: the last one counts.
///
/// ```
/// use handset::sdp::OpusParameters;
/// let chrome = OpusParameters::parse("minptime=10;useinbandfec=1");
/// assert_eq!(chrome.use_inband_fec, Some(true));
/// assert_eq!(chrome.wants_stereo(), false);
/// assert_eq!(chrome.to_string(), "minptime=10;useinbandfec=1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpusParameters {
    /// The least milliseconds a packet should hold: from drafts of RFC 7587, still written by browsers.
    pub min_ptime: Option<PacketTime>,
    /// The milliseconds of media that a packet should hold; in SDP rather `a=ptime`.
    pub ptime: Option<PacketTime>,
    /// The most milliseconds that a packet may hold; in SDP rather `a=maxptime`.
    pub max_ptime: Option<PacketTime>,
    /// Whether forward error correction in the stream is of use to the author.
    pub use_inband_fec: Option<bool>,
    /// Whether the author would rather receive stereo.
    pub stereo: Option<bool>,
    /// Whether the author is likely to send stereo.
    pub sprop_stereo: Option<bool>,
    /// Whether the author wants a constant bit rate.
    pub cbr: Option<bool>,
    /// Whether the author wants silence left out.
    pub use_dtx: Option<bool>,
    /// The most that the author wants to receive on average, in bits a second, 6000 to 510000.
    pub max_average_bitrate: Option<u32>,
    /// The highest sampling rate that the author can play, in hertz, 8000 to 48000.
    pub max_playback_rate: Option<u32>,
    /// The highest sampling rate that the author is likely to capture, in hertz, 8000 to 48000.
    pub sprop_max_capture_rate: Option<u32>,
    /// Whether deep redundancy (DRED) is of use to the author. Ours alone: no document has a name for it yet, and
    /// who does not know it ignores it (RFC 7587 section 7.1).
    pub use_dred: Option<bool>,
}

/// RFC 7587 section 6.1, `maxaveragebitrate`, in bits a second.
const BITRATE_RANGE: std::ops::RangeInclusive<u32> = 6_000..=510_000;
/// RFC 7587 section 6.1, `maxplaybackrate` and `sprop-maxcapturerate`, in hertz.
const RATE_RANGE: std::ops::RangeInclusive<u32> = 8_000..=48_000;

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// RFC 7587 section 6.1 has whole milliseconds here, a fraction rounded up.
fn whole_ms(value: &str) -> Option<PacketTime> {
    PacketTime::parse(value).and_then(|time| PacketTime::from_ms(time.as_ms_ceil()))
}

fn within(value: &str, range: &std::ops::RangeInclusive<u32>) -> Option<u32> {
    number::<u64>(value).map(|n| n.clamp(u64::from(*range.start()), u64::from(*range.end())) as u32)
}

impl OpusParameters {
    /// Reads the parameters of an fmtp line; whatever is not understood is skipped.
    pub fn parse(parameters: &str) -> Self {
        let mut opus = OpusParameters::default();
        opus.read(parameters);
        opus
    }

    /// Takes in the parameters of one more fmtp line.
    pub(crate) fn read(&mut self, parameters: &str) {
        for pair in parameters.split(';') {
            if let Some((key, value)) = pair.split_once('=') {
                self.set(trim(key), trim(value));
            }
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        /// Length of `sprop-maxcapturerate`, the longest key known.
        const KEY_MAX: usize = 20;
        let mut lower = [0u8; KEY_MAX];
        let Some(lower) = lower.get_mut(..key.len()) else { return };
        lower.copy_from_slice(key.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"minptime" => self.min_ptime = whole_ms(value),
            b"ptime" => self.ptime = whole_ms(value),
            b"maxptime" => self.max_ptime = whole_ms(value),
            b"useinbandfec" => self.use_inband_fec = flag(value),
            b"stereo" => self.stereo = flag(value),
            b"sprop-stereo" => self.sprop_stereo = flag(value),
            b"cbr" => self.cbr = flag(value),
            b"usedtx" => self.use_dtx = flag(value),
            b"maxaveragebitrate" => self.max_average_bitrate = within(value, &BITRATE_RANGE),
            b"maxplaybackrate" => self.max_playback_rate = within(value, &RATE_RANGE),
            b"sprop-maxcapturerate" => self.sprop_max_capture_rate = within(value, &RATE_RANGE),
            b"usedred" => self.use_dred = flag(value),
            _ => {}
        }
    }

    /// Whether to send stereo to the author; mono when not said (RFC 7587 section 6.1).
    pub fn wants_stereo(&self) -> bool {
        self.stereo.unwrap_or(false)
    }

    /// Whether to expect stereo from the author; mono when not said.
    pub fn sends_stereo(&self) -> bool {
        self.sprop_stereo.unwrap_or(false)
    }

    /// Whether in-band error correction is of use to the author; no when not said.
    pub fn wants_inband_fec(&self) -> bool {
        self.use_inband_fec.unwrap_or(false)
    }

    /// Whether the author wants silence left out; no when not said.
    pub fn wants_dtx(&self) -> bool {
        self.use_dtx.unwrap_or(false)
    }

    /// Whether the author wants a constant bit rate; no when not said.
    pub fn wants_cbr(&self) -> bool {
        self.cbr.unwrap_or(false)
    }

    /// Whether deep redundancy is of use to the author; no when not said.
    pub fn wants_dred(&self) -> bool {
        self.use_dred.unwrap_or(false)
    }

    /// Whether nothing is said at all; an fmtp line would be empty then.
    pub fn is_empty(&self) -> bool {
        *self == OpusParameters::default()
    }

    /// Appends the parameters in the order of the fields, nothing for what is not said.
    pub fn write_to(&self, out: &mut String) {
        let mut gap = "";
        let mut pair = |key: &str, value: Option<u32>| {
            if let Some(value) = value {
                out.push_str(gap);
                out.push_str(key);
                out.push('=');
                push_number(out, u64::from(value));
                gap = ";";
            }
        };
        pair("minptime", self.min_ptime.map(PacketTime::as_ms_ceil));
        pair("ptime", self.ptime.map(PacketTime::as_ms_ceil));
        pair("maxptime", self.max_ptime.map(PacketTime::as_ms_ceil));
        pair("useinbandfec", self.use_inband_fec.map(u32::from));
        pair("stereo", self.stereo.map(u32::from));
        pair("sprop-stereo", self.sprop_stereo.map(u32::from));
        pair("cbr", self.cbr.map(u32::from));
        pair("usedtx", self.use_dtx.map(u32::from));
        pair("maxaveragebitrate", self.max_average_bitrate);
        pair("maxplaybackrate", self.max_playback_rate);
        pair("sprop-maxcapturerate", self.sprop_max_capture_rate);
        pair("usedred", self.use_dred.map(u32::from));
    }
}

impl std::fmt::Display for OpusParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        self.write_to(&mut out);
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_read_and_written_back() {
        let text = "minptime=10;ptime=20;maxptime=60;useinbandfec=1;stereo=1;sprop-stereo=0;cbr=1;usedtx=1;\
                    maxaveragebitrate=40000;maxplaybackrate=16000;sprop-maxcapturerate=24000;usedred=1";
        let opus = OpusParameters::parse(text);
        assert_eq!(opus.max_average_bitrate, Some(40_000));
        assert_eq!(opus.sprop_stereo, Some(false));
        assert_eq!(opus.to_string(), text);
    }

    #[test]
    fn odd_spacing_and_case_are_forgiven() {
        let opus = OpusParameters::parse(" UseInbandFEC = 1 ;; stereo=1;");
        assert!(opus.wants_inband_fec() && opus.wants_stereo());
    }

    #[test]
    fn nonsense_counts_as_not_said_and_extremes_are_clamped() {
        let opus = OpusParameters::parse("stereo=yes;usedtx;maxaveragebitrate=1;maxplaybackrate=9999999999");
        assert_eq!(opus.stereo, None);
        assert_eq!(opus.use_dtx, None);
        assert_eq!(opus.max_average_bitrate, Some(6_000));
        assert_eq!(opus.max_playback_rate, Some(48_000));
        assert!(OpusParameters::parse("").is_empty());
    }
}
