//! Captures of tcpdump and Wireshark: pcap
//! (<https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>) and pcapng
//! (<https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>), as far as the UDP in them goes.

use super::TraceError;

/// Interfaces of one pcapng file.
const MAX_INTERFACES: usize = 256;

/// Whether a file begins as one of the two.
pub fn is_pcap(file: &[u8]) -> bool {
    Form::of(file).is_some()
}

/// The payloads of UDP packets, with the microseconds since the first packet. What is no UDP is passed over; a packet
/// that was cut off ends the list.
///
/// # Errors
/// [`TraceError::UnknownFormat`] if it is neither, [`TraceError::HeaderCutOff`], [`TraceError::Malformed`] if a block
/// contradicts itself, [`TraceError::LinkType`] if what was captured is neither Ethernet nor IP.
pub fn datagrams(file: &[u8]) -> Result<Vec<(u64, &[u8])>, TraceError> {
    let frames = match Form::of(file).ok_or(TraceError::UnknownFormat)? {
        Form::Classic { big_endian, nanoseconds } => classic(file, big_endian, nanoseconds)?,
        Form::NextGeneration => next_generation(file)?,
    };
    let mut first_us = None;
    let mut datagrams = Vec::new();
    for frame in frames {
        let began = *first_us.get_or_insert(frame.at_us);
        if let Some(payload) = udp_payload(&frame)? {
            datagrams.push((frame.at_us.saturating_sub(began), payload));
        }
    }
    Ok(datagrams)
}

enum Form {
    Classic { big_endian: bool, nanoseconds: bool },
    NextGeneration,
}

impl Form {
    fn of(file: &[u8]) -> Option<Form> {
        let magic = u32::from_be_bytes(*file.first_chunk()?);
        let classic = |big_endian, nanoseconds| Some(Form::Classic { big_endian, nanoseconds });
        match magic {
            0xa1b2_c3d4 => classic(true, false),
            0xa1b2_3c4d => classic(true, true),
            0xd4c3_b2a1 => classic(false, false),
            0x4d3c_b2a1 => classic(false, true),
            0x0a0d_0d0a => Some(Form::NextGeneration),
            _ => None,
        }
    }
}

/// One packet of a link.
struct LinkFrame<'a> {
    at_us: u64,
    link_type: u32,
    bytes: &'a [u8],
}

/// Words of either byte order.
#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(word) } else { u16::from_le_bytes(word) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let word = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    }
}

fn classic(file: &[u8], big_endian: bool, nanoseconds: bool) -> Result<Vec<LinkFrame<'_>>, TraceError> {
    let order = Order { big_endian };
    let (Some(network), Some(mut rest)) = (order.u32(file, 20), file.get(24..)) else {
        return Err(TraceError::HeaderCutOff { bytes: file.len() });
    };
    // The upper bits say how much of a checksum stands behind each packet.
    let link_type = network & 0x0fff_ffff;
    let mut frames = Vec::new();
    while let (Some(seconds), Some(fraction), Some(length)) =
        (order.u32(rest, 0), order.u32(rest, 4), order.u32(rest, 8))
    {
        let Some(bytes) = rest.get(16..).and_then(|rest| rest.get(..length as usize)) else { break };
        let us = if nanoseconds { fraction / 1000 } else { fraction };
        frames.push(LinkFrame { at_us: u64::from(seconds) * 1_000_000 + u64::from(us), link_type, bytes });
        rest = &rest[16 + bytes.len()..];
    }
    Ok(frames)
}

/// An interface of a pcapng file: its link type, and ticks of its clock in a second.
type Interface = (u32, u64);

fn next_generation(file: &[u8]) -> Result<Vec<LinkFrame<'_>>, TraceError> {
    const SECTION: u32 = 0x0a0d_0d0a;
    const INTERFACE: u32 = 1;
    const PACKET: u32 = 6;
    let mut order = Order { big_endian: true };
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(rest) = file.get(at..).filter(|rest| rest.len() >= 12) {
        if rest.starts_with(&SECTION.to_be_bytes()) {
            order.big_endian = rest[8..12] == [0x1a, 0x2b, 0x3c, 0x4d];
            interfaces.clear();
        }
        let (Some(kind), Some(length)) = (order.u32(rest, 0), order.u32(rest, 4)) else { break };
        let length = length as usize;
        if length < 12 || !length.is_multiple_of(4) {
            return Err(TraceError::Malformed { expected: "the length of a pcapng block", at: at + 4 });
        }
        let Some(body) = rest.get(8..length.saturating_sub(4)) else { break };
        match kind {
            INTERFACE if interfaces.len() < MAX_INTERFACES => interfaces.extend(interface(order, body)),
            PACKET => frames.extend(enhanced_packet(order, body, &interfaces)),
            _ => {}
        }
        at += length;
    }
    Ok(frames)
}

fn interface(order: Order, body: &[u8]) -> Option<Interface> {
    const RESOLUTION: u16 = 9;
    let link_type = u32::from(order.u16(body, 0)?);
    let mut ticks = 1_000_000;
    let mut at = 8;
    // Each option is four bytes or more, and the block has an end.
    while let (Some(code), Some(length)) = (order.u16(body, at), order.u16(body, at + 2)) {
        if code == 0 {
            break;
        }
        if code == RESOLUTION
            && let Some(&power) = body.get(at + 4)
        {
            let base: u64 = if power & 0x80 == 0 { 10 } else { 2 };
            ticks = base.checked_pow(u32::from(power & 0x7f)).unwrap_or(ticks).max(1);
        }
        at += 4 + usize::from(length).next_multiple_of(4);
    }
    Some((link_type, ticks))
}

