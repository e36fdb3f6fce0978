//! The STUN and TURN servers that are known: those of the command line, and those that the switchboard names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;

use crate::ice::gather::{MAX_SERVERS, Server, Trouble};
use crate::ice::turn::Login;
use crate::ice::{Carrier, ServerUri, Service};
use crate::net::{Answer, Names, Wake, tls};
use crate::signaling;

use super::{IceOptions, IceServer, PeerError};

/// How long the addresses of a name are taken for its addresses: about as long as names live in the caches of others.
const NAME_LIFE: Duration = Duration::from_secs(300);

/// One server and what is known of its name.
struct Known {
    server: IceServer,
    addresses: Option<Result<Vec<SocketAddr>, String>>,
}

/// Whether `turns:` can be spoken.
enum Tls {
    /// Nobody needs it.
    Unread,
    Reading,
    Read(Result<Arc<ClientConfig>, String>),
}

/// All servers of a peer.
pub(super) struct Servers {
    fixed: Vec<Known>,
    given: Vec<Known>,
    use_given: bool,
    names: Names,
    extra_roots: Vec<CertificateDer<'static>>,
    tls: Tls,
    resolved_at: Option<Instant>,
}

/// A server that can be asked, or why it cannot.
pub(super) type Usable = Result<Server, (ServerUri, Trouble)>;

impl Servers {
    /// Begins to resolve the names of the options' own servers.
    ///
    /// # Errors
    /// The file of certificates cannot be used.
    pub(super) fn new(options: &IceOptions, wake: Wake) -> Result<Self, PeerError> {
        let extra_roots = match &options.turn_ca {
            Some(path) => tls::read_certificates(path)
                .map_err(|found| PeerError::TurnCa { path: path.clone(), found })?,
            None => Vec::new(),
        };
        let known = |server: &IceServer| Known { server: server.clone(), addresses: None };
        let mut servers = Self {
            fixed: options.servers.iter().map(known).collect(),
            given: Vec::new(),
            use_given: options.use_given_servers,
            names: Names::new(wake),
            extra_roots,
            tls: Tls::Unread,
            resolved_at: None,
        };
        servers.resolve_unknown();
        Ok(servers)
    }

    /// The servers that the switchboard names, instead of those before. Gives those that can be asked at once, with
    /// their new credentials.
    pub(super) fn set_given(&mut self, given: &[signaling::IceServer]) -> Vec<Usable> {
        if !self.use_given {
            return Vec::new();
        }
        let read = given.iter().flat_map(read_server).take(MAX_SERVERS);
        let before = std::mem::take(&mut self.given);
        self.given = read
            .map(|server| {
                let same = |known: &&Known| place(&known.server.uri) == place(&server.uri);
                let addresses = before.iter().find(same).and_then(|known| known.addresses.clone());
                Known { server, addresses }
            })
            .collect();
        self.resolve_unknown();
        self.usable()
    }

    /// Asks anew for names whose addresses are old; those are used until the answer is there.
    pub(super) fn refresh(&mut self, now: Instant) {
        match self.resolved_at {
            Some(at) if now.saturating_duration_since(at) < NAME_LIFE => return,
            None => {}
            Some(_) => self.ask(|_| true),
        }
        self.resolved_at = Some(now);
    }

    fn resolve_unknown(&mut self) {
        self.ask(|known| known.addresses.is_none());
    }

    fn ask(&mut self, which: impl Fn(&Known) -> bool) {
        let mut asked = Vec::new();
        for known in self.fixed.iter_mut().chain(&mut self.given) {
            let uri = &known.server.uri;
            if let Some(ip) = uri.ip() {
                known.addresses = Some(Ok(vec![SocketAddr::new(ip, uri.port())]));
            } else if which(known) && !asked.contains(&place(&known.server.uri)) {
                asked.push(place(&known.server.uri));
            }
        }
        for (host, port) in asked {
            self.names.resolve(&host, port);
        }
        let needs_tls = |known: &Known| known.server.uri.service() == Service::Turn(Carrier::Tls);
        if matches!(self.tls, Tls::Unread) && self.all().any(needs_tls) {
            self.tls = Tls::Reading;
            self.names.read_roots(self.extra_roots.clone());
        }
    }

    /// Takes the answers that have come; gives the servers that can be asked by them.
    pub(super) fn poll(&mut self) -> Vec<Usable> {
        let mut news = false;
        while let Some(answer) = self.names.poll() {
            news = true;
            match answer {
                Answer::Name { host, port, addresses } => self.on_name(&host, port, &addresses),
                Answer::Tls(config) => self.tls = Tls::Read(config),
            }
        }
        if news { self.usable() } else { Vec::new() }
    }

