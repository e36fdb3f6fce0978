//! How each peer reads, proves and writes a STUN message.
//!
//! The key is 16 ASCII characters: turn-server takes keys of 16 bytes alone, and the cost of an HMAC does not
//! depend on it. What a peer cannot do has no function here:
//!
//! - `is` writes no message without FINGERPRINT, and checks none; nor does turn-server check it. Neither has a
//!   cached key; `is` lets the caller bring an HMAC, so it is measured with its own and with a cached one.
//! - turn-server writes MESSAGE-INTEGRITY and FINGERPRINT together or not at all, and has nothing of ICE's
//!   network cost; that is why the request that is written is 92 bytes and not 100.
//! - rtc-stun checks on a message that owns its bytes, and computes the HMAC's key afresh each time.
//! - stun-rs has no typed view: it decodes every attribute it knows, and proves while it decodes.
//! - stun-types checks FINGERPRINT whenever it parses. It has no ICE attributes of its own; they are written raw.

use std::net::SocketAddr;

use bytes::BytesMut;
use handset::ice::stun::attribute::{IceControlling, Priority, UseCandidate, Username, XorMappedAddress};
use handset::ice::stun::{AttributeType, Class, Key, Message, MessageWriter, Method};

/// The password, and the key of every signature.
pub const PASSWORD: &str = "0123456789abcdef";

/// Who checks whom.
pub const USERNAME: &str = "7VqL:h6vY";
/// A transaction.
pub const ID: [u8; 12] = *b"abcdefghijkl";
/// A priority of a peer-reflexive candidate.
pub const PRIORITY: u32 = 1_853_824_767;
/// A tie-breaker.
pub const TIE_BREAKER: u64 = 0x0123_4567_89ab_cdef;

/// Google's network id and cost, which Chrome puts into its checks.
const NETWORK_COST: AttributeType = AttributeType::new(0xc057);

/// A source address.
pub fn address() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 5], 61665))
}

/// A connectivity check as Chrome sends it, 100 bytes.
pub fn request() -> Vec<u8> {
    let mut buffer = [0; 128];
    let key = Key::short_term(PASSWORD);
    let write = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut w = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID.into())?;
        w.push(&Username::new(USERNAME)?)?.push_raw(NETWORK_COST, &[0, 1, 0, 10])?;
        w.push(&IceControlling::from(TIE_BREAKER))?.push(&UseCandidate)?.push(&Priority::from(PRIORITY))?;
        w.integrity(&key)?.fingerprint()?;
        Ok(w.finish().to_vec())
    };
    let message = { write }().expect("it fits");
    assert_eq!(message.len(), 100);
    message
}

/// Its answer, 64 bytes.
pub fn success() -> Vec<u8> {
    let mut buffer = [0; 128];
    let length = write_success(&mut buffer, &Key::short_term(PASSWORD));
    assert_eq!(length, 64);
    buffer[..length].to_vec()
}

/// What an ICE agent reads of a check or of an answer to one.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// Username, priority, tie-breaker of the controlling side, nomination.
    Check(&'a str, u32, u64, bool),
    /// The mapped address.
    Answer(SocketAddr),
}

/// Ours: a frame that was checked.
pub fn ours(bytes: &[u8]) -> Option<Message<'_>> {
    Message::parse(bytes).ok()
}

/// Ours, with the attributes that an agent needs.
pub fn ours_read(bytes: &[u8]) -> Option<Read<'_>> {
    let message = Message::parse(bytes).ok()?;
    if message.class() == Class::Success {
        let XorMappedAddress(address) = message.get().ok()??;
        return Some(Read::Answer(address));
    }
    let username: Username<'_> = message.get().ok()??;
    let priority: Priority = message.get().ok()??;
    let controlling: IceControlling = message.get().ok()??;
    let nominated = message.has(AttributeType::USE_CANDIDATE);
    Some(Read::Check(username.as_str(), priority.get(), controlling.get(), nominated))
}

/// Ours: frame, FINGERPRINT and MESSAGE-INTEGRITY.
pub fn ours_proven(bytes: &[u8], key: &Key) -> bool {
    Message::parse(bytes)
        .is_ok_and(|message| message.check_fingerprint().is_ok() && message.check_integrity(key).is_ok())
}

