//! STUN messages (RFC 8489) with the attributes of ICE (RFC 8445) and TURN (RFC 8656), and ChannelData.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0|     STUN Message Type     |         Message Length        |
//! |                         Magic Cookie                          |
//! |                     Transaction ID (96 bits)                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Type                  |            Length             |
//! |                         Value, padded to 4 bytes ...            (any number of attributes)
//! ```
//!
//! - [`Message::parse`] checks the frame of a message in one pass over its attribute headers and gives a view that
//!   borrows; [`Message::get`] reads one attribute; [`Message::check_fingerprint`], [`Message::check_integrity`]
//!   and [`Message::check_integrity_sha256`] prove it.
//! - [`MessageWriter`] writes into the caller's buffer and keeps the order of the closing attributes.
//! - [`ChannelData`] and [`Deframer`] frame relayed data in datagrams and streams.
//!
//! Nothing here allocates, except that a [`Deframer`] is made with its buffer. Nothing panics on any input: all
//! lengths are checked, all values come back typed or as an error that says what was expected.

pub mod attribute;
mod attribute_type;
#[cfg(test)]
mod bad_input;
mod channel_data;
mod deframer;
mod error;
mod hmac;
mod key;
mod message;
mod message_type;
#[cfg(test)]
mod rfc_vectors;
mod transaction_id;
mod writer;

pub use attribute::Attribute;
pub use attribute_type::AttributeType;
pub use channel_data::{ChannelData, ChannelDataError, ChannelNumber};
pub use deframer::{Deframer, Frame, FrameError};
pub use error::{AttributeError, CheckError, ParseError, WriteError};
pub use key::{Key, PasswordHash};
pub use message::{Attributes, MAGIC_COOKIE, Message, RawAttribute};
pub use message_type::{Class, Method};
pub use transaction_id::TransactionId;
pub use writer::MessageWriter;
