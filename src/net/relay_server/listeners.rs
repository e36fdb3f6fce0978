//! Where clients come in: UDP and TCP on the same port.

use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, UdpSocket};

use super::config::RelayServerError;

/// What the system is asked to hold for us while we are busy: thousands of datagrams of a call. It gives what it may.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// One address that is listened on.
pub(super) struct Listener {
    pub(super) local: SocketAddr,
    pub(super) udp: UdpSocket,
    pub(super) tcp: TcpListener,
    /// Edge-triggered: stays true until a read would block.
    pub(super) is_readable: bool,
    pub(super) is_acceptable: bool,
}

impl Listener {
    /// Takes a port, or one of the next where it is taken. Port 0 lets the system choose.
    pub(super) fn bind(address: SocketAddr, ports_to_try: u16) -> Result<Self, RelayServerError> {
        let mut address = address;
        for _ in 0..=ports_to_try {
            match Self::bind_both(address) {
                Ok(listener) => return Ok(listener),
                Err(source) if source.kind() == io::ErrorKind::AddrInUse => {
                    if address.port() == u16::MAX {
                        break;
                    }
                    // Port 0: the one that UDP was given is taken for TCP. Another try, another port.
                    if address.port() != 0 {
                        address.set_port(address.port() + 1);
                    }
                }
                Err(source) => return Err(RelayServerError::Listen { address, source }),
            }
        }
        Err(RelayServerError::InUse { address })
    }

    fn bind_both(address: SocketAddr) -> io::Result<Self> {
        let udp = std::net::UdpSocket::bind(address)?;
        udp.set_nonblocking(true)?;
        // Best effort: what the system allows is what there is.
        let _ = socket2::SockRef::from(&udp).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        let local = udp.local_addr()?;
        Ok(Self {
            local,
            udp: UdpSocket::from_std(udp),
            tcp: listen(local)?,
            is_readable: true,
            is_acceptable: true,
        })
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    // A port whose last connections are still in TIME_WAIT is free.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_transports_have_the_same_port_and_the_next_free_one_is_found() {
        let first = Listener::bind(([127, 0, 0, 1], 0).into(), 8).expect("a free port");
        let address = first.tcp.local_addr().expect("bound");
        assert_eq!((first.local, first.udp.local_addr().expect("bound")), (address, address));
        assert!(matches!(Listener::bind(address, 0), Err(RelayServerError::InUse { .. })));
        let second = Listener::bind(address, 50).expect("one of the next is free");
        assert!(second.local.port() > address.port());
    }

    #[test]
    fn an_address_that_is_not_ours_is_said() {
        let error = Listener::bind(([192, 0, 2, 1], 0).into(), 0).err().expect("not of this machine");
        assert!(error.to_string().starts_with("can't listen on 192.0.2.1:0 for the relay: "), "{error}");
    }
}
