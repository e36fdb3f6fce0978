//! The form in which attributes hold an address and a port (RFC 8489 §14.1, §14.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0 0 0 0 0 0 0|    Family     |           Port                |
//! |                 Address (32 bits or 128 bits)                 |
//! ```

use std::net::{IpAddr, SocketAddr};

use crate::ice::stun::message::MAGIC_COOKIE;
use crate::ice::stun::{AttributeError, AttributeType, TransactionId};

const V4_BYTES: usize = 8;
const V6_BYTES: usize = 20;
const V4_FAMILY: u8 = 1;
const V6_FAMILY: u8 = 2;

#[inline]
pub(super) fn value_bytes(address: &SocketAddr) -> usize {
    if address.is_ipv4() { V4_BYTES } else { V6_BYTES }
}

#[inline]
pub(super) fn parse_plain(value: &[u8], attribute: AttributeType) -> Result<SocketAddr, AttributeError> {
    parse(value, &[0; 16], attribute)
}

#[inline]
pub(super) fn parse_xor(
    value: &[u8],
    id: &TransactionId,
    attribute: AttributeType,
) -> Result<SocketAddr, AttributeError> {
    parse(value, &mask(id), attribute)
}

#[inline]
pub(super) fn write_plain(address: &SocketAddr, value: &mut [u8]) {
    write(address, value, &[0; 16]);
}

#[inline]
pub(super) fn write_xor(address: &SocketAddr, value: &mut [u8], id: &TransactionId) {
    write(address, value, &mask(id));
}

/// The cookie and the transaction id: the port is combined with the first two bytes, the address with as many as it
/// has.
#[inline]
fn mask(id: &TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(id.as_bytes());
    mask
}

#[inline]
fn parse(value: &[u8], mask: &[u8; 16], attribute: AttributeType) -> Result<SocketAddr, AttributeError> {
    let length = |expected| AttributeError::Length { attribute, expected, found: value.len() };
    let Some(([_, family, p1, p0], ip)) = value.split_first_chunk::<4>() else {
        return Err(length("8 or 20"));
    };
    let ip = match *family {
        V4_FAMILY => {
            let octets: [u8; 4] = ip.try_into().map_err(|_| length("8 for IPv4"))?;
            IpAddr::from(xor(octets, mask))
        }
        V6_FAMILY => {
            let octets: [u8; 16] = ip.try_into().map_err(|_| length("20 for IPv6"))?;
            IpAddr::from(xor(octets, mask))
        }
        found => {
            let expected = "family 1 (IPv4) or 2 (IPv6)";
            return Err(AttributeError::Value { attribute, expected, found: found.into() });
        }
    };
    let port = u16::from_be_bytes(xor([*p1, *p0], mask));
    Ok(SocketAddr::new(ip, port))
}

#[inline]
fn write(address: &SocketAddr, value: &mut [u8], mask: &[u8; 16]) {
    let [p1, p0] = xor(address.port().to_be_bytes(), mask);
    match address.ip() {
        IpAddr::V4(ip) => {
            value[..4].copy_from_slice(&[0, V4_FAMILY, p1, p0]);
            value[4..].copy_from_slice(&xor(ip.octets(), mask));
        }
        IpAddr::V6(ip) => {
            value[..4].copy_from_slice(&[0, V6_FAMILY, p1, p0]);
            value[4..].copy_from_slice(&xor(ip.octets(), mask));
        }
    }
}

#[inline]
fn xor<const N: usize>(mut bytes: [u8; N], mask: &[u8; 16]) -> [u8; N] {
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    bytes
}
