//! ICMP (RFC 8656 §18.13): what the network said about a datagram sent to a peer.

use super::{Attribute, AttributeError, AttributeType, fixed};
use crate::ice::stun::TransactionId;

/// An ICMP message that the relay received for the allocation, in a Data indication without DATA.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Reserved                     |  ICMP Type  |  ICMP Code      |
/// |                          Error Data                           |
/// ```
///
/// ICMP, type 0x8004 (RFC 8656 §18.13), the type in 7 bits and the code in 9. Refused: other lengths than 8.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, attribute::Icmp};
/// let icmp = Icmp { kind: 3, code: 4, data: [0, 0, 5, 0xdc] };
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::DATA, [1; 12].into())?;
/// writer.push(&icmp)?;
/// assert_eq!(Message::parse(writer.finish())?.get()?, Some(icmp));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Icmp {
    /// ICMP type, 7 bits.
    pub kind: u8,
    /// ICMP code, 9 bits.
    pub code: u16,
    /// The next-hop MTU of "packet too big", zero otherwise.
    pub data: [u8; 4],
}

impl Attribute<'_> for Icmp {
    const TYPE: AttributeType = AttributeType::ICMP;

    fn parse(value: &[u8], _: &TransactionId) -> Result<Self, AttributeError> {
        let [_, _, high, low, data @ ..]: [u8; 8] = fixed(value, Self::TYPE, "8")?;
        let code = u16::from(high & 1) << 8 | u16::from(low);
        Ok(Self { kind: high >> 1, code, data })
    }

    fn value_bytes(&self) -> usize {
        8
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        let packed = u16::from(self.kind & 0x7f) << 9 | (self.code & 0x1ff);
        value[..2].fill(0);
        value[2..4].copy_from_slice(&packed.to_be_bytes());
        value[4..].copy_from_slice(&self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_code_share_two_bytes_as_seven_and_nine_bits() {
        let value = [0, 0, 0xff, 0xff, 1, 2, 3, 4];
        let icmp = Icmp::parse(&value, &[0; 12].into()).unwrap();
        assert_eq!(icmp, Icmp { kind: 127, code: 511, data: [1, 2, 3, 4] });
        let mut written = [9; 8];
        icmp.write(&mut written, &[0; 12].into());
        assert_eq!(written, value);
    }

    #[test]
    fn other_lengths_are_refused() {
        for length in [0, 4, 7, 9] {
            assert!(matches!(
                Icmp::parse(&vec![0; length], &[0; 12].into()),
                Err(AttributeError::Length { .. })
            ));
        }
    }
}
