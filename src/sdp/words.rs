//! Splitting a value at spaces, without copying it.

/// A list of words separated by spaces or tabs, kept as the text that it came in.
///
/// Grammar: `token *(SP token)`, as in `a=group` (RFC 5888 section 5) and the formats of `m=` (RFC 8866
/// section 9). Runs of spaces count as one; equality looks at the words alone.
///
/// ```
/// use handset::sdp::Words;
/// let formats = Words::new("111  63 9");
/// assert_eq!(formats.iter().collect::<Vec<_>>(), ["111", "63", "9"]);
/// assert_eq!(formats, Words::new("111 63 9 "));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// The words of `text`.
    pub const fn new(text: &'a str) -> Self {
        Words(text)
    }

    /// The words in order.
    pub fn iter(&self) -> Fields<'a> {
        Fields::new(self.0)
    }

    /// Whether `word` is among them.
    pub fn contains(&self, word: &str) -> bool {
        self.iter().any(|w| w == word)
    }

    /// Whether there is no word at all.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The text that the words were read from.
    pub fn as_str(&self) -> &'a str {
        self.0
    }

    /// Appends the words with one space before each.
    pub(crate) fn write_spaced(&self, out: &mut String) {
        for word in self.iter() {
            out.push(' ');
            out.push_str(word);
        }
    }
}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Words<'_> {}

/// Reads a line word by word and hands out what is left.
///
/// ```
/// let words = handset::sdp::Words::new(" one  two ");
/// assert!(words.iter().eq(["one", "two"]));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    rest: &'a str,
}

const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Fields { rest: text }
    }

    /// Everything not yet read, without the blanks around it.
    pub(crate) fn rest(self) -> &'a str {
        trim(self.rest)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let mut start = 0;
        while start < bytes.len() && is_blank(bytes[start]) {
            start += 1;
        }
        let mut end = start;
        while end < bytes.len() && !is_blank(bytes[end]) {
            end += 1;
        }
        let (word, rest) = (&self.rest[start..end], &self.rest[end..]);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }
}

/// `text` without spaces and tabs around it.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut end = bytes.len();
    while start < end && is_blank(bytes[start]) {
        start += 1;
    }
    while end > start && is_blank(bytes[end - 1]) {
        end -= 1;
    }
    &text[start..end]
}

/// A plain decimal number: digits alone, no sign, within the type.
#[inline]
pub(crate) fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    /// Digits of the largest `u64`: longer runs are refused unread.
    const DIGITS_MAX: usize = 20;
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    T::try_from(value).ok()
}

/// Whether `text` is a token (RFC 8866 section 9): visible ASCII without the separators that the
/// grammar names.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| {
            matches!(b, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
        })
}

/// Appends a decimal number without going through `fmt`.
pub(crate) fn push_number(out: &mut String, mut value: u64) {
    /// Digits of the largest `u64`.
    const DIGITS_MAX: usize = 20;
    let mut digits = [0u8; DIGITS_MAX];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    // Each is an ASCII digit, so this never yields the empty string.
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_alone_and_fit_their_type() {
        assert_eq!(number::<u16>("65535"), Some(65535));
        assert_eq!(number::<u16>("65536"), None);
        assert_eq!(number::<u64>("18446744073709551615"), Some(u64::MAX));
        assert_eq!(number::<u64>("18446744073709551616"), None);
        assert_eq!(number::<u8>("007"), Some(7));
        for bad in ["", "+1", "-1", "1 ", "0x1", "1.0", "١"] {
            assert_eq!(number::<u32>(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn written_numbers_read_back() {
        for value in [0, 9, 10, 255, 65536, u64::MAX] {
            let mut out = String::new();
            push_number(&mut out, value);
            assert_eq!(out, value.to_string());
        }
    }

    #[test]
    fn words_skip_runs_of_blanks() {
        assert!(Words::new(" \t ").is_empty());
        assert_eq!(Words::new("\ta  b ").iter().collect::<Vec<_>>(), ["a", "b"]);
        let mut fields = Fields::new(" one  two three ");
        assert_eq!(fields.next(), Some("one"));
        assert_eq!(fields.rest(), "two three");
    }
}
