//! DNS messages (RFC 1035 section 4), as far as names of ICE are in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::HostName;

/// The longest message on a link (RFC 6762 section 17).
pub const MAX_MESSAGE_BYTES: usize = 9000;

/// Questions and records of one message that are looked at: an honest one on a busy link has a few dozen.
const MAX_ENTRIES: usize = 256;

/// The longest name in a message (RFC 1035 section 2.3.4).
const MAX_NAME_BYTES: usize = 255;

/// The response bit, the operation and the response code among the flags (RFC 1035 section 4.1.1).
const RESPONSE: u16 = 0x8000;
const OPERATION: u16 = 0x7800;
const AUTHORITATIVE: u16 = 0x0400;
const RESPONSE_CODE: u16 = 0x000f;

/// The class of the internet; the bit above it asks for an answer by unicast (RFC 6762 section 5.4) or says that an
/// answer is the whole truth (section 10.2).
const CLASS_INTERNET: u16 = 1;
const CLASS_ANY: u16 = 255;
const TOP_BIT: u16 = 0x8000;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const TYPE_ANY: u16 = 255;

/// Which addresses are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressType {
    /// `A`: IPv4.
    V4,
    /// `AAAA`: IPv6.
    V6,
    /// `ANY`: all that there is.
    Any,
}

impl AddressType {
    /// Whether this asks for the address.
    pub fn asks_for(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
            Self::Any => true,
        }
    }

    fn from_code(code: u16) -> Option<Self> {
        match code {
            TYPE_A => Some(Self::V4),
            TYPE_AAAA => Some(Self::V6),
            TYPE_ANY => Some(Self::Any),
            _ => None,
        }
    }

    fn code(self) -> u16 {
        match self {
            Self::V4 => TYPE_A,
            Self::V6 => TYPE_AAAA,
            Self::Any => TYPE_ANY,
        }
    }
}

/// A question for the address behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: HostName,
    /// Which addresses.
    pub wanted: AddressType,
    /// The answer may come to the asker alone.
    pub unicast: bool,
}

/// The address behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The name.
    pub name: HostName,
    /// What it stands for.
    pub ip: IpAddr,
    /// How long that holds (s); 0 takes it back.
    pub ttl_s: u32,
    /// What was heard of this name and type before is void.
    pub flushes: bool,
}

/// A message, without whatever in it concerns other names and other records.
///
/// ```
/// use handset::ice::mdns::{AddressType, HostName, Message, Question};
/// let name = HostName::from_random([7; 16]);
/// let question = Question { name, wanted: AddressType::V4, unicast: false };
/// let query = Message { questions: vec![question], ..Message::default() };
/// assert_eq!(Message::parse(&query.to_bytes()), Ok(query));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Ties an answer to a question where both go from host to host; 0 on the link.
    pub id: u16,
    /// Whether it answers.
    pub is_response: bool,
    /// What is asked; in an answer from host to host, what was asked.
    pub questions: Vec<Question>,
    /// Addresses in any of its sections; in a query, those that are known already.
    pub addresses: Vec<Address>,
}

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Something that was promised is not there.
    #[error("expected {what} at byte {at}, found the end")]
    Truncated {
        /// What is missing.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A name that is none.
    #[error("expected a name at byte {at}, found one that is too long, goes forward or in circles")]
    Name {
        /// Where it begins.
        at: usize,
    },
    /// RFC 6762 section 18.3, 18.11: such a message is ignored.
    #[error("expected a standard query without an error, found flags {0:#06x}")]
    Flags(u16),
    /// More entries than anybody needs.
    #[error("expected at most 256 entries, found {0}")]
    Entries(usize),
    /// An address record of another length than an address has.
    #[error("expected 4 or 16 bytes of an address, found {0}")]
    Address(usize),
}

