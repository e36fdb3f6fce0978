//! One `a=` line: typed where this project knows the attribute, kept as text where it does not.

use std::fmt;

use super::description::syntax;
use super::error::Error;
use super::ptime::PacketTime;
use super::rtp_map::{ExtMap, Fmtp, RtcpFeedback, RtpMap, Ssrc, SsrcGroup};
use super::session::Connection;
use super::streams::{Group, Msid, Rid, Simulcast};
use super::transport::{CandidateText, Direction, Fingerprint, Setup};
use super::words::{Fields, Words, is_token, number, push_number, trim};

/// An attribute: `a=<name>` or `a=<name>:<value>` (RFC 8866 section 5.13).
///
/// A known name with a value that its grammar does not allow becomes [`Attribute::Malformed`]: it
/// keeps its place and text, and says what was expected. The [gate](super::gate) refuses such lines
/// where guessing would be unsafe; elsewhere they count as unknown (RFC 8866 section 5.13: attributes
/// not understood are ignored).
///
/// A line alone is read with `try_from`; it must not contain a line end or NUL.
///
/// ```
/// use handset::sdp::{Attribute, Setup};
///
/// assert_eq!(Attribute::try_from("setup:active")?, Attribute::Setup(Setup::Active));
/// let odd = Attribute::try_from("setup:whenever")?;
/// assert!(matches!(odd, Attribute::Malformed { expected: "a setup role", .. }));
/// assert_eq!(odd.to_string(), "setup:whenever");
/// assert!(Attribute::try_from("mid:0\r\na=mid:1").is_err());
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// `a=group`, RFC 5888
    Group(Group<'a>),
    /// `a=bundle-only`, RFC 9143 section 6
    BundleOnly,
    /// `a=mid`, RFC 5888 section 4: a token
    Mid(&'a str),
    /// `a=msid`, RFC 8830
    Msid(Msid<'a>),
    /// `a=msid-semantic`: `WMS` and stream ids; from drafts of RFC 8830
    MsidSemantic(Words<'a>),
    /// `a=sendrecv`, `a=sendonly`, `a=recvonly`, `a=inactive`, RFC 8866 section 6.7
    Direction(Direction),
    /// `a=rtcp-mux`, RFC 5761 section 5.1.1
    RtcpMux,
    /// `a=rtcp-mux-only`, RFC 8858
    RtcpMuxOnly,
    /// `a=rtcp-rsize`, RFC 5506 section 5
    RtcpRsize,
    /// `a=rtcp`, RFC 3605: a port and maybe an address
    Rtcp {
        /// The port RTCP is expected on.
        port: u16,
        /// The address, where it differs.
        address: Option<Connection<'a>>,
    },
    /// `a=extmap-allow-mixed`, RFC 8285 section 6
    ExtMapAllowMixed,
    /// `a=ice-ufrag`, RFC 8839 section 5.4
    IceUfrag(&'a str),
    /// `a=ice-pwd`, RFC 8839 section 5.4
    IcePwd(&'a str),
    /// `a=ice-options`, RFC 8839 section 5.6
    IceOptions(Words<'a>),
    /// `a=ice-lite`, RFC 8839 section 5.3
    IceLite,
    /// `a=candidate`, RFC 8839 section 5.1
    Candidate(CandidateText<'a>),
    /// `a=end-of-candidates`, RFC 8840 section 8.2
    EndOfCandidates,
    /// `a=fingerprint`, RFC 8122
    Fingerprint(Fingerprint<'a>),
    /// `a=setup`, RFC 4145
    Setup(Setup),
    /// `a=tls-id`, RFC 8842 section 4
    TlsId(&'a str),
    /// `a=crypto`, RFC 4568 (SDES): kept as text, only ever refused
    Crypto(&'a str),
    /// `a=rtpmap`, RFC 8866 section 6.6
    RtpMap(RtpMap<'a>),
    /// `a=fmtp`, RFC 8866 section 6.15
    Fmtp(Fmtp<'a>),
    /// `a=ptime`, RFC 8866 section 6.4
    Ptime(PacketTime),
    /// `a=maxptime`, RFC 8866 section 6.5
    MaxPtime(PacketTime),
    /// `a=rtcp-fb`, RFC 4585
    RtcpFeedback(RtcpFeedback<'a>),
    /// `a=extmap`, RFC 8285 and RFC 6904
    ExtMap(ExtMap<'a>),
    /// `a=ssrc`, RFC 5576
    Ssrc(Ssrc<'a>),
    /// `a=ssrc-group`, RFC 5576
    SsrcGroup(SsrcGroup<'a>),
    /// `a=rid`, RFC 8851
    Rid(Rid<'a>),
    /// `a=simulcast`, RFC 8853
    Simulcast(Simulcast<'a>),
    /// `a=sctp-port`, RFC 8841 section 5
    SctpPort(u16),
    /// `a=max-message-size`, RFC 8841 section 6: bytes, 0 for no limit
    MaxMessageSize(u64),
    /// Any other attribute, as it came.
    Other {
        /// What stands before the first colon.
        name: &'a str,
        /// What stands after it.
        value: Option<&'a str>,
    },
    /// A known attribute whose value breaks its grammar.
    Malformed {
        /// The line after `a=`, as it came.
        text: &'a str,
        /// What the grammar asks for.
        expected: &'static str,
    },
}

type Typed<'a> = Result<Attribute<'a>, &'static str>;

impl<'a> Attribute<'a> {
    /// Reads the line after `a=`. Never fails, see the type.
    pub(crate) fn parse(text: &'a str) -> Self {
        let (name, value) = match memchr::memchr(b':', text.as_bytes()) {
            Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
            None => (text, None),
        };
        let known = match value {
            Some(value) => Self::parse_valued(trim(name), value),
            None => Self::parse_flag(trim(name)),
        };
        match known {
            Some(Ok(attribute)) => attribute,
            Some(Err(expected)) => Attribute::Malformed { text, expected },
            None => Attribute::Other { name, value },
        }
    }

    fn parse_flag(name: &str) -> Option<Typed<'a>> {
        Some(Ok(match name {
            "rtcp-mux" => Attribute::RtcpMux,
            "rtcp-rsize" => Attribute::RtcpRsize,
            "extmap-allow-mixed" => Attribute::ExtMapAllowMixed,
            "end-of-candidates" => Attribute::EndOfCandidates,
            "ice-lite" => Attribute::IceLite,
            "bundle-only" => Attribute::BundleOnly,
            "rtcp-mux-only" => Attribute::RtcpMuxOnly,
            "mid" | "group" | "setup" | "fingerprint" | "ice-ufrag" | "ice-pwd" | "candidate" | "rtpmap"
            | "fmtp" | "crypto" => return Some(Err("a value after a colon")),
            _ => return Direction::parse(name).map(|d| Ok(Attribute::Direction(d))),
        }))
    }

    /// Dispatches on the name's length first, so that most names are told apart by one comparison.
    fn parse_valued(name: &str, value: &'a str) -> Option<Typed<'a>> {
        match name.len() {
            3 => match name {
                "mid" => Some(Self::one_token(value, "a section name without spaces", Attribute::Mid)),
                "rid" => Some(Rid::parse(value).map(Attribute::Rid)),
                _ => None,
            },
            4 => match name {
                "fmtp" => Some(Fmtp::parse(value).map(Attribute::Fmtp)),
                "ssrc" => Some(Ssrc::parse(value).map(Attribute::Ssrc)),
                "msid" => Some(Msid::parse(value).map(Attribute::Msid)),
                "rtcp" => Some(Self::parse_rtcp(value)),
                _ => None,
            },
            5 => match name {
                "group" => Some(Group::parse(value).map(Attribute::Group)),
                "setup" => Some(Setup::parse(trim(value)).map(Attribute::Setup).ok_or("a setup role")),
                "ptime" => Some(Self::packet_time(value).map(Attribute::Ptime)),
                _ => None,
            },
            6 => match name {
                "rtpmap" => Some(RtpMap::parse(value).map(Attribute::RtpMap)),
                "extmap" => Some(ExtMap::parse(value).map(Attribute::ExtMap)),
                "tls-id" => Some(Self::one_word(value, "an id", Attribute::TlsId)),
                "crypto" => Some(Ok(Attribute::Crypto(trim(value)))),
                _ => None,
            },
            7 => match name {
                "rtcp-fb" => Some(RtcpFeedback::parse(value).map(Attribute::RtcpFeedback)),
                "ice-pwd" => Some(Self::one_word(value, "a password", Attribute::IcePwd)),
                _ => None,
            },
            8 if name == "maxptime" => Some(Self::packet_time(value).map(Attribute::MaxPtime)),
            9 => match name {
                "candidate" => Some(CandidateText::parse(value).map(Attribute::Candidate)),
                "ice-ufrag" => Some(Self::one_word(value, "a user fragment", Attribute::IceUfrag)),
                "simulcast" => Some(Simulcast::parse(value).map(Attribute::Simulcast)),
                "sctp-port" => {
                    Some(number(trim(value)).map(Attribute::SctpPort).ok_or("a port from 0 to 65535"))
                }
                _ => None,
            },
            10 if name == "ssrc-group" => Some(SsrcGroup::parse(value).map(Attribute::SsrcGroup)),
            11 => match name {
                "fingerprint" => Some(Fingerprint::parse(value).map(Attribute::Fingerprint)),
                "ice-options" => Some(Ok(Attribute::IceOptions(Words::new(value)))),
                _ => None,
            },
            13 if name == "msid-semantic" => Some(Ok(Attribute::MsidSemantic(Words::new(value)))),
            16 if name == "max-message-size" => {
                Some(number(trim(value)).map(Attribute::MaxMessageSize).ok_or("a size in bytes"))
            }
            _ => None,
        }
    }

    fn one_word(value: &'a str, expected: &'static str, make: fn(&'a str) -> Attribute<'a>) -> Typed<'a> {
        let mut fields = Fields::new(value);
        match (fields.next(), fields.next()) {
            (Some(word), None) => Ok(make(word)),
            _ => Err(expected),
        }
    }

    fn one_token(value: &'a str, expected: &'static str, make: fn(&'a str) -> Attribute<'a>) -> Typed<'a> {
        let word = trim(value);
        if is_token(word) { Ok(make(word)) } else { Err(expected) }
    }

    fn packet_time(value: &str) -> Result<PacketTime, &'static str> {
        PacketTime::parse(trim(value)).ok_or("a duration in milliseconds")
    }

    fn parse_rtcp(value: &'a str) -> Typed<'a> {
        let mut fields = Fields::new(value);
        let port = fields.next().and_then(number).ok_or("a port from 0 to 65535")?;
        let address = match fields.rest() {
            "" => None,
            rest => Some(Connection::parse(rest).map_err(|(expected, _)| expected)?),
        };
        Ok(Attribute::Rtcp { port, address })
    }

    /// The attribute's name.
    pub fn name(&self) -> &'a str {
        match *self {
            Attribute::Other { name, .. } => name,
            Attribute::Malformed { text, .. } => text.split_once(':').map_or(text, |(name, _)| name),
            Attribute::Direction(direction) => direction.as_str(),
            known => known.head().trim_end_matches(':'),
        }
    }

    /// The name, and the colon where a value follows.
    fn head(&self) -> &'static str {
        match self {
            Attribute::Group(_) => "group:",
            Attribute::BundleOnly => "bundle-only",
            Attribute::Mid(_) => "mid:",
            Attribute::Msid(_) => "msid:",
            Attribute::MsidSemantic(_) => "msid-semantic:",
            Attribute::RtcpMux => "rtcp-mux",
            Attribute::RtcpMuxOnly => "rtcp-mux-only",
            Attribute::RtcpRsize => "rtcp-rsize",
            Attribute::Rtcp { .. } => "rtcp:",
            Attribute::ExtMapAllowMixed => "extmap-allow-mixed",
            Attribute::IceUfrag(_) => "ice-ufrag:",
            Attribute::IcePwd(_) => "ice-pwd:",
            Attribute::IceOptions(_) => "ice-options:",
            Attribute::IceLite => "ice-lite",
            Attribute::Candidate(_) => "candidate:",
            Attribute::EndOfCandidates => "end-of-candidates",
            Attribute::Fingerprint(_) => "fingerprint:",
            Attribute::Setup(_) => "setup:",
            Attribute::TlsId(_) => "tls-id:",
            Attribute::Crypto(_) => "crypto:",
            Attribute::RtpMap(_) => "rtpmap:",
            Attribute::Fmtp(_) => "fmtp:",
            Attribute::Ptime(_) => "ptime:",
            Attribute::MaxPtime(_) => "maxptime:",
            Attribute::RtcpFeedback(_) => "rtcp-fb:",
            Attribute::ExtMap(_) => "extmap:",
            Attribute::Ssrc(_) => "ssrc:",
            Attribute::SsrcGroup(_) => "ssrc-group:",
            Attribute::Rid(_) => "rid:",
            Attribute::Simulcast(_) => "simulcast:",
            Attribute::SctpPort(_) => "sctp-port:",
            Attribute::MaxMessageSize(_) => "max-message-size:",
            // These write themselves: their text is not fixed.
            Attribute::Direction(_) | Attribute::Other { .. } | Attribute::Malformed { .. } => "",
        }
    }

    /// Appends the whole line, `a=` to CRLF.
    pub fn write_to(&self, out: &mut String) {
        out.push_str("a=");
        self.write_text(out);
        out.push_str("\r\n");
    }

    /// Appends what stands between `a=` and the line end.
    fn write_text(&self, out: &mut String) {
        out.push_str(self.head());
        match self {
            Attribute::Group(group) => {
                out.push_str(group.semantics);
                group.mids.write_spaced(out);
            }
            Attribute::Mid(text)
            | Attribute::IceUfrag(text)
            | Attribute::IcePwd(text)
            | Attribute::TlsId(text)
            | Attribute::Crypto(text)
            | Attribute::Malformed { text, .. } => out.push_str(text),
            Attribute::Candidate(candidate) => out.push_str(candidate.as_str()),
            Attribute::Msid(msid) => {
                out.push_str(msid.stream);
                if let Some(track) = msid.track {
                    out.push(' ');
                    out.push_str(track);
                }
            }
            // Browsers put a space before the semantic.
            Attribute::MsidSemantic(words) => words.write_spaced(out),
            Attribute::IceOptions(words) => {
                for (i, word) in words.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { " " });
                    out.push_str(word);
                }
            }
            Attribute::Direction(direction) => out.push_str(direction.as_str()),
            Attribute::Rtcp { port, address } => {
                push_number(out, u64::from(*port));
                if let Some(address) = address {
                    out.push(' ');
                    address.write_value(out);
                }
            }
            Attribute::Fingerprint(fingerprint) => {
                out.push_str(fingerprint.hash);
                out.push(' ');
                out.push_str(fingerprint.digest);
            }
            Attribute::Setup(setup) => out.push_str(setup.as_str()),
            Attribute::Ptime(time) | Attribute::MaxPtime(time) => time.write_to(out),
            Attribute::SctpPort(port) => push_number(out, u64::from(*port)),
            Attribute::MaxMessageSize(size) => push_number(out, *size),
            _ => self.write_stream_value(out),
        }
    }

    fn write_stream_value(&self, out: &mut String) {
        match self {
            Attribute::RtpMap(map) => map.write_value(out),
            Attribute::Fmtp(fmtp) => {
                push_number(out, u64::from(fmtp.payload_type));
                out.push(' ');
                out.push_str(fmtp.parameters);
            }
            Attribute::RtcpFeedback(feedback) => feedback.write_value(out),
            Attribute::ExtMap(map) => map.write_value(out),
            Attribute::Ssrc(ssrc) => ssrc.write_value(out),
            Attribute::SsrcGroup(group) => {
                out.push_str(group.semantics);
                group.ids.write_spaced(out);
            }
            Attribute::Rid(rid) => rid.write_value(out),
            Attribute::Simulcast(simulcast) => simulcast.write_value(out),
            Attribute::Other { name, value } => {
                out.push_str(name);
                if let Some(value) = value {
                    out.push(':');
                    out.push_str(value);
                }
            }
            _ => {}
        }
    }
}

impl<'a> TryFrom<&'a str> for Attribute<'a> {
    type Error = Error;

    /// Reads the line after `a=`.
    fn try_from(text: &'a str) -> Result<Self, Error> {
        match memchr::memchr3(b'\r', b'\n', 0, text.as_bytes()) {
            None => Ok(Self::parse(text)),
            Some(at) => Err(syntax(text, &text[at..at + 1], at, "an attribute in one line, without NUL")),
        }
    }
}

impl fmt::Display for Attribute<'_> {
    /// The line after `a=`, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_text(&mut out);
        f.write_str(&out)
    }
}