/// Ours: a signed check with FINGERPRINT, 92 bytes.
pub fn write_request(buffer: &mut [u8], key: &Key) -> usize {
    let write = |buffer| -> Result<usize, handset::ice::stun::WriteError> {
        let mut w = MessageWriter::new(buffer, Class::Request, Method::BINDING, ID.into())?;
        w.push(&Username::new(USERNAME).expect("short"))?;
        w.push(&IceControlling::from(TIE_BREAKER))?.push(&UseCandidate)?.push(&Priority::from(PRIORITY))?;
        w.integrity(key)?.fingerprint()?;
        Ok(w.finish().len())
    };
    write(buffer).expect("it fits")
}

/// Ours: a check without its proofs, 60 bytes.
pub fn write_bare(buffer: &mut [u8]) -> usize {
    let write = |buffer| -> Result<usize, handset::ice::stun::WriteError> {
        let mut w = MessageWriter::new(buffer, Class::Request, Method::BINDING, ID.into())?;
        w.push(&Username::new(USERNAME).expect("short"))?;
        w.push(&IceControlling::from(TIE_BREAKER))?.push(&UseCandidate)?.push(&Priority::from(PRIORITY))?;
        Ok(w.finish().len())
    };
    write(buffer).expect("it fits")
}

/// Ours: a signed answer with FINGERPRINT, 64 bytes.
pub fn write_success(buffer: &mut [u8], key: &Key) -> usize {
    let write = |buffer| -> Result<usize, handset::ice::stun::WriteError> {
        let mut w = MessageWriter::new(buffer, Class::Success, Method::BINDING, ID.into())?;
        w.push(&XorMappedAddress(address()))?.integrity(key)?.fingerprint()?;
        Ok(w.finish().len())
    };
    write(buffer).expect("it fits")
}

/// turn-server's codec. It decodes into a list that is used again, and takes its own kind of key.
pub mod turn_server {
    pub use ::turn_server::codec::Attributes;
    use ::turn_server::codec::crypto::Password;
    use ::turn_server::codec::message::attributes as attr;
    use ::turn_server::codec::message::methods::{BINDING_REQUEST, BINDING_RESPONSE};
    use ::turn_server::codec::message::{Message, MessageEncoder};

    use super::*;

    /// The key as it has it.
    pub fn key() -> Password {
        Password::Md5(PASSWORD.as_bytes().try_into().expect("16 characters"))
    }

    /// Decodes.
    pub fn parse<'a>(bytes: &'a [u8], list: &'a mut Attributes) -> Option<Message<'a>> {
        list.clear();
        Message::decode(bytes, list).ok()
    }

    /// Decodes and reads.
    pub fn read<'a>(bytes: &'a [u8], list: &'a mut Attributes) -> Option<Read<'a>> {
        let message = parse(bytes, list)?;
        if message.method() == BINDING_RESPONSE {
            return message.get::<attr::XorMappedAddress>().map(Read::Answer);
        }
        Some(Read::Check(
            message.get::<attr::UserName>()?,
            message.get::<attr::Priority>()?,
            message.get::<attr::IceControlling>()?,
            message.get::<attr::UseCandidate>().is_some(),
        ))
    }

    /// Decodes and checks MESSAGE-INTEGRITY; there is no check of FINGERPRINT.
    pub fn signed(bytes: &[u8], list: &mut Attributes, key: &Password) -> bool {
        parse(bytes, list).is_some_and(|message| message.verify(key).is_ok())
    }

    /// The check, signed when there is a key.
    pub fn write_request(buffer: &mut BytesMut, key: Option<&Password>) -> usize {
        let mut encoder = MessageEncoder::new(BINDING_REQUEST, &ID, buffer);
        encoder.append::<attr::UserName>(USERNAME);
        encoder.append::<attr::IceControlling>(TIE_BREAKER);
        encoder.append::<attr::UseCandidate>(());
        encoder.append::<attr::Priority>(PRIORITY);
        encoder.flush(key).expect("a buffer grows");
        buffer.len()
    }

    /// The answer.
    pub fn write_success(buffer: &mut BytesMut, key: &Password) -> usize {
        let mut encoder = MessageEncoder::new(BINDING_RESPONSE, &ID, buffer);
        encoder.append::<attr::XorMappedAddress>(address());
        encoder.flush(Some(key)).expect("a buffer grows");
        buffer.len()
    }
}

