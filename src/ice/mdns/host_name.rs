//! The names that ICE gives to addresses.

use std::fmt;

/// Bytes of a UUID as text.
const UUID_TEXT_BYTES: usize = 36;

/// Where the hyphens of a UUID stand (RFC 9562 section 4).
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// One label, a UUID, under `.local`.
///
/// The draft (section 3.1.1) has agents make such names, and browsers do; a name of any other form is none, so that nobody
/// can have us ask for the printers of a link (section 3.2.2).
///
/// ```
/// use handset::ice::mdns::HostName;
/// let name = HostName::parse("1f4712db-ea17-4bcf-a596-105139dfd8bf.local").unwrap();
/// assert_eq!(name.to_string(), "1f4712db-ea17-4bcf-a596-105139dfd8bf.local");
/// assert_eq!(HostName::parse("printer.local"), None);
/// assert_eq!(HostName::parse("a.1f4712db-ea17-4bcf-a596-105139dfd8bf.local"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostName([u8; 16]);

impl HostName {
    /// A new name of these random bytes: a UUID of version 4 (RFC 9562 section 5.4).
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// Reads a name, in either case, with or without the last dot; `None` for any other form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let (label, top) = text.split_once('.')?;
        if top.eq_ignore_ascii_case("local") { Self::from_label(label.as_bytes()) } else { None }
    }

    /// Reads the first label.
    pub(super) fn from_label(label: &[u8]) -> Option<Self> {
        if label.len() != UUID_TEXT_BYTES || HYPHENS.iter().any(|at| label[*at] != b'-') {
            return None;
        }
        let mut nibbles = label.iter().enumerate().filter(|(at, _)| !HYPHENS.contains(at));
        let mut nibble = || nibbles.next().and_then(|(_, digit)| char::from(*digit).to_digit(16));
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            *byte = (nibble()? << 4 | nibble()?) as u8;
        }
        Some(Self(bytes))
    }

    /// The first label, in lower case.
    pub(super) fn label(&self) -> String {
        let mut text = self.to_string();
        text.truncate(UUID_TEXT_BYTES);
        text
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let hyphen = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{hyphen}{byte:02x}")?;
        }
        f.write_str(".local")
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostName({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letter_case_and_the_last_dot_make_no_difference() {
        let name = HostName::parse("1f4712db-ea17-4bcf-a596-105139dfd8bf.local");
        assert!(name.is_some());
        for other in
            ["1F4712DB-EA17-4BCF-A596-105139DFD8BF.LOCAL", "1f4712db-ea17-4bcf-a596-105139dfd8bf.local."]
        {
            assert_eq!(HostName::parse(other), name, "{other}");
        }
    }

    #[test]
    fn other_names_are_none() {
        for other in [
            "",
            "local",
            ".local",
            "printer.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.example",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.local.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.local..",
            "1f4712dbea17-4bcf-a596-105139dfd8bf-.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bg.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8b\u{e9}.local",
        ] {
            assert_eq!(HostName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_new_name_is_a_uuid_of_version_4() {
        let text = HostName::from_random([0xff; 16]).to_string();
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff.local");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bytes: [u8; 16]) {
            let name = HostName::from_random(bytes);
            prop_assert_eq!(HostName::parse(&name.to_string()), Some(name));
            prop_assert_eq!(HostName::from_label(name.label().as_bytes()), Some(name));
        }
    }
}
