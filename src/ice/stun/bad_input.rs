//! What a parser of STUN must survive, and what it says to it.

use super::attribute::{Priority, UseCandidate, Username, XorPeerAddress};
use super::rfc_vectors::{LONG_TERM_REQUEST, REQUEST, RESPONSE_V4, RESPONSE_V6, SHA256_REQUEST};
use super::{
    AttributeError, AttributeType, CheckError, Class, Key, Message, MessageWriter, Method, ParseError,
    PasswordHash,
};
use proptest::prelude::*;

const HEADER: [u8; 20] = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";

fn message(attributes: &[u8]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.extend(attributes);
    bytes[2..4].copy_from_slice(&(attributes.len() as u16).to_be_bytes());
    bytes
}

fn error(bytes: &[u8]) -> ParseError {
    Message::parse(bytes).map(|_| ()).expect_err("must be refused")
}

#[test]
fn anything_below_twenty_bytes_is_too_short() {
    for length in 0..20 {
        assert_eq!(error(&HEADER[..length]), ParseError::TooShort { found: length });
        assert!(!Message::is_likely(&HEADER[..length]));
    }
    assert!(Message::is_likely(&HEADER));
}

#[test]
fn every_prefix_of_every_vector_is_refused() {
    for vector in [&REQUEST[..], &RESPONSE_V4, &RESPONSE_V6, &LONG_TERM_REQUEST, &SHA256_REQUEST] {
        for length in 0..vector.len() {
            error(&vector[..length]);
        }
        let mut longer = vector.to_vec();
        longer.push(0);
        error(&longer);
    }
}

#[test]
fn lengths_that_are_not_a_multiple_of_four_are_refused() {
    for extra in [1_u16, 2, 3, 5, 7] {
        let mut bytes = HEADER.to_vec();
        bytes.resize(20 + usize::from(extra), 0);
        bytes[2..4].copy_from_slice(&extra.to_be_bytes());
        assert_eq!(error(&bytes), ParseError::Alignment { found: extra });
    }
}

#[test]
fn lengths_beyond_or_short_of_the_datagram_are_refused() {
    let mut bytes = message(&[0x80, 0x22, 0, 0]);
    for declared in [0_u16, 8, 1024, 0xfffc] {
        bytes[2..4].copy_from_slice(&declared.to_be_bytes());
        assert_eq!(error(&bytes), ParseError::Length { declared: declared.into(), found: 4 });
    }
}

#[test]
fn other_protocols_and_old_stun_are_refused() {
    let mut bytes = HEADER;
    for first in [0x40_u8, 0x80, 0xc0, 0xff] {
        bytes[0] = first;
        assert_eq!(error(&bytes), ParseError::NotStun { found: first });
    }
    let mut bytes = HEADER;
    bytes[4] = 0;
    assert_eq!(error(&bytes), ParseError::Cookie { found: 0x0012_a442 });
}

#[test]
fn attributes_that_reach_beyond_the_message_are_refused() {
    for declared in [1_usize, 4, 5, 0xffff] {
        let bytes = message(&[0x80, 0x22, (declared >> 8) as u8, declared as u8]);
        let attribute = AttributeType::SOFTWARE;
        assert_eq!(error(&bytes), ParseError::Overrun { attribute, at: 20, declared });
    }
}

#[test]
fn padding_that_the_message_has_no_room_for_is_refused_by_the_alignment() {
    let mut bytes = message(&[0x80, 0x22, 0, 1, b'x']);
    assert_eq!(error(&bytes), ParseError::Alignment { found: 5 });
    bytes.extend([0; 3]);
    bytes[3] = 8;
    assert!(Message::parse(&bytes).is_ok());
}

#[test]
fn a_username_of_sixty_four_kilobytes_is_refused_when_asked_for() {
    let mut attributes = vec![0, 6, 0xff, 0xf4];
    attributes.resize(4 + 0xfff4, b'a');
    let bytes = message(&attributes);
    let found = Message::parse(&bytes).unwrap().get::<Username<'_>>();
    let attribute = AttributeType::USERNAME;
    assert_eq!(found, Err(AttributeError::Length { attribute, expected: "at most 508", found: 0xfff4 }));
}

