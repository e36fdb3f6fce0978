//! Files of rtpdump, from rtptools (<https://github.com/irtlab/rtptools>): a line of text, 16 bytes, then packets, each
//! behind its length, its length before it was cut, and the milliseconds since the file began.

use super::TraceError;

/// What a file begins with.
pub const MAGIC: &[u8] = b"#!rtpplay1.0 ";
/// Behind the first line: time, address and port of the source.
const HEAD_BYTES: usize = 16;
/// Longest first line: the magic, an address and a port.
const MAX_LINE_BYTES: usize = 128;

/// The packets of a file, with the microseconds since it began. A packet that was cut off ends the list.
///
/// # Errors
/// [`TraceError::UnknownFormat`] if it is no rtpdump, [`TraceError::HeaderCutOff`] if there is nothing behind its
/// first line, [`TraceError::Malformed`] if a packet claims to be shorter than its own header.
pub fn packets(file: &[u8]) -> Result<Vec<(u64, &[u8])>, TraceError> {
    if !file.starts_with(MAGIC) {
        return Err(TraceError::UnknownFormat);
    }
    let line = file.iter().take(MAX_LINE_BYTES).position(|&byte| byte == b'\n');
    let cut_off = TraceError::HeaderCutOff { bytes: file.len() };
    let mut at = line.ok_or(cut_off.clone())? + 1 + HEAD_BYTES;
    let mut rest = file.get(at..).ok_or(cut_off)?;
    let mut packets = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let ms = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let Some(length) = length.checked_sub(head.len()) else {
            return Err(TraceError::Malformed { expected: "the length of a packet", at });
        };
        let Some((packet, behind)) = behind.split_at_checked(length) else { break };
        // Without a length of its own it is RTCP.
        if head[2..4] != [0, 0] {
            packets.push((u64::from(ms) * 1000, packet));
        }
        at += head.len() + length;
        rest = behind;
    }
    Ok(packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(packets: &[(u32, u16, &[u8])]) -> Vec<u8> {
        let mut file = b"#!rtpplay1.0 10.0.0.1/5004\n".to_vec();
        file.extend([0; HEAD_BYTES]);
        for (ms, original, packet) in packets {
            file.extend((packet.len() as u16 + 8).to_be_bytes());
            file.extend(original.to_be_bytes());
            file.extend(ms.to_be_bytes());
            file.extend(*packet);
        }
        file
    }

    #[test]
    fn packets_come_with_their_time_and_without_rtcp() {
        let file = file(&[(0, 4, b"abcd"), (20, 0, b"rtcp"), (41, 2, b"ef")]);
        assert_eq!(packets(&file).unwrap(), [(0, &b"abcd"[..]), (41_000, b"ef")]);
        assert_eq!(packets(&file[..file.len() - 1]).unwrap().len(), 1, "the last one is cut off");
    }

    #[test]
    fn what_is_no_rtpdump_says_so() {
        assert_eq!(packets(b"RIFF"), Err(TraceError::UnknownFormat));
        assert_eq!(packets(b"#!rtpplay1.0 x"), Err(TraceError::HeaderCutOff { bytes: 14 }));
        let mut short = file(&[(0, 4, b"abcd")]);
        let at = short.len() - 12;
        short[at + 1] = 3;
        assert!(matches!(packets(&short), Err(TraceError::Malformed { at: 43, .. })));
    }
}
