//! One allocation: an address lent to a client, and whom it may speak with.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::ports::Wanted;
use crate::ice::stun::{ChannelNumber, Key, TransactionId};

/// Addresses that one allocation may be permitted. A browser offers some ten candidates.
pub const MAX_PERMISSIONS: usize = 64;

/// Channels that one allocation may bind.
pub const MAX_CHANNELS: usize = 64;

/// RFC 8656 §9.2.
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);

/// RFC 8656 §12.
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// After it expired a channel's number goes to no other peer for so long (RFC 8656 §12).
const CHANNEL_REST: Duration = Duration::from_secs(300);

/// How the user signs, and so the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    Sha1,
    Sha256,
}

/// A user who has proven who it is.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) key: Key,
    pub(super) signing: Signing,
}

/// Whether its socket is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The shell was asked to open it; so many ports were tried.
    Opening {
        tries: u8,
        wanted: Wanted,
    },
    Open,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) user: User,
    pub(super) stage: Stage,
    pub(super) relayed: SocketAddr,
    /// The Allocate request that made it: sent again, it gets the same answer.
    pub(super) transaction: TransactionId,
    pub(super) fingerprint: bool,
    pub(super) token: Option<[u8; 8]>,
    pub(super) born: Instant,
    pub(super) expires: Instant,
    pub(super) lifetime: Duration,
    permissions: Vec<(IpAddr, Instant)>,
    /// In ascending order of number.
    channels: Vec<Channel>,
}

#[derive(Debug, Clone, Copy)]
struct Channel {
    number: ChannelNumber,
    peer: SocketAddr,
    until: Instant,
}

/// Why a permission or channel is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The number or the peer is bound otherwise.
    Conflict,
    TooMany,
}

impl Allocation {
    pub(super) fn new(user: User, relayed: SocketAddr, transaction: TransactionId, now: Instant) -> Self {
        Self {
            user,
            stage: Stage::Open,
            relayed,
            transaction,
            fingerprint: false,
            token: None,
            born: now,
            expires: now,
            lifetime: Duration::ZERO,
            permissions: Vec::new(),
            channels: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether datagrams may pass between this address and the client.
    pub(super) fn is_permitted(&self, ip: IpAddr, now: Instant) -> bool {
        self.permitted_until(ip, now).is_some()
    }

    /// How long they may, if they may now.
    fn permitted_until(&self, ip: IpAddr, now: Instant) -> Option<Instant> {
        let permission = self.permissions.iter().find(|(permitted, until)| *permitted == ip && *until > now);
        permission.map(|(_, until)| *until)
    }

    /// Gives or renews a permission.
    pub(super) fn permit(&mut self, ip: IpAddr, now: Instant) -> Result<(), Refused> {
        let until = now + PERMISSION_LIFETIME;
        if let Some((_, known)) = self.permissions.iter_mut().find(|(permitted, _)| *permitted == ip) {
            *known = until;
            return Ok(());
        }
        self.permissions.retain(|(_, until)| *until > now);
        if self.permissions.len() >= MAX_PERMISSIONS {
            return Err(Refused::TooMany);
        }
        self.permissions.push((ip, until));
        Ok(())
    }

    /// Room for so many more permissions, at least.
    pub(super) fn can_permit(&self, more: usize, now: Instant) -> bool {
        let live = self.permissions.iter().filter(|(_, until)| *until > now).count();
        live + more <= MAX_PERMISSIONS
    }

    /// The peer behind a channel that is bound and whose address is permitted, and until when it is both.
    pub(super) fn peer_of(&self, number: ChannelNumber, now: Instant) -> Option<(SocketAddr, Instant)> {
        let at = self.channels.binary_search_by_key(&number, |channel| channel.number).ok()?;
        let channel = Some(&self.channels[at]).filter(|channel| channel.until > now)?;
        let permitted = self.permitted_until(channel.peer.ip(), now)?;
        Some((channel.peer, channel.until.min(permitted)))
    }

    /// Every channel that is bound and whose peer is permitted, and until when everything that it needs is there.
    pub(super) fn passing(&self, now: Instant) -> impl Iterator<Item = (ChannelNumber, SocketAddr, Instant)> {
        self.channels.iter().filter_map(move |channel| {
            let (peer, until) = self.peer_of(channel.number, now)?;
            let until = until.min(self.expires);
            (until > now).then_some((channel.number, peer, until))
        })
    }

    /// The channel bound to a peer.
    pub(super) fn channel_of(&self, peer: SocketAddr, now: Instant) -> Option<ChannelNumber> {
        let bound = self.channels.iter().find(|channel| channel.peer == peer && channel.until > now);
        bound.map(|channel| channel.number)
    }

    /// Binds a channel or renews it, and with it the permission (RFC 8656 §12.2).
    pub(super) fn bind(
        &mut self,
        number: ChannelNumber,
        peer: SocketAddr,
        now: Instant,
    ) -> Result<(), Refused> {
        self.channels.retain(|channel| channel.until + CHANNEL_REST > now);
        let place = self.channels.binary_search_by_key(&number, |channel| channel.number);
        let other = self.channels.iter().any(|channel| channel.peer == peer && channel.number != number);
        if other || place.is_ok_and(|at| self.channels[at].peer != peer) {
            return Err(Refused::Conflict);
        }
        if place.is_err() && self.channels.len() >= MAX_CHANNELS {
            return Err(Refused::TooMany);
        }
        self.permit(peer.ip(), now)?;
        let channel = Channel { number, peer, until: now + CHANNEL_LIFETIME };
        match place {
            Ok(at) => self.channels[at] = channel,
            Err(at) => {
                // A call binds one: without this there would be room for four.
                if self.channels.is_empty() {
                    self.channels.reserve_exact(1);
                }
                self.channels.insert(at, channel);
            }
        }
        Ok(())
    }
}
