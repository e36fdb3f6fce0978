//! Answering for our own names.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::message::{Address, Message, Question};
use super::{HostName, PORT};

/// Names of ours at most: one for each local address in use.
pub const MAX_OWN_NAMES: usize = 16;

/// How long others may keep an answer (s): RFC 6762 section 10 for records that name a host.
const TTL_S: u32 = 120;

/// How long one may keep it who asked from a port of its own (s): RFC 6762 section 6.7.
const ONE_SHOT_TTL_S: u32 = 10;

/// The group is not told the same twice within this (RFC 6762 section 6).
const MULTICAST_INTERVAL: Duration = Duration::from_secs(1);

/// Answers within a second at most, to whomever: a call needs a handful, and a flood of questions shall not make one of
/// answers.
const MAX_RESPONSES_A_SECOND: u32 = 64;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The link.
    pub link: u32,
    /// Who asked from a port of its own, or may be told alone; `None` for the group.
    pub to: Option<SocketAddr>,
    /// The message.
    pub bytes: Vec<u8>,
}

#[derive(Debug)]
struct Own {
    name: HostName,
    ip: IpAddr,
    /// When the group of each link was last told.
    told: Vec<(u32, Instant)>,
}

/// Gives our addresses names, and answers for them.
///
/// Call order: [`name_of`](Self::name_of) for each address to be hidden; [`handle_message`](Self::handle_message) for what is
/// said on the links; then drain [`poll_response`](Self::poll_response).
#[derive(Debug, Default)]
pub struct Responder {
    own: Vec<Own>,
    responses: VecDeque<Response>,
    /// Since when answers are counted, and how many there were.
    counted: Option<(Instant, u32)>,
}

impl Responder {
    /// With no name yet: it says nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of an address, made of these random bytes where it has none yet; `None` when there are too many.
    pub fn name_of(&mut self, ip: IpAddr, random: [u8; 16]) -> Option<HostName> {
        if let Some(own) = self.own.iter().find(|own| own.ip == ip) {
            return Some(own.name);
        }
        if self.own.len() >= MAX_OWN_NAMES {
            return None;
        }
        let name = HostName::from_random(random);
        self.own.push(Own { name, ip, told: Vec::new() });
        Some(name)
    }

    /// An address that is ours no more.
    pub fn forget(&mut self, ip: IpAddr) {
        self.own.retain(|own| own.ip != ip);
    }

    /// Takes a message that came on a link.
    pub fn handle_message(&mut self, now: Instant, link: u32, source: SocketAddr, message: &Message) {
        if message.is_response {
            return;
        }
        for question in &message.questions {
            let Some(at) = self.own.iter().position(|own| own.name == question.name) else { continue };
            if question.wanted.asks_for(self.own[at].ip) && !self.is_known(at, message) {
                self.answer(at, question, now, link, source, message.id);
            }
        }
    }

    /// Whether the asker has heard the answer, and may keep it for long enough (RFC 6762 section 7.1).
    fn is_known(&self, at: usize, message: &Message) -> bool {
        let own = &self.own[at];
        let mut known = message.addresses.iter();
        known.any(|known| known.name == own.name && known.ip == own.ip && known.ttl_s >= TTL_S / 2)
    }

    fn answer(
        &mut self,
        at: usize,
        question: &Question,
        now: Instant,
        link: u32,
        source: SocketAddr,
        id: u16,
    ) {
        let is_one_shot = source.port() != PORT;
        let to = (is_one_shot || question.unicast).then_some(source);
        if (to.is_none() && !self.may_tell_group(at, link, now)) || !self.count(now) {
            return;
        }
        let Own { name, ip, .. } = self.own[at];
        let message = match is_one_shot {
            // RFC 6762 section 6.7: as an ordinary DNS server answers.
            true => Message {
                id,
                is_response: true,
                questions: vec![*question],
                addresses: vec![Address { name, ip, ttl_s: ONE_SHOT_TTL_S, flushes: false }],
            },
            false => Message {
                is_response: true,
                addresses: vec![Address { name, ip, ttl_s: TTL_S, flushes: true }],
                ..Message::default()
            },
        };
        self.responses.push_back(Response { link, to, bytes: message.to_bytes() });
    }

    /// Whether the group was not told just now; it is now.
    fn may_tell_group(&mut self, at: usize, link: u32, now: Instant) -> bool {
        let told = &mut self.own[at].told;
        told.retain(|(_, since)| now.saturating_duration_since(*since) < MULTICAST_INTERVAL);
        let is_news = !told.iter().any(|(other, _)| *other == link);
        if is_news {
            told.push((link, now));
        }
        is_news
    }

    /// Counts an answer; `false` when there were too many.
    fn count(&mut self, now: Instant) -> bool {
        let (since, count) = self.counted.get_or_insert((now, 0));
        if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count <= MAX_RESPONSES_A_SECOND
    }

