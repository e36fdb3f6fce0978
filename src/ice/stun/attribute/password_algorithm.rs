//! PASSWORD-ALGORITHM (RFC 8489 §14.12): how the client made its key.

use super::{Attribute, AttributeError, AttributeType};
use crate::ice::stun::message::padded;
use crate::ice::stun::{PasswordHash, TransactionId};

/// Number and length of parameters.
pub(super) const HEAD_BYTES: usize = 4;

/// One algorithm with its parameters, of which those registered have none.
///
/// PASSWORD-ALGORITHM, type 0x001d (RFC 8489 §14.12): `NUMBER(16) LENGTH(16) PARAMETERS PADDING`. Refused: a value
/// that is not exactly one algorithm.
///
/// ```
/// use handset::ice::stun::{Class, Message, MessageWriter, Method, PasswordHash, attribute::PasswordAlgorithm};
/// let mut buffer = [0; 64];
/// let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [1; 12].into())?;
/// writer.push(&PasswordAlgorithm::from(PasswordHash::Sha256))?;
/// let found: Option<PasswordAlgorithm> = Message::parse(writer.finish())?.get()?;
/// assert_eq!(found.and_then(|found| found.hash()), Some(PasswordHash::Sha256));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordAlgorithm<'a> {
    number: u16,
    parameters: &'a [u8],
}

impl<'a> PasswordAlgorithm<'a> {
    const MD5: u16 = 1;
    const SHA256: u16 = 2;

    /// The number in the registry.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The parameters.
    pub fn parameters(&self) -> &'a [u8] {
        self.parameters
    }

    /// What it is, if it is one of the registered ones, which have no parameters.
    pub fn hash(&self) -> Option<PasswordHash> {
        match (self.number, self.parameters) {
            (Self::MD5, []) => Some(PasswordHash::Md5),
            (Self::SHA256, []) => Some(PasswordHash::Sha256),
            _ => None,
        }
    }

    /// Takes one algorithm off the front of a list.
    pub(super) fn split_first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let ([n1, n0, l1, l0], after) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let length = usize::from(u16::from_be_bytes([*l1, *l0]));
        let parameters = after.get(..length)?;
        let rest = after.get(padded(length)..)?;
        Some((Self { number: u16::from_be_bytes([*n1, *n0]), parameters }, rest))
    }
}

impl From<PasswordHash> for PasswordAlgorithm<'static> {
    fn from(hash: PasswordHash) -> Self {
        let number = match hash {
            PasswordHash::Md5 => Self::MD5,
            PasswordHash::Sha256 => Self::SHA256,
        };
        Self { number, parameters: &[] }
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithm<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHM;

    fn parse(value: &'a [u8], _: &TransactionId) -> Result<Self, AttributeError> {
        let expected = "4 and as many as the parameters, padded, declare";
        let refused = AttributeError::Length { attribute: Self::TYPE, expected, found: value.len() };
        match Self::split_first(value) {
            Some((algorithm, [])) => Ok(algorithm),
            _ => Err(refused),
        }
    }

    fn value_bytes(&self) -> usize {
        HEAD_BYTES + padded(self.parameters.len())
    }

    fn write(&self, value: &mut [u8], _: &TransactionId) {
        let (head, parameters) = value.split_at_mut(HEAD_BYTES);
        let number = u32::from(self.number) << 16 | self.parameters.len() as u32;
        head.copy_from_slice(&number.to_be_bytes());
        parameters.fill(0);
        parameters[..self.parameters.len()].copy_from_slice(self.parameters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<PasswordAlgorithm<'_>, AttributeError> {
        PasswordAlgorithm::parse(value, &[0; 12].into())
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for value in
            [&[][..], &[0, 1], &[0, 1, 0, 1], &[0, 1, 0, 1, 9], &[0, 1, 0, 0, 0], &[0, 1, 0, 0, 0, 2, 0, 0]]
        {
            assert!(
                matches!(parse(value), Err(AttributeError::Length { found, .. }) if found == value.len())
            );
        }
    }

    #[test]
    fn parameters_are_padded_and_make_it_unknown() {
        let value = [0, 2, 0, 1, 9, 0, 0, 0];
        let algorithm = parse(&value).unwrap();
        assert_eq!((algorithm.number(), algorithm.parameters(), algorithm.hash()), (2, &[9][..], None));
        let mut written = [0xff; 8];
        algorithm.write(&mut written, &[0; 12].into());
        assert_eq!(written, value);
    }
}