impl Message {
    /// Reads a message. Bytes behind it are passed over, as RFC 6762 asks for nothing else.
    ///
    /// # Errors
    /// What was expected, what was found, and where.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader { bytes, at: 0 };
        let id = reader.u16("a header")?;
        let flags = reader.u16("a header")?;
        if flags & (OPERATION | RESPONSE_CODE) != 0 {
            return Err(MessageError::Flags(flags));
        }
        let questions = usize::from(reader.u16("a header")?);
        let mut records = 0;
        for _ in 0..3 {
            records += usize::from(reader.u16("a header")?);
        }
        if questions + records > MAX_ENTRIES {
            return Err(MessageError::Entries(questions + records));
        }
        let mut message = Self { id, is_response: flags & RESPONSE != 0, ..Self::default() };
        for _ in 0..questions {
            message.questions.extend(reader.question()?);
        }
        for _ in 0..records {
            message.addresses.extend(reader.record()?);
        }
        Ok(message)
    }

    /// The message as bytes. Names are not compressed: there is one, or a few.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * (1 + self.questions.len() + self.addresses.len()));
        let flags = if self.is_response { RESPONSE | AUTHORITATIVE } else { 0 };
        let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        for word in [self.id, flags, count(self.questions.len()), count(self.addresses.len()), 0, 0] {
            out.extend(word.to_be_bytes());
        }
        for question in &self.questions {
            let class = CLASS_INTERNET | if question.unicast { TOP_BIT } else { 0 };
            write_entry(&mut out, &question.name, question.wanted, class);
        }
        for address in &self.addresses {
            let class = CLASS_INTERNET | if address.flushes { TOP_BIT } else { 0 };
            let kind = if address.ip.is_ipv4() { AddressType::V4 } else { AddressType::V6 };
            write_entry(&mut out, &address.name, kind, class);
            out.extend(address.ttl_s.to_be_bytes());
            match address.ip {
                IpAddr::V4(ip) => {
                    out.extend([0, 4]);
                    out.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.extend([0, 16]);
                    out.extend(ip.octets());
                }
            }
        }
        out
    }
}

