//! How each peer reads and writes a description.

use handset::sdp::Description;

/// A copy of an offer as Chrome writes it: audio alone, five candidates.
pub const OFFER: &str = include_str!("../../../fuzz/seeds/sdp/chrome-audio-offer.sdp");

/// Ours, with Opus's parameters read as well, which parsing leaves for later.
pub fn ours(text: &str) -> Option<Description<'_>> {
    let description = Description::parse(text).ok()?;
    for section in description.sections() {
        std::hint::black_box(section.opus());
    }
    Some(description)
}

/// ezk-sdp-types, typed. It borrows from a counted string, made from the text here.
pub fn ezk(text: &str) -> Option<ezk_sdp_types::SessionDescription> {
    ezk_sdp_types::SessionDescription::parse(&bytesstr::BytesStr::from(text)).ok()
}

/// webrtc-sdp, typed.
pub fn webrtc(text: &str) -> Option<webrtc_sdp::SdpSession> {
    webrtc_sdp::parse_sdp(text, false).ok()
}

/// str0m, typed.
pub fn str0m(text: &str) -> Option<str0m::change::SdpOffer> {
    str0m::change::SdpOffer::from_sdp_string(text).ok()
}

/// rtc-sdp, names and values.
pub fn rtc(text: &str) -> Option<rtc_sdp::SessionDescription> {
    rtc_sdp::SessionDescription::unmarshal(&mut std::io::Cursor::new(text.as_bytes())).ok()
}

/// sdp-types, names and values.
pub fn sdp_types(text: &str) -> Option<sdp_types::Session> {
    sdp_types::Session::parse(text.as_bytes()).ok()
}

/// The floor: every line found, its letter and value looked at, nothing kept.
pub fn walk(text: &str) -> usize {
    let mut sum = 0;
    for line in text.lines() {
        if let Some((letter, value)) = line.split_once('=') {
            sum += letter.len() + value.len();
        }
    }
    sum
}
