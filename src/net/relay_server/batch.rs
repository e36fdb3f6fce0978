//! Many datagrams in one system call: `recvmmsg`, `sendmmsg`, and segmentation by the kernel where several go to the
//! same address. Beside
//! the `bpf` system call the only unsafe code of the net room.
//!
//! Both ends own their buffers. Headers and pointers into them are made anew on the stack for each call, so that no
//! pointer outlives the borrow that it came from.
#![expect(unsafe_code, reason = "neither std nor socket2 nor rustix has recvmmsg")]

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Datagrams in one call: more no longer shortens the time for each.
pub(super) const BATCH: usize = 64;

/// Room for one datagram. WebRTC's have 1,200 bytes and an Ethernet frame 1,500; what is longer is dropped.
pub(super) const DATAGRAM_BYTES: usize = 2048;

/// Datagrams that the kernel cuts out of one message, and bytes in it (`UDP_MAX_SEGMENTS`, the length of a datagram).
const MAX_SEGMENTS: u16 = 64;
const MAX_MESSAGE_BYTES: usize = 65_000;

/// A socket address as the kernel has it: family, port, address.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Name([u8; 28]);

impl Name {
    const EMPTY: Self = Self([0; 28]);
    const V4_BYTES: libc::socklen_t = 16;
    const V6_BYTES: libc::socklen_t = 28;

    fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut name = [0; 28];
        name[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(address) => {
                name[..2].copy_from_slice(&(libc::AF_INET as libc::sa_family_t).to_ne_bytes());
                name[4..8].copy_from_slice(&address.ip().octets());
                (Self(name), Self::V4_BYTES)
            }
            SocketAddr::V6(address) => {
                name[..2].copy_from_slice(&(libc::AF_INET6 as libc::sa_family_t).to_ne_bytes());
                name[8..24].copy_from_slice(&address.ip().octets());
                name[24..].copy_from_slice(&address.scope_id().to_ne_bytes());
                (Self(name), Self::V6_BYTES)
            }
        }
    }

    /// The address, if it is one of the internet's.
    fn address(&self) -> Option<SocketAddr> {
        let [f0, f1, p0, p1, rest @ ..] = self.0;
        let port = u16::from_be_bytes([p0, p1]);
        match i32::from(libc::sa_family_t::from_ne_bytes([f0, f1])) {
            libc::AF_INET => {
                let octets: [u8; 4] = rest[..4].try_into().ok()?;
                Some(SocketAddrV4::new(Ipv4Addr::from(octets), port).into())
            }
            libc::AF_INET6 => {
                let octets: [u8; 16] = rest[4..20].try_into().ok()?;
                let scope = u32::from_ne_bytes(rest[20..24].try_into().ok()?);
                Some(SocketAddrV6::new(Ipv6Addr::from(octets), port, 0, scope).into())
            }
            _ => None,
        }
    }
}

/// Datagrams that came in.
pub(super) struct Inbox {
    bytes: Box<[[u8; DATAGRAM_BYTES]]>,
    names: Box<[Name]>,
    /// None for what was too long.
    lengths: [Option<usize>; BATCH],
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![[0; DATAGRAM_BYTES]; BATCH].into_boxed_slice(),
            names: vec![Name::EMPTY; BATCH].into_boxed_slice(),
            lengths: [None; BATCH],
        }
    }

    /// Takes what waits at a socket that does not block, at most `limit` and [`BATCH`] datagrams; fewer than that means
    /// that nothing is left.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, limit: usize) -> io::Result<usize> {
        let limit = limit.min(BATCH);
        let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        for at in 0..limit {
            let piece = pieces[at]
                .write(libc::iovec { iov_base: self.bytes[at].as_mut_ptr().cast(), iov_len: DATAGRAM_BYTES });
            let name = ptr::from_mut(&mut self.names[at]).cast();
            headers[at].write(header(name, Name::V6_BYTES, piece, 1));
        }
        // SAFETY: the first `limit` headers are initialised; each points to one name of 28 bytes and one piece of
        // `DATAGRAM_BYTES`, all of which live in `self` or on this stack beyond the call, and to nothing else.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                limit as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (header, length) in headers.iter().zip(&mut self.lengths).take(received.min(limit)) {
            // SAFETY: initialised above, and filled by the kernel.
            let header = unsafe { header.assume_init_ref() };
            let is_whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            *length = is_whole.then_some((header.msg_len as usize).min(DATAGRAM_BYTES));
        }
        Ok(received.min(limit))
    }

    /// One of the datagrams that the last [`receive`](Self::receive) took; `None` for one that was too long.
    #[inline]
    pub(super) fn datagram(&self, at: usize) -> Option<(SocketAddr, &[u8])> {
        Some((self.names[at].address()?, &self.bytes[at][..self.lengths[at]?]))
    }
}