/// What questions and records begin with.
fn write_entry(out: &mut Vec<u8>, name: &HostName, kind: AddressType, class: u16) {
    for label in [name.label().as_str(), "local", ""] {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.extend(kind.code().to_be_bytes());
    out.extend(class.to_be_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], MessageError> {
        let taken = self.bytes.get(self.at..self.at + count);
        let taken = taken.ok_or(MessageError::Truncated { what, at: self.at })?;
        self.at += count;
        Ok(taken)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, MessageError> {
        Ok(self.take(2, what)?.iter().fold(0, |word, byte| word << 8 | u16::from(*byte)))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, MessageError> {
        Ok(self.take(4, what)?.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
    }

    fn question(&mut self) -> Result<Option<Question>, MessageError> {
        let name = self.name()?;
        let wanted = AddressType::from_code(self.u16("a question")?);
        let class = self.u16("a question")?;
        let is_internet = matches!(class & !TOP_BIT, CLASS_INTERNET | CLASS_ANY);
        let unicast = class & TOP_BIT != 0;
        let known = name.zip(wanted).filter(|_| is_internet);
        Ok(known.map(|(name, wanted)| Question { name, wanted, unicast }))
    }

    fn record(&mut self) -> Result<Option<Address>, MessageError> {
        let name = self.name()?;
        let (kind, class) = (self.u16("a record")?, self.u16("a record")?);
        let ttl_s = self.u32("a record")?;
        let length = usize::from(self.u16("a record")?);
        let data = self.take(length, "what a record says")?;
        let name = name.filter(|_| class & !TOP_BIT == CLASS_INTERNET);
        let (Some(name), TYPE_A | TYPE_AAAA) = (name, kind) else { return Ok(None) };
        let v4 = <[u8; 4]>::try_from(data).map(Ipv4Addr::from).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(data).map(Ipv6Addr::from).map(IpAddr::from);
        let ip = if kind == TYPE_A { v4 } else { v6 }.map_err(|_| MessageError::Address(length))?;
        Ok(Some(Address { name, ip, ttl_s, flushes: class & TOP_BIT != 0 }))
    }

    /// Reads a name, compressed or not (RFC 1035 section 4.1.4), and goes on behind it. `None` for one of another form
    /// than [`HostName`]'s.
    fn name(&mut self) -> Result<Option<HostName>, MessageError> {
        let began = self.at;
        let mut labels: [&[u8]; 2] = [&[]; 2];
        let (mut count, mut length) = (0, 0);
        let mut behind = None;
        // Each pointer leads to before all that was read of this name: it ends, whatever it says.
        let mut lowest = began;
        loop {
            let first = self.take(1, "a name")?[0];
            match first {
                0 => break,
                1..=63 => {
                    let label = self.take(usize::from(first), "a label")?;
                    length += 1 + label.len();
                    if length >= MAX_NAME_BYTES {
                        return Err(MessageError::Name { at: began });
                    }
                    if let Some(slot) = labels.get_mut(count) {
                        *slot = label;
                    }
                    count += 1;
                }
                0xc0.. => {
                    let low = self.take(1, "a pointer")?[0];
                    let target = usize::from(first & 0x3f) << 8 | usize::from(low);
                    if target >= lowest {
                        return Err(MessageError::Name { at: began });
                    }
                    behind.get_or_insert(self.at);
                    (self.at, lowest) = (target, target);
                }
                _ => return Err(MessageError::Name { at: began }),
            }
        }
        self.at = behind.unwrap_or(self.at);
        let is_local = count == 2 && labels[1].eq_ignore_ascii_case(b"local");
        Ok(is_local.then(|| HostName::from_label(labels[0])).flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local";

    fn name() -> HostName {
        HostName::parse(NAME).expect("a name")
    }

    fn answer(ip: &str) -> Message {
        let address =
            Address { name: name(), ip: ip.parse().expect("an address"), ttl_s: 120, flushes: true };
        Message { is_response: true, addresses: vec![address], ..Message::default() }
    }

    #[test]
    fn a_query_has_the_bytes_that_every_responder_knows() {
        let question = Question { name: name(), wanted: AddressType::V4, unicast: false };
        let bytes = Message { questions: vec![question], ..Message::default() }.to_bytes();
        let mut expected = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 36];
        expected.extend(b"1f4712db-ea17-4bcf-a596-105139dfd8bf");
        expected.extend(b"\x05local\0\0\x01\0\x01");
        assert_eq!(bytes, expected);
    }

    #[test]
    fn answers_are_read_as_they_were_written() {
        for ip in ["192.168.1.7", "2001:db8::7"] {
            assert_eq!(Message::parse(&answer(ip).to_bytes()), Ok(answer(ip)));
        }
    }

    /// A response with a question before the answer, whose name points back to it.
    fn compressed(pointer: [u8; 2]) -> Vec<u8> {
        let question = Question { name: name(), wanted: AddressType::V4, unicast: false };
        let mut bytes =
            Message { is_response: true, questions: vec![question], ..Message::default() }.to_bytes();
        bytes[7] = 1;
        bytes.extend(pointer);
        bytes.extend([0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 10, 0, 0, 7]);
        bytes
    }

    #[test]
    fn a_compressed_name_is_followed_back_and_never_forward() {
        let message = Message::parse(&compressed([0xc0, 12])).expect("a message");
        assert_eq!(message.addresses[0].name, name());
        assert_eq!(message.addresses[0].ip, IpAddr::from([10, 0, 0, 7]));
        let at = compressed([0xc0, 12]).len() - 16;
        for target in [at, at + 1, 300] {
            let pointer = (0xc000 | target as u16).to_be_bytes();
            assert_eq!(Message::parse(&compressed(pointer)), Err(MessageError::Name { at }), "{target}");
        }
    }

    #[test]
    fn other_names_and_other_records_are_passed_over() {
        let mut bytes = vec![0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0];
        // A printer's address, and a pointer record.
        bytes.extend(b"\x07printer\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x09");
        bytes.extend(b"\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01\0\0\0\x78\0\x02\xc0\x0c");
        assert_eq!(Message::parse(&bytes), Ok(Message { is_response: true, ..Message::default() }));
    }

    #[test]
    fn what_is_cut_off_is_refused_at_every_length() {
        let bytes = compressed([0xc0, 12]);
        for length in 0..bytes.len() {
            assert!(Message::parse(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn errors_operations_and_floods_are_refused() {
        let with = |at: usize, value: u8| {
            let mut bytes = answer("10.0.0.7").to_bytes();
            bytes[at] = value;
            Message::parse(&bytes)
        };
        assert_eq!(with(3, 3), Err(MessageError::Flags(0x8403)));
        assert_eq!(with(2, 0x88), Err(MessageError::Flags(0x8800)));
        assert_eq!(with(6, 1), Err(MessageError::Entries(257)));
        // Labels of a reserved kind.
        assert_eq!(with(12, 0x40), Err(MessageError::Name { at: 12 }));
    }

    #[test]
    fn an_address_has_the_length_of_its_kind() {
        let mut bytes = answer("10.0.0.7").to_bytes();
        let at = bytes.len() - 14;
        bytes[at + 1] = TYPE_AAAA as u8;
        assert_eq!(Message::parse(&bytes), Err(MessageError::Address(4)));
    }
}
