//! STUN, TURN and ChannelData: reading, proving, writing and framing.

use handset::ice::Candidate;
use handset::ice::stun::attribute::{
    ErrorCode, IceControlling, Lifetime, Nonce, PasswordAlgorithms, Priority, Realm, RequestedTransport,
    UnknownAttributes, UseCandidate, Userhash, Username, XorMappedAddress, XorPeerAddress,
};
use handset::ice::stun::{
    AttributeType, ChannelData, ChannelNumber, Class, Deframer, Frame, Key, Message, MessageWriter, Method,
    PasswordHash, WriteError,
};

use crate::allocations_of;

fn check<'b>(buffer: &'b mut [u8], key: &Key) -> Result<&'b mut [u8], WriteError> {
    let mut writer = MessageWriter::new(buffer, Class::Request, Method::BINDING, [7; 12].into())?;
    writer.push(&Username::new("evtj:h6vY").expect("short"))?;
    writer.push(&IceControlling::from(1))?.push(&Priority::from(2))?.push(&UseCandidate)?;
    writer.integrity(key)?.integrity_sha256(key)?.fingerprint()?;
    Ok(writer.finish())
}

#[test]
fn a_connectivity_check_is_written_read_and_proven_without_allocating() {
    let mut buffer = [0; 256];
    let (count, proven) = allocations_of(|| {
        let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
        let bytes = check(&mut buffer, &key).expect("fits");
        let message = Message::parse(bytes).expect("what we write, we read");
        let username: Option<Username<'_>> = message.get().expect("legal");
        message.check_fingerprint().is_ok()
            && message.check_integrity(&key).is_ok()
            && message.check_integrity_sha256(&key).is_ok()
            && username.is_some_and(|name| name.as_str() == "evtj:h6vY")
    });
    assert_eq!((count, proven), (0, true));
}

#[test]
fn a_challenge_and_its_answer_are_made_without_allocating() {
    let (mut challenge, mut answer) = ([0; 512], [0; 512]);
    let (count, result) = allocations_of(|| -> Result<(), WriteError> {
        let request =
            MessageWriter::new(&mut answer, Class::Request, Method::ALLOCATE, [7; 12].into())?.finish();
        let request = Message::parse(request).expect("what we write, we read");
        let mut writer = MessageWriter::answer(&mut challenge, Class::Error, &request)?;
        writer.push(&ErrorCode::UNAUTHENTICATED)?.push(&Realm::new("example.org").expect("short"))?;
        writer.push(&Nonce::new("obMatJos2AAADnonce").expect("short"))?;
        writer.push(&PasswordAlgorithms::SHA256_AND_MD5)?;
        writer.push(&[AttributeType::new(0x7f00)].into_iter().collect::<UnknownAttributes<'_>>())?;
        let challenge = Message::parse(writer.finish()).expect("what we write, we read");
        let realm: Realm<'_> = challenge.get().expect("legal").expect("there");
        let key = Key::long_term(PasswordHash::Sha256, "alice", realm.as_str(), "secret");
        let mut writer = MessageWriter::new(&mut answer, Class::Request, Method::ALLOCATE, [8; 12].into())?;
        writer.push(&Userhash::of("alice", realm.as_str()))?.push(&realm)?;
        writer.push(&challenge.get::<Nonce<'_>>().expect("legal").expect("there"))?;
        writer.push(&RequestedTransport::UDP)?.push(&Lifetime::from_secs(600))?;
        writer
            .push(&XorPeerAddress(([192, 0, 2, 1], 9).into()))?
            .push(&XorMappedAddress::from(([0; 4], 1)))?;
        writer.integrity_sha256(&key)?;
        Message::parse(writer.finish()).expect("ours").check_integrity_sha256(&key).expect("ours");
        Ok(())
    });
    assert_eq!((count, result), (0, Ok(())));
}

#[test]
fn refusing_does_not_allocate_either() {
    let mut bytes = [0; 200];
    let (count, refused) = allocations_of(|| {
        let key = Key::short_term("password");
        let mut refused = 0;
        for seed in 0..5_000_u32 {
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = (seed.wrapping_mul(2_654_435_761).rotate_left(at as u32 % 31) >> 7) as u8;
            }
            bytes[..8].copy_from_slice(&[0, 1, 0, 180, 0x21, 0x12, 0xa4, 0x42]);
            match Message::parse(&bytes) {
                Ok(message) => refused += u32::from(message.check_integrity(&key).is_err()),
                Err(_) => refused += 1,
            }
        }
        refused
    });
    assert_eq!((count, refused), (0, 5_000));
}

#[test]
fn channel_data_and_stream_frames_pass_without_allocating() {
    let mut deframer = Deframer::new(2048);
    let mut buffer = [0; 600];
    let (count, frames) = allocations_of(|| {
        let mut frames = 0;
        for length in 0..500 {
            let data = [length as u8; 500];
            let frame = ChannelData { channel: ChannelNumber::FIRST, data: &data[..length] };
            let written = frame.write_to_stream(&mut buffer).expect("fits");
            for half in buffer[..written].chunks(written / 2 + 1) {
                deframer.push(half);
                while let Some(Frame::ChannelData(frame)) = deframer.next_frame().expect("ours") {
                    frames += u32::from(frame.data.len() == length);
                }
            }
        }
        frames
    });
    assert_eq!((count, frames), (0, 500));
}

#[test]
fn a_candidate_line_is_read_without_allocating() {
    let line = "a=candidate:842163049 1 udp 1677729535 203.0.113.5 61665 typ srflx raddr 192.168.1.7 rport 52389 \
                generation 0 ufrag 7VqL network-id 1 network-cost 10";
    let (count, parsed) = allocations_of(|| Candidate::parse(line));
    assert_eq!((count, parsed.is_ok()), (0, true));
}
