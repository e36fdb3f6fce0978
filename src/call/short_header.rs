//! RTP headers of three bytes in place of twelve: at a hundred packets a second nine bytes are 7.2 kbit/s, and 64 kbit/s
//! leave 30 for the voice.
//!
//! Of a header nearly all is known to whoever has the packets before it, as for RFC 2508 and RFC 5795, which compress the
//! headers of a link. Here both ends of a call do it, where both said so ([`SHORT_HEADERS`](crate::sdp::SHORT_HEADERS)):
//! a short header holds what tells its packet from the others, and the receiver makes the whole one of it before the
//! packet is authenticated, so that a wrong guess is a packet that is dropped and no more.
//!
//! ```text
//!  0                   1                   2
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |1 0|0|F|1| sequence number (10)  |  time (8)   |   with a 0 before the lower seven bits of the number
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! F is the format: Opus, or RED around it. The time is that of the RTP timestamp in steps of 2.5 ms. To anybody else it is
//! RTP (RFC 7983 section 7) with eight or more contributing sources, of which whole headers between two of us have none,
//! and never RTCP (RFC 5761 section 4).
//!
//! What is referred to is the newest packet that was authenticated. No header is short before a report said that one of the
//! sender's stream was, nor where the timestamp jumped, until a report speaks of a packet behind that. A header with a
//! marker or an extension is whole, and extensions come twice a second: whoever lost track finds it again.

use std::borrow::Cow;

/// Bytes of a whole header without sources and extension (RFC 3550 section 5.1), and of a short one.
const WHOLE_BYTES: usize = 12;
/// See [`WHOLE_BYTES`].
const SHORT_BYTES: usize = 3;
/// First byte of a whole header without padding, extension and sources.
const PLAIN: u8 = 0x80;
/// Bits of a first byte that are the same in every short header, and their values.
const FIXED_MASK: u8 = 0b1110_1000;
/// See [`FIXED_MASK`].
const FIXED: u8 = 0b1000_1000;
/// In the first byte of a short header: RED.
const IS_RED: u8 = 0b0001_0000;
/// How many sequence numbers a short header tells apart.
const NUMBERS: u16 = 1 << 10;
/// Steps of the timestamp: the shortest frame of Opus at 48 kHz.
const STEP: u32 = 120;
/// How far a timestamp may be from where it was expected without being a jump: well within what eight bits tell apart,
/// which is 320 ms either way.
const LEEWAY: u32 = 200 * 48;
/// The longest packet of Opus: what takes longer is a pause.
const LONGEST: u32 = 120 * 48;

/// The payload types that headers without a payload type stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct PayloadTypes {
    pub(super) opus: u8,
    pub(super) red: Option<u8>,
}

/// What both directions of a stream remember for short headers.
#[derive(Debug, Default)]
pub(super) struct ShortHeaders {
    wanted: bool,
    agreed: bool,
    sent: Option<Place>,
    /// The packet that a report must speak of before headers may be short; `None` once one did.
    unconfirmed: Option<u16>,
    heard: Option<(u32, Place)>,
}

impl ShortHeaders {
    /// None agreed yet, and none ever unless we want them.
    pub(super) fn wanted(wanted: bool) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// The other side does or does not take them.
    pub(super) fn agree(&mut self, theirs: bool) {
        self.agreed = theirs && self.wanted;
    }

    pub(super) fn are_agreed(&self) -> bool {
        self.agreed
    }

    /// A report says that `highest` is the newest packet of ours that the other side took.
    pub(super) fn confirm(&mut self, highest: u16) {
        let is_behind = |since: u16| highest.wrapping_sub(since) < 1 << 15;
        self.unconfirmed = self.unconfirmed.filter(|since| !is_behind(*since));
    }

    /// A packet with this header was authenticated.
    pub(super) fn heard(&mut self, ssrc: u32, sequence: u16, timestamp: u32) {
        match &mut self.heard {
            Some((of, place)) if *of == ssrc => place.advance(sequence, timestamp),
            heard => *heard = Some((ssrc, Place::first(sequence, timestamp))),
        }
    }

