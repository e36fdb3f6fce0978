//! Sequence numbers, extended past their 16 bits (RFC 3550, section 5.1 and appendix A.1).

use std::fmt;

/// One full turn of the 16-bit counter on the wire.
const TURN: u64 = 1 << 16;

/// A sequence number that no longer wraps: turns of the 16-bit counter in the high bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// How many packets lie between `earlier` and this one; negative when this one is the older.
    pub fn since(self, earlier: Seq) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// The 16 bits as they stand on the wire.
    pub fn wire(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Turns 16-bit sequence numbers into [`Seq`], each one read as the nearest to the newest so far.
#[derive(Debug, Clone, Default)]
pub struct SeqExtender {
    newest: Option<u64>,
}

impl SeqExtender {
    /// The extended number of `wire`. The first one starts a turn above zero, so that packets older
    /// than it still have a number.
    pub fn extend(&mut self, wire: u16) -> Seq {
        let Some(newest) = self.newest else {
            let first = TURN + u64::from(wire);
            self.newest = Some(first);
            return Seq(first);
        };
        let step = i64::from(wire.wrapping_sub(newest as u16) as i16);
        let value = newest.saturating_add_signed(step);
        self.newest = Some(newest.max(value));
        Seq(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrap_goes_on_counting() {
        let mut extender = SeqExtender::default();
        let last = extender.extend(65_535);
        assert_eq!(extender.extend(0).since(last), 1);
        assert_eq!(extender.extend(2).since(last), 3);
    }

    #[test]
    fn a_late_packet_from_before_the_wrap_is_older() {
        let mut extender = SeqExtender::default();
        let last = extender.extend(65_534);
        extender.extend(1);
        assert_eq!(extender.extend(65_535).since(last), 1);
    }

    #[test]
    fn a_packet_older_than_the_first_has_a_number() {
        let mut extender = SeqExtender::default();
        let first = extender.extend(0);
        assert_eq!(extender.extend(65_535).since(first), -1);
    }
}