fn enhanced_packet<'a>(order: Order, body: &'a [u8], interfaces: &[Interface]) -> Option<LinkFrame<'a>> {
    let &(link_type, ticks) = interfaces.get(order.u32(body, 0)? as usize)?;
    let (high, low) = (u64::from(order.u32(body, 4)?), u64::from(order.u32(body, 8)?));
    let bytes = body.get(20..)?.get(..order.u32(body, 12)? as usize)?;
    let at_us = u128::from(high << 32 | low) * 1_000_000 / u128::from(ticks);
    Some(LinkFrame { at_us: at_us.try_into().ok()?, link_type, bytes })
}

/// The payload of the UDP packet in a frame, if it is one.
fn udp_payload<'a>(frame: &LinkFrame<'a>) -> Result<Option<&'a [u8]>, TraceError> {
    let bytes = frame.bytes;
    let packet = match frame.link_type {
        0 | 108 => bytes.get(4..),
        1 => ethernet(bytes),
        12 | 14 | 101 | 228 | 229 => Some(bytes),
        113 => bytes.get(16..),
        276 => bytes.get(20..),
        link_type => return Err(TraceError::LinkType { link_type }),
    };
    Ok(packet.and_then(udp_of_ip))
}

fn ethernet(mut bytes: &[u8]) -> Option<&[u8]> {
    bytes = bytes.get(12..)?;
    // Tags of virtual networks: two at the most.
    for _ in 0..2 {
        if matches!(bytes.first_chunk()?, [0x81, 0] | [0x88, 0xa8]) {
            bytes = bytes.get(4..)?;
        }
    }
    match bytes.split_first_chunk()? {
        ([0x08, 0x00] | [0x86, 0xdd], packet) => Some(packet),
        _ => None,
    }
}

fn udp_of_ip(packet: &[u8]) -> Option<&[u8]> {
    const UDP: u8 = 17;
    let segment = match packet.first()? >> 4 {
        4 => {
            let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x3fff;
            let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            if *packet.get(9)? != UDP || fragment != 0 {
                return None;
            }
            // An offloading card may leave the length at zero.
            let end = if length == 0 { packet.len() } else { length.min(packet.len()) };
            packet.get(4 * usize::from(packet[0] & 0x0f)..end)?
        }
        6 if *packet.get(6)? == UDP => packet.get(40..)?,
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes([*segment.get(4)?, *segment.get(5)?]));
    segment.get(8..length.clamp(8, segment.len().max(8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram that holds `payload`, behind an Ethernet header.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0]);
        frame.extend((28 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x13, 0x88, 0x13, 0x88]);
        frame.extend((8 + payload.len() as u16).to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        frame.extend([0; 3]); // what Ethernet fills up with
        frame
    }

    fn classic_file(frames: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
        let mut file = 0xa1b2_c3d4u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
        for (seconds, us, frame) in frames {
            for word in [*seconds, *us, frame.len() as u32, frame.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        file
    }

    #[test]
    fn a_classic_capture_gives_its_datagrams() {
        let mut other = frame(b"tcp");
        other[23] = 6;
        let file = classic_file(&[(9, 999_000, frame(b"one")), (10, 1, other), (10, 500, frame(b"two"))]);
        assert_eq!(datagrams(&file).unwrap(), [(0, &b"one"[..]), (1500, b"two")]);
        assert_eq!(datagrams(&file[..file.len() - 1]).unwrap().len(), 1, "the last one is cut off");
    }

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = (12 + padded as u32).to_le_bytes();
        let mut block = kind.to_le_bytes().to_vec();
        block.extend(length);
        block.extend(body);
        block.resize(8 + padded, 0);
        block.extend(length);
        block
    }

    #[test]
    fn a_next_generation_capture_gives_its_datagrams_with_the_resolution_of_its_clock() {
        let mut file =
            block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        file.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
        for (ns, payload) in [(5_000_000u32, b"one"), (5_020_000, b"two")] {
            let frame = frame(payload);
            let mut body = Vec::new();
            for word in [0, 0, ns, frame.len() as u32, frame.len() as u32] {
                body.extend(word.to_le_bytes());
            }
            body.extend(frame);
            file.extend(block(6, &body));
        }
        assert!(is_pcap(&file));
        assert_eq!(datagrams(&file).unwrap(), [(0, &b"one"[..]), (20, b"two")]);
    }

    #[test]
    fn what_is_no_capture_says_so() {
        assert_eq!(datagrams(b"RIFF"), Err(TraceError::UnknownFormat));
        assert_eq!(datagrams(&0xa1b2_c3d4u32.to_be_bytes()), Err(TraceError::HeaderCutOff { bytes: 4 }));
        let mut wireless = classic_file(&[(0, 0, frame(b"one"))]);
        wireless[20] = 105;
        assert_eq!(datagrams(&wireless), Err(TraceError::LinkType { link_type: 105 }));
    }
}
