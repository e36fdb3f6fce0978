//! How the system would send a datagram: asked by `rtnetlink(7)`, as `ip route get` does.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netdevice, recv, send, socket_with,
};

/// The way to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// The address of ours that it is sent from.
    pub(super) source: Ipv4Addr,
    /// Where it leaves; 0 for an address of this machine.
    pub(super) interface: u32,
    /// The longest packet that the way takes, as far as is known.
    pub(super) mtu: u32,
}

impl Route {
    /// Whether it ends on this machine.
    pub(super) fn is_local(self) -> bool {
        self.interface == 0
    }
}

const GET_ROUTE: u16 = 26;
const NEW_ROUTE: u16 = 24;
const REQUEST: u16 = 1;
const HEADER_BYTES: usize = 16;
const ROUTE_BYTES: usize = 12;

/// Attributes of a route.
const TARGET: u16 = 1;
const SOURCE: u16 = 2;
const INTERFACE: u16 = 4;
const PREFERRED_SOURCE: u16 = 7;
const METRICS: u16 = 8;
const METRIC_MTU: u16 = 2;

/// Types of routes: to others, to this machine.
const UNICAST: u8 = 1;
const LOCAL: u8 = 2;

/// What this machine takes from itself: any datagram.
const LOCAL_MTU: u32 = 65_535;

/// Answers that are older than the last question: there are none, unless one was cut short.
const MAX_OLD_ANSWERS: usize = 8;

/// Asks for routes.
#[derive(Debug)]
pub(super) struct Routes {
    socket: OwnedFd,
    asked: u32,
    /// Of interfaces, until something changes.
    mtus: HashMap<u32, u32>,
}

impl Routes {
    pub(super) fn new() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        Ok(Self { socket, asked: 0, mtus: HashMap::new() })
    }

    /// Something changed in the network.
    pub(super) fn forget(&mut self) {
        self.mtus.clear();
    }

    /// The way to an address, from one of ours or from whichever the system chooses.
    pub(super) fn find(&mut self, target: Ipv4Addr, source: Option<Ipv4Addr>) -> io::Result<Route> {
        self.asked = self.asked.wrapping_add(1);
        send(&self.socket, &question(self.asked, target, source), SendFlags::empty())?;
        let mut buffer = [0; 2048];
        for _ in 0..MAX_OLD_ANSWERS {
            let (length, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
            if let Some(answer) = Answer::parse(&buffer[..length], self.asked) {
                return self.route(answer?, source);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn route(&mut self, answer: Answer, source: Option<Ipv4Addr>) -> io::Result<Route> {
        let nowhere = || io::Error::from(io::ErrorKind::NetworkUnreachable);
        let source = source.or(answer.source).ok_or_else(nowhere)?;
        match (answer.kind, answer.interface) {
            (LOCAL, _) => Ok(Route { source, interface: 0, mtu: LOCAL_MTU }),
            (UNICAST, Some(interface)) => {
                let whole = self.interface_mtu(interface)?;
                let mtu = answer.mtu.filter(|mtu| *mtu > 0).map_or(whole, |mtu| mtu.min(whole));
                Ok(Route { source, interface, mtu })
            }
            _ => Err(nowhere()),
        }
    }

    fn interface_mtu(&mut self, interface: u32) -> io::Result<u32> {
        if let Some(mtu) = self.mtus.get(&interface) {
            return Ok(*mtu);
        }
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let name = netdevice::index_to_name(&socket, interface)?;
        let text = std::fs::read_to_string(format!("/sys/class/net/{name}/mtu"))?;
        let mtu = text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        self.mtus.insert(interface, mtu);
        Ok(mtu)
    }
}

fn question(number: u32, target: Ipv4Addr, source: Option<Ipv4Addr>) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES + ROUTE_BYTES];
    let mut address = |kind: u16, ip: Ipv4Addr| {
        bytes.extend_from_slice(&8u16.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&ip.octets());
    };
    address(TARGET, target);
    source.into_iter().for_each(|source| address(SOURCE, source));
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&GET_ROUTE.to_ne_bytes());
    bytes[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
    bytes[8..12].copy_from_slice(&number.to_ne_bytes());
    let [family, target_bits, source_bits, ..] = &mut bytes[HEADER_BYTES..] else { return bytes };
    (*family, *target_bits) = (libc::AF_INET as u8, 32);
    *source_bits = if source.is_some() { 32 } else { 0 };
    bytes
}

/// What the kernel says of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Answer {
    kind: u8,
    interface: Option<u32>,
    source: Option<Ipv4Addr>,
    mtu: Option<u32>,
}

impl Answer {
    /// None for what answers another question.
    fn parse(bytes: &[u8], number: u32) -> Option<io::Result<Self>> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        if u32::from_ne_bytes(header[8..12].try_into().ok()?) != number {
            return None;
        }
        let length = u32::from_ne_bytes(header[..4].try_into().ok()?) as usize;
        if u16::from_ne_bytes([header[4], header[5]]) != NEW_ROUTE {
            let code = bytes.get(HEADER_BYTES..HEADER_BYTES + 4)?;
            let code = i32::from_ne_bytes(code.try_into().ok()?);
            return Some(Err(io::Error::from_raw_os_error(code.saturating_neg())));
        }
        let body = bytes.get(HEADER_BYTES..length)?;
        let mut answer = Self { kind: *body.get(7)?, ..Self::default() };
        for (kind, value) in Attributes(body.get(ROUTE_BYTES..)?) {
            match kind {
                INTERFACE => answer.interface = number_of(value),
                PREFERRED_SOURCE => {
                    answer.source = value.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets));
                }
                METRICS => {
                    let mtu = Attributes(value).find(|(kind, _)| *kind == METRIC_MTU);
                    answer.mtu = mtu.and_then(|(_, value)| number_of(value));
                }
                _ => {}
            }
        }
        Some(Ok(answer))
    }
}

fn number_of(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Kind and value of one after the other; what is not whole ends it.
struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [l0, l1, k0, k1] = *self.0.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_reaches_itself_without_an_interface() {
        let mut routes = Routes::new().expect("a netlink socket");
        let home = Route { source: Ipv4Addr::LOCALHOST, interface: 0, mtu: LOCAL_MTU };
        assert_eq!(routes.find(Ipv4Addr::LOCALHOST, None).expect("loopback"), home);
        let other = routes.find([127, 0, 0, 9].into(), Some(Ipv4Addr::LOCALHOST)).expect("loopback");
        assert_eq!(other, home);
        assert!(routes.find([127, 0, 0, 1].into(), Some([192, 0, 2, 200].into())).is_err(), "not ours");
        assert!(routes.find(Ipv4Addr::BROADCAST, Some(Ipv4Addr::LOCALHOST)).is_err(), "nobody's");
    }

    #[test]
    fn an_answer_that_is_cut_short_is_no_answer() {
        let mut bytes = question(7, Ipv4Addr::LOCALHOST, None);
        bytes[4..6].copy_from_slice(&NEW_ROUTE.to_ne_bytes());
        bytes[HEADER_BYTES + 7] = UNICAST;
        let whole = Answer::parse(&bytes, 7).expect("it is ours").expect("no error");
        assert_eq!(whole, Answer { kind: UNICAST, ..Answer::default() });
        assert!(Answer::parse(&bytes, 8).is_none());
        for length in 0..bytes.len() {
            assert!(Answer::parse(&bytes[..length], 7).is_none(), "{length}");
        }
    }
}
