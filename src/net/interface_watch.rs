//! Notices that an interface or an address came or went.
//!
//! On Linux the kernel tells it over a netlink socket, which stands among the sockets of the loop; elsewhere the owner
//! has to look at times. What exactly changed is not read: whoever is told lists the addresses anew.

use std::io;

/// What tells of changes.
#[derive(Debug)]
pub(super) struct InterfaceWatch {
    #[cfg(target_os = "linux")]
    socket: std::os::fd::OwnedFd,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Links and addresses.
    Addresses,
    /// These of IPv4, and its routes.
    RoutesV4,
}

impl News {
    /// Groups of `rtnetlink(7)`: 0x1 links, 0x10 IPv4 addresses, 0x40 IPv4 routes, 0x100 IPv6 addresses.
    #[cfg(target_os = "linux")]
    fn groups(self) -> u32 {
        match self {
            Self::Addresses => 0x1 | 0x10 | 0x100,
            Self::RoutesV4 => 0x1 | 0x10 | 0x40,
        }
    }
}

impl InterfaceWatch {
    /// Begins to listen, registered with the poll under `token`.
    #[cfg(target_os = "linux")]
    pub(super) fn register(registry: &mio::Registry, token: mio::Token, news: News) -> io::Result<Self> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, netlink, socket_with};
        use std::os::fd::AsRawFd;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &netlink::SocketAddrNetlink::new(0, news.groups()))?;
        let mut source = mio::unix::SourceFd(&socket.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Self { socket })
    }

    /// Nothing to listen to.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn register(_registry: &mio::Registry, _token: mio::Token, _news: News) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Empties the socket; a full one lost messages, which is one more change.
    pub(super) fn drain(&self) {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::Errno;
            use rustix::net::{RecvFlags, recv};
            let mut buffer = [0; 4096];
            loop {
                match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                    Ok(_) | Err(Errno::INTR | Errno::NOBUFS) => {}
                    Err(_) => return,
                }
            }
        }
    }
}
