//! Our own descriptions, made truthful: the engine's text with what it leaves out or gets wrong.
//!
//! The engine knows nothing of packet durations, bit rates and most of Opus's parameters, numbers every
//! description with the same version, and answers only in the names and transports that it was shown.
//! [`offer`] and [`answer`] put that right in its text.

use super::attribute::Attribute;
use super::description::{Description, Line};
use super::error::{Error, Position, Rule, excerpt};
use super::gate::{Remote, RemoteSection};
use super::section::Section;
use super::words::push_number;
use super::{Fmtp, Group, MediaKind, MediaLine, OpusParameters, PacketTime, Words};

/// What we can and will do with Opus, to be said in our descriptions (RFC 7587 section 6.1).
///
/// ```
/// use handset::sdp::PacketTime;
/// use handset::sdp::localise::LocalAudio;
/// let audio = LocalAudio {
///     ptime: PacketTime::from_ms(20).unwrap(),
///     max_ptime: PacketTime::from_ms(60).unwrap(),
///     inband_fec: true,
///     stereo: true,
///     sends_stereo: true,
///     dtx: false,
///     cbr: false,
///     max_average_bitrate: None,
///     max_playback_rate: Some(24_000),
///     dred: true,
/// };
/// let said = "useinbandfec=1;stereo=1;sprop-stereo=1;cbr=0;usedtx=0;maxplaybackrate=24000;usedred=1";
/// assert_eq!(audio.parameters().to_string(), said);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalAudio {
    /// The duration that we would like packets to have.
    pub ptime: PacketTime,
    /// The longest packets that we play.
    pub max_ptime: PacketTime,
    /// Whether we make use of in-band error correction.
    pub inband_fec: bool,
    /// Whether we play stereo, so that the other side may send it.
    pub stereo: bool,
    /// Whether we send stereo.
    pub sends_stereo: bool,
    /// Whether silence may be left out of what we receive.
    pub dtx: bool,
    /// Whether we want a constant bit rate.
    pub cbr: bool,
    /// The most that we want to receive on average, in bits a second; `None` leaves it to the sender.
    pub max_average_bitrate: Option<u32>,
    /// The highest rate that we play, in hertz; `None` for Opus's full 48000.
    pub max_playback_rate: Option<u32>,
    /// Whether we make use of deep redundancy.
    pub dred: bool,
}

impl LocalAudio {
    /// The parameters for our fmtp line; the durations have lines of their own.
    pub fn parameters(&self) -> OpusParameters {
        OpusParameters {
            min_ptime: None,
            ptime: None,
            max_ptime: None,
            use_inband_fec: Some(self.inband_fec),
            stereo: Some(self.stereo),
            sprop_stereo: Some(self.sends_stereo),
            cbr: Some(self.cbr),
            use_dtx: Some(self.dtx),
            max_average_bitrate: self.max_average_bitrate,
            max_playback_rate: self.max_playback_rate,
            sprop_max_capture_rate: None,
            // Who does not know the word is not told.
            use_dred: self.dred.then_some(true),
        }
    }
}

/// Makes the engine's offer say what `audio` says. `version` is the number of our description in this
/// call, growing by one with each that differs (RFC 9429 section 5.2.2).
///
/// ```
/// use handset::sdp::localise::{self, LocalAudio};
/// use handset::sdp::PacketTime;
///
/// let engine = "v=0\r\no=engine 7 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE aud\r\n\
///     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:aud\r\na=rtpmap:111 opus/48000/2\r\n";
/// let audio = LocalAudio {
///     ptime: PacketTime::from_ms(10).unwrap(),
///     max_ptime: PacketTime::from_ms(60).unwrap(),
///     inband_fec: true,
///     stereo: false,
///     sends_stereo: false,
///     dtx: true,
///     cbr: false,
///     max_average_bitrate: Some(32_000),
///     max_playback_rate: None,
///     dred: false,
/// };
/// let ours = localise::offer(engine, &audio, 3)?;
/// assert!(ours.contains("o=- 7 3 IN IP4 0.0.0.0\r\n"));
/// assert!(ours.contains("a=ptime:10\r\na=maxptime:60\r\n"));
/// assert!(ours.contains("a=fmtp:111 useinbandfec=1;stereo=0;sprop-stereo=0;cbr=0;usedtx=1;maxaveragebitrate=32000\r\n"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
pub fn offer(engine: &str, audio: &LocalAudio, version: u64) -> Result<String, Error> {
    let description = Description::parse(engine)?;
    let mut out = String::with_capacity(engine.len() + ROOM_BYTES);
    write_head(&mut out, &description, version);
    for line in description.session_lines() {
        line.write_to(&mut out);
    }
    for section in description.sections() {
        section.head().write_to(&mut out);
        write_lines(&mut out, &section, audio, None);
    }
    Ok(out)
}

