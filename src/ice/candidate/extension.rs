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
            if Known::of(name.as_bytes()).is_none() {
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
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (5, Some(b'r')) if name.eq_ignore_ascii_case(b"raddr") => Some(Self::RelatedAddress),
            (5, Some(b'r')) if name.eq_ignore_ascii_case(b"rport") => Some(Self::RelatedPort),
            (7, Some(b't')) if name.eq_ignore_ascii_case(b"tcptype") => Some(Self::TcpType),
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

    /// What is left, from the next word on.
    #[inline]
    pub(super) fn rest(&self) -> &'a str {
        self.text[self.at..].trim_start_matches([' ', '\t'])
    }

    /// Where the last word ended.
    #[inline]
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The next word, as text.
    #[inline]
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let (start, end) = self.next_span();
        if end > start { Some(&self.text[start..end]) } else { None }
    }

    /// The next word, as bytes, which are cheaper to come by.
    #[inline]
    pub(super) fn next_bytes(&mut self) -> Option<&'a [u8]> {
        let (start, end) = self.next_span();
        if end > start { self.text.as_bytes().get(start..end) } else { None }
    }

    /// What `read` makes of the next word, if that takes it to its end; otherwise the word is still the next. `read` gets
    /// everything from the word on and says how many bytes it took.
    #[inline]
    pub(super) fn next_as<T>(&mut self, read: impl FnOnce(&'a [u8]) -> Option<(T, usize)>) -> Option<T> {
        let bytes = self.text.as_bytes();
        let start = self.start();
        let (value, taken) = read(bytes.get(start..)?)?;
        let end = start + taken;
        if bytes.get(end).is_some_and(|byte| !is_blank(*byte)) {
            return None;
        }
        self.at = end;
        Some(value)
    }

    /// Where the next word begins.
    #[inline]
    fn start(&self) -> usize {
        let mut start = self.at;
        while self.text.as_bytes().get(start).is_some_and(|byte| is_blank(*byte)) {
            start += 1;
        }
        start
    }

    /// Where the next word begins and ends; at the end of the text, an empty one.
    #[inline]
    fn next_span(&mut self) -> (usize, usize) {
        let start = self.start();
        self.at = word_end(self.text.as_bytes(), start);
        (start, self.at)
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Where the word ends that begins at `end`: at the first blank or at the end of the text.
#[inline]
fn word_end(bytes: &[u8], mut end: usize) -> usize {
    while let Some(eight) = bytes.get(end..).and_then(<[u8]>::first_chunk) {
        let blanks = blanks_among(*eight);
        if blanks != 0 {
            return end + (blanks.trailing_zeros() / 8) as usize;
        }
        end += 8;
    }
    while bytes.get(end).is_some_and(|byte| !is_blank(*byte)) {
        end += 1;
    }
    end
}

/// The high bit of each of eight bytes.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte, the first of them lowest, that is a blank. There are no other control characters in
/// what parsing let through, so every byte up to the space is one; those beyond ASCII are none.
#[inline]
fn blanks_among(bytes: [u8; 8]) -> u64 {
    const FIRST_VISIBLE_TO_HIGH: u64 = 0x5f5f_5f5f_5f5f_5f5f;
    let bytes = u64::from_le_bytes(bytes);
    !(((bytes & !HIGH) + FIRST_VISIBLE_TO_HIGH) | bytes) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_stands_between_blanks_wherever_they_begin_and_however_long_they_are() {
        for length in 1..20 {
            for lead in 0..10 {
                let word = "x".repeat(length);
                let text = format!("{}{word} {word}\t{word}{}", " ".repeat(lead), " ".repeat(lead));
                let words: Vec<_> = std::iter::from_fn({
                    let mut words = Words::new(&text);
                    move || words.next()
                })
                .collect();
                assert_eq!(words, [word.as_str(); 3], "{text:?}");
            }
        }
    }

    #[test]
    fn every_byte_that_may_stand_in_a_line_is_a_blank_or_is_not() {
        for byte in (b' '..=b'~').chain([b'\t']).chain(0x80..=0xff) {
            for at in 0..8 {
                let mut bytes = [b'a'; 8];
                bytes[at] = byte;
                let expected = if is_blank(byte) { 0x80 << (8 * at) } else { 0 };
                assert_eq!(blanks_among(bytes), expected, "{byte:#x} at {at}");
            }
        }
    }
}
