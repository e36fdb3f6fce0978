//! A UDP datagram in an Ethernet frame, built and taken apart with nothing in common with the program.

use std::net::SocketAddrV4;

/// What stands in the checksum field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checksum {
    /// The right one.
    Whole,
    /// None.
    Zero,
    /// The sum of the pseudo-header, for a network card to complete.
    Partial,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) from: SocketAddrV4,
    pub(super) to: SocketAddrV4,
    pub(super) data: Vec<u8>,
    pub(super) checksum: Checksum,
}

impl Datagram {
    /// The frame, for the interface with this hardware address.
    pub(super) fn to_frame(&self, hardware: [u8; 6]) -> Vec<u8> {
        let udp_bytes = 8 + self.data.len() as u16;
        let mut udp = Vec::new();
        for number in [self.from.port(), self.to.port(), udp_bytes, 0] {
            udp.extend_from_slice(&number.to_be_bytes());
        }
        udp.extend_from_slice(&self.data);
        let pseudo = pseudo_header(self.from, self.to, udp_bytes);
        let checksum = match self.checksum {
            Checksum::Whole => match !sum(&[&pseudo, &udp]) {
                0 => 0xffff,
                checksum => checksum,
            },
            Checksum::Zero => 0,
            Checksum::Partial => sum(&[&pseudo]),
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        let mut ip = vec![0x45, 0xb8, 0, 0, 0x12, 0x34, 0x40, 0, 55, 17, 0, 0];
        ip[2..4].copy_from_slice(&(20 + udp_bytes).to_be_bytes());
        ip.extend_from_slice(&self.from.ip().octets());
        ip.extend_from_slice(&self.to.ip().octets());
        let ip_checksum = !sum(&[&ip]);
        ip[10..12].copy_from_slice(&ip_checksum.to_be_bytes());
        [&hardware[..], &[2, 0, 0, 0, 0, 9], &[8, 0], &ip, &udp].concat()
    }

    /// What a careful receiver makes of a frame.
    pub(super) fn of_frame(frame: &[u8]) -> Result<Self, String> {
        let (ethernet, ip) = frame.split_at_checked(14).ok_or("short")?;
        let (ip, udp) = ip.split_at_checked(20).ok_or("short")?;
        let (head, data) = udp.split_at_checked(8).ok_or("short")?;
        let half = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let address = |at: usize, port: u16| {
            SocketAddrV4::new([ip[at], ip[at + 1], ip[at + 2], ip[at + 3]].into(), port)
        };
        let (from, to) = (address(12, half(head, 0)), address(16, half(head, 2)));
        let expected = [
            (ethernet[12..14] == [8, 0], "IPv4"),
            (ip[0] == 0x45 && ip[1] == 0, "a plain header"),
            (usize::from(half(ip, 2)) == frame.len() - 14, "the total length"),
            (half(ip, 6) == 0, "no fragment, and routers may make some"),
            (ip[8] == 64, "a fresh time to live"),
            (ip[9] == 17, "UDP"),
            (sum(&[ip]) == 0xffff, "the header's checksum"),
            (usize::from(half(head, 4)) == udp.len(), "the datagram's length"),
        ];
        if let Some((_, what)) = expected.iter().find(|(is_met, _)| !is_met) {
            return Err(format!("{what} is wrong: {frame:02x?}"));
        }
        let pseudo = pseudo_header(from, to, half(head, 4));
        let checksum = match half(head, 6) {
            0 => Checksum::Zero,
            _ if sum(&[&pseudo, udp]) == 0xffff => Checksum::Whole,
            _ => return Err(format!("the datagram's checksum is wrong: {frame:02x?}")),
        };
        Ok(Self { from, to, data: data.to_vec(), checksum })
    }
}

fn pseudo_header(from: SocketAddrV4, to: SocketAddrV4, udp_bytes: u16) -> Vec<u8> {
    [&from.ip().octets()[..], &to.ip().octets(), &[0, 17], &udp_bytes.to_be_bytes()].concat()
}

/// RFC 1071, in its plainest form.
pub(super) fn sum(pieces: &[&[u8]]) -> u16 {
    let bytes = pieces.concat();
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}