/// Makes the engine's answer to `remote` say what `audio` says, and mirror the offer as an answer must:
/// its sections' names and transports, refusals of what we do not take part in, and a group only where
/// the offer had one (RFC 9429 section 5.3.1).
pub fn answer(engine: &str, remote: &Remote, audio: &LocalAudio, version: u64) -> Result<String, Error> {
    let description = Description::parse(engine)?;
    let (ours, theirs) = (description.sections().len(), remote.sections.len());
    if ours != theirs {
        return Err(Error::Policy {
            at: Position::START,
            rule: Rule::Continuity,
            expected: "an answer with the offer's sections",
            found: format!("{ours} for {theirs}"),
        });
    }
    let mut out = String::with_capacity(engine.len() + ROOM_BYTES);
    write_head(&mut out, &description, version);
    for line in description.session_lines() {
        match line {
            Line::Attribute(Attribute::Group(group)) if group.is_bundle() => {
                write_group(&mut out, remote);
            }
            line => line.write_to(&mut out),
        }
    }
    for (section, theirs) in description.sections().zip(&remote.sections) {
        write_answer_section(&mut out, &section, theirs, audio)?;
    }
    Ok(out)
}

/// What the lines that we add may take, in bytes.
const ROOM_BYTES: usize = 256;

/// The origin loses the engine's name, which would tell strangers the version to attack, and gets our
/// version.
fn write_head(out: &mut String, description: &Description<'_>, version: u64) {
    let mut digits = String::new();
    push_number(&mut digits, version);
    let origin = super::Origin { username: "-", version: &digits, ..*description.origin() };
    out.push_str("v=0\r\n");
    origin.write_to(out);
    out.push_str("s=-\r\n");
}

fn write_group(out: &mut String, remote: &Remote) {
    if !remote.bundled {
        return;
    }
    let mids: Vec<&str> =
        remote.sections.iter().filter(|s| s.accepted).filter_map(|s| s.mid.as_deref()).collect();
    let mids = mids.join(" ");
    Attribute::Group(Group { semantics: "BUNDLE", mids: Words::new(&mids) }).write_to(out);
}

fn write_answer_section(
    out: &mut String,
    section: &Section<'_, '_>,
    theirs: &RemoteSection,
    audio: &LocalAudio,
) -> Result<(), Error> {
    let engine_mid = section.mid().unwrap_or_default();
    if engine_mid != theirs.engine_mid {
        return Err(Error::Policy {
            at: Position::START,
            rule: Rule::Continuity,
            expected: "an answer with the offer's sections in their order",
            found: excerpt(engine_mid),
        });
    }
    if !theirs.accepted {
        // RFC 9429 section 5.3.1: a refused section repeats the offer's head with port 0.
        for part in ["m=", &theirs.kind, " 0 ", &theirs.protocol] {
            out.push_str(part);
        }
        if !theirs.first_format.is_empty() {
            out.push(' ');
            out.push_str(&theirs.first_format);
        }
        out.push_str("\r\nc=IN IP4 0.0.0.0\r\n");
        if let Some(mid) = &theirs.mid {
            Attribute::Mid(mid).write_to(out);
        }
        out.push_str("a=inactive\r\n");
        return Ok(());
    }
    MediaLine { protocol: &theirs.protocol, ..*section.head() }.write_to(out);
    write_lines(out, section, audio, Some(theirs));
    Ok(())
}

