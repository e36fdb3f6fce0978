//! The body of this room's fuzz target, built with everything else so that it cannot rot.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{HostName, MAX_NAMES_ASKED, Message, Resolver, Responder};

/// Any bytes as a message of the link: they are read or refused, what is read writes to bytes that read as the same
/// message; nothing is learnt but what was asked for, and nothing is said that was not asked.
#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
pub fn mdns(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    let bytes = message.to_bytes();
    assert_eq!(Message::parse(&bytes), Ok(message.clone()), "what we write, we read");
    let now = Instant::now();
    learn(&message, now);
    answer(&message, now);
}

fn learn(message: &Message, now: Instant) {
    let mut resolver = Resolver::new(false);
    resolver.handle_message(message);
    assert_eq!(resolver.poll_resolved(), None, "nothing was asked for");
    let names: Vec<HostName> = message.addresses.iter().map(|address| address.name).collect();
    for name in &names {
        resolver.ask(*name, now);
    }
    resolver.handle_message(message);
    let mut learnt = Vec::new();
    while let Some(resolved) = resolver.poll_resolved() {
        let said = message.addresses.iter().any(|a| (a.name, a.ip) == (resolved.name, resolved.ip));
        assert!(message.is_response && said && !learnt.contains(&resolved.name));
        learnt.push(resolved.name);
    }
    let mut queries = 0;
    while let Some(at) = resolver.poll_timeout() {
        assert!(at < now + Duration::from_secs(10), "a name is given up");
        resolver.handle_timeout(at);
        queries += std::iter::from_fn(|| resolver.poll_query()).count();
    }
    assert!(queries <= 2 * 5 * MAX_NAMES_ASKED);
}

fn answer(message: &Message, now: Instant) {
    let mut responder = Responder::new();
    let asker = SocketAddr::from(([192, 0, 2, 1], 40_000 | message.id));
    responder.handle_message(now, 0, asker, message);
    assert_eq!(responder.poll_response(), None, "we have no name");
    let ours = responder.name_of([192, 0, 2, 7].into(), [7; 16]).expect("the first");
    responder.handle_message(now, 0, asker, message);
    let mut said = 0;
    while let Some(response) = responder.poll_response() {
        let answer = Message::parse(&response.bytes).expect("what we write, we read");
        assert!(answer.is_response && answer.addresses.iter().all(|address| address.name == ours));
        said += 1;
    }
    let asked = message.questions.iter().filter(|question| question.name == ours).count();
    assert!(said <= asked && (said == 0 || !message.is_response));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_pass(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            mdns(&bytes);
        }

        #[test]
        fn entries_of_any_bytes_pass(
            counts in prop::collection::vec(0u8..3, 4),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = vec![0, 0, 0x84, 0];
            bytes.extend(counts.iter().flat_map(|count| [0, *count]));
            bytes.extend(rest);
            mdns(&bytes);
        }
    }
}