    /// Shortens the header of a packet that leaves, where the other side will know it.
    pub(super) fn shorten(&mut self, datagram: &mut Vec<u8>, types: PayloadTypes) {
        let Some(&[first, second, s0, s1, t0, t1, t2, t3, ..]) = datagram.first_chunk::<WHOLE_BYTES>() else {
            return;
        };
        if !(128..192).contains(&first) || (192..224).contains(&second) {
            return;
        }
        let (sequence, timestamp) = (u16::from_be_bytes([s0, s1]), u32::from_be_bytes([t0, t1, t2, t3]));
        self.follow(sequence, timestamp);
        let format = match second {
            opus if opus == types.opus => 0,
            red if types.red == Some(red) => IS_RED,
            _ => return,
        };
        if !self.agreed || self.unconfirmed.is_some() || first != PLAIN {
            return;
        }
        let number = sequence % NUMBERS;
        let short = [FIXED | format | (number >> 7) as u8, (number & 0x7f) as u8, (timestamp / STEP) as u8];
        datagram.splice(..WHOLE_BYTES, short);
    }

    /// Notes what leaves, and whether the other side will have expected it.
    fn follow(&mut self, sequence: u16, timestamp: u32) {
        match &mut self.sent {
            Some(place) => {
                if !place.expects(sequence, timestamp) {
                    self.unconfirmed = Some(sequence);
                }
                place.advance(sequence, timestamp);
            }
            sent => {
                *sent = Some(Place::first(sequence, timestamp));
                self.unconfirmed = Some(sequence);
            }
        }
    }

    /// What arrived, with a whole header; `None` for a short one that nothing was agreed or heard for.
    pub(super) fn lengthened<'a>(
        &self,
        datagram: &'a [u8],
        types: Option<PayloadTypes>,
    ) -> Option<Cow<'a, [u8]>> {
        let Some((&[first, second, time], rest)) = datagram.split_first_chunk::<SHORT_BYTES>() else {
            return Some(Cow::Borrowed(datagram));
        };
        // Feedback of RTCP has its format where short headers have theirs, and no 0 there (RFC 4585 section 6.1).
        let is_short = first & FIXED_MASK == FIXED && second < 128;
        if !self.agreed || !is_short {
            return Some(Cow::Borrowed(datagram));
        }
        let ((ssrc, place), types) = self.heard.as_ref().zip(types)?;
        let payload_type = if first & IS_RED == 0 { types.opus } else { types.red? };
        let sequence = place.nearest(u16::from(first & 7) << 7 | u16::from(second & 0x7f));
        let timestamp = place.at(sequence, time);
        let mut whole = Vec::with_capacity(WHOLE_BYTES + rest.len());
        whole.extend([PLAIN, payload_type]);
        whole.extend(sequence.to_be_bytes());
        whole.extend(timestamp.to_be_bytes());
        whole.extend(ssrc.to_be_bytes());
        whole.extend(rest);
        Some(Cow::Owned(whole))
    }
}

/// A packet's place in its stream, and how the stream goes on from there.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u16,
    timestamp: u32,
    /// From one packet's timestamp to the next one's.
    stride: u32,
}

impl Place {
    fn first(sequence: u16, timestamp: u32) -> Self {
        Self { sequence, timestamp, stride: 0 }
    }

    /// Goes on to a packet, unless that is an older one.
    fn advance(&mut self, sequence: u16, timestamp: u32) {
        let packets = sequence.wrapping_sub(self.sequence);
        if packets == 0 || packets >= 1 << 15 {
            return;
        }
        let stride = timestamp.wrapping_sub(self.timestamp) / u32::from(packets);
        let stride = if stride <= LONGEST { stride } else { self.stride };
        *self = Self { sequence, timestamp, stride };
    }

    /// The timestamp of a packet if all packets last as long as this one does.
    fn predict(&self, sequence: u16) -> u32 {
        let packets = i32::from(sequence.wrapping_sub(self.sequence) as i16);
        self.timestamp.wrapping_add_signed(packets.wrapping_mul(self.stride as i32))
    }

    /// Whether a packet is about where those before it lead, on the same grid of steps.
    fn expects(&self, sequence: u16, timestamp: u32) -> bool {
        let apart = timestamp.wrapping_sub(self.predict(sequence)) as i32;
        apart.unsigned_abs() <= LEEWAY && timestamp % STEP == self.timestamp % STEP
    }

