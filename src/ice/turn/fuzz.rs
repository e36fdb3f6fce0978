//! The body of this machine's fuzz target, built with everything else so that it cannot rot.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Client, Config, Event, Login, MAX_PEERS, MAX_PENDING, Received, RelayFamily, Wire};
use crate::ice::TransactionIds;
use crate::ice::fuzz::Source;
use crate::ice::stun::attribute::{
    AlternateServer, ErrorCode, Lifetime, Nonce, Realm, XorMappedAddress, XorPeerAddress, XorRelayedAddress,
};
use crate::ice::stun::{
    AttributeType, Class, Key, Message, MessageWriter, Method, PasswordHash, TransactionId, WriteError,
};

/// Requests that are remembered, to be answered in any order.
const REMEMBERED: usize = 16;

/// Steps of one script; each may let minutes pass.
const MAX_STEPS: usize = 2000;

/// Bytes as a script of what a server, a network and a user may do, in virtual time: no panic, never more requests at once
/// than the limit, data only from a peer that was asked for or in a form that names one, and an end that is one.
#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
pub fn turn_client(data: &[u8]) {
    let mut script = Source(data);
    let wire = if script.byte() & 1 == 0 { Wire::Datagram } else { Wire::Stream };
    let login = Login::new("alice", "secret").expect("of legal length");
    let mut config = Config::new(([192, 0, 2, 1], 3478).into(), wire, login);
    config.family = [RelayFamily::V4, RelayFamily::V6, RelayFamily::Both][usize::from(script.byte() % 3)];
    let now = Instant::now();
    let client = Client::new(config, TransactionIds::from_seed([3; 32]), now);
    let mut run = Run { client, now, asked: VecDeque::new(), has_ended: false };
    for _ in 0..MAX_STEPS {
        if script.is_empty() {
            break;
        }
        run.step(&mut script);
        run.check();
    }
}

struct Run {
    client: Client,
    now: Instant,
    asked: VecDeque<(Method, TransactionId)>,
    has_ended: bool,
}

impl Run {
    fn step(&mut self, script: &mut Source<'_>) {
        let peer = SocketAddr::from(([8, 8, script.byte() % 2, script.byte()], 9000));
        match script.byte() % 12 {
            0..=4 => self.answer(script),
            5 => {
                let length = usize::from(script.byte());
                let packet = script.take(length).to_vec();
                self.receive(&packet);
            }
            6 => {
                self.now += Duration::from_millis(u64::from(script.byte()) * 500);
                self.client.handle_timeout(self.now);
            }
            7 => {
                let mut out = [0; 300];
                let fits = &mut out[..usize::from(script.byte())];
                let length = self.client.wrap(peer, &[7; 20], fits, self.now);
                assert!(length.is_none_or(|length| length <= fits.len()));
            }
            8 => self.client.permit(peer.ip(), self.now),
            9 => self.client.refresh(self.now),
            10 => self.client.handle_connected(self.now),
            _ => match script.byte() % 16 {
                0 => self.client.release(self.now),
                1 => self.client.handle_disconnected(),
                _ => self.client.bind(peer, self.now),
            },
        }
    }

    /// An answer that may be one, to a request that was made.
    fn answer(&mut self, script: &mut Source<'_>) {
        let Some((method, id)) = self.asked.get(usize::from(script.byte()) % REMEMBERED).copied() else {
            return;
        };
        let mut buffer = [0; 512];
        if let Ok(packet) = write_answer(&mut buffer, method, id, script) {
            let packet = packet.to_vec();
            self.receive(&packet);
        }
    }

    fn receive(&mut self, packet: &[u8]) {
        if let Received::Data { data, .. } = self.client.handle_packet(packet, self.now) {
            assert!(data.len() <= packet.len());
        }
    }

    fn check(&mut self) {
        let mut sent = 0;
        while let Some(transmit) = self.client.poll_transmit() {
            let request = Message::parse(transmit.bytes).expect("what we write, we read");
            self.asked.push_front((request.method(), request.transaction_id()));
            sent += 1;
            assert!(sent <= MAX_PENDING + MAX_PEERS, "so many requests can be under way");
        }
        self.asked.truncate(REMEMBERED);
        while let Some(event) = self.client.poll_event() {
            assert!(!self.has_ended, "nothing happens after the end: {event:?}");
            self.has_ended = matches!(event, Event::Failed(_) | Event::Released);
        }
        assert_eq!(self.has_ended, self.client.is_ended());
        if self.has_ended {
            assert!(sent == 0 && self.client.poll_timeout().is_none() && self.client.relayed().is_none());
        }
    }
}

/// An answer with attributes that a server may send, in the order of the script, and signed if it says so.
fn write_answer<'b>(
    buffer: &'b mut [u8],
    method: Method,
    id: TransactionId,
    script: &mut Source<'_>,
) -> Result<&'b [u8], WriteError> {
    let class = if script.byte() & 1 == 0 { Class::Success } else { Class::Error };
    let mut writer = MessageWriter::new(buffer, class, method, id)?;
    if class == Class::Error {
        let code = [300, 400, 401, 403, 437, 438, 441, 442, 443, 486, 500, 508][script.below(12)];
        let value = [0, 0, (code / 100) as u8, (code % 100) as u8];
        writer.push_raw(AttributeType::ERROR_CODE, &value)?;
    }
    for _ in 0..script.byte() % 8 {
        let address = SocketAddr::from(([203, 0, 113, script.byte() % 4], 50_000));
        match script.byte() % 9 {
            0 => writer.push(&XorRelayedAddress(address))?,
            1 => writer.push(&XorMappedAddress(address))?,
            2 => writer.push(&Lifetime::from_secs(u32::from(script.byte()) * 20))?,
            3 => writer.push(&Realm::new("example.org").expect("short"))?,
            4 => writer
                .push(&Nonce::new(["one", "two", "obMatJos2AAADthree"][script.below(3)]).expect("short"))?,
            5 => writer.push(&AlternateServer(address))?,
            6 => writer.push(&XorPeerAddress(address))?,
            7 => writer.push(&ErrorCode::BAD_REQUEST)?,
            _ => {
                let length = script.below(24);
                let kind = AttributeType::KNOWN[script.below(AttributeType::KNOWN.len())];
                writer.push_raw(kind, script.take(length))?
            }
        };
    }
    let hash = if script.byte() & 1 == 0 { PasswordHash::Md5 } else { PasswordHash::Sha256 };
    let key = Key::long_term(hash, "alice", "example.org", "secret");
    match script.byte() % 4 {
        0 => {}
        1 => drop(writer.integrity_sha256(&key)?),
        _ => drop(writer.integrity(&key)?),
    }
    Ok(writer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_script_of_a_server_passes(script in prop::collection::vec(any::<u8>(), 0..400)) {
            turn_client(&script);
        }
    }
}