/// `is`. Parsing reads every attribute.
pub mod is {
    use ::is::stun::{StunMessage, StunMessageBuilder, TransId};
    use ::is::{DefaultSha1HmacProvider, Sha1HmacProvider};
    use hmac::{KeyInit, Mac};

    use super::*;

    /// A key whose two hash states are kept, as a caller of `is` could keep them.
    pub type Cached = hmac::Hmac<sha1::Sha1>;

    /// The cached key.
    pub fn cached() -> Cached {
        Cached::new_from_slice(PASSWORD.as_bytes()).expect("HMAC takes any key")
    }

    fn transaction() -> TransId {
        // It makes transactions at random or from a message only.
        StunMessage::parse(&super::success()).expect("it reads ours").trans_id()
    }

    /// Parses.
    pub fn parse(bytes: &[u8]) -> Option<StunMessage<'_>> {
        StunMessage::parse(bytes).ok()
    }

    /// Parses and hands out what an agent needs.
    pub fn read(bytes: &[u8]) -> Option<Read<'_>> {
        let message = StunMessage::parse(bytes).ok()?;
        if message.is_successful_binding_response() {
            return message.mapped_address().map(Read::Answer);
        }
        let nominated = message.use_candidate();
        Some(Read::Check(message.username()?, message.prio()?, message.ice_controlling()?, nominated))
    }

    /// Parses and checks MESSAGE-INTEGRITY as it comes: the key is made for each message.
    pub fn signed(bytes: &[u8]) -> bool {
        let hmac = |key: &[u8], parts: &[&[u8]]| DefaultSha1HmacProvider.sha1_hmac(key, parts);
        parse(bytes).is_some_and(|message| message.verify(PASSWORD.as_bytes(), hmac))
    }

    fn with(key: &Cached, parts: &[&[u8]]) -> [u8; 20] {
        let mut mac = key.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// The same with a key cached by the caller.
    pub fn signed_cached(bytes: &[u8], key: &Cached) -> bool {
        parse(bytes).is_some_and(|message| message.verify(PASSWORD.as_bytes(), |_, parts| with(key, parts)))
    }

    /// What writes: the transaction, made once.
    pub struct Writer(TransId);

    impl Default for Writer {
        fn default() -> Self {
            Self(transaction())
        }
    }

    impl Writer {
        /// The check, its HMAC from a cached key.
        pub fn request(&self, buffer: &mut [u8], key: &Cached) -> usize {
            StunMessage::binding_request(USERNAME, self.0, true, TIE_BREAKER, PRIORITY, true)
                .to_bytes(Some(PASSWORD.as_bytes()), buffer, |_, parts| with(key, parts))
                .expect("it fits")
        }

        /// The answer, likewise.
        pub fn success(&self, buffer: &mut [u8], key: &Cached) -> usize {
            StunMessageBuilder::new()
                .binding()
                .success()
                .xor_mapped_address(address())
                .build(self.0)
                .to_bytes(Some(PASSWORD.as_bytes()), buffer, |_, parts| with(key, parts))
                .expect("it fits")
        }
    }
}

/// stun-types, whose key caches its hash states.
pub mod stun_types {
    use ::stun_types::attribute::{AttributeType, RawAttribute, Username, XorMappedAddress};
    use ::stun_types::message::{
        BINDING, IntegrityAlgorithm, IntegrityKey, Message, MessageClass, MessageType, MessageWriteMutSlice,
        ShortTermCredentials,
    };
    use ::stun_types::prelude::{MessageWrite, MessageWriteExt};

    use super::*;

    /// The key.
    pub fn key() -> IntegrityKey {
        ShortTermCredentials::new(PASSWORD.to_owned()).make_key()
    }

