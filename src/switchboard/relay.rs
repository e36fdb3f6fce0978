//! The STUN and TURN server beside the signaling: where it listens, what it is known as, whom it relays to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use rustls::ServerConfig;

use super::turn_servers::TurnServers;
use crate::net::interfaces::{Loopback, usable_addresses};
use crate::net::relay_server::{KernelRelaying, RelayServer, RelayServerConfig, RelayServerError};
use crate::relay::{self, Logins, Network};
use crate::signaling::IceServer;

/// STUN's and TURN's own port (RFC 8489, RFC 8656).
const PORT: u16 = 3478;

/// Ports after it that are tried when it is taken: by as many other switchboards, in tests mostly.
const PORTS_TO_TRY: u16 = 500;

/// The realm of our credentials: nobody types them, so it only has to be short.
const REALM: &str = "handset";

/// How the embedded STUN and TURN server behaves.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Where to listen, over UDP, TCP and (with a certificate) TLS on the same port. None: on the address of the
    /// signaling, or on every one if `public` is set; port 3478 or the next that is free.
    pub listen: Vec<SocketAddr>,
    /// The addresses by which others reach this machine, one of each family at most. None: where it listens.
    pub public: Vec<IpAddr>,
    /// The name of this machine for others, as its certificate has it. None: its public addresses.
    pub host: Option<String>,
    /// Ports that are lent.
    pub ports: RangeInclusive<u16>,
    /// Networks that may be relayed to although they are not of the internet.
    pub allow_peers: Vec<Network>,
    /// Whether the system's kernel relays what is established.
    pub kernel: KernelRelaying,
    /// How much is given.
    pub limits: relay::Limits,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            public: Vec::new(),
            host: None,
            ports: 49_152..=65_535,
            allow_peers: Vec::new(),
            kernel: KernelRelaying::default(),
            limits: relay::Limits::default(),
        }
    }
}

/// A relay that runs, and how peers find it.
pub(super) struct Started {
    pub(super) server: RelayServer,
    pub(super) stun: IceServer,
    pub(super) turn: TurnServers,
}

/// Starts a relay beside a signaling that listens on `signaling` and may have so many files open.
pub(super) fn start(
    config: &RelayConfig,
    signaling: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    other_files: u64,
) -> Result<Started, RelayServerError> {
    let own = usable_addresses(Loopback::Include).unwrap_or_default();
    let plan = Plan::new(config, signaling, &own);
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| RelayServerError::System {
        what: "randomness",
        source: std::io::Error::other(error.to_string()),
    })?;
    let mut logins = Logins::new();
    logins.add_secret(&secret);
    let public = plan.public_v4.or(plan.public_v6).unwrap_or(signaling.ip());
    let mut core = relay::Config::new(REALM, logins, public);
    (core.public_v4, core.public_v6) = (plan.public_v4, plan.public_v6);
    core.ports = config.ports.clone();
    core.limits = config.limits.clone();
    config.allow_peers.iter().chain(&plan.allowed).for_each(|network| core.policy.allow(*network));
    let has_tls = tls.is_some();
    let server = RelayServer::start(RelayServerConfig {
        listen: plan.listen.clone(),
        ports_to_try: if config.listen.is_empty() { PORTS_TO_TRY } else { 0 },
        tls,
        bind_v4: plan.bind_v4,
        bind_v6: plan.bind_v6,
        other_files,
        kernel: config.kernel,
        core,
    })?;
    let places = plan.places(config.host.as_deref(), server.local_addrs());
    let stun = IceServer {
        urls: places.iter().map(|place| format!("stun:{place}")).collect(),
        username: None,
        credential: None,
    };
    let turn = TurnServers { urls: turn_urls(&places, has_tls), secret: secret.to_vec() };
    Ok(Started { server, stun, turn })
}

