//! What packets carry around the voice.

use super::*;

const PAYLOAD: &[u8] = b"as long as an Opus packet may be";

/// Notes what the packets of RTP take without UDP and IP.
struct Scales {
    steady: Steady,
    sizes: Vec<usize>,
}

impl Network for Scales {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        let payload = &datagram.payload;
        if (128..192).contains(&payload[0]) && !(192..224).contains(&payload[1]) {
            self.sizes.push(payload.len());
        }
        self.steady.datagram(from, at, datagram)
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

#[test]
fn most_packets_carry_twelve_bytes_of_rtp_and_a_tag_of_ten() {
    let mut pair = pair_on(Scales { steady: Steady::rtt(10 * MS), sizes: Vec::new() });
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(5 * SECOND, PAYLOAD);
    let sizes = &pair.network.sizes;
    // The first say which stream they are of until a report comes back, a few how loud they are.
    let bare = sizes.iter().filter(|size| **size == 12 + PAYLOAD.len() + 10).count();
    assert!(bare * 10 > sizes.len() * 6, "{bare} of {}", sizes.len());
    assert!(sizes.iter().all(|size| (12 + PAYLOAD.len() + 10..80).contains(size)), "{sizes:?}");
    let (sent, heard) =
        (sizes.len(), audio_heard(&mut pair, Party::Callee) + audio_heard(&mut pair, Party::Caller));
    assert!(heard + 4 >= sent, "what is left out is not missed: {heard} of {sent}");
}
