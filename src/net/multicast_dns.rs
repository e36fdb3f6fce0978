//! The sockets of multicast DNS (RFC 6762): on each link one that hears and speaks to the group, and one to ask from.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use mio::event::Event;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::interfaces::Link;
use crate::ice::mdns::{GROUP_V4, GROUP_V6, MAX_MESSAGE_BYTES, PORT};

/// Tokens begin here, far above those of other sockets and of streams.
const FIRST_TOKEN: usize = 1 << 20;

/// Messages of one socket in one turn, so that a flood cannot keep the audio side waiting.
const MAX_MESSAGES_PER_TURN: usize = 16;

/// RFC 6762 section 11: answers have been on this link alone.
const HOPS: u32 = 255;

/// Where a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MulticastTarget {
    /// To the group on every link, from a port of its own: answers come back to it.
    Ask,
    /// To the group on every link, from the group's port: answers go to the group.
    AskFromGroup,
    /// To the group of one link.
    Group(u32),
    /// To one on a link, from the group's port.
    One(u32, SocketAddr),
}

/// A message that came in.
#[derive(Debug)]
pub struct MulticastMessage<'a> {
    /// The link, counted from 0.
    pub link: u32,
    /// Who sent it.
    pub source: SocketAddr,
    /// Its bytes.
    pub payload: &'a [u8],
}

#[derive(Debug)]
struct Ear {
    udp: UdpSocket,
    /// Edge-triggered: stays true until a read would block.
    readable: bool,
}

#[derive(Debug)]
struct Opened {
    group: SocketAddr,
    /// None where another program has the port for itself.
    shared: Option<Ear>,
    own: Option<Ear>,
}

/// The sockets of all links; closed when dropped.
#[derive(Debug)]
pub(super) struct MulticastDns {
    links: Vec<Opened>,
    buffer: Box<[u8; MAX_MESSAGE_BYTES]>,
}

impl MulticastDns {
    /// Opens what can be opened.
    pub(super) fn open(registry: &Registry, links: &[Link]) -> Self {
        let open = |make: fn(&Link) -> io::Result<Socket>, link: &Link, token: usize| {
            let ear = make(link).and_then(|socket| register(registry, socket, Token(FIRST_TOKEN + token)));
            ear.inspect_err(|error| tracing::debug!(%error, ?link, "no multicast DNS here")).ok()
        };
        let links = links.iter().enumerate().map(|(at, link)| Opened {
            group: group(link),
            shared: open(shared, link, 2 * at),
            own: open(own, link, 2 * at + 1),
        });
        Self { links: links.collect(), buffer: Box::new([0; MAX_MESSAGE_BYTES]) }
    }

    /// On how many links the group is heard.
    pub(super) fn heard(&self) -> usize {
        self.links.iter().filter(|link| link.shared.is_some()).count()
    }

    /// Notes that a socket can be read, if the token is one of these.
    pub(super) fn ready(&mut self, event: &Event) {
        let Some(at) = event.token().0.checked_sub(FIRST_TOKEN) else { return };
        let ear = self.links.get_mut(at / 2).and_then(|link| match at % 2 {
            0 => link.shared.as_mut(),
            _ => link.own.as_mut(),
        });
        if let Some(ear) = ear {
            ear.readable = true;
        }
    }

    /// Whether something waits that no further edge will tell of.
    pub(super) fn is_pending(&self) -> bool {
        let ears = self.links.iter().flat_map(|link| [&link.shared, &link.own]);
        ears.flatten().any(|ear| ear.readable)
    }

    /// Hands out what came.
    pub(super) fn receive(&mut self, take: &mut dyn FnMut(MulticastMessage<'_>)) {
        let Self { links, buffer } = self;
        let ears = links.iter_mut().zip(0..).flat_map(|(link, at)| {
            let ears = [link.shared.as_mut(), link.own.as_mut()];
            ears.into_iter().flatten().map(move |ear| (at, ear))
        });
        for (link, ear) in ears.filter(|(_, ear)| ear.readable) {
            for _ in 0..MAX_MESSAGES_PER_TURN {
                match ear.udp.recv_from(&mut buffer[..]) {
                    Ok((length, source)) => {
                        take(MulticastMessage { link, source, payload: &buffer[..length] });
                    }
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(_) => {
                        ear.readable = false;
                        break;
                    }
                }
            }
        }
    }

    /// Sends a message; what the system does not take is lost, as on the way.
    pub(super) fn send(&self, target: MulticastTarget, message: &[u8]) {
        let send = |ear: Option<&Ear>, to: SocketAddr| {
            if let Some(Err(error)) = ear.map(|ear| ear.udp.send_to(message, to)) {
                tracing::trace!(%error, "a message of multicast DNS was not sent");
            }
        };
        let link = |at: u32| self.links.get(at as usize);
        match target {
            MulticastTarget::Ask => {
                self.links.iter().for_each(|link| send(link.own.as_ref(), link.group));
            }
            MulticastTarget::AskFromGroup => {
                self.links
                    .iter()
                    .for_each(|link| send(link.shared.as_ref().or(link.own.as_ref()), link.group));
            }
            MulticastTarget::Group(at) => {
                link(at).into_iter().for_each(|link| send(link.shared.as_ref(), link.group));
            }
            MulticastTarget::One(at, to) => {
                link(at).into_iter().for_each(|link| send(link.shared.as_ref(), to));
            }
        }
    }
}

fn register(registry: &Registry, socket: Socket, token: Token) -> io::Result<Ear> {
    socket.set_nonblocking(true)?;
    let mut udp = UdpSocket::from_std(socket.into());
    registry.register(&mut udp, token, Interest::READABLE)?;
    Ok(Ear { udp, readable: true })
}

fn group(link: &Link) -> SocketAddr {
    match link {
        Link::V4(_) => SocketAddr::from((GROUP_V4, PORT)),
        Link::V6(index) => SocketAddrV6::new(GROUP_V6, PORT, 0, *index).into(),
    }
}

/// A socket that speaks to a link's group.
fn speaker(link: &Link) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(group(link)), Type::DGRAM, Some(Protocol::UDP))?;
    match link {
        Link::V4(address) => {
            socket.set_multicast_if_v4(address)?;
            socket.set_multicast_ttl_v4(HOPS)?;
            socket.set_ttl_v4(HOPS)?;
        }
        Link::V6(index) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_if_v6(*index)?;
            socket.set_multicast_hops_v6(HOPS)?;
            socket.set_unicast_hops_v6(HOPS)?;
        }
    }
    Ok(socket)
}

/// A socket with a port of its own.
fn own(link: &Link) -> io::Result<Socket> {
    let socket = speaker(link)?;
    let address: SocketAddr = match link {
        Link::V4(address) => (*address, 0).into(),
        Link::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A socket on the group's port, which is shared with whoever else speaks multicast DNS on this machine (RFC 6762 section
/// 15). It is bound to the group's address, not to all: what was sent to this machine alone may come from afar, and gets
/// no answer (section 11).
fn shared(link: &Link) -> io::Result<Socket> {
    let socket = speaker(link)?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    // Only what comes by the link that is joined here: else each socket would hear every link.
    #[cfg(target_os = "linux")]
    match link {
        Link::V4(_) => socket.set_multicast_all_v4(false)?,
        Link::V6(_) => socket.set_multicast_all_v6(false)?,
    }
    socket.bind(&group(link).into())?;
    match link {
        Link::V4(address) => socket.join_multicast_v4(&GROUP_V4, address)?,
        Link::V6(index) => socket.join_multicast_v6(&GROUP_V6, *index)?,
    }
    Ok(socket)
}
