//! The STUN and TURN servers that registered peers are told of.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::id::PeerId;
use super::message::IceServer;

/// Makes the servers of one peer, with credentials that start to live at the given time.
type Mint = Arc<dyn Fn(&PeerId, Instant) -> Vec<IceServer> + Send + Sync>;

/// Servers that are the same for everybody, and servers with credentials made for each peer.
///
/// ```
/// use handset::signaling::{IceServer, IceServers};
/// let stun = IceServer { urls: vec!["stun:stun.example".to_owned()], username: None, credential: None };
/// let servers = IceServers::fixed(vec![stun.clone()]);
/// # use std::time::Instant;
/// # fn now() -> Instant { Instant::now() }
/// assert_eq!(servers.for_peer(&"alice".parse()?, now()), [stun]);
/// # Ok::<(), handset::signaling::IdError>(())
/// ```
#[derive(Clone, Default)]
pub struct IceServers {
    fixed: Vec<IceServer>,
    minted: Option<Minted>,
}

#[derive(Clone)]
struct Minted {
    renewal: Duration,
    mint: Mint,
}

impl IceServers {
    /// Servers that are the same for everybody, and for ever.
    pub fn fixed(servers: Vec<IceServer>) -> Self {
        Self { fixed: servers, minted: None }
    }

    /// Adds one that is the same for everybody.
    #[must_use]
    pub fn with_fixed(mut self, server: IceServer) -> Self {
        self.fixed.push(server);
        self
    }

    /// Adds what `mint` makes for a peer when it registers, and again after each `renewal`; what it makes should live
    /// about twice as long. `mint` is pure: everything about time is in its argument.
    #[must_use]
    pub fn with_minted(
        self,
        renewal: Duration,
        mint: impl Fn(&PeerId, Instant) -> Vec<IceServer> + Send + Sync + 'static,
    ) -> Self {
        Self { minted: Some(Minted { renewal, mint: Arc::new(mint) }), ..self }
    }

    /// All servers of a peer.
    pub fn for_peer(&self, peer: &PeerId, now: Instant) -> Vec<IceServer> {
        let minted = self.minted.as_ref().map(|minted| (minted.mint)(peer, now));
        self.fixed.iter().cloned().chain(minted.into_iter().flatten()).collect()
    }

    /// When a peer that is told its servers now should be told anew.
    pub(super) fn next_renewal(&self, now: Instant) -> Option<Instant> {
        self.minted.as_ref().map(|minted| now + minted.renewal)
    }
}

impl fmt::Debug for IceServers {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renewal = self.minted.as_ref().map(|minted| minted.renewal);
        f.debug_struct("IceServers")
            .field("fixed", &self.fixed.len())
            .field("renewal", &renewal)
            .finish_non_exhaustive()
    }
}
