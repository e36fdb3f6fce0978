//! The NAME VALUE pairs at the end of a candidate line.

/// Iterates over a candidate's extension attributes in the order they came, without `raddr`, `rport` and
/// `tcptype`, which [`Candidate`](super::Candidate) has typed.
///
/// Grammar (RFC 8839 §5.1): `*(SP extension-att-name SP extension-att-value)`. At most 32, which parsing has counted.
///
/// ```
/// use handset::ice::Candidate;
/// let c = Candidate::parse("1 1 udp 1 192.0.2.1 9 typ host generation 0 ufrag abcd network-id 2").unwrap();
/// let names: Vec<_> = c.extensions().map(|(name, _)| name).collect();
/// assert_eq!(names, ["generation", "ufrag", "network-id"]);
/// ```
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    words: Words<'a>,
}

impl<'a> Extensions<'a> {
    pub(super) fn new(tail: &'a str) -> Self {
        Self { words: Words::new(tail) }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let name = self.words.next()?;
            // The grammar lets a value be empty (`*VCHAR`), which only shows at the end of the line.
            let value = self.words.next().unwrap_or("");
            if Known::of(name).is_none() {
                return Some((name, value));
            }
        }
    }
}

/// The extension names that have a typed place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    RelatedAddress,
    RelatedPort,
    TcpType,
}

impl Known {
    #[inline]
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.len() {
            5 if name.eq_ignore_ascii_case("raddr") => Some(Self::RelatedAddress),
            5 if name.eq_ignore_ascii_case("rport") => Some(Self::RelatedPort),
            7 if name.eq_ignore_ascii_case("tcptype") => Some(Self::TcpType),
            _ => None,
        }
    }
}

/// Words of printable ASCII between spaces and tabs.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    #[inline]
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What is left, without the space in front of it.
    #[inline]
    pub(super) fn rest(&self) -> &'a str {
        let rest = &self.text[self.at..];
        rest.trim_start_matches([' ', '\t'])
    }

    /// Byte offset of the word that `next` returned last is this minus its length.
    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        while bytes.get(start).is_some_and(|b| *b == b' ' || *b == b'\t') {
            start += 1;
        }
        let mut end = start;
        while bytes.get(end).is_some_and(|b| *b != b' ' && *b != b'\t') {
            end += 1;
        }
        self.at = end;
        if end > start { Some(&self.text[start..end]) } else { None }
    }
}
