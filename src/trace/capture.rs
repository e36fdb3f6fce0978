//! One stream out of a capture.

use std::collections::HashMap;
use std::sync::Arc;

use super::{RtpHeader, TraceError, pcap, rtpdump};
use crate::rtp::{
    OpusPacketInfo, PayloadFormat, RtpTimestamp, Samples, Seq, SeqExtender, TimestampExtender, red,
};

/// Streams of one capture that are told apart.
const MAX_STREAMS: usize = 4096;
/// Packets that must follow one another as their lengths say for a stream to be unencrypted Opus.
const LEAST_SHARE: f64 = 0.5;
/// A stream of fewer packets is none.
const LEAST_PACKETS: usize = 10;

/// Which stream of a capture is meant; the default is the one with the most packets of Opus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamChoice {
    /// This source.
    pub ssrc: Option<u32>,
}

/// A stream as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Its source.
    pub ssrc: u32,
    /// Its packets, in the order of the file.
    pub packets: Vec<Captured>,
}

/// A packet of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// When it arrived, in microseconds since the capture began.
    pub at_us: u64,
    /// Extended sequence number.
    pub seq: Seq,
    /// Extended media time.
    pub timestamp: RtpTimestamp,
    /// The marker bit.
    pub marker: bool,
    /// How its payload is read, found out from the payloads.
    pub format: PayloadFormat,
    /// Its payload.
    pub payload: Arc<[u8]>,
}

