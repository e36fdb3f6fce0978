//! Asking what stands behind the other side's names.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{AddressType, HostName, Message, Question};
use crate::ice::Scope;

/// Names that one call asks for: the other side has one for each of its addresses.
pub const MAX_NAMES_ASKED: usize = 16;

/// How often one name is asked for. The link may lose multicast: over the air it is neither acknowledged nor repeated.
pub const MAX_QUERIES: u32 = 5;

/// From the first query to the second; each wait after that is twice the one before. A name is given up after 9.3 s.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// Something to be asked on every link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Leaves from port 5353, so that the answer comes to the group; else from a port of its own, and the answer comes
    /// back to it (RFC 6762 section 5.1, 6.7).
    pub from_group: bool,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The name.
    pub name: HostName,
    /// The address.
    pub ip: IpAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Asked for so often; asked for again then, or given up.
    Asking { queries: u32, next: Instant },
    /// The first answer that was of use.
    Known(IpAddr),
    /// Nobody answers.
    Unknown,
}

/// Resolves the names of one call.
///
/// Call order: [`ask`](Self::ask) for each name, at any time; [`handle_message`](Self::handle_message) for whatever is
/// said on the links; [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout). After each of these,
/// drain [`poll_query`](Self::poll_query) and [`poll_resolved`](Self::poll_resolved).
///
/// ```
/// # use std::time::Instant;
/// use handset::ice::mdns::{Address, HostName, Message, Resolver};
/// # fn now() -> Instant { Instant::now() }
/// let name = HostName::from_random([7; 16]);
/// let mut resolver = Resolver::new(false);
/// resolver.ask(name, now());
/// resolver.handle_timeout(now());
/// assert!(resolver.poll_query().is_some());
/// let address = Address { name, ip: [192, 168, 1, 7].into(), ttl_s: 120, flushes: true };
/// resolver.handle_message(&Message { is_response: true, addresses: vec![address], ..Message::default() });
/// assert_eq!(resolver.poll_resolved().map(|resolved| resolved.ip), Some(address.ip));
/// ```
#[derive(Debug)]
pub struct Resolver {
    with_loopback: bool,
    names: Vec<(HostName, Stage)>,
    queries: VecDeque<Query>,
    resolved: VecDeque<Resolved>,
}

impl Resolver {
    /// With no name yet. Loopback addresses are taken for an answer where we have such addresses ourselves.
    pub fn new(with_loopback: bool) -> Self {
        Self { with_loopback, names: Vec::new(), queries: VecDeque::new(), resolved: VecDeque::new() }
    }

