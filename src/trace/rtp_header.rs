//! The head of an RTP packet (RFC 3550, section 5.1).

/// What a captured packet says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader<'a> {
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// Sequence number as on the wire.
    pub seq: u16,
    /// Timestamp as on the wire.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
    /// What stands behind the header, without padding.
    pub payload: &'a [u8],
}

impl<'a> RtpHeader<'a> {
    /// Reads a packet; `None` when it cannot be RTP, or is RTCP beside it on the same port (RFC 5761, section 4).
    pub fn parse(packet: &'a [u8]) -> Option<RtpHeader<'a>> {
        let (head, rest) = packet.split_first_chunk::<12>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *head;
        let payload_type = second & 0x7f;
        if first >> 6 != 2 || (64..96).contains(&payload_type) {
            return None;
        }
        let mut payload = rest.get(4 * usize::from(first & 0x0f)..)?;
        if first & 0x10 != 0 {
            let (extension, behind) = payload.split_first_chunk::<4>()?;
            let words = usize::from(u16::from_be_bytes([extension[2], extension[3]]));
            payload = behind.get(4 * words..)?;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding.max(1))?)?;
        }
        Some(RtpHeader {
            payload_type,
            marker: second & 0x80 != 0,
            seq: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0xef, 0, 7, 0, 0, 3, 0xc0, 0, 0, 0, 5, 9, 8];

    #[test]
    fn a_plain_packet_reads() {
        let header = RtpHeader::parse(&PLAIN).unwrap();
        assert_eq!((header.payload_type, header.marker, header.seq), (111, true, 7));
        assert_eq!((header.timestamp, header.ssrc, header.payload), (960, 5, &[9, 8][..]));
    }

    #[test]
    fn sources_extension_and_padding_are_passed_over() {
        let mut packet = PLAIN[..12].to_vec();
        packet[0] = 0xb1;
        packet.extend([1, 2, 3, 4]);
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        packet.extend([9, 8, 0, 2]);
        assert_eq!(RtpHeader::parse(&packet).unwrap().payload, [9, 8]);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_none() {
        for end in 0..12 {
            assert_eq!(RtpHeader::parse(&PLAIN[..end]), None);
        }
        let changed = |at: usize, byte: u8| {
            let mut packet = PLAIN;
            packet[at] = byte;
            RtpHeader::parse(&packet).is_some()
        };
        assert!(!changed(0, 0x00), "STUN");
        assert!(!changed(1, 200), "a sender report");
        assert!(!changed(0, 0x8f), "fifteen sources that are not there");
        assert!(!changed(0, 0xa0), "more padding than there is");
    }
}