impl Capture {
    /// Picks a stream of Opus out of an rtpdump or a pcap file.
    ///
    /// # Errors
    /// [`TraceError`] as the formats say, and [`TraceError::NoStream`] if there is no stream of Opus that could be read:
    /// encrypted ones look alike.
    pub fn parse(file: &[u8], choice: StreamChoice) -> Result<Capture, TraceError> {
        let datagrams = match file.starts_with(rtpdump::MAGIC) {
            true => rtpdump::packets(file)?,
            false => pcap::datagrams(file)?,
        };
        let mut streams: HashMap<u32, Vec<(u64, RtpHeader<'_>)>> = HashMap::new();
        for (at_us, datagram) in datagrams {
            let Some(header) = RtpHeader::parse(datagram) else { continue };
            let known = streams.len() < MAX_STREAMS || streams.contains_key(&header.ssrc);
            if known && choice.ssrc.is_none_or(|wanted| wanted == header.ssrc) {
                streams.entry(header.ssrc).or_default().push((at_us, header));
            }
        }
        let mut readable: Vec<Capture> = streams.into_values().filter_map(|stream| read(&stream)).collect();
        // The longest; of two that are as long always the same.
        readable.sort_by_key(|capture| (capture.packets.len(), capture.ssrc));
        readable.pop().ok_or(TraceError::NoStream { ssrc: choice.ssrc })
    }
}

/// A stream as Opus, if that is what it is.
fn read(stream: &[(u64, RtpHeader<'_>)]) -> Option<Capture> {
    let ssrc = stream.first()?.1.ssrc;
    let mut types: Vec<u8> = stream.iter().map(|(_, header)| header.payload_type).collect();
    types.sort_unstable();
    types.dedup();
    let formats: HashMap<u8, PayloadFormat> =
        types.into_iter().filter_map(|kind| Some((kind, format_of(stream, kind)?))).collect();
    let (mut seqs, mut timestamps) = (SeqExtender::default(), TimestampExtender::default());
    let packets: Vec<Captured> = stream
        .iter()
        .filter_map(|(at_us, header)| {
            let format = *formats.get(&header.payload_type)?;
            Some(Captured {
                at_us: *at_us,
                seq: seqs.extend(header.seq),
                timestamp: timestamps.extend(header.timestamp),
                marker: header.marker,
                format,
                payload: header.payload.into(),
            })
        })
        .collect();
    (packets.len() >= LEAST_PACKETS).then_some(Capture { ssrc, packets })
}

/// How payloads of one type read, found out from whether each lasts until the timestamp of the next.
fn format_of(stream: &[(u64, RtpHeader<'_>)], payload_type: u8) -> Option<PayloadFormat> {
    let share = |format| {
        let (mut right, mut pairs) = (0, 0);
        for pair in stream.windows(2) {
            let (one, next) = (&pair[0].1, &pair[1].1);
            if one.payload_type == payload_type && next.seq == one.seq.wrapping_add(1) {
                pairs += 1;
                let step = Samples(i64::from(next.timestamp.wrapping_sub(one.timestamp)));
                right += u32::from(duration(format, one.payload) == Some(step));
            }
        }
        f64::from(right) / f64::from(pairs.max(1))
    };
    let (opus, red) = (share(PayloadFormat::Opus), share(PayloadFormat::Red));
    let (best, format) = if red > opus { (red, PayloadFormat::Red) } else { (opus, PayloadFormat::Opus) };
    (best >= LEAST_SHARE).then_some(format)
}

fn duration(format: PayloadFormat, payload: &[u8]) -> Option<Samples> {
    let packet = match format {
        PayloadFormat::Opus => payload,
        PayloadFormat::Red => &payload[red::parse(payload).ok()?.primary().bytes.clone()],
    };
    Some(OpusPacketInfo::parse(packet)?.duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut file = b"#!rtpplay1.0 10.0.0.1/5004\n".to_vec();
        file.extend([0; 16]);
        for (n, packet) in packets.iter().enumerate() {
            file.extend((packet.len() as u16 + 8).to_be_bytes());
            file.extend((packet.len() as u16).to_be_bytes());
            file.extend((n as u32 * 20).to_be_bytes());
            file.extend(packet);
        }
        file
    }

    fn rtp(ssrc: u8, payload_type: u8, n: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type];
        packet.extend(n.to_be_bytes());
        packet.extend((u32::from(n) * 960).to_be_bytes());
        packet.extend([0, 0, 0, ssrc]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn the_longest_readable_stream_is_picked_and_its_format_found() {
        let mut red = Vec::new();
        red::write(111, &[(Samples(960), &[31 << 3, 1])], &[31 << 3, 2], &mut red).unwrap();
        let mut packets = Vec::new();
        for n in 65_500..=65_535u16 {
            packets.push(rtp(1, 111, n, &[31 << 3, 1, 2]));
            packets.push(rtp(2, 63, n, &red));
            packets.push(rtp(2, 63, n.wrapping_add(36), &red));
            // Encrypted: what looks like a head changes from packet to packet.
            let scrambled = [77, 151, 201, 233].map(|factor| (n as u8).wrapping_mul(factor));
            packets.push(rtp(3, 111, n, &scrambled));
        }
        let file = dump(&packets);
        let capture = Capture::parse(&file, StreamChoice { ssrc: Some(1) }).unwrap();
        assert_eq!((capture.ssrc, capture.packets.len()), (1, 36));
        assert_eq!(capture.packets[0].format, PayloadFormat::Opus);
        assert_eq!(
            Capture::parse(&file, StreamChoice { ssrc: Some(3) }),
            Err(TraceError::NoStream { ssrc: Some(3) })
        );
    }

    #[test]
    fn redundancy_is_recognised_and_counters_go_on_past_their_wrap() {
        let mut red = Vec::new();
        red::write(111, &[(Samples(960), &[31 << 3, 1])], &[31 << 3, 2], &mut red).unwrap();
        let packets: Vec<Vec<u8>> = (0..40u16).map(|n| rtp(2, 63, n.wrapping_add(65_520), &red)).collect();
        let capture = Capture::parse(&dump(&packets), StreamChoice::default()).unwrap();
        assert!(capture.packets.iter().all(|packet| packet.format == PayloadFormat::Red));
        assert!(capture.packets.windows(2).all(|pair| pair[1].seq.since(pair[0].seq) == 1));
    }
}
