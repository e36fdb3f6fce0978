//! What strangers cost the relay: time, and nothing that stays.

use std::time::Instant;

use handset::ice::stun::attribute::{Nonce, Realm, RequestedTransport, Username};
use handset::ice::stun::{Class, Key, MessageWriter, Method, PasswordHash, WriteError};
use handset::relay::{Client, Config, Logins, Outcome, Relay};

use crate::allocations_of;

const STRANGERS: u32 = 1_000_000;

/// An Allocate request; signed by somebody who knows no password and made his nonce up, if `is_signed`.
fn allocate(buffer: &mut [u8], is_signed: bool) -> Result<&[u8], WriteError> {
    let mut writer = MessageWriter::new(buffer, Class::Request, Method::ALLOCATE, [7; 12].into())?;
    writer.push(&RequestedTransport::UDP)?;
    if is_signed {
        writer.push(&Username::new("alice").expect("short"))?;
        writer.push(&Realm::new("example.org").expect("short"))?;
        writer.push(&Nonce::new("000000000123456789abcdef").expect("short"))?;
        writer.integrity(&Key::long_term(PasswordHash::Md5, "alice", "example.org", "guessed"))?;
    }
    Ok(writer.finish())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
fn a_million_strangers_from_a_million_addresses_leave_nothing_behind() {
    let mut logins = Logins::new();
    logins.add_user("alice", "secret");
    let now = Instant::now();
    let mut config = Config::new("example.org", logins, [192, 0, 2, 1].into());
    config.limits.unproven_answers_per_s = None;
    let mut relay = Relay::new(config, [7; 32], now, 1_763_719_200);
    let (mut plain, mut signed) = ([0; 128], [0; 256]);
    let plain = allocate(&mut plain, false).expect("fits");
    let signed = allocate(&mut signed, true).expect("fits");
    let binding = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
    let (count, answered) = allocations_of(|| {
        let mut answered = 0;
        for n in 0..STRANGERS {
            let client = Client { listener: 0, remote: (n.to_be_bytes(), 4000).into() };
            let packet = [plain, signed, &binding[..], b"\x40\x00\x00\x01x"][n as usize % 4];
            let mut answer = [0; 512];
            let outcome = relay.handle_client(client, packet, &mut answer, now);
            answered += u32::from(matches!(outcome, Outcome::Answer(_)));
        }
        answered
    });
    assert_eq!((count, answered), (0, STRANGERS / 4 * 3), "not one allocation of memory");
    assert_eq!(relay.counters().active, 0);
    assert!(relay.poll_action().is_none() && relay.poll_timeout().is_none());
}
