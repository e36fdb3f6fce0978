//! Whom the relay lets through: permissions and channels (RFC 8656 §9, §12).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::ice::stun::ChannelNumber;

/// Peers with a channel, and addresses with a permission, at once. A browser offers some ten candidates.
pub const MAX_PEERS: usize = 256;

/// Permissions live 5 minutes (RFC 8656 §9.2), channels 10; binding a channel again renews both.
const RENEWAL: Duration = Duration::from_secs(240);

/// Where a permission or a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Asked,
    Granted { renew_at: Instant },
    Refused,
}

impl Standing {
    pub(super) fn granted(now: Instant) -> Self {
        Self::Granted { renew_at: now + RENEWAL }
    }

    fn renew_at(self) -> Option<Instant> {
        match self {
            Self::Granted { renew_at } => Some(renew_at),
            Self::Asked | Self::Refused => None,
        }
    }
}

/// All peers of one allocation.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// A peer's place gives its channel's number: a number is never given to another peer (RFC 8656 §12 would let it
    /// after ten minutes).
    channels: Vec<(SocketAddr, Standing)>,
    permissions: Vec<(IpAddr, Standing)>,
}

impl Peers {
    pub(super) fn clear(&mut self) {
        self.channels.clear();
        self.permissions.clear();
    }

    /// The channel of a peer.
    pub(super) fn channel(&self, peer: SocketAddr) -> Option<(ChannelNumber, Standing)> {
        let at = self.channels.iter().position(|(known, _)| *known == peer)?;
        Some((number_at(at)?, self.channels[at].1))
    }

    /// The peer behind a channel.
    pub(super) fn peer(&self, channel: ChannelNumber) -> Option<SocketAddr> {
        let at = usize::from(channel.get() - ChannelNumber::FIRST.get());
        self.channels.get(at).map(|(peer, _)| *peer)
    }

    /// Takes a number for a peer that has none; `None` when there are too many.
    pub(super) fn add_channel(&mut self, peer: SocketAddr) -> Option<ChannelNumber> {
        if self.channels.len() >= MAX_PEERS {
            return None;
        }
        let number = number_at(self.channels.len())?;
        self.channels.push((peer, Standing::Asked));
        Some(number)
    }

    /// Notes what became of a channel; says what it was before.
    pub(super) fn set_channel(&mut self, peer: SocketAddr, standing: Standing) -> Option<Standing> {
        let (_, known) = self.channels.iter_mut().find(|(known, _)| *known == peer)?;
        Some(std::mem::replace(known, standing))
    }

    /// Whether a permission for this address is new, and can be asked for.
    pub(super) fn add_permission(&mut self, ip: IpAddr) -> bool {
        let known = self.permissions.iter().any(|(known, _)| *known == ip);
        if known || self.permissions.len() >= MAX_PEERS {
            return false;
        }
        self.permissions.push((ip, Standing::Asked));
        true
    }

    pub(super) fn set_permission(&mut self, ip: IpAddr, standing: Standing) {
        if let Some((_, known)) = self.permissions.iter_mut().find(|(known, _)| *known == ip) {
            *known = standing;
        }
    }

    /// When the next one is to be renewed.
    pub(super) fn next_renewal(&self) -> Option<Instant> {
        let channels = self.channels.iter().filter_map(|(_, standing)| standing.renew_at());
        let permissions = self.permissions.iter().filter_map(|(_, standing)| standing.renew_at());
        channels.chain(permissions).min()
    }

    /// A channel that is to be renewed now; it counts as renewed. Data goes on flowing meanwhile.
    pub(super) fn due_channel(&mut self, now: Instant) -> Option<(SocketAddr, ChannelNumber)> {
        let at =
            self.channels.iter().position(|(_, standing)| standing.renew_at().is_some_and(|at| at <= now))?;
        self.channels[at].1 = Standing::granted(now);
        Some((self.channels[at].0, number_at(at)?))
    }

    /// A permission that is to be renewed now; it counts as renewed.
    pub(super) fn due_permission(&mut self, now: Instant) -> Option<IpAddr> {
        let due = |standing: Standing| standing.renew_at().is_some_and(|at| at <= now);
        let (ip, standing) = self.permissions.iter_mut().find(|(_, standing)| due(*standing))?;
        *standing = Standing::granted(now);
        Some(*ip)
    }
}

fn number_at(place: usize) -> Option<ChannelNumber> {
    let offset = u16::try_from(place).ok()?;
    ChannelNumber::new(ChannelNumber::FIRST.get().checked_add(offset)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_keeps_its_number_and_numbers_their_peers() {
        let mut peers = Peers::default();
        let address = |n: u16| SocketAddr::from(([192, 0, 2, 1], n));
        let first = peers.add_channel(address(1)).unwrap();
        let second = peers.add_channel(address(2)).unwrap();
        assert_eq!((first.get(), second.get()), (0x4000, 0x4001));
        assert_eq!(peers.peer(second), Some(address(2)));
        assert_eq!(peers.channel(address(1)), Some((first, Standing::Asked)));
        assert_eq!(peers.peer(ChannelNumber::LAST), None);
    }

    #[test]
    fn peers_and_permissions_are_bounded() {
        let mut peers = Peers::default();
        for n in 0..1000 {
            peers.add_channel(([192, 0, 2, 1], n).into());
            peers.add_permission([192, 0, (n >> 8) as u8, n as u8].into());
        }
        assert_eq!((peers.channels.len(), peers.permissions.len()), (MAX_PEERS, MAX_PEERS));
    }
}