/// The section's lines; for audio with our parameters in place of the engine's, behind the rtpmap of
/// Opus.
fn write_lines(
    out: &mut String,
    section: &Section<'_, '_>,
    audio: &LocalAudio,
    theirs: Option<&RemoteSection>,
) {
    let is_audio = section.head().kind == MediaKind::Audio && section.head().port != 0;
    let opus = section.opus().filter(|_| is_audio).map(|(payload_type, _)| payload_type);
    let mut durations = opus.is_some();
    for line in section.lines() {
        match line {
            Line::Attribute(Attribute::Mid(_)) if theirs.is_some() => {
                if let Some(mid) = theirs.and_then(|t| t.mid.as_deref()) {
                    Attribute::Mid(mid).write_to(out);
                }
            }
            Line::Attribute(Attribute::Ptime(_) | Attribute::MaxPtime(_)) if opus.is_some() => {}
            Line::Attribute(Attribute::Fmtp(fmtp)) if is_opus(section, fmtp.payload_type) && is_audio => {}
            Line::Attribute(Attribute::RtpMap(map)) if is_audio && is_opus(section, map.payload_type) => {
                line.write_to(out);
                let parameters = audio.parameters().to_string();
                let fmtp = Fmtp { payload_type: map.payload_type, parameters: &parameters };
                Attribute::Fmtp(fmtp).write_to(out);
                if std::mem::take(&mut durations) {
                    Attribute::Ptime(audio.ptime).write_to(out);
                    Attribute::MaxPtime(audio.max_ptime).write_to(out);
                }
            }
            line => line.write_to(out),
        }
    }
}

fn is_opus(section: &Section<'_, '_>, payload_type: u8) -> bool {
    section.rtp_map(payload_type).is_some_and(|map| map.encoding.eq_ignore_ascii_case("opus"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::gate::{self, Kind};

    const CONFERENCE: &str = include_str!("../../fuzz/seeds/sdp/conference-offer.sdp");
    const CHROME: &str = include_str!("../../fuzz/seeds/sdp/chrome-audio-offer.sdp");

    fn audio() -> LocalAudio {
        LocalAudio {
            ptime: PacketTime::from_micros(2_500).unwrap(),
            max_ptime: PacketTime::from_ms(120).unwrap(),
            inband_fec: true,
            stereo: true,
            sends_stereo: false,
            dtx: false,
            cbr: false,
            max_average_bitrate: Some(96_000),
            max_playback_rate: Some(24_000),
            dred: false,
        }
    }

    /// What the engine answers to the conference offer: the names it was shown, its own parameters.
    const ENGINE_ANSWER: &str = "v=0\r\no=str0m-0.25.0 77 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE s1\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:s0\r\n\
        a=inactive\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
        a=mid:s1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10;useinbandfec=0\r\na=ptime:20\r\nm=video 0 UDP/TLS/RTP/SAVPF 0\r\n\
        c=IN IP4 0.0.0.0\r\na=mid:data\r\na=inactive\r\n";

    #[test]
    fn an_answer_mirrors_the_offer_and_says_our_parameters_alone() {
        let remote = gate::check_remote(CONFERENCE, Kind::Offer).unwrap();
        let ours = answer(ENGINE_ANSWER, &remote, &audio(), 4).unwrap();
        let expected = "v=0\r\no=- 77 4 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio-0\r\n\
            m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:video-0\r\na=inactive\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=mid:audio-0\r\n\
            a=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
            a=fmtp:111 useinbandfec=1;stereo=1;sprop-stereo=0;cbr=0;usedtx=0;maxaveragebitrate=96000;\
            maxplaybackrate=24000\r\na=ptime:2.5\r\na=maxptime:120\r\n\
            m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\na=inactive\r\n";
        assert_eq!(ours, expected);
    }

    #[test]
    fn an_answer_has_no_group_where_the_offer_had_none() {
        let remote = gate::check_remote(&CHROME.replace("a=group:BUNDLE 0\r\n", ""), Kind::Offer).unwrap();
        let ours = answer(CHROME, &remote, &audio(), 1).unwrap();
        assert!(!ours.contains("a=group"));
    }

    #[test]
    fn the_transport_of_the_offer_is_repeated() {
        let remote =
            gate::check_remote(&CHROME.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF"), Kind::Offer).unwrap();
        assert!(answer(CHROME, &remote, &audio(), 1).unwrap().contains("m=audio 51472 RTP/SAVPF 111"));
    }

    #[test]
    fn an_answer_to_other_sections_is_refused() {
        let remote = gate::check_remote(CHROME, Kind::Offer).unwrap();
        assert!(answer(ENGINE_ANSWER, &remote, &audio(), 1).is_err());
        assert!(answer(&CHROME.replace("a=mid:0", "a=mid:1"), &remote, &audio(), 1).is_err());
    }

    #[test]
    fn what_we_say_is_what_the_gate_reads() {
        let ours = offer(CHROME, &audio(), 1).unwrap();
        let remote = gate::check_remote(&ours, Kind::Offer).unwrap();
        let expected = OpusParameters {
            ptime: Some(audio().ptime),
            max_ptime: Some(audio().max_ptime),
            ..audio().parameters()
        };
        assert_eq!(remote.opus, expected);
    }
}
