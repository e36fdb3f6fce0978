//! How each peer reads and writes a candidate line.

use std::str::FromStr;

use bytesstr::BytesStr;
use ezk_sdp_types::IceCandidate;
use webrtc_sdp::SdpType;
use webrtc_sdp::attribute_type::{SdpAttribute, parse_attribute};

/// A server-reflexive candidate as Chrome trickles it.
pub const LINE: &str = "candidate:842163049 1 udp 1677729535 203.0.113.5 61665 typ srflx raddr 192.168.1.7 \
                        rport 52389 generation 0 ufrag 7VqL network-id 1 network-cost 10";

/// Ours, borrowing.
pub fn ours(line: &str) -> Option<handset::ice::Candidate<'_>> {
    handset::ice::Candidate::parse(line).ok()
}

/// Ours, owning its text as most peers do.
pub fn ours_owned(line: &str) -> Option<handset::ice::Candidate<'static>> {
    handset::ice::Candidate::parse(line).ok().map(handset::ice::Candidate::into_owned)
}

/// `is`, the agent of str0m. It keeps `ufrag` and `tcptype` and drops other extensions.
pub fn is(line: &str) -> Option<is::Candidate> {
    is::Candidate::from_sdp_string(line).ok()
}

/// rice-proto.
pub fn rice(line: &str) -> Option<rice_proto::candidate::Candidate> {
    // It knows the line with `a=` in front only; the copy is made once, by the caller.
    rice_proto::candidate::Candidate::from_str(line).ok()
}

/// ezk-sdp-types, which wants what stands behind the colon, as a counted string.
pub fn ezk(value: &BytesStr) -> Option<IceCandidate> {
    IceCandidate::parse(value.as_ref(), value).ok().map(|(_, candidate)| candidate)
}

/// webrtc-sdp, by its function for one attribute.
pub fn webrtc(line: &str) -> Option<SdpAttribute> {
    match parse_attribute(line) {
        Ok(SdpType::Attribute(attribute)) => Some(attribute),
        _ => None,
    }
}