    fn on_name(&mut self, host: &str, port: u16, addresses: &Result<Vec<SocketAddr>, String>) {
        for known in self.fixed.iter_mut().chain(&mut self.given) {
            if known.server.uri.host() == host && known.server.uri.port() == port {
                // A resolver that fails now does not undo what it knew before.
                match (&known.addresses, addresses) {
                    (Some(Ok(_)), Err(_)) => {}
                    _ => known.addresses = Some(addresses.clone()),
                }
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Known> {
        self.fixed.iter().chain(&self.given)
    }

    /// The servers whose names are resolved.
    pub(super) fn usable(&self) -> Vec<Usable> {
        self.all().filter_map(|known| self.usable_one(known)).collect()
    }

    fn usable_one(&self, known: &Known) -> Option<Usable> {
        let uri = known.server.uri.clone();
        let is_tls = uri.service() == Service::Turn(Carrier::Tls);
        match (&self.tls, known.addresses.as_ref()?) {
            (Tls::Unread | Tls::Reading, _) if is_tls => None,
            (Tls::Read(Err(why)), _) if is_tls => Some(Err((uri, Trouble::Stream(why.clone())))),
            (_, Err(why)) => Some(Err((uri, Trouble::Name(why.clone())))),
            (_, Ok(addresses)) => {
                let (addresses, login) = (addresses.clone(), known.server.login.clone());
                Some(Ok(Server { uri, addresses, login }))
            }
        }
    }

    /// Whether every name has its answer.
    pub(super) fn are_resolved(&self) -> bool {
        self.all().all(|known| self.usable_one(known).is_some())
    }

    /// The settings of TLS, once they were needed and read.
    pub(super) fn tls(&self) -> Option<Arc<ClientConfig>> {
        match &self.tls {
            Tls::Read(Ok(config)) => Some(config.clone()),
            _ => None,
        }
    }
}

fn place(uri: &ServerUri) -> (String, u16) {
    (uri.host().to_owned(), uri.port())
}

/// What the switchboard names, as far as it makes sense; the rest is for other clients.
fn read_server(given: &signaling::IceServer) -> Vec<IceServer> {
    let login = given.username.as_deref().zip(given.credential.as_ref());
    let login = login.and_then(|(name, password)| Login::new(name, password.as_str()).ok());
    let read = |url: &String| match url.parse::<ServerUri>() {
        Ok(uri) => Some(IceServer { login: login.clone().filter(|_| uri.service() != Service::Stun), uri }),
        Err(error) => {
            tracing::debug!(%error, "passed over a server that the switchboard named");
            None
        }
    };
    given.urls.iter().take(MAX_SERVERS).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn given(url: &str, password: &str) -> signaling::IceServer {
        signaling::IceServer {
            urls: vec![url.into(), "turn:[nonsense".into()],
            username: Some("1763719200:alice".into()),
            credential: Some(password.into()),
        }
    }

    fn servers(options: &IceOptions) -> Servers {
        Servers::new(options, Arc::new(|| {})).expect("no file to read")
    }

    #[test]
    fn addresses_need_no_resolver_and_stun_no_password() {
        let mut servers = servers(&IceOptions::default());
        let usable = servers.set_given(&[given("turn:192.0.2.1", "a"), given("stun:192.0.2.1", "a")]);
        let [Ok(turn), Ok(stun)] = &usable[..] else { panic!("{usable:?}") };
        assert!(turn.login.is_some() && stun.login.is_none());
        assert_eq!(turn.addresses, ["192.0.2.1:3478".parse().expect("an address")]);
        assert!(servers.are_resolved());
    }

    #[test]
    fn renewed_credentials_replace_those_before() {
        let mut servers = servers(&IceOptions::default());
        servers.set_given(&[given("turn:192.0.2.1", "old")]);
        let usable = servers.set_given(&[given("turn:192.0.2.1", "new")]);
        let [Ok(turn)] = &usable[..] else { panic!("{usable:?}") };
        assert_eq!(turn.login, Login::new("1763719200:alice", "new").ok());
    }

    #[test]
    fn servers_of_the_switchboard_can_be_refused() {
        let options = IceOptions { use_given_servers: false, ..IceOptions::default() };
        assert!(servers(&options).set_given(&[given("turn:192.0.2.1", "a")]).is_empty());
    }

    #[test]
    fn a_name_is_usable_once_it_is_resolved() {
        let (woken, wakes) = channel();
        let uri = "stun:localhost:9".parse().expect("a URI");
        let options = IceOptions { servers: vec![IceServer { uri, login: None }], ..IceOptions::default() };
        let wake: Wake = Arc::new(move || {
            let _ = woken.send(());
        });
        let mut servers = Servers::new(&options, wake).expect("no file to read");
        assert!(servers.usable().is_empty() && !servers.are_resolved());
        wakes.recv_timeout(Duration::from_secs(60)).expect("an answer");
        assert!(matches!(&servers.poll()[..], [Ok(_)]));
        assert!(servers.are_resolved());
    }
}
