//! TURN servers whose credentials are made here, for each peer and for a while.

use std::fmt;
use std::time::{Duration, Instant};

use crate::relay::Credential;
use crate::signaling::{IceServer, IceServers, PeerId};

/// How long a credential is good for new allocations; those that there are outlive it.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// How long after one the next is handed out: the one before is good for as long again, so that a peer that is away
/// for a moment or sees another clock never holds an expired one.
const CREDENTIAL_RENEWAL: Duration = Duration::from_secs(3600);

/// TURN servers that share a secret with the switchboard (coturn: `use-auth-secret`, `static-auth-secret`). `Debug`
/// does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnServers {
    /// `turn:` and `turns:` URIs (RFC 7065).
    pub urls: Vec<String>,
    /// What the credentials are made with.
    pub secret: Vec<u8>,
}

impl fmt::Debug for TurnServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServers").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Makes credentials. Pure: `start` and `start_unix_s` are one moment as the two clocks have it, and everything else
/// follows from the time that is asked about.
#[derive(Debug)]
struct Mint {
    servers: Vec<TurnServers>,
    start: Instant,
    start_unix_s: u64,
}

impl Mint {
    fn for_peer(&self, peer: &PeerId, now: Instant) -> Vec<IceServer> {
        let lives_until = now.saturating_duration_since(self.start) + CREDENTIAL_LIFETIME;
        let expires_unix_s = self.start_unix_s.saturating_add(lives_until.as_secs());
        let with_credential = |servers: &TurnServers| {
            let made = Credential::mint(&servers.secret, peer.as_str(), expires_unix_s);
            IceServer {
                urls: servers.urls.clone(),
                username: Some(made.username),
                credential: Some(made.password.into()),
            }
        };
        self.servers.iter().map(with_credential).collect()
    }
}

/// What peers are told: the servers that are the same for everybody, and these.
pub(super) fn with_credentials(
    ice_servers: IceServers,
    servers: Vec<TurnServers>,
    start: Instant,
    start_unix_s: u64,
) -> IceServers {
    if servers.is_empty() {
        return ice_servers;
    }
    let mint = Mint { servers, start, start_unix_s };
    ice_servers.with_minted(CREDENTIAL_RENEWAL, move |peer, now| mint.for_peer(peer, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_gets_a_credential_of_its_own_that_outlives_the_next_one_being_made() {
        let start = Instant::now();
        let servers =
            vec![TurnServers { urls: vec!["turn:turn.example:3478".to_owned()], secret: b"north".to_vec() }];
        let told = with_credentials(IceServers::default(), servers, start, 1_763_719_200);
        let alice = "alice".parse().expect("an id");
        let made = told.for_peer(&alice, start);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].username.as_deref(), Some("1763726400:alice"));
        let expected = Credential::mint(b"north", "alice", 1_763_726_400);
        assert_eq!(made[0].credential, Some(expected.password.into()));
        let next = told.for_peer(&alice, start + CREDENTIAL_RENEWAL);
        assert_eq!(next[0].username.as_deref(), Some("1763730000:alice"));
        assert!(CREDENTIAL_LIFETIME >= 2 * CREDENTIAL_RENEWAL);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let servers = TurnServers { urls: Vec::new(), secret: b"north".to_vec() };
        assert!(!format!("{servers:?}").contains("north"));
    }
}