    /// Parses, FINGERPRINT checked.
    pub fn parse(bytes: &[u8]) -> Option<Message<'_>> {
        Message::from_bytes(bytes).ok()
    }

    /// Parses, FINGERPRINT checked, and reads; ICE's attributes raw.
    pub fn read(bytes: &[u8]) -> Option<(usize, u32, u64, bool)> {
        let message = Message::from_bytes(bytes).ok()?;
        if message.class() == MessageClass::Success {
            let mapped = message.attribute::<XorMappedAddress>().ok()?;
            return Some((0, u32::from(mapped.addr(message.transaction_id()).port()), 0, false));
        }
        let username = message.attribute::<Username>().ok()?;
        let priority = message.raw_attribute(AttributeType::new(0x24))?;
        let controlling = message.raw_attribute(AttributeType::new(0x802a))?;
        Some((
            username.username().len(),
            u32::from_be_bytes(priority.value.as_ref().try_into().ok()?),
            u64::from_be_bytes(controlling.value.as_ref().try_into().ok()?),
            message.has_attribute(AttributeType::new(0x25)),
        ))
    }

    /// Parses and checks both proofs.
    pub fn proven(bytes: &[u8], key: &IntegrityKey) -> bool {
        Message::from_bytes(bytes).is_ok_and(|message| message.validate_integrity_with_key(key).is_ok())
    }

    fn start(buffer: &mut [u8], class: MessageClass) -> MessageWriteMutSlice<'_> {
        let kind = MessageType::from_class_method(class, BINDING);
        let id = u128::from_be_bytes({
            let mut id = [0; 16];
            id[4..].copy_from_slice(&ID);
            id
        });
        Message::builder(kind, id.into(), MessageWriteMutSlice::new(buffer))
    }

    /// The check, signed when there is a key.
    pub fn write_request(buffer: &mut [u8], key: Option<&IntegrityKey>) -> usize {
        let mut w = start(buffer, MessageClass::Request);
        w.add_attribute(&Username::new(USERNAME).expect("short")).expect("it fits");
        for (kind, value) in
            [(0x802a, &TIE_BREAKER.to_be_bytes()[..]), (0x25, &[]), (0x24, &PRIORITY.to_be_bytes())]
        {
            w.add_attribute(&RawAttribute::new(AttributeType::new(kind), value)).expect("it fits");
        }
        if let Some(key) = key {
            w.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1).expect("it fits");
            w.add_fingerprint().expect("it fits");
        }
        w.finish()
    }

    /// The answer.
    pub fn write_success(buffer: &mut [u8], key: &IntegrityKey) -> usize {
        let mut w = start(buffer, MessageClass::Success);
        let id = Message::from_bytes(w.data()).expect("its own").transaction_id();
        w.add_attribute(&XorMappedAddress::new(address(), id)).expect("it fits");
        w.add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1).expect("it fits");
        w.add_fingerprint().expect("it fits");
        w.finish()
    }
}

/// rtc-stun, with a message that is used again.
pub mod rtc_stun {
    use std::sync::Arc;

    use ::rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME};
    use ::rtc_stun::crypto::{RTCCryptoProvider, default_provider};
    use ::rtc_stun::fingerprint::FINGERPRINT;
    use ::rtc_stun::integrity::MessageIntegrity;
    pub use ::rtc_stun::message::Message;
    use ::rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Setter, TransactionId};
    use ::rtc_stun::textattrs::Username;
    use ::rtc_stun::xoraddr::XorMappedAddress;

    use super::*;

    /// Its provider of cryptography, ring.
    pub fn provider() -> Arc<dyn RTCCryptoProvider> {
        default_provider().expect("ring is built in")
    }

    /// Parses.
    pub fn parse(bytes: &[u8], message: &mut Message) -> bool {
        message.unmarshal_binary(bytes).is_ok()
    }

    /// Parses and reads.
    pub fn read(bytes: &[u8], message: &mut Message) -> Option<(usize, u32, u64, bool)> {
        message.unmarshal_binary(bytes).ok()?;
        if message.typ == BINDING_SUCCESS {
            let mut mapped = XorMappedAddress::default();
            mapped.get_from(message).ok()?;
            return Some((0, u32::from(mapped.port), 0, false));
        }
        let username = Username::get_from_as(message, ATTR_USERNAME).ok()?;
        Some((
            username.text.len(),
            u32::from_be_bytes(message.get(ATTR_PRIORITY).ok()?.try_into().ok()?),
            u64::from_be_bytes(message.get(ATTR_ICE_CONTROLLING).ok()?.try_into().ok()?),
            message.contains(ATTR_USE_CANDIDATE),
        ))
    }

    /// Parses and checks both proofs.
    pub fn proven(bytes: &[u8], message: &mut Message, provider: &dyn RTCCryptoProvider) -> bool {
        parse(bytes, message)
            && FINGERPRINT.check(message).is_ok()
            && MessageIntegrity::check(message, PASSWORD.as_bytes(), provider.crypto()).is_ok()
    }

    /// The check, signed when there is a key.
    pub fn write_request(m: &mut Message, key: Option<&MessageIntegrity<'_>>) -> usize {
        m.reset();
        m.transaction_id = TransactionId(ID);
        m.set_type(BINDING_REQUEST);
        m.write_header();
        m.add(ATTR_USERNAME, USERNAME.as_bytes());
        m.add(ATTR_ICE_CONTROLLING, &TIE_BREAKER.to_be_bytes());
        m.add(ATTR_USE_CANDIDATE, &[]);
        m.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
        if let Some(key) = key {
            key.add_to(m).expect("it signs");
            FINGERPRINT.add_to(m).expect("it fits");
        }
        m.raw.len()
    }

    /// The answer.
    pub fn write_success(m: &mut Message, key: &MessageIntegrity<'_>) -> usize {
        m.reset();
        m.transaction_id = TransactionId(ID);
        m.set_type(BINDING_SUCCESS);
        m.write_header();
        let address = address();
        XorMappedAddress { ip: address.ip(), port: address.port() }.add_to(m).expect("it fits");
        key.add_to(m).expect("it signs");
        FINGERPRINT.add_to(m).expect("it fits");
        m.raw.len()
    }

    /// What signs.
    pub fn signer(provider: &dyn RTCCryptoProvider) -> MessageIntegrity<'_> {
        MessageIntegrity::new_short_term_integrity_with_provider(PASSWORD.to_owned(), provider.crypto())
    }
}

