//! A view of one media section, with what the session says for all of them.

use super::attribute::Attribute;
use super::description::{Line, attributes};
use super::media_line::MediaLine;
use super::opus::OpusParameters;
use super::ptime::PacketTime;
use super::rtp_map::{Fmtp, RtpMap};
use super::transport::{Direction, Fingerprint, Setup};

/// A media section: its `m=` line and the lines up to the next (RFC 8866 section 5.14).
///
/// The getters for transport and direction fall back to the session's attribute where the section has
/// none, as RFC 8866 section 5.13 and RFC 8839 section 5.4 say. Each getter walks the section's lines.
///
/// ```
/// use handset::sdp::{Attribute, Description, Direction};
/// let text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=recvonly\r\nm=audio 9 RTP/AVP 0\r\na=rtcp-mux\r\n";
/// let description = Description::parse(text)?;
/// let audio = description.section(0).unwrap();
/// assert_eq!(audio.direction(), Direction::RecvOnly, "said for the whole session");
/// assert!(audio.has(Attribute::RtcpMux) && audio.opus().is_none());
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Section<'a, 'd> {
    index: usize,
    head: &'d MediaLine<'a>,
    lines: &'d [Line<'a>],
    session: &'d [Line<'a>],
}

impl<'a, 'd> Section<'a, 'd> {
    pub(super) fn new(
        index: usize,
        head: &'d MediaLine<'a>,
        lines: &'d [Line<'a>],
        session: &'d [Line<'a>],
    ) -> Self {
        Section { index, head, lines, session }
    }

    /// Its place among the sections, from 0; candidates name it as `sdpMLineIndex`.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The `m=` line.
    pub fn head(&self) -> &'d MediaLine<'a> {
        self.head
    }

    /// The lines after the `m=` line.
    pub fn lines(&self) -> &'d [Line<'a>] {
        self.lines
    }

    /// The section's own attributes.
    pub fn attributes(&self) -> impl Iterator<Item = &'d Attribute<'a>> + use<'a, 'd> {
        attributes(self.lines)
    }

    /// The first value that `pick` finds in the section, else in the session.
    fn inherited<T>(&self, pick: impl Fn(&Attribute<'a>) -> Option<T>) -> Option<T> {
        self.attributes().find_map(&pick).or_else(|| attributes(self.session).find_map(&pick))
    }

    /// The section's name (RFC 5888).
    pub fn mid(&self) -> Option<&'a str> {
        self.attributes().find_map(|a| match a {
            Attribute::Mid(mid) => Some(*mid),
            _ => None,
        })
    }

    /// Which way media flows; both ways where nothing is said (RFC 8866 section 6.7).
    pub fn direction(&self) -> Direction {
        self.inherited(|a| match a {
            Attribute::Direction(direction) => Some(*direction),
            _ => None,
        })
        .unwrap_or_default()
    }

    /// The user fragment of ICE.
    pub fn ice_ufrag(&self) -> Option<&'a str> {
        self.inherited(|a| match a {
            Attribute::IceUfrag(ufrag) => Some(*ufrag),
            _ => None,
        })
    }

    /// The password of ICE.
    pub fn ice_pwd(&self) -> Option<&'a str> {
        self.inherited(|a| match a {
            Attribute::IcePwd(pwd) => Some(*pwd),
            _ => None,
        })
    }

    /// The DTLS role.
    pub fn setup(&self) -> Option<Setup> {
        self.inherited(|a| match a {
            Attribute::Setup(setup) => Some(*setup),
            _ => None,
        })
    }

    /// The certificate's fingerprints: the section's own, or the session's where it has none.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint<'a>> + use<'a, 'd> {
        let is = |a: &Attribute<'a>| matches!(a, Attribute::Fingerprint(_));
        let lines = if attributes(self.lines).any(is) { self.lines } else { self.session };
        attributes(lines).filter_map(|a| match a {
            Attribute::Fingerprint(fingerprint) => Some(*fingerprint),
            _ => None,
        })
    }

    /// Whether the section has `flag`, an attribute without a value.
    pub fn has(&self, flag: Attribute<'_>) -> bool {
        self.attributes().any(|a| *a == flag)
    }

    /// What `payload_type` means: the first rtpmap for it.
    pub fn rtp_map(&self, payload_type: u8) -> Option<RtpMap<'a>> {
        self.attributes().find_map(|a| match a {
            Attribute::RtpMap(map) if map.payload_type == payload_type => Some(*map),
            _ => None,
        })
    }

    /// The parameters of `payload_type`.
    pub fn fmtp(&self, payload_type: u8) -> Option<Fmtp<'a>> {
        self.attributes().find_map(|a| match a {
            Attribute::Fmtp(fmtp) if fmtp.payload_type == payload_type => Some(*fmtp),
            _ => None,
        })
    }

    /// Opus as the section describes it: the first payload type of the `m=` line that maps to
    /// `opus/48000`, and its parameters with `a=ptime` and `a=maxptime` taken in where the fmtp line
    /// does not say them (RFC 7587 section 7).
    pub fn opus(&self) -> Option<(u8, OpusParameters)> {
        // One bit for each of the 128 payload types, so that one pass over the lines is enough.
        let (mut mapped, mut opus_types) = (0u128, 0u128);
        for attribute in self.attributes() {
            let Attribute::RtpMap(map) = attribute else { continue };
            let bit = 1 << map.payload_type;
            if mapped & bit == 0 && map.clock_hz == 48_000 && map.encoding.eq_ignore_ascii_case("opus") {
                opus_types |= bit;
            }
            mapped |= bit;
        }
        let payload_type = self.head.payload_types().flatten().find(|pt| opus_types & (1 << pt) != 0)?;
        let mut opus = OpusParameters::default();
        for attribute in self.attributes() {
            // Some phones spread the parameters over several lines.
            match attribute {
                Attribute::Fmtp(fmtp) if fmtp.payload_type == payload_type => opus.read(fmtp.parameters),
                _ => {}
            }
        }
        opus.ptime = self.ptime().or(opus.ptime);
        opus.max_ptime = self.max_ptime().or(opus.max_ptime);
        Some((payload_type, opus))
    }

    /// How much media a packet should hold.
    pub fn ptime(&self) -> Option<PacketTime> {
        self.attributes().find_map(|a| match a {
            Attribute::Ptime(time) => Some(*time),
            _ => None,
        })
    }

    /// How much media a packet may hold at most.
    pub fn max_ptime(&self) -> Option<PacketTime> {
        self.attributes().find_map(|a| match a {
            Attribute::MaxPtime(time) => Some(*time),
            _ => None,
        })
    }
}