fn header(
    name: *mut libc::c_void,
    name_bytes: libc::socklen_t,
    pieces: *mut libc::iovec,
    piece_count: usize,
) -> libc::mmsghdr {
    // SAFETY: integers and pointers, for which zero is a value.
    let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
    header.msg_hdr.msg_name = name;
    header.msg_hdr.msg_namelen = name_bytes;
    header.msg_hdr.msg_iov = pieces;
    header.msg_hdr.msg_iovlen = piece_count as _;
    header
}

/// A message to one address: one datagram, or several of which all but the last have the same length.
#[derive(Debug, Clone, Copy)]
struct Outgoing {
    to: SocketAddr,
    start: usize,
    end: usize,
    segment_bytes: u16,
    segments: u16,
}

/// How the kernel is told to cut a message.
#[repr(C)]
#[derive(Clone, Copy)]
struct Cut {
    header: libc::cmsghdr,
    segment_bytes: u16,
}

/// Datagrams that go out of one socket.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    messages: Vec<Outgoing>,
    /// Whether the kernel takes messages that it has to cut.
    can_cut: bool,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(BATCH * DATAGRAM_BYTES),
            messages: Vec::with_capacity(BATCH),
            can_cut: true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether [`push`](Self::push) finds room.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < BATCH && self.bytes.len() < BATCH * DATAGRAM_BYTES
    }

    /// Puts in a datagram made of these pieces; the caller flushes when there is no room left.
    #[inline]
    pub(super) fn push(&mut self, to: SocketAddr, pieces: [&[u8]; 3]) {
        let start = self.bytes.len();
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        let end = self.bytes.len();
        let bytes = end - start;
        if self.can_cut
            && let Some(last) = self.messages.last_mut()
            && last.to == to
            && last.is_followed_by(bytes)
        {
            last.end = end;
            last.segments += 1;
            return;
        }
        let segment_bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.messages.push(Outgoing { to, start, end, segment_bytes, segments: 1 });
    }

    /// Sends everything and says how many datagrams the system did not take: UDP promises nothing, so none is kept.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) -> usize {
        let (mut done, mut unsent) = (0, 0);
        while done < self.messages.len() {
            match self.send_some(socket, done) {
                Ok(sent) => done += sent.max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = self.messages[done];
                    if message.segments > 1 && error.kind() != io::ErrorKind::WouldBlock {
                        // An old kernel, or a network card without checksums: from now on uncut.
                        self.can_cut = false;
                        unsent += self.send_apart(socket, message);
                    } else {
                        unsent += usize::from(message.segments);
                    }
                    done += 1;
                }
            }
        }
        self.messages.clear();
        self.bytes.clear();
        unsent
    }

    /// Sends the segments of a message one by one.
    fn send_apart(&mut self, socket: BorrowedFd<'_>, message: Outgoing) -> usize {
        let rest = self.messages.split_off(0);
        let mut unsent = 0;
        let mut start = message.start;
        while start < message.end {
            let end = (start + usize::from(message.segment_bytes).max(1)).min(message.end);
            self.messages.push(Outgoing { start, end, segments: 1, ..message });
            unsent += usize::from(self.send_some(socket, 0).is_err());
            self.messages.clear();
            start = end;
        }
        self.messages = rest;
        unsent
    }

    /// One call, from a message on; how many messages the system took.
    fn send_some(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        let mut names = [const { MaybeUninit::<Name>::uninit() }; BATCH];
        let mut pieces = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut cuts = [const { MaybeUninit::<Cut>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let messages = &self.messages[from..];
        let count = messages.len().min(BATCH);
        for (at, message) in messages.iter().take(BATCH).enumerate() {
            let (name, name_bytes) = Name::of(message.to);
            let name = names[at].write(name);
            let bytes = &mut self.bytes[message.start..message.end];
            let piece =
                pieces[at].write(libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() });
            let header = headers[at].write(header(ptr::from_mut(name).cast(), name_bytes, piece, 1));
            if message.segments > 1 {
                let cut = cuts[at].write(Cut::into(message.segment_bytes));
                header.msg_hdr.msg_control = ptr::from_mut(cut).cast();
                header.msg_hdr.msg_controllen = size_of::<Cut>() as _;
            }
        }
        // SAFETY: the first `count` headers are initialised; each points to a name of the length that it says, to one
        // piece inside `self.bytes`, and to a control message of its own or none, all of which live beyond the call.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr().cast(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl Outgoing {
    /// Whether a datagram of this length can be one more segment.
    fn is_followed_by(&self, bytes: usize) -> bool {
        let whole = usize::from(self.segment_bytes) * usize::from(self.segments);
        self.end - self.start == whole
            && bytes <= usize::from(self.segment_bytes)
            && bytes > 0
            && self.segments < MAX_SEGMENTS
            && whole + bytes <= MAX_MESSAGE_BYTES
    }
}

impl Cut {
    fn into(segment_bytes: u16) -> Self {
        // SAFETY: integers, for which zero is a value.
        let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
        header.cmsg_level = libc::SOL_UDP;
        header.cmsg_type = libc::UDP_SEGMENT;
        header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
        Self { header, segment_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    fn socket(address: &str) -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind(address).expect("loopback");
        let address = socket.local_addr().expect("bound");
        (socket, address)
    }

    /// Everything that comes within a while, in order.
    fn collect(socket: &UdpSocket, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut inbox, mut all) = (Inbox::new(), Vec::new());
        let limit = Instant::now() + Duration::from_secs(10);
        while all.len() < count && Instant::now() < limit {
            for at in 0..inbox.receive(socket.as_fd(), BATCH).unwrap_or(0) {
                all.extend(inbox.datagram(at).map(|(from, bytes)| (from, bytes.to_vec())));
            }
        }
        all
    }

    #[test]
    fn what_goes_out_in_batches_comes_in_whole_and_in_order() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let ((from, sender), (to, receiver)) = (socket(host), socket(host));
            let mut outbox = Outbox::new();
            // Runs of one length, then a shorter one, then longer ones: the first are sent as one message.
            let lengths = [100, 100, 100, 40, 100, 200, 200, 1, 2000, 2000];
            let expected: Vec<(SocketAddr, Vec<u8>)> =
                lengths.iter().enumerate().map(|(n, length)| (sender, vec![n as u8; *length])).collect();
            for (_, bytes) in &expected {
                assert!(outbox.has_room());
                outbox.push(receiver, [&bytes[..1], &bytes[1..], &[]]);
            }
            assert!(outbox.messages.len() < lengths.len(), "some were joined");
            assert_eq!(outbox.flush(from.as_fd()), 0);
            assert!(outbox.is_empty());
            assert_eq!(collect(&to, lengths.len()), expected);
        }
    }

    #[test]
    fn a_kernel_that_does_not_cut_is_sent_each_datagram_apart() {
        let ((from, sender), (to, receiver)) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let mut outbox = Outbox::new();
        for n in 0..4 {
            outbox.push(receiver, [&[n; 10], &[], &[]]);
        }
        let message = outbox.messages[0];
        assert_eq!((outbox.messages.len(), message.segments), (1, 4));
        assert_eq!(outbox.send_apart(from.as_fd(), message), 0);
        let expected: Vec<_> = (0..4).map(|n| (sender, vec![n; 10])).collect();
        assert_eq!(collect(&to, 4), expected);
    }

    #[test]
    fn one_address_that_cannot_be_reached_costs_only_its_own() {
        let ((from, sender), (to, receiver)) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let mut outbox = Outbox::new();
        outbox.push(receiver, [b"one", &[], &[]]);
        outbox.push(([255, 255, 255, 255], 9).into(), [b"nowhere", &[], &[]]);
        outbox.push(receiver, [b"two", &[], &[]]);
        assert_eq!(outbox.flush(from.as_fd()), 1);
        assert_eq!(collect(&to, 2), [(sender, b"one".to_vec()), (sender, b"two".to_vec())]);
    }

    #[test]
    fn a_datagram_that_is_too_long_is_dropped_and_an_empty_socket_says_so() {
        let ((from, _), (to, receiver)) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let mut inbox = Inbox::new();
        assert_eq!(inbox.receive(to.as_fd(), BATCH).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        from.send_to(&[7; DATAGRAM_BYTES + 1], receiver).expect("loopback takes it");
        from.send_to(&[7; 3], receiver).expect("loopback takes it");
        assert_eq!(collect(&to, 1).len(), 1);
    }

    #[test]
    fn addresses_go_to_the_kernel_and_back() {
        for text in ["192.0.2.1:3478", "[2001:db8::1]:5349", "[::ffff:192.0.2.1]:1", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(Name::of(address).0.address(), Some(address), "{text}");
        }
        assert_eq!(Name::EMPTY.address(), None);
    }
}