/// stun-rs.
pub mod stun_rs {
    use ::stun_rs::attributes::ice::{IceControlling, Priority, UseCandidate};
    use ::stun_rs::attributes::stun::{Fingerprint, MessageIntegrity, UserName, XorMappedAddress};
    use ::stun_rs::methods::BINDING;
    use ::stun_rs::{
        DecoderContextBuilder, MessageClass, MessageDecoderBuilder, StunMessage, StunMessageBuilder,
        TransactionId,
    };
    pub use ::stun_rs::{HMACKey, MessageDecoder, MessageEncoder};

    use super::*;

    /// The key.
    pub fn key() -> HMACKey {
        HMACKey::new_short_term(PASSWORD).expect("ASCII")
    }

    /// A decoder that proves nothing.
    pub fn decoder() -> MessageDecoder {
        MessageDecoderBuilder::default().build()
    }

    /// A decoder that checks both proofs.
    pub fn prover() -> MessageDecoder {
        let context = DecoderContextBuilder::default().with_key(key()).with_validation().build();
        MessageDecoderBuilder::default().with_context(context).build()
    }

    /// Decodes every attribute.
    pub fn parse(bytes: &[u8], decoder: &MessageDecoder) -> Option<StunMessage> {
        decoder.decode(bytes).ok().map(|(message, _)| message)
    }

    /// The check, signed when there is a key.
    pub fn write_request(buffer: &mut [u8], key: Option<&HMACKey>) -> usize {
        let mut builder = StunMessageBuilder::new(BINDING, MessageClass::Request)
            .with_transaction_id(TransactionId::from(ID))
            .with_attribute(UserName::new(USERNAME).expect("ASCII"))
            .with_attribute(IceControlling::from(TIE_BREAKER))
            .with_attribute(UseCandidate::default())
            .with_attribute(Priority::from(PRIORITY));
        if let Some(key) = key {
            builder = builder
                .with_attribute(MessageIntegrity::new(key.clone()))
                .with_attribute(Fingerprint::default());
        }
        MessageEncoder::default().encode(buffer, &builder.build()).expect("it fits")
    }

    /// The answer.
    pub fn write_success(buffer: &mut [u8], key: &HMACKey) -> usize {
        let message = StunMessageBuilder::new(BINDING, MessageClass::SuccessResponse)
            .with_transaction_id(TransactionId::from(ID))
            .with_attribute(XorMappedAddress::from(address()))
            .with_attribute(MessageIntegrity::new(key.clone()))
            .with_attribute(Fingerprint::default())
            .build();
        MessageEncoder::default().encode(buffer, &message).expect("it fits")
    }
}
