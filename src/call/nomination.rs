//! Nominating a pair with the very first check on it.
//!
//! str0m's agent nominates a pair once its own check has succeeded, with a second check: the controlled side
//! learns of it a whole round trip later than it could. So while no pair is nominated, every check that we send
//! as the controlling side asks for it, as RFC 5245 section 8.1.1.2 had it ("aggressive"). The controlled side
//! acts on it only for pairs that work in its own direction too, takes the best of them, and moves on when a
//! better one works: all agents in use do, as browsers nominate this way themselves. RFC 8445 dropped this in
//! favour of one clean nomination; `docs/deviations.md` says so.

use crate::ice::stun::attribute::UseCandidate;
use crate::ice::stun::{AttributeType, Class, Key, Message, MessageWriter, Method, WriteError};

/// Bytes that the flag takes: an attribute without a value.
const FLAG_BYTES: usize = 4;

/// The same check with the flag, signed anew; `None` where there is nothing to change: it is no check of a
/// controlling agent, or has the flag.
pub(super) fn nominating(datagram: &[u8], key: &Key) -> Option<Vec<u8>> {
    let check = Message::parse(datagram).ok()?;
    let concerned = check.class() == Class::Request
        && check.method() == Method::BINDING
        && check.has(AttributeType::ICE_CONTROLLING)
        && !check.has(AttributeType::USE_CANDIDATE);
    concerned.then(|| write(&check, key, datagram.len() + FLAG_BYTES).ok()).flatten()
}

fn write(check: &Message<'_>, key: &Key, bytes: usize) -> Result<Vec<u8>, WriteError> {
    let mut buffer = vec![0; bytes];
    let mut writer = MessageWriter::new(&mut buffer, check.class(), check.method(), check.transaction_id())?;
    for attribute in check.attributes() {
        match attribute.kind {
            AttributeType::MESSAGE_INTEGRITY | AttributeType::FINGERPRINT => {}
            kind => {
                writer.push_raw(kind, attribute.value)?;
            }
        }
    }
    writer.push(&UseCandidate)?;
    writer.integrity(key)?;
    writer.fingerprint()?;
    let length = writer.written_bytes();
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::stun::TransactionId;

    fn check(kind: AttributeType) -> Vec<u8> {
        let mut buffer = [0; 200];
        let transaction = TransactionId::from([7; 12]);
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, transaction).unwrap();
        writer.push_raw(AttributeType::USERNAME, b"theirs:ours").unwrap();
        writer.push_raw(kind, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        writer.integrity(&Key::short_term("password of the other side")).unwrap();
        writer.fingerprint().unwrap();
        writer.finish().to_vec()
    }

    #[test]
    fn a_check_of_the_controlling_side_gets_the_flag_and_a_new_signature() {
        let key = Key::short_term("password of the other side");
        let plain = check(AttributeType::ICE_CONTROLLING);
        let flagged = nominating(&plain, &key).unwrap();
        assert_eq!(flagged.len(), plain.len() + FLAG_BYTES);
        let message = Message::parse(&flagged).unwrap();
        assert!(message.has(AttributeType::USE_CANDIDATE) && message.has(AttributeType::USERNAME));
        assert!(message.check_integrity(&key).is_ok() && message.check_fingerprint().is_ok());
        assert_eq!(message.transaction_id(), TransactionId::from([7; 12]));
        assert_eq!(nominating(&flagged, &key), None);
    }

    #[test]
    fn nothing_else_is_touched() {
        let key = Key::short_term("password of the other side");
        assert_eq!(nominating(&check(AttributeType::ICE_CONTROLLED), &key), None);
        assert_eq!(nominating(b"", &key), None);
        assert_eq!(nominating(&[22; 40], &key), None);
    }
}
