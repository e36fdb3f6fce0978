//! The attributes that name streams and sections: `group`, `msid`, `rid`, `simulcast`.

use super::words::{Fields, Words};

/// Sections that belong together: `a=group:<semantics> <mid> ...` (RFC 5888 section 5).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Group(group) = Attribute::try_from("group:BUNDLE 0 1")? else { panic!("it is well-formed") };
/// assert!(group.is_bundle() && group.mids.contains("1"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'a> {
    /// `BUNDLE` for one transport (RFC 9143), `LS` for lip synchronisation.
    pub semantics: &'a str,
    /// The names of its sections.
    pub mids: Words<'a>,
}

impl<'a> Group<'a> {
    /// Whether this is a BUNDLE group.
    pub fn is_bundle(&self) -> bool {
        self.semantics == "BUNDLE"
    }

    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let semantics = fields.next().ok_or("the semantics of the group")?;
        Ok(Group { semantics, mids: Words::new(fields.rest()) })
    }
}

/// The stream and track of a section: `a=msid:<stream> [<track>]` (RFC 8830 section 2).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Msid(msid) = Attribute::try_from("msid:stream track")? else { panic!("it is well-formed") };
/// assert_eq!((msid.stream, msid.track), ("stream", Some("track")));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Msid<'a> {
    /// The stream's id, `-` for none.
    pub stream: &'a str,
    /// The track's id; JSEP reads it no longer.
    pub track: Option<&'a str>,
}

impl<'a> Msid<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let stream = fields.next().ok_or("a stream id")?;
        let track = fields.next();
        match fields.next() {
            None => Ok(Msid { stream, track }),
            Some(_) => Err("at most a stream and a track"),
        }
    }
}

/// Which way a restricted stream flows.
///
/// Grammar (RFC 8851 section 10): `"send" / "recv"`.
///
/// ```
/// assert_eq!(handset::sdp::RidDirection::Recv.as_str(), "recv");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RidDirection {
    /// The author sends it.
    Send,
    /// The author receives it.
    Recv,
}

impl RidDirection {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "send" => Some(RidDirection::Send),
            "recv" => Some(RidDirection::Recv),
            _ => None,
        }
    }

    /// The word of the attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            RidDirection::Send => "send",
            RidDirection::Recv => "recv",
        }
    }
}

/// One stream of a simulcast: `a=rid:<id> send|recv [<key>=<value>;...]` (RFC 8851 section 4).
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Rid(rid) = Attribute::try_from("rid:lo send max-width=320;max-fps=15")? else { panic!("it is well-formed") };
/// assert!(rid.restrictions().eq([("max-width", Some("320")), ("max-fps", Some("15"))]));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rid<'a> {
    /// The stream's name.
    pub id: &'a str,
    /// Which way it flows.
    pub direction: RidDirection,
    /// Its restrictions as they stand, or nothing.
    pub restrictions: &'a str,
}

impl<'a> Rid<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let id = fields.next().ok_or("a stream id")?;
        let direction = fields.next().and_then(RidDirection::parse).ok_or("send or recv")?;
        Ok(Rid { id, direction, restrictions: fields.rest() })
    }

    /// The restrictions as keys and values.
    pub fn restrictions(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.restrictions.split(';').map(super::words::trim).filter(|pair| !pair.is_empty()).map(|pair| {
            match pair.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (pair, None),
            }
        })
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        out.push_str(self.id);
        out.push(' ');
        out.push_str(self.direction.as_str());
        if !self.restrictions.is_empty() {
            out.push(' ');
            out.push_str(self.restrictions);
        }
    }
}

/// The streams sent and received at once: `a=simulcast:send <list> [recv <list>]` in either order (RFC
/// 8853 section 5.1). Lists name [`Rid`]s: `;` between streams, `,` between alternatives, `~` before a
/// paused one.
///
/// ```
/// use handset::sdp::Attribute;
/// let Attribute::Simulcast(simulcast) = Attribute::try_from("simulcast:send hi;~lo recv a,b")? else { panic!("it is well-formed") };
/// assert_eq!((simulcast.send, simulcast.recv), (Some("hi;~lo"), Some("a,b")));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulcast<'a> {
    /// The list that the author sends.
    pub send: Option<&'a str>,
    /// The list that the author receives.
    pub recv: Option<&'a str>,
}

impl<'a> Simulcast<'a> {
    pub(crate) fn parse(value: &'a str) -> Result<Self, &'static str> {
        let mut fields = Fields::new(value);
        let mut simulcast = Simulcast { send: None, recv: None };
        while let Some(word) = fields.next() {
            let slot = match RidDirection::parse(word).ok_or("send or recv")? {
                RidDirection::Send => &mut simulcast.send,
                RidDirection::Recv => &mut simulcast.recv,
            };
            let list = fields.next().ok_or("a list of stream ids")?;
            if slot.replace(list).is_some() {
                return Err("each direction once");
            }
        }
        match (simulcast.send, simulcast.recv) {
            (None, None) => Err("send or recv"),
            _ => Ok(simulcast),
        }
    }

    pub(crate) fn write_value(&self, out: &mut String) {
        let mut gap = "";
        for (word, list) in [("send ", self.send), ("recv ", self.recv)] {
            if let Some(list) = list {
                out.push_str(gap);
                out.push_str(word);
                out.push_str(list);
                gap = " ";
            }
        }
    }
}
