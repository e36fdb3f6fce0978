//! Server-reflexive addresses: what several STUN servers see us as, asked all at once (RFC 8489 §12, RFC 8445 §5.1.1.2).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::stun::attribute::{ErrorCode, MappedAddress, XorMappedAddress};
use super::stun::{Class, Message, MessageWriter, Method, TransactionId};
use super::transaction::{Due, Schedule, TransactionIds};

/// Servers asked from one socket. A few tell what the NAT does; more only make traffic.
pub const MAX_SERVERS: usize = 8;

/// A Binding request without attributes.
const REQUEST_BYTES: usize = 20;

/// What came of asking one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReflexiveEvent {
    /// The server sees our socket at this address.
    Mapped {
        /// Who was asked.
        server: SocketAddr,
        /// What it sees.
        mapped: SocketAddr,
    },
    /// The server did not answer, or refused with this code.
    Failed {
        /// Who was asked.
        server: SocketAddr,
        /// An ERROR-CODE; `None` when nothing came.
        code: Option<u16>,
    },
}

/// Asks STUN servers for the address that one UDP socket has outside.
///
/// Call order: [`new`](Self::new), then [`poll_transmit`](Self::poll_transmit) until `None`; give it what the socket
/// receives with [`handle_packet`](Self::handle_packet) and the time with [`handle_timeout`](Self::handle_timeout) at
/// [`poll_timeout`](Self::poll_timeout); after each, drain `poll_transmit` and [`poll_event`](Self::poll_event).
///
/// Two servers that see different addresses of one socket mean a NAT with address-dependent mapping, which hole
/// punching does not get through.
#[derive(Debug)]
pub struct Reflexive {
    asked: Vec<Asked>,
    events: VecDeque<ReflexiveEvent>,
}

#[derive(Debug)]
struct Asked {
    server: SocketAddr,
    id: TransactionId,
    schedule: Schedule,
    unsent: bool,
    request: [u8; REQUEST_BYTES],
}

impl Reflexive {
    /// Asks the first eight of `servers`, all at once.
    pub fn new(servers: &[SocketAddr], ids: &mut TransactionIds, now: Instant) -> Self {
        let ask = |server: &SocketAddr| {
            let id = ids.draw();
            let mut request = [0; REQUEST_BYTES];
            // Without attributes it is its header, which fits.
            let _ = MessageWriter::new(&mut request, Class::Request, Method::BINDING, id);
            Asked { server: *server, id, schedule: Schedule::datagram(now), unsent: true, request }
        };
        Self { asked: servers.iter().take(MAX_SERVERS).map(ask).collect(), events: VecDeque::new() }
    }

    /// Whether every server has answered or been given up.
    pub fn is_done(&self) -> bool {
        self.asked.is_empty()
    }

    /// Takes a packet; `false` when it is none of ours and somebody else's to read.
    pub fn handle_packet(&mut self, from: SocketAddr, packet: &[u8]) -> bool {
        if !Message::is_likely(packet) {
            return false;
        }
        let Ok(message) = Message::parse(packet) else { return false };
        let id = message.transaction_id();
        let Some(at) = self.asked.iter().position(|asked| asked.id == id && asked.server == from) else {
            return false;
        };
        let event = match (message.method(), message.class()) {
            (Method::BINDING, Class::Success) => match mapped_address(&message) {
                Some(mapped) => ReflexiveEvent::Mapped { server: from, mapped },
                None => ReflexiveEvent::Failed { server: from, code: None },
            },
            (Method::BINDING, Class::Error) => {
                let code = message.get::<ErrorCode<'_>>().ok().flatten().map(|error| error.code());
                ReflexiveEvent::Failed { server: from, code }
            }
            _ => return false,
        };
        self.asked.swap_remove(at);
        self.events.push_back(event);
        true
    }

    /// Sends again or gives up what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let events = &mut self.events;
        self.asked.retain_mut(|asked| match asked.schedule.handle_timeout(now) {
            Due::Nothing => true,
            Due::SendAgain => {
                asked.unsent = true;
                true
            }
            Due::GiveUp => {
                events.push_back(ReflexiveEvent::Failed { server: asked.server, code: None });
                false
            }
        });
    }

    /// A packet to send, and to whom.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, &[u8])> {
        let asked = self.asked.iter_mut().find(|asked| asked.unsent)?;
        asked.unsent = false;
        Some((asked.server, &asked.request))
    }

    /// What came of it.
    pub fn poll_event(&mut self) -> Option<ReflexiveEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.asked.iter().map(|asked| asked.schedule.deadline()).min()
    }
}