/// UDP first: who tries them in order loses no time where it works.
fn turn_urls(places: &[String], has_tls: bool) -> Vec<String> {
    let forms = [("turn:", "udp"), ("turn:", "tcp"), ("turns:", "tcp")];
    let forms = &forms[..if has_tls { 3 } else { 2 }];
    let all = forms.iter().flat_map(|(scheme, transport)| {
        places.iter().map(move |place| format!("{scheme}{place}?transport={transport}"))
    });
    all.collect()
}

/// What follows from the options and from the machine.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    listen: Vec<SocketAddr>,
    public_v4: Option<IpAddr>,
    public_v6: Option<IpAddr>,
    bind_v4: Option<IpAddr>,
    bind_v6: Option<IpAddr>,
    allowed: Vec<Network>,
}

impl Plan {
    /// `own` are the addresses of this machine, the most useful first.
    fn new(config: &RelayConfig, signaling: SocketAddr, own: &[IpAddr]) -> Self {
        let listen = match config.listen.as_slice() {
            [] => vec![SocketAddr::new(default_ip(config, signaling), PORT)],
            given => given.to_vec(),
        };
        let public = |is_v4: bool| public_ip(config, &listen, own, is_v4);
        let (public_v4, public_v6) = (public(true), public(false));
        let bind = |public: Option<IpAddr>| public.map(|ip| bind_ip(ip, &listen, own));
        let is_home = listen.iter().all(|address| address.ip().is_loopback());
        Self {
            public_v4,
            public_v6,
            bind_v4: bind(public_v4),
            bind_v6: bind(public_v6),
            // Who reaches a loopback address reaches all of this machine's without us.
            allowed: if is_home { home(own) } else { Vec::new() },
            listen,
        }
    }

    /// `HOST:PORT` of each listener, as others see it.
    fn places(&self, host: Option<&str>, local: &[SocketAddr]) -> Vec<String> {
        let mut places = Vec::new();
        for address in local {
            let ips = match address.ip() {
                IpAddr::V4(_) => [self.public_v4, None],
                // A wildcard takes both families in.
                IpAddr::V6(ip) if ip.is_unspecified() => [self.public_v4, self.public_v6],
                IpAddr::V6(_) => [self.public_v6, None],
            };
            match host {
                Some(host) => places.push(format!("{host}:{}", address.port())),
                None => places
                    .extend(ips.iter().flatten().map(|ip| SocketAddr::new(*ip, address.port()).to_string())),
            }
        }
        places.dedup();
        places
    }
}