    /// The sequence number that ends so, next to this one.
    fn nearest(&self, end: u16) -> u16 {
        let ahead = end.wrapping_sub(self.sequence) % NUMBERS;
        let behind = if ahead < NUMBERS / 2 { 0 } else { NUMBERS };
        self.sequence.wrapping_add(ahead).wrapping_sub(behind)
    }

    /// The timestamp of a packet whose steps end so, next to where it is expected.
    fn at(&self, sequence: u16, steps_end: u8) -> u32 {
        let expected = self.predict(sequence) / STEP;
        let apart = steps_end.wrapping_sub(expected as u8) as i8;
        let steps = expected.wrapping_add_signed(i32::from(apart));
        steps.wrapping_mul(STEP).wrapping_add(self.timestamp % STEP)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const TYPES: PayloadTypes = PayloadTypes { opus: 111, red: Some(63) };
    const FRAME: u32 = 480;

    fn packet(payload_type: u8, sequence: u16, timestamp: u32) -> Vec<u8> {
        let [s0, s1] = sequence.to_be_bytes();
        let [t0, t1, t2, t3] = timestamp.to_be_bytes();
        vec![PLAIN, payload_type, s0, s1, t0, t1, t2, t3, 9, 8, 7, 6, 1, 2, 3, 4, 5]
    }

    fn agreed() -> ShortHeaders {
        let mut headers = ShortHeaders::wanted(true);
        headers.agree(true);
        headers
    }

    /// Both ends behind the first packet, which was reported.
    fn settled(sequence: u16, timestamp: u32) -> (ShortHeaders, ShortHeaders) {
        let (mut sender, mut receiver) = (agreed(), agreed());
        let mut first = packet(111, sequence, timestamp);
        sender.shorten(&mut first, TYPES);
        assert_eq!(first, packet(111, sequence, timestamp), "nobody has heard of the stream");
        receiver.heard(0x0908_0706, sequence, timestamp);
        sender.confirm(sequence);
        (sender, receiver)
    }

    fn shortened(sender: &mut ShortHeaders, packet: &[u8]) -> Vec<u8> {
        let mut datagram = packet.to_vec();
        sender.shorten(&mut datagram, TYPES);
        datagram
    }

    #[test]
    fn three_bytes_make_the_whole_header_again() {
        let (mut sender, mut receiver) = settled(65_534, 77);
        for n in 1..2000u16 {
            let payload_type = if n % 2 == 0 { 111 } else { 63 };
            let (sequence, timestamp) = (65_534u16.wrapping_add(n), 77 + u32::from(n) * FRAME);
            let whole = packet(payload_type, sequence, timestamp);
            let short = shortened(&mut sender, &whole);
            assert_eq!(short.len(), whole.len() - 9);
            assert!((128..160).contains(&short[0]) && short[1] < 128, "RTP to everybody else");
            assert_eq!(receiver.lengthened(&short, Some(TYPES)).unwrap(), whole);
            if n % 7 != 0 {
                receiver.heard(0x0908_0706, sequence, timestamp);
            }
        }
    }

    #[test]
    fn feedback_of_rtcp_is_no_short_header_whatever_its_format() {
        let (_, receiver) = settled(500, 9_000);
        for (format, kind) in (0..32).flat_map(|format| [(format, 205), (format, 206)]) {
            let feedback = [PLAIN | format, kind, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, b'R', b'E', b'M', b'B'];
            assert_eq!(receiver.lengthened(&feedback, Some(TYPES)).unwrap(), feedback.as_slice(), "{format}");
        }
    }

    #[test]
    fn where_the_timestamp_wraps_one_report_is_waited_for() {
        let (mut sender, mut receiver) = settled(5, u32::MAX - 3 * FRAME + 1);
        let mut whole_ones = 0;
        for n in 1..200u16 {
            let (sequence, timestamp) =
                (5 + n, (u32::MAX - 3 * FRAME + 1).wrapping_add(u32::from(n) * FRAME));
            let whole = packet(111, sequence, timestamp);
            let sent = shortened(&mut sender, &whole);
            whole_ones += u16::from(sent == whole);
            assert_eq!(receiver.lengthened(&sent, Some(TYPES)).unwrap(), whole);
            receiver.heard(0x0908_0706, sequence, timestamp);
            if n % 50 == 0 {
                sender.confirm(sequence);
            }
        }
        assert_eq!(whole_ones, 48, "from the wrap to the report");
    }

    #[test]
    fn losses_reordering_and_other_frame_lengths_are_followed() {
        let (mut sender, mut receiver) = settled(500, 9_000);
        let (mut timestamp, mut state, mut late) = (9_000, 1u32, VecDeque::new());
        let mut frame = FRAME;
        for n in 501..30_000u16 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 16 & 0xff == 0 {
                frame = STEP << (state >> 28 & 3);
            }
            timestamp += frame;
            let whole = packet(111, n, timestamp);
            let short = shortened(&mut sender, &whole);
            assert_eq!(short.len(), whole.len() - 9);
            match state >> 24 & 7 {
                0 => continue,
                1 => late.push_back((whole, short, n, timestamp)),
                _ => {
                    assert_eq!(receiver.lengthened(&short, Some(TYPES)).unwrap(), whole, "{n}");
                    receiver.heard(0x0908_0706, n, timestamp);
                }
            }
            while late.front().is_some_and(|(_, _, sequence, _)| sequence + 8 < n) {
                let (whole, short, sequence, timestamp) = late.pop_front().unwrap();
                assert_eq!(receiver.lengthened(&short, Some(TYPES)).unwrap(), whole, "late: {sequence}");
                receiver.heard(0x0908_0706, sequence, timestamp);
            }
        }
    }