/// The address in an answer, veiled or, from an old server, in clear.
pub(super) fn mapped_address(message: &Message<'_>) -> Option<SocketAddr> {
    if let Ok(Some(XorMappedAddress(mapped))) = message.get() {
        return Some(mapped);
    }
    match message.get() {
        Ok(Some(MappedAddress(mapped))) => Some(mapped),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SERVERS: [([u8; 4], u16); 2] = [([192, 0, 2, 1], 3478), ([192, 0, 2, 2], 3478)];

    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn start() -> (Reflexive, Instant, [SocketAddr; 2]) {
        let now = Instant::now();
        let servers = SERVERS.map(SocketAddr::from);
        (Reflexive::new(&servers, &mut TransactionIds::from_seed([3; 32]), now), now, servers)
    }

    fn sent(asking: &mut Reflexive) -> Vec<(SocketAddr, Vec<u8>)> {
        std::iter::from_fn(|| asking.poll_transmit().map(|(to, bytes)| (to, bytes.to_vec()))).collect()
    }

    fn answer(request: &[u8], mapped: SocketAddr) -> Vec<u8> {
        let mut buffer = [0; 64];
        let request = Message::parse(request).unwrap();
        let mut writer = MessageWriter::answer(&mut buffer, Class::Success, &request).unwrap();
        writer.push(&XorMappedAddress(mapped)).unwrap();
        writer.finish().to_vec()
    }

    #[test]
    fn all_servers_are_asked_at_once_and_each_answer_counts() {
        let (mut asking, _, servers) = start();
        let requests = sent(&mut asking);
        assert_eq!(requests.iter().map(|(to, _)| *to).collect::<Vec<_>>(), servers);
        let mapped = SocketAddr::from(([198, 51, 100, 7], 4000));
        for (server, request) in &requests {
            assert!(asking.handle_packet(*server, &answer(request, mapped)));
            assert_eq!(asking.poll_event(), Some(ReflexiveEvent::Mapped { server: *server, mapped }));
        }
        assert!(asking.is_done() && asking.poll_timeout().is_none());
    }

    #[test]
    fn answers_from_elsewhere_or_to_other_questions_are_not_taken() {
        let (mut asking, _, servers) = start();
        let requests = sent(&mut asking);
        let mapped = SocketAddr::from(([198, 51, 100, 7], 4000));
        let good = answer(&requests[0].1, mapped);
        assert!(!asking.handle_packet(servers[1], &good), "another server");
        let mut wrong = good.clone();
        wrong[19] ^= 1;
        assert!(!asking.handle_packet(servers[0], &wrong), "another transaction");
        assert!(!asking.handle_packet(servers[0], &requests[0].1), "our own request");
        assert!(!asking.handle_packet(servers[0], b"\x80rtp"), "another protocol");
        assert!(asking.handle_packet(servers[0], &good));
        assert!(!asking.handle_packet(servers[0], &good), "the same again");
    }

    #[test]
    fn a_silent_server_is_asked_again_with_the_same_bytes_and_then_given_up() {
        let (mut asking, start, servers) = start();
        let first = sent(&mut asking);
        let mut again = Vec::new();
        while let Some(at) = asking.poll_timeout() {
            asking.handle_timeout(at);
            again.extend(sent(&mut asking));
            assert!(at - start < Duration::from_secs(8));
        }
        assert_eq!(again.len(), 12);
        assert!(again.iter().all(|sent| first.contains(sent)));
        let failed = servers.map(|server| ReflexiveEvent::Failed { server, code: None });
        assert_eq!([asking.poll_event().unwrap(), asking.poll_event().unwrap()], failed);
    }

    #[test]
    fn no_more_than_eight_servers_are_asked() {
        let (_, now, servers) = start();
        let mut asking = Reflexive::new(&[servers[0]; 100], &mut TransactionIds::from_seed([3; 32]), now);
        assert_eq!(sent(&mut asking).len(), MAX_SERVERS);
    }
}
