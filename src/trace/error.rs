//! Why a file is no trace.

use thiserror::Error;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TraceError {
    /// It begins as no file that we know.
    #[error("expected a trace of this program, an rtpdump or a pcap file, found something else")]
    UnknownFormat,
    /// It ends within its header.
    #[error("the file ends within its header, after {bytes} bytes")]
    HeaderCutOff {
        /// Its length.
        bytes: usize,
    },
    /// A record cannot be read.
    #[error("expected {expected} at byte {at} of the file, found something else")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
        /// Where.
        at: usize,
    },
    /// A packet capture of a kind of link that we do not read.
    #[error("expected a capture of Ethernet, Linux cooked or plain IP packets, found link type {link_type}")]
    LinkType {
        /// The number, from <https://www.tcpdump.org/linktypes.html>.
        link_type: u32,
    },
    /// No packet in it is RTP, or none of the stream that was asked for.
    #[error("no unencrypted RTP stream in it{}", wanted(*.ssrc))]
    NoStream {
        /// The stream that was asked for.
        ssrc: Option<u32>,
    },
}

fn wanted(ssrc: Option<u32>) -> String {
    ssrc.map_or_else(String::new, |ssrc| format!(" with the source {ssrc:#010x}"))
}
