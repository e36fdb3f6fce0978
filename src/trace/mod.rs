//! The flight recorder: what came in, what was decided and what was reported in a call, in a compact file; and the
//! captures of other programs, read into the same terms.
//!
//! Nothing here opens a file: bytes go in and out. Reading never panics, and every count in a file has a limit.
//!
//! - [`Record`]: one line of a trace; [`BlockWriter`] packs records into blocks, [`Trace`] reads a whole file;
//! - [`Arrival`]: a packet as it came, whole or without its sound ([`BlockHead`]);
//! - [`rtpdump`], [`pcap`]: files of rtptools, and of tcpdump and Wireshark, with unencrypted RTP in them;
//! - [`Capture`]: one stream picked out of such a file.
//!
//! # The file
//!
//! ```text
//! file    = "handset trace 1\n" flags:u8 began_unix_ms:u64be block*
//! block   = length:u32be record*           each block reads without those before it
//! record  = kind:u8 at_us:zigzag fields    numbers are LEB128; differences are to the last of their kind in the block
//! ```
//!
//! A file that ends in the middle of a block, as one of a program that was killed does, reads up to there.

mod arrival;
mod capture;
mod error;
mod file;
pub mod fuzz;
mod number;
pub mod pcap;
mod record;
mod rtp_header;
pub mod rtpdump;
mod writer;

pub use arrival::{Arrival, BlockHead, Body, MAX_BLOCKS};
pub use capture::{Capture, Captured, StreamChoice};
pub use error::TraceError;
pub use file::{Header, MAGIC, Trace};
pub use record::{Progress, Record, Report};
pub use rtp_header::RtpHeader;
pub use writer::{BlockWriter, MAX_BLOCK_BYTES};
