//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.
//!
//! Each takes any bytes and ends without a panic; what they assert holds for every input.

use std::net::{IpAddr, SocketAddr};

use super::stun::attribute::{
    AddressErrorCode, AddressFamily, AlternateDomain, AlternateServer, Data, ErrorCode, EvenPort,
    IceControlled, IceControlling, Icmp, Lifetime, MappedAddress, Nonce, PasswordAlgorithm,
    PasswordAlgorithms, Priority, Realm, RequestedAddressFamily, RequestedTransport, ReservationToken,
    Software, UnknownAttributes, UseCandidate, Userhash, Username, XorMappedAddress, XorPeerAddress,
    XorRelayedAddress,
};
use super::stun::{
    Attribute, AttributeType, ChannelData, ChannelNumber, Class, Deframer, Frame, Key, Message,
    MessageWriter, Method, RawAttribute, WriteError,
};
use super::{Candidate, CandidateLine};

/// Any text as a candidate line: what is accepted is written to a line that reads as an equal candidate, and the line
/// for the agent reads as the same address.
pub fn candidate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(CandidateLine::Candidate(candidate)) = CandidateLine::parse(text) else { return };
    let line = candidate.to_string();
    let again = Candidate::parse(&line).expect("what we write, we read");
    assert_eq!(candidate, again, "a round trip changes nothing");
    assert_eq!(line, again.to_string(), "a written line is stable");
    assert!(!line.contains(['\r', '\n', '\0']), "a line stays one line");
    if let Ok(line) = candidate.agent_line() {
        let agent = Candidate::parse(&line).expect("what we write, we read");
        assert_eq!(agent.socket_addr(), candidate.socket_addr());
        assert_eq!(agent.ufrag(), candidate.ufrag().filter(|ufrag| !ufrag.is_empty()));
    }
}

/// Any bytes as a message: reading every attribute in it, as every type there is, and proving it.
pub fn stun(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    assert!(Message::is_likely(data));
    let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
    let _ =
        (message.check_fingerprint(), message.check_integrity(&key), message.check_integrity_sha256(&key));
    let covered: usize = message.attributes().map(|raw| 4 + raw.value.len().next_multiple_of(4)).sum();
    assert!(20 + covered <= data.len(), "attributes lie inside the message");
    read_all(&message);
    rewrite(&message);
}

/// Everything a message can be asked for.
fn read_all(message: &Message<'_>) {
    let _ = format!("{message:?}");
    for kind in AttributeType::KNOWN {
        let _ = message.has(*kind);
    }
    assert!(message.not_understood(AttributeType::KNOWN).all(|kind| kind.name().is_none()));
    let _ = message.get::<Username<'_>>().map(|found| found.map(|name| name.fragments().is_some()));
    let _ = message.get::<Nonce<'_>>().map(|found| found.and_then(|nonce| nonce.features()));
    let _ = message.get::<PasswordAlgorithms<'_>>().map(|found| found.map(|list| list.iter().count()));
    let _ = message.get::<UnknownAttributes<'_>>().map(|found| found.map(|list| list.iter().count()));
    let _ = message.get_all::<XorPeerAddress>().count();
}

/// Reads each attribute by its type, writes what was read, and wants the same value back.
fn rewrite(message: &Message<'_>) {
    let mut buffer = vec![0; message.as_bytes().len() + 64];
    for raw in message.attributes() {
        let id = message.transaction_id();
        let mut writer = MessageWriter::new(&mut buffer, message.class(), message.method(), id)
            .expect("the buffer is larger");
        if rewrite_one(&mut writer, raw, message).expect("the buffer is larger") {
            let again = Message::parse(writer.finish()).expect("what we write, we read");
            let written = again.attributes().next().expect("one was written");
            assert_eq!((written.kind, written.value.len()), (raw.kind, raw.value.len()));
        }
    }
}

fn rewrite_one(
    writer: &mut MessageWriter<'_>,
    raw: RawAttribute<'_>,
    message: &Message<'_>,
) -> Result<bool, WriteError> {
    macro_rules! by_type {
        ($($attribute:ty),+ $(,)?) => {
            match raw.kind {
                $(<$attribute>::TYPE => {
                    let Ok(read) = <$attribute>::parse(raw.value, &message.transaction_id()) else {
                        return Ok(false);
                    };
                    writer.push(&read)?;
                })+
                kind => {
                    writer.push_raw(kind, raw.value)?;
                }
            }
        };
    }
    by_type!(
        MappedAddress,
        Username<'_>,
        ErrorCode<'_>,
        UnknownAttributes<'_>,
        ChannelNumber,
        Lifetime,
        XorPeerAddress,
        Data<'_>,
        Realm<'_>,
        Nonce<'_>,
        XorRelayedAddress,
        RequestedAddressFamily,
        EvenPort,
        RequestedTransport,
        PasswordAlgorithm<'_>,
        Userhash,
        XorMappedAddress,
        ReservationToken,
        Priority,
        UseCandidate,
        AddressErrorCode<'_>,
        PasswordAlgorithms<'_>,
        AlternateDomain<'_>,
        Icmp,
        Software<'_>,
        AlternateServer,
        IceControlled,
        IceControlling,
    );
    Ok(true)
}