#[test]
fn sixteen_thousand_empty_attributes_are_only_sixteen_thousand() {
    let bytes = message(&[0x80, 0x22, 0, 0].repeat(16_383));
    assert_eq!(Message::parse(&bytes).unwrap().attributes().count(), 16_383);
}

#[test]
fn unknown_types_that_must_be_understood_are_listed() {
    let bytes = message(&[0x7f, 0x01, 0, 0, 0, 0x25, 0, 0, 0xff, 0xff, 0, 0, 0x00, 0x03, 0, 0]);
    let parsed = Message::parse(&bytes).unwrap();
    let unknown: Vec<_> = parsed.not_understood(&[AttributeType::USE_CANDIDATE]).collect();
    assert_eq!(unknown, [AttributeType::new(0x7f01), AttributeType::new(0x0003)]);
}

#[test]
fn the_first_of_two_counts_and_repeating_ones_are_all_there() {
    let id = [9; 12].into();
    let mut buffer = [0; 128];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::CREATE_PERMISSION, id).unwrap();
    let peers = [([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 2).into()].map(XorPeerAddress);
    writer.push(&peers[0]).unwrap().push(&peers[1]).unwrap();
    writer.push(&Priority::from(1)).unwrap().push(&Priority::from(2)).unwrap();
    let message = Message::parse(writer.finish()).unwrap();
    assert_eq!(message.get(), Ok(Some(Priority::from(1))));
    let found: Result<Vec<XorPeerAddress>, _> = message.get_all().collect();
    assert_eq!(found.as_deref(), Ok(&peers[..]));
    assert_eq!(message.get::<UseCandidate>(), Ok(None));
}

#[test]
fn a_signature_alone_covers_the_header() {
    let key = Key::short_term("password");
    let mut buffer = [0; 44];
    let mut writer =
        MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, [1; 12].into()).unwrap();
    writer.integrity(&key).unwrap();
    assert_eq!(Message::parse(writer.finish()).unwrap().check_integrity(&key), Ok(()));
}

#[test]
fn taking_the_sha256_signature_away_leaves_a_message_without_it() {
    let key = Key::long_term(PasswordHash::Sha256, "alice", "example.org", "secret");
    let mut buffer = [0; 128];
    let mut writer =
        MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into()).unwrap();
    writer.integrity(&key).unwrap().integrity_sha256(&key).unwrap();
    let mut bytes = writer.finish().to_vec();
    bytes.truncate(44);
    bytes[2..4].copy_from_slice(&24_u16.to_be_bytes());
    let bid_down = Message::parse(&bytes).unwrap();
    // The SHA-1 signature still holds: whoever asked for SHA-256 must ask for it here.
    assert_eq!(bid_down.check_integrity(&key), Ok(()));
    let attribute = AttributeType::MESSAGE_INTEGRITY_SHA256;
    assert_eq!(bid_down.check_integrity_sha256(&key), Err(CheckError::Missing { attribute }));
}

#[test]
fn debug_output_has_no_address_and_no_name() {
    let shown = format!("{:?}", Message::parse(&REQUEST).unwrap());
    assert!(shown.contains("PRIORITY") && shown.contains("USERNAME") && !shown.contains("evtj"), "{shown}");
    assert!(!format!("{:?}", Message::parse(&RESPONSE_V4).unwrap()).contains("192.0.2.1"));
}

proptest! {
    #[test]
    fn random_bytes_behind_a_good_header_never_panic(
        attributes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = attributes;
        bytes.truncate(bytes.len() / 4 * 4);
        let bytes = message(&bytes);
        if let Ok(parsed) = Message::parse(&bytes) {
            let _ = parsed.check_fingerprint();
            let _ = parsed.check_integrity(&Key::short_term("x"));
            let _ = parsed.check_integrity_sha256(&Key::short_term("x"));
            prop_assert!(parsed.attributes().count() <= bytes.len() / 4);
        }
    }
}