/// Beside the signaling; a machine that has a public address is there for everybody.
fn default_ip(config: &RelayConfig, signaling: SocketAddr) -> IpAddr {
    match config.public.as_slice() {
        [] => signaling.ip(),
        public if public.iter().any(IpAddr::is_ipv6) => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The address that peers are told, of one family.
fn public_ip(config: &RelayConfig, listen: &[SocketAddr], own: &[IpAddr], is_v4: bool) -> Option<IpAddr> {
    if !config.public.is_empty() {
        return config.public.iter().copied().find(|ip| ip.is_ipv4() == is_v4);
    }
    let is_any = |address: &&SocketAddr| address.ip().is_unspecified();
    let given = listen.iter().map(SocketAddr::ip).find(|ip| ip.is_ipv4() == is_v4 && !ip.is_unspecified());
    given.or_else(|| {
        // `[::]` takes IPv4 in as well.
        listen.iter().filter(is_any).find(|address| address.is_ipv6() || is_v4)?;
        own.iter().copied().find(|ip| ip.is_ipv4() == is_v4 && !ip.is_loopback())
    })
}

/// The local address that stands for a public one: the one that is listened on, or itself where it is this machine's, or
/// whichever the system chooses, as behind a NAT that maps one to one.
fn bind_ip(public: IpAddr, listen: &[SocketAddr], own: &[IpAddr]) -> IpAddr {
    let fits = |ip: &IpAddr| ip.is_ipv4() == public.is_ipv4() && !ip.is_unspecified();
    let listened = listen.iter().map(SocketAddr::ip).find(fits);
    let any: IpAddr = match public {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    listened.or_else(|| own.contains(&public).then_some(public)).unwrap_or(any)
}

/// This machine itself.
fn home(own: &[IpAddr]) -> Vec<Network> {
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    loopback.iter().chain(own).map(|ip: &IpAddr| Network::from(*ip)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNALING: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);

    fn own() -> Vec<IpAddr> {
        ["192.168.1.5", "2600::5", "127.0.0.1", "::1"].map(|ip| ip.parse().unwrap()).to_vec()
    }

    fn plan(listen: &[&str], public: &[&str], signaling: SocketAddr) -> Plan {
        let config = RelayConfig {
            listen: listen.iter().map(|address| address.parse().unwrap()).collect(),
            public: public.iter().map(|ip| ip.parse().unwrap()).collect(),
            ..RelayConfig::default()
        };
        Plan::new(&config, signaling, &own())
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn at_home_it_stands_beside_the_signaling_and_relays_within_this_machine() {
        let plan = plan(&[], &[], SIGNALING.into());
        assert_eq!(plan.listen, ["127.0.0.1:3478".parse().unwrap()]);
        assert_eq!((plan.public_v4, plan.bind_v4), (ip("127.0.0.1"), ip("127.0.0.1")));
        assert_eq!((plan.public_v6, plan.bind_v6), (None, None));
        assert!(plan.allowed.iter().any(|network| network.contains([192, 168, 1, 5].into())));
        assert!(!plan.allowed.iter().any(|network| network.contains([192, 168, 1, 6].into())));
    }

    #[test]
    fn with_a_public_address_it_listens_everywhere_and_relays_to_the_internet_alone() {
        let plan = plan(&[], &["203.0.113.9"], SIGNALING.into());
        assert_eq!(plan.listen, ["0.0.0.0:3478".parse().unwrap()]);
        // A NAT has the public address; what is bound is the system's choice.
        assert_eq!((plan.public_v4, plan.bind_v4), (ip("203.0.113.9"), ip("0.0.0.0")));
        assert!(plan.allowed.is_empty());
        let both = self::plan(&[], &["192.168.1.5", "2600::5"], SIGNALING.into());
        assert_eq!(both.listen, ["[::]:3478".parse().unwrap()]);
        assert_eq!((both.bind_v4, both.bind_v6), (ip("192.168.1.5"), ip("2600::5")));
    }

    #[test]
    fn a_wildcard_without_a_public_address_is_known_by_the_machines_own() {
        let plan = plan(&[], &[], ([0, 0, 0, 0], 8080).into());
        assert_eq!((plan.public_v4, plan.bind_v4), (ip("192.168.1.5"), ip("192.168.1.5")));
        assert_eq!(plan.places(None, &["0.0.0.0:3479".parse().unwrap()]), ["192.168.1.5:3479"]);
        let six = self::plan(&["[::]:3478"], &[], SIGNALING.into());
        assert_eq!((six.public_v4, six.public_v6), (ip("192.168.1.5"), ip("2600::5")));
        let places = six.places(None, &six.listen);
        assert_eq!(places, ["192.168.1.5:3478", "[2600::5]:3478"]);
    }

    #[test]
    fn peers_are_told_every_way_to_it_udp_first() {
        let places = ["relay.example:3478".to_owned(), "relay.example:443".to_owned()];
        let listen = ["0.0.0.0:3478", "0.0.0.0:443"];
        let plan = plan(&listen, &["203.0.113.9"], SIGNALING.into());
        assert_eq!(plan.places(Some("relay.example"), &plan.listen), places);
        assert_eq!(
            turn_urls(&places, true),
            [
                "turn:relay.example:3478?transport=udp",
                "turn:relay.example:443?transport=udp",
                "turn:relay.example:3478?transport=tcp",
                "turn:relay.example:443?transport=tcp",
                "turns:relay.example:3478?transport=tcp",
                "turns:relay.example:443?transport=tcp",
            ]
        );
        assert_eq!(turn_urls(&places[..1], false).len(), 2);
    }
}