/// Bytes as instructions to a writer: what it accepts must read back as it was written, in order, and be proven.
pub fn stun_write(data: &[u8]) {
    let mut source = Source(data);
    let mut buffer = [0xa5; 1024];
    let room = 20 + usize::from(source.byte()) * 4 % 1004;
    let class =
        [Class::Request, Class::Indication, Class::Success, Class::Error][usize::from(source.byte() % 4)];
    let method = Method::new(source.number());
    let mut id = [0; 12];
    id.fill_with(|| source.byte());
    let key = Key::from_bytes(source.take(12));
    let mut writer =
        MessageWriter::new(&mut buffer[..room], class, method, id.into()).expect("room for a header");
    let mut kinds = Vec::new();
    let mut closed = 0;
    while !source.0.is_empty() {
        let before = writer.written_bytes();
        match push_one(&mut writer, &mut source, &key, &mut closed) {
            Ok(Some(kind)) => kinds.push(kind),
            Ok(None) => {}
            Err(_) => assert_eq!(before, writer.written_bytes(), "what was refused leaves no trace"),
        }
    }
    let message = Message::parse(writer.finish()).expect("what we write, we read");
    assert_eq!(
        (message.class(), message.method(), *message.transaction_id().as_bytes()),
        (class, method, id)
    );
    assert!(message.attributes().map(|raw| raw.kind).eq(kinds));
    let proven =
        [message.check_integrity(&key), message.check_integrity_sha256(&key), message.check_fingerprint()];
    for (bit, proven) in proven.into_iter().enumerate() {
        assert_eq!(proven.is_ok(), closed & 1 << bit != 0, "proof {bit}: {proven:?}");
    }
}

/// Pushes one attribute; says which, unless it was a closing one, which it notes in `closed`.
fn push_one(
    writer: &mut MessageWriter<'_>,
    source: &mut Source<'_>,
    key: &Key,
    closed: &mut u8,
) -> Result<Option<AttributeType>, WriteError> {
    let choice = source.byte() % 20;
    let text = |source: &mut Source<'_>| {
        let length = source.byte();
        String::from_utf8_lossy(source.take(length.into())).into_owned()
    };
    let kind = match choice {
        0 => writer.integrity(key).map(|_| *closed |= 1).map(|()| None)?,
        1 => writer.integrity_sha256(key).map(|_| *closed |= 2).map(|()| None)?,
        2 => writer.fingerprint().map(|_| *closed |= 4).map(|()| None)?,
        3 => push(writer, Username::new(&text(source)).ok())?,
        4 => push(writer, Realm::new(&text(source)).ok())?,
        5 => push(writer, Nonce::new(&text(source)).ok())?,
        6 => push(writer, Software::new(&text(source)).ok())?,
        7 => push(writer, ErrorCode::new(source.number(), &text(source)).ok())?,
        8 => push(writer, Some(XorMappedAddress(source.address())))?,
        9 => push(writer, Some(XorPeerAddress(source.address())))?,
        10 => push(writer, Some(MappedAddress(source.address())))?,
        11 => push(writer, ChannelNumber::new(source.number()))?,
        12 => push(writer, Some(Lifetime::from_secs(source.number().into())))?,
        13 => push(writer, Some(EvenPort { reserve_next: source.byte() & 1 == 1 }))?,
        14 => {
            let family = if source.byte() & 1 == 0 { AddressFamily::V4 } else { AddressFamily::V6 };
            push(writer, Some(RequestedAddressFamily(family)))?
        }
        15 => push(writer, PasswordAlgorithms::from_bytes(source.take(8)).ok())?,
        16 => {
            let count = usize::from(source.byte() % 40);
            let types: UnknownAttributes<'_> =
                (0..count).map(|_| AttributeType::new(source.number())).collect();
            push(writer, Some(types))?
        }
        17 => {
            let length = source.byte();
            push(writer, Some(Data(source.take(length.into()))))?
        }
        18 => push(writer, Some(UseCandidate))?,
        _ => {
            let (kind, length) = (AttributeType::new(source.number()), source.byte());
            writer.push_raw(kind, source.take(length.into())).map(|_| Some(kind))?
        }
    };
    Ok(kind)
}