    #[test]
    fn behind_a_jump_of_the_timestamp_headers_are_whole_until_a_report_speaks_of_it() {
        let (mut sender, _) = settled(10, 0);
        assert_eq!(shortened(&mut sender, &packet(111, 11, FRAME)).len(), 8);
        let pause = packet(111, 12, FRAME + LEEWAY + 48_000);
        assert_eq!(shortened(&mut sender, &pause), pause);
        sender.confirm(11);
        let next = packet(111, 13, 2 * FRAME + LEEWAY + 48_000);
        assert_eq!(shortened(&mut sender, &next), next);
        sender.confirm(13);
        assert_eq!(shortened(&mut sender, &packet(111, 14, 3 * FRAME + LEEWAY + 48_000)).len(), 8);
    }

    #[test]
    fn what_says_more_than_its_place_is_whole() {
        let (mut sender, _) = settled(10, 0);
        let mut marked = packet(111, 11, FRAME);
        marked[1] |= 0x80;
        let mut extended = packet(111, 12, 2 * FRAME);
        extended[0] |= 0x10;
        let unknown = packet(100, 13, 3 * FRAME);
        let report = packet(201, 14, 4 * FRAME);
        for whole in [marked, extended, unknown, report, vec![0x80; 5]] {
            assert_eq!(shortened(&mut sender, &whole), whole);
        }
    }

    #[test]
    fn short_headers_that_nothing_stands_behind_are_dropped() {
        let (mut sender, receiver) = settled(10, 0);
        let short = shortened(&mut sender, &packet(63, 11, FRAME));
        assert_eq!(agreed().lengthened(&short, Some(TYPES)), None, "nothing was heard");
        assert_eq!(receiver.lengthened(&short, None), None, "nothing was negotiated");
        assert_eq!(receiver.lengthened(&short, Some(PayloadTypes { red: None, ..TYPES })), None);
        assert_eq!(ShortHeaders::wanted(true).lengthened(&short, Some(TYPES)).unwrap(), short, "not ours");
        assert_eq!(receiver.lengthened(&short[..2], Some(TYPES)).unwrap(), short[..2].to_vec());
    }

    #[test]
    fn without_agreement_headers_stay_whole() {
        let mut sender = ShortHeaders::wanted(false);
        sender.agree(true);
        sender.confirm(0);
        for n in 0..20u16 {
            let whole = packet(111, n, u32::from(n) * FRAME);
            sender.confirm(n);
            assert_eq!(shortened(&mut sender, &whole), whole);
        }
    }
}
