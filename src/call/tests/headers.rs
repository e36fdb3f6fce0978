//! What packets carry around the voice.

use super::*;
use crate::rtp;

const PAYLOAD: &[u8] = b"as long as an Opus packet may be";

/// Notes what the packets of RTP take without UDP and IP.
struct Scales {
    steady: Steady,
    sizes: Vec<usize>,
}

impl Network for Scales {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        if is_rtp(&datagram.payload) {
            self.sizes.push(datagram.payload.len());
        }
        self.steady.datagram(from, at, datagram)
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

fn is_rtp(datagram: &[u8]) -> bool {
    (128..192).contains(&datagram[0]) && !(192..224).contains(&datagram[1])
}

#[test]
fn most_packets_carry_three_bytes_of_rtp_and_a_tag_of_four() {
    most_packets_carry(3 + 4, pair_on(scales()));
}

#[test]
fn headers_are_whole_where_one_side_asks_for_that() {
    where_one_side_leaves_out(|audio| audio.short_headers = false, 12 + 4);
}

#[test]
fn tags_are_whole_where_one_side_asks_for_that() {
    where_one_side_leaves_out(|audio| audio.short_tags = false, 3 + 16);
}

fn where_one_side_leaves_out(leave_out: impl Fn(&mut AudioOffer), around: usize) {
    for asks in [1, 2] {
        let [caller, callee] = [1, 2].map(|n| {
            let mut config = config(certificate(), n);
            if n == asks {
                leave_out(&mut config.audio);
            }
            config
        });
        most_packets_carry(around, Pair::new(scales(), caller, callee, began()));
    }
}

#[test]
fn a_copy_takes_two_bytes_beside_its_own_and_is_heard_as_it_was_sent() {
    for is_short in [true, false] {
        let [caller, callee] = [1, 2].map(|n| {
            let mut config = config(certificate(), n);
            config.audio.short_headers = is_short;
            config
        });
        let mut red = Vec::new();
        rtp::red::write(111, &[(rtp::Samples(480), b"this one before")], b"and this", &mut red).unwrap();
        let mut pair = Pair::new(scales(), caller, callee, began());
        pair.call();
        assert!(pair.run_until_both(SECOND, "connected"));
        pair.talk_in(rtp::PayloadFormat::Red, 4 * SECOND, &red);
        pair.run_for(100 * MS);
        let least = *pair.network.sizes.iter().min().unwrap();
        assert_eq!(least, if is_short { 3 + red.len() - 3 + 4 } else { 12 + red.len() + 4 });
        let heard = pair.end(Party::Callee).events.drain(..).filter_map(|(_, event)| match event {
            CallEvent::Audio(packet) => Some(packet),
            _ => None,
        });
        let heard: Vec<_> = heard.collect();
        assert_eq!(heard.len(), 400);
        assert!(
            heard.iter().all(|p| p.format == rtp::PayloadFormat::Red && *p.payload == *red),
            "{is_short}"
        );
    }
}

fn scales() -> Scales {
    Scales { steady: Steady::rtt(10 * MS), sizes: Vec::new() }
}

fn most_packets_carry(around: usize, mut pair: Pair<Scales>) {
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(10 * SECOND, PAYLOAD);
    let sizes = &pair.network.sizes;
    // The first are whole, and say which stream they are of, until a report comes back; a few say how loud they are.
    let least = around + PAYLOAD.len();
    let bare = sizes.iter().filter(|size| **size == least).count();
    assert!(bare * 10 > sizes.len() * 6, "{bare} of {}", sizes.len());
    assert!(sizes.iter().all(|size| (least..least + 35).contains(size)), "{sizes:?}");
    let (sent, heard) =
        (sizes.len(), audio_heard(&mut pair, Party::Callee) + audio_heard(&mut pair, Party::Caller));
    assert!(heard + 4 >= sent, "what is left out is not missed: {heard} of {sent}");
}

/// Turns a bit of every packet of RTP, another one each time.
struct Forger {
    steady: Steady,
    count: usize,
}

impl Network for Forger {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        if is_rtp(&datagram.payload) {
            // From behind the header on: what stands in it decides whether it is looked at at all.
            let header = if datagram.payload[0] & 0x0f == 0 { 12 } else { 3 };
            let bits = (datagram.payload.len() - header) * 8;
            let bit = header * 8 + self.count % bits;
            datagram.payload[bit / 8] ^= 1 << (bit % 8);
            self.count += 1;
        }
        self.steady.datagram(from, at, datagram)
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

#[test]
fn a_packet_with_one_bit_turned_is_not_heard() {
    let mut pair = pair_on(Forger { steady: Steady::rtt(10 * MS), count: 0 });
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(8 * SECOND, PAYLOAD);
    assert!(pair.network.count > (PAYLOAD.len() + 4) * 8, "each bit was turned: {}", pair.network.count);
    assert_eq!(audio_heard(&mut pair, Party::Callee) + audio_heard(&mut pair, Party::Caller), 0);
}