/// Writes an attribute, if the bytes made a legal one, and reads it back alone.
fn push<'v, A: Attribute<'v>>(
    writer: &mut MessageWriter<'_>,
    attribute: Option<A>,
) -> Result<Option<AttributeType>, WriteError> {
    let Some(attribute) = attribute else { return Ok(None) };
    writer.push(&attribute)?;
    Ok(Some(A::TYPE))
}

/// A stream of frames in pieces, cut as the first bytes say: whatever the pieces, the same frames come out as when it
/// comes whole, and the deframer never holds more than its limit.
pub fn channel_data(data: &[u8]) {
    let _ = ChannelData::parse(data).map(|frame| {
        let mut written = vec![0; data.len() + 4];
        let length = frame.write_to_datagram(&mut written).expect("no longer than it was");
        assert_eq!(ChannelData::parse(&written[..length]), Ok(frame));
    });
    let Some((cuts, stream)) = data.split_first_chunk::<4>() else { return };
    let limit = 64 + usize::from(cuts[0]) * 8;
    let whole = frames_of(stream, &[usize::MAX], limit);
    let pieces: Vec<usize> = cuts.iter().map(|cut| 1 + usize::from(*cut)).collect();
    assert_eq!(whole, frames_of(stream, &pieces, limit), "cutting a stream changes nothing");
}

/// The frames of a stream that arrives in pieces of the given lengths, round and round; and whether it ended in error.
fn frames_of(stream: &[u8], pieces: &[usize], limit: usize) -> (Vec<Vec<u8>>, bool) {
    let mut deframer = Deframer::new(limit);
    let mut frames = Vec::new();
    let mut rest = stream;
    for piece in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let taken = deframer.push(&rest[..rest.len().min(*piece)]);
        assert!(taken > 0, "a drained deframer has space");
        rest = &rest[taken..];
        loop {
            match deframer.next_frame() {
                Ok(Some(Frame::Message(bytes))) => frames.push(bytes.to_vec()),
                Ok(Some(Frame::ChannelData(frame))) => {
                    let number = frame.channel.get().to_be_bytes();
                    frames.push([&number, frame.data].concat());
                }
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
        assert!(deframer.pending_bytes() <= limit);
    }
    (frames, false)
}

/// Bytes that turn into whatever is asked for, zeros when they run out.
pub(crate) struct Source<'a>(pub(crate) &'a [u8]);

impl<'a> Source<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// Below `count`, which is not zero.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn address(&mut self) -> SocketAddr {
        let ip = if self.byte() & 1 == 0 {
            let mut octets = [0; 4];
            octets.fill_with(|| self.byte());
            IpAddr::from(octets)
        } else {
            let mut octets = [0; 16];
            octets.fill_with(|| self.byte());
            IpAddr::from(octets)
        };
        SocketAddr::new(ip, self.number())
    }

    /// As many of the next bytes as there are.
    pub(crate) fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_pass_through_every_body(data in prop::collection::vec(any::<u8>(), 0..300)) {
            candidate(&data);
            stun(&data);
            stun_write(&data);
            channel_data(&data);
        }

        #[test]
        fn attributes_of_every_known_type_pass(
            pieces in prop::collection::vec(
                (prop::sample::select(AttributeType::KNOWN), prop::collection::vec(any::<u8>(), 0..40)),
                0..12,
            ),
        ) {
            let mut bytes = b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL".to_vec();
            for (kind, value) in pieces {
                bytes.extend(kind.get().to_be_bytes());
                bytes.extend((value.len() as u16).to_be_bytes());
                bytes.extend(&value);
                bytes.resize(bytes.len().next_multiple_of(4), 0);
            }
            let length = (bytes.len() - 20) as u16;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            stun(&bytes);
        }

        #[test]
        fn streams_of_real_frames_pass(
            cuts: [u8; 4],
            lengths in prop::collection::vec(0_usize..70, 0..8),
        ) {
            let mut stream = cuts.to_vec();
            let mut buffer = [0; 128];
            for length in lengths {
                let frame = ChannelData { channel: ChannelNumber::FIRST, data: &[7; 70][..length] };
                let written = frame.write_to_stream(&mut buffer).unwrap();
                stream.extend(&buffer[..written]);
            }
            channel_data(&stream);
        }
    }
}