    /// Something to be said.
    pub fn poll_response(&mut self) -> Option<Response> {
        self.responses.pop_front()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
mod tests {
    use super::super::AddressType;
    use super::*;

    const OURS: [u8; 4] = [192, 168, 1, 7];

    fn with_one() -> (Responder, HostName) {
        let mut responder = Responder::new();
        let name = responder.name_of(OURS.into(), [1; 16]).expect("the first");
        (responder, name)
    }

    fn query(name: HostName, wanted: AddressType) -> Message {
        let question = Question { name, wanted, unicast: false };
        Message { questions: vec![question], ..Message::default() }
    }

    fn asker(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 168, 1, 9], port))
    }

    fn said(responder: &mut Responder) -> Option<(Option<SocketAddr>, Message)> {
        let response = responder.poll_response()?;
        Some((response.to, Message::parse(&response.bytes).expect("what we write, we read")))
    }

    #[test]
    fn an_address_keeps_its_name_and_another_has_another() {
        let (mut responder, name) = with_one();
        assert_eq!(responder.name_of(OURS.into(), [2; 16]), Some(name));
        let other = responder.name_of([10, 0, 0, 7].into(), [2; 16]);
        assert!(other.is_some_and(|other| other != name));
        for n in 2..=MAX_OWN_NAMES as u8 + 5 {
            let named = responder.name_of([10, 0, 1, n].into(), [n + 1; 16]);
            assert_eq!(named.is_some(), usize::from(n) < MAX_OWN_NAMES, "{n}");
        }
    }

    #[test]
    fn a_question_from_the_group_is_answered_to_the_group_once_a_second() {
        let (mut responder, name) = with_one();
        let now = Instant::now();
        let query = query(name, AddressType::V4);
        responder.handle_message(now, 3, asker(PORT), &query);
        let (to, answer) = said(&mut responder).expect("an answer");
        assert_eq!((to, answer.id, answer.questions.len()), (None, 0, 0));
        let expected = Address { name, ip: OURS.into(), ttl_s: 120, flushes: true };
        assert_eq!(answer.addresses, [expected]);
        responder.handle_message(now + Duration::from_millis(999), 3, asker(PORT), &query);
        assert_eq!(said(&mut responder), None);
        responder.handle_message(now + Duration::from_millis(999), 4, asker(PORT), &query);
        assert!(said(&mut responder).is_some(), "another link has heard nothing");
        responder.handle_message(now + Duration::from_millis(1000), 3, asker(PORT), &query);
        assert!(said(&mut responder).is_some());
    }

    #[test]
    fn one_who_asks_from_a_port_of_its_own_is_answered_as_by_a_dns_server() {
        let (mut responder, name) = with_one();
        let query = Message { id: 77, ..query(name, AddressType::Any) };
        responder.handle_message(Instant::now(), 0, asker(40_000), &query);
        let (to, answer) = said(&mut responder).expect("an answer");
        assert_eq!((to, answer.id), (Some(asker(40_000)), 77));
        assert_eq!(answer.questions, query.questions);
        assert_eq!((answer.addresses[0].ttl_s, answer.addresses[0].flushes), (10, false));
    }

    #[test]
    fn one_who_may_be_told_alone_is() {
        let (mut responder, name) = with_one();
        let question = Question { name, wanted: AddressType::V4, unicast: true };
        let query = Message { questions: vec![question], ..Message::default() };
        responder.handle_message(Instant::now(), 0, asker(PORT), &query);
        let (to, answer) = said(&mut responder).expect("an answer");
        assert_eq!((to, answer.addresses[0].ttl_s), (Some(asker(PORT)), 120));
    }

    #[test]
    fn other_names_other_families_and_what_is_known_are_not_answered() {
        let (mut responder, name) = with_one();
        let now = Instant::now();
        let known = Address { name, ip: OURS.into(), ttl_s: 60, flushes: false };
        for query in [
            query(HostName::from_random([9; 16]), AddressType::Any),
            query(name, AddressType::V6),
            Message { addresses: vec![known], ..query(name, AddressType::V4) },
            Message { is_response: true, ..query(name, AddressType::V4) },
        ] {
            responder.handle_message(now, 0, asker(40_000), &query);
            assert_eq!(said(&mut responder), None, "{query:?}");
        }
        responder.forget(OURS.into());
        responder.handle_message(now, 0, asker(40_000), &query(name, AddressType::V4));
        assert_eq!(said(&mut responder), None, "it is ours no more");
    }

    #[test]
    fn a_flood_of_questions_does_not_make_one_of_answers() {
        let (mut responder, name) = with_one();
        let now = Instant::now();
        let mut flood = query(name, AddressType::V4);
        flood.questions = vec![flood.questions[0]; 200];
        responder.handle_message(now, 0, asker(40_000), &flood);
        let answers = std::iter::from_fn(|| responder.poll_response()).count();
        assert_eq!(answers, MAX_RESPONSES_A_SECOND as usize);
        responder.handle_message(now + Duration::from_secs(1), 0, asker(40_000), &flood);
        assert!(responder.poll_response().is_some());
    }
}