    /// Asks for a name: the first query is due at once. One that is known is told at once; one that nobody answered for is asked for anew; one beyond
    /// [`MAX_NAMES_ASKED`] is not asked for.
    pub fn ask(&mut self, name: HostName, now: Instant) {
        let asking = Stage::Asking { queries: 0, next: now };
        let has_room = self.names.len() < MAX_NAMES_ASKED;
        match self.names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, Stage::Known(ip))) => {
                let ip = *ip;
                self.tell(Resolved { name, ip });
            }
            Some((_, Stage::Asking { .. })) => {}
            Some((_, stage)) => *stage = asking,
            None if has_room => self.names.push((name, asking)),
            None => tracing::debug!("more than {MAX_NAMES_ASKED} multicast-DNS names: one is passed over"),
        }
    }

    /// Forgets what was found out: the links are others now.
    pub fn forget(&mut self) {
        self.names.clear();
        self.queries.clear();
    }

    /// Takes a message. Nothing is learnt but the addresses of names that were asked for, once for each.
    pub fn handle_message(&mut self, message: &Message) {
        if !message.is_response {
            return;
        }
        for address in &message.addresses {
            let is_usable = Scope::of(address.ip).is_gathered(self.with_loopback) && address.ttl_s > 0;
            let asked = self.names.iter_mut().find(|(name, stage)| {
                *name == address.name && matches!(stage, Stage::Asking { .. } | Stage::Unknown)
            });
            if let Some((name, stage)) = asked.filter(|_| is_usable) {
                *stage = Stage::Known(address.ip);
                let resolved = Resolved { name: *name, ip: address.ip };
                self.tell(resolved);
            }
        }
    }

    fn tell(&mut self, resolved: Resolved) {
        // One for each name is all that an owner can be waiting for.
        if self.resolved.len() < MAX_NAMES_ASKED && !self.resolved.contains(&resolved) {
            self.resolved.push_back(resolved);
        }
    }

    /// Lets time pass: asks again what was not answered, or gives it up.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (name, stage) in &mut self.names {
            let Stage::Asking { queries, next } = *stage else { continue };
            if next > now {
                continue;
            }
            if queries >= MAX_QUERIES {
                tracing::debug!("nobody answers for a multicast-DNS name");
                *stage = Stage::Unknown;
                continue;
            }
            *stage = Stage::Asking { queries: queries + 1, next: now + FIRST_WAIT * 2u32.pow(queries) };
            // A firewall may let in one kind of answer and not the other: every second query asks for the other.
            let from_group = queries % 2 == 1;
            // One question a message: browsers read no more. And none that asks for unicast: some take that for a class
            // that they do not know. A port of its own asks for it as well.
            for wanted in [AddressType::V4, AddressType::V6] {
                let question = Question { name: *name, wanted, unicast: false };
                let message = Message { questions: vec![question], ..Message::default() };
                self.queries.push_back(Query { from_group, bytes: message.to_bytes() });
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let dues = self.names.iter().filter_map(|(_, stage)| match stage {
            Stage::Asking { next, .. } => Some(*next),
            _ => None,
        });
        dues.min()
    }

    /// Something to be asked on every link. Never more than two for a name at once, if they are fetched.
    pub fn poll_query(&mut self) -> Option<Query> {
        self.queries.pop_front()
    }

    /// What was found out.
    pub fn poll_resolved(&mut self) -> Option<Resolved> {
        self.resolved.pop_front()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
mod tests {
    use super::super::Address;
    use super::*;

    fn name(n: u8) -> HostName {
        HostName::from_random([n; 16])
    }

    fn answer(name: HostName, ip: &str, ttl_s: u32) -> Message {
        let ip = ip.parse().expect("an address");
        let address = Address { name, ip, ttl_s, flushes: true };
        Message { is_response: true, addresses: vec![address], ..Message::default() }
    }

    fn asked(resolver: &mut Resolver, now: Instant) -> Vec<(bool, Question)> {
        resolver.handle_timeout(now);
        let queries = std::iter::from_fn(|| resolver.poll_query());
        queries
            .map(|query| {
                let message = Message::parse(&query.bytes).expect("what we write, we read");
                assert_eq!((message.id, message.is_response, message.questions.len()), (0, false, 1));
                (query.from_group, message.questions[0])
            })
            .collect()
    }

    #[test]
    fn a_name_is_asked_for_at_once_in_both_families_and_its_answer_is_told() {
        let now = Instant::now();
        let mut resolver = Resolver::new(false);
        resolver.ask(name(1), now);
        let wanted: Vec<AddressType> = asked(&mut resolver, now).iter().map(|(_, q)| q.wanted).collect();
        assert_eq!(wanted, [AddressType::V4, AddressType::V6]);
        resolver.handle_message(&answer(name(1), "192.168.1.7", 120));
        let ip = "192.168.1.7".parse().expect("an address");
        assert_eq!(resolver.poll_resolved(), Some(Resolved { name: name(1), ip }));
        assert_eq!((resolver.poll_resolved(), resolver.poll_timeout()), (None, None));
    }

    #[test]
    fn a_name_without_an_answer_is_asked_for_five_times_and_given_up() {
        let began = Instant::now();
        let mut resolver = Resolver::new(false);
        resolver.ask(name(1), began);
        let mut times = Vec::new();
        let mut now = began;
        loop {
            let queries = asked(&mut resolver, now);
            if !queries.is_empty() {
                times.push(((now - began).as_millis(), queries[0].0));
            }
            let Some(next) = resolver.poll_timeout() else { break };
            now = next;
            resolver.handle_timeout(now);
        }
        assert_eq!(times, [(0, false), (300, true), (900, false), (2100, true), (4500, false)]);
        assert_eq!(now - began, Duration::from_millis(9300));
        assert_eq!(resolver.poll_resolved(), None);
        // The other side names it once more, after a restart.
        resolver.ask(name(1), now);
        assert_eq!(asked(&mut resolver, now).len(), 2);
    }

    #[test]
    fn a_late_answer_counts_and_a_second_one_does_not() {
        let now = Instant::now();
        let mut resolver = Resolver::new(false);
        resolver.ask(name(1), now);
        while let Some(next) = resolver.poll_timeout() {
            resolver.handle_timeout(next);
        }
        resolver.handle_message(&answer(name(1), "192.168.1.7", 120));
        resolver.handle_message(&answer(name(1), "192.168.1.8", 120));
        assert_eq!(resolver.poll_resolved().map(|r| r.ip), Some([192, 168, 1, 7].into()));
        assert_eq!(resolver.poll_resolved(), None);
        // It is known now: named again, it is told again, without a query.
        asked(&mut resolver, now);
        resolver.ask(name(1), now);
        assert_eq!(resolver.poll_resolved().map(|r| r.ip), Some([192, 168, 1, 7].into()));
        assert!(asked(&mut resolver, now).is_empty());
    }

    #[test]
    fn nothing_is_learnt_of_names_that_were_not_asked_for_nor_from_queries() {
        let mut resolver = Resolver::new(false);
        resolver.ask(name(1), Instant::now());
        resolver.handle_message(&answer(name(2), "192.168.1.7", 120));
        let query = Message { is_response: false, ..answer(name(1), "192.168.1.7", 120) };
        resolver.handle_message(&query);
        assert_eq!(resolver.poll_resolved(), None);
    }

    #[test]
    fn an_address_that_leads_nowhere_is_no_answer() {
        let mut resolver = Resolver::new(false);
        resolver.ask(name(1), Instant::now());
        for ip in ["0.0.0.0", "224.0.0.251", "255.255.255.255", "127.0.0.1", "::1", "fe80::1", "169.254.1.1"]
        {
            resolver.handle_message(&answer(name(1), ip, 120));
            assert_eq!(resolver.poll_resolved(), None, "{ip}");
        }
        resolver.handle_message(&answer(name(1), "10.0.0.7", 0));
        assert_eq!(resolver.poll_resolved(), None, "it was taken back");
        let mut resolver = Resolver::new(true);
        resolver.ask(name(1), Instant::now());
        resolver.handle_message(&answer(name(1), "127.0.0.1", 120));
        assert!(resolver.poll_resolved().is_some(), "both are on one machine");
    }

    #[test]
    fn a_flood_of_names_is_cut_off() {
        let now = Instant::now();
        let mut resolver = Resolver::new(false);
        for n in 0..100 {
            resolver.ask(name(n), now);
        }
        assert_eq!(asked(&mut resolver, now).len(), 2 * MAX_NAMES_ASKED);
        for n in 0..100 {
            resolver.ask(name(n), now);
        }
        assert!(asked(&mut resolver, now).is_empty(), "what is being asked for is not asked for sooner");
    }
}
