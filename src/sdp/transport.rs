//! The attributes that set up the transport: DTLS role, certificate fingerprint, ICE candidate text.

use super::words::{Fields, number};

/// Which way media flows, from its author's point of view (RFC 8866 section 6.7).
///
/// ```
/// use handset::sdp::Direction;
/// assert!(Direction::SendOnly.sends() && !Direction::SendOnly.receives());
/// assert_eq!(Direction::default().as_str(), "sendrecv");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// `a=sendrecv`, and what is meant when nothing is said.
    #[default]
    SendRecv,
    /// `a=sendonly`
    SendOnly,
    /// `a=recvonly`
    RecvOnly,
    /// `a=inactive`
    Inactive,
}

impl Direction {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "sendrecv" => Direction::SendRecv,
            "sendonly" => Direction::SendOnly,
            "recvonly" => Direction::RecvOnly,
            "inactive" => Direction::Inactive,
            _ => return None,
        })
    }

    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// Whether the author sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether the author receives.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// Who opens the DTLS association: `a=setup` (RFC 4145 section 4, RFC 8842 section 5).
///
/// ```
/// use handset::sdp::{Attribute, Setup};
/// assert_eq!(Attribute::try_from("setup:actpass")?, Attribute::Setup(Setup::ActPass));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// Either; an offer says this.
    ActPass,
    /// The author is the client.
    Active,
    /// The author is the server.
    Passive,
    /// Nobody, for now; meaningless for DTLS.
    HoldConn,
}

impl Setup {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "actpass" => Setup::ActPass,
            "active" => Setup::Active,
            "passive" => Setup::Passive,
            "holdconn" => Setup::HoldConn,
            _ => return None,
        })
    }

    /// The word of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::HoldConn => "holdconn",
        }
    }
}

/// The hash of a certificate: `a=fingerprint:<hash> <hex>:<hex>...` (RFC 8122 section 5).
///
/// Hex digits of either case are taken; the count of bytes is not checked against the hash here, see
/// [`Fingerprint::has_full_length`]. Equality ignores case.
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Fingerprint(fingerprint) = Attribute::try_from("fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB")? else { panic!("it is well-formed") };
/// assert!(fingerprint.has_full_length());
/// assert_eq!(fingerprint.bytes().next(), Some(0x4a));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Eq)]
pub struct Fingerprint<'a> {
    /// The hash function's name, as `sha-256`.
    pub hash: &'a str,
    /// Bytes as two hex digits each, between colons.
    pub digest: &'a str,
}

impl<'a> Fingerprint<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let (Some(hash), Some(digest), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err("a hash name and a digest");
        };
        let bytes = digest.as_bytes();
        let whole = (bytes.len() + 1).is_multiple_of(3)
            && bytes.chunks(3).all(|byte| {
                byte[0].is_ascii_hexdigit()
                    && byte[1].is_ascii_hexdigit()
                    && byte.get(2).is_none_or(|colon| *colon == b':')
            });
        if whole { Ok(Fingerprint { hash, digest }) } else { Err("hex bytes between colons") }
    }

    /// The digest's bytes.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.digest.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok())
    }

    /// The number of bytes in the digest.
    pub fn len_bytes(&self) -> usize {
        self.digest.len().div_ceil(3)
    }

    /// Whether the digest has as many bytes as its hash makes; `false` for a hash not known here.
    pub fn has_full_length(&self) -> bool {
        const LENGTHS: [(&str, usize); 7] = [
            ("sha-256", 32),
            ("sha-1", 20),
            ("sha-512", 64),
            ("sha-384", 48),
            ("sha-224", 28),
            ("md5", 16),
            ("md2", 16),
        ];
        LENGTHS.iter().any(|(name, len)| self.hash.eq_ignore_ascii_case(name) && self.len_bytes() == *len)
    }
}

impl PartialEq for Fingerprint<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.hash.eq_ignore_ascii_case(other.hash) && self.digest.eq_ignore_ascii_case(other.digest)
    }
}

/// One ICE candidate's text, the value of `a=candidate:` (RFC 8839 section 5.1).
///
/// Only its outline is checked here: foundation, component, transport, priority, address, port, `typ`
/// and kind, then extensions in pairs. What each means is for the ICE layer.
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Candidate(candidate) = Attribute::try_from("candidate:1 1 udp 2113937151 a1b2.local 40000 typ host generation 0 ufrag abcd")? else { panic!("it is well-formed") };
/// assert_eq!(candidate.extension("ufrag"), Some("abcd"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandidateText<'a>(&'a str);

impl<'a> CandidateText<'a> {
    /// The text after `candidate:`.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// The value of the extension attribute `name`, such as `ufrag` or `generation`.
    pub fn extension(&self, name: &str) -> Option<&'a str> {
        /// Words before the first extension.
        const FIXED_WORDS: usize = 8;
        let mut words = Fields::new(self.0).skip(FIXED_WORDS);
        while let (Some(key), Some(value)) = (words.next(), words.next()) {
            if key == name {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let mut next = |what| fields.next().ok_or(what);
        next("a foundation")?;
        number::<u16>(next("a component")?).ok_or("a component in digits")?;
        next("a transport")?;
        number::<u32>(next("a priority")?).ok_or("a priority of 32 bits")?;
        next("an address")?;
        number::<u16>(next("a port")?).ok_or("a port from 0 to 65535")?;
        if next("the word typ")? != "typ" {
            return Err("the word typ");
        }
        next("a candidate type")?;
        Ok(CandidateText(super::words::trim(value)))
    }
}
