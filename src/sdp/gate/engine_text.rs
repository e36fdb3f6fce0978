//! The description written anew, in the form and order that the engine's parser reads without loss.

use super::Gate;
use super::plan::Plan;
use super::transport::Transport;
use crate::sdp::attribute::Attribute;
use crate::sdp::words::{number, push_number};
use crate::sdp::{
    Description, ExtMap, Fmtp, MediaKind, OpusParameters, PAYLOAD_TYPE_MAX, RtcpFeedback, RtpMap, Section,
    Ssrc,
};

/// Names the extension that carries a section's name in packets (RFC 8843 section 15).
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Header extension ids that fit the one-byte form (RFC 8285 section 4.2).
const EXTENSION_IDS: std::ops::RangeInclusive<u16> = 1..=14;

pub(super) fn write(
    gate: &Gate,
    description: &Description<'_>,
    plan: &Plan<'_>,
    transport: &Transport<'_>,
) -> String {
    let mut out = String::with_capacity(1024);
    write_session(&mut out, description, plan, transport);
    for section in description.sections() {
        let mid = &plan.engine_mids[section.index()];
        match (plan.accepted[section.index()], section.index() == plan.audio) {
            (true, true) => write_audio(&mut out, gate, description, &section, plan),
            (true, false) => write_data(&mut out, &section, mid),
            (false, _) => write_refused(&mut out, &section, mid),
        }
    }
    out
}

fn line(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
    out.push_str("\r\n");
}

fn write_session(
    out: &mut String,
    description: &Description<'_>,
    plan: &Plan<'_>,
    transport: &Transport<'_>,
) {
    out.push_str("v=0\r\no=- ");
    // The engine reads the id as 64 bits; its value has no meaning to it.
    push_number(out, number(description.origin().session_id).unwrap_or(1));
    out.push_str(" 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    // The engine wants the group in the order of the sections, and only those in use.
    for (mid, _) in plan.engine_mids.iter().zip(&plan.accepted).filter(|(_, accepted)| **accepted) {
        out.push(' ');
        out.push_str(mid);
    }
    out.push_str("\r\n");
    if transport.ice_lite {
        out.push_str("a=ice-lite\r\n");
    }
    line(out, &["a=ice-ufrag:", transport.ufrag]);
    line(out, &["a=ice-pwd:", transport.pwd]);
    if !transport.ice_options.is_empty() {
        line(out, &["a=ice-options:", &transport.ice_options.join(" ")]);
    }
    out.push_str("a=fingerprint:sha-256 ");
    for (i, byte) in transport.digest.iter().enumerate() {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        if i > 0 {
            out.push(':');
        }
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
    out.push_str("\r\n");
    line(out, &["a=setup:", transport.setup.as_str()]);
}

/// A section that we do not take part in. The engine has no word for most kinds, and would start an
/// association for a refused data section: all are shown to it as refused video.
fn write_refused(out: &mut String, section: &Section<'_, '_>, mid: &str) {
    let kind = match section.head().kind {
        MediaKind::Audio => "audio",
        _ => "video",
    };
    line(out, &["m=", kind, " 0 UDP/TLS/RTP/SAVPF 0"]);
    line(out, &["c=IN IP4 0.0.0.0\r\na=mid:", mid, "\r\na=inactive"]);
}

fn write_data(out: &mut String, section: &Section<'_, '_>, mid: &str) {
    out.push_str("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n");
    line(out, &["a=mid:", mid]);
    for attribute in section.attributes() {
        match attribute {
            Attribute::SctpPort(_) | Attribute::MaxMessageSize(_) => attribute.write_to(out),
            // The form before RFC 8841: a=sctpmap:<port> webrtc-datachannel <streams>.
            Attribute::Other { name: "sctpmap", value: Some(value) } => {
                if let Some(port) = value.split(' ').next().and_then(number) {
                    Attribute::SctpPort(port).write_to(out);
                }
            }
            _ => {}
        }
    }
}

fn is_opus(map: &RtpMap<'_>) -> bool {
    map.encoding.eq_ignore_ascii_case("opus")
}

/// Formats that may matter to a call; the engine refuses descriptions for contradictions among others.
fn is_speech(map: &RtpMap<'_>) -> bool {
    const NAMES: [&str; 7] = ["opus", "red", "telephone-event", "CN", "PCMU", "PCMA", "G722"];
    NAMES.iter().any(|name| map.encoding.eq_ignore_ascii_case(name))
}

fn write_audio(
    out: &mut String,
    gate: &Gate,
    description: &Description<'_>,
    audio: &Section<'_, '_>,
    plan: &Plan<'_>,
) {
    let (opus_type, _) = plan.opus;
    let maps = audio_maps(audio, opus_type);
    let mid = &plan.engine_mids[plan.audio];
    out.push_str("m=audio 9 UDP/TLS/RTP/SAVPF");
    for map in &maps {
        out.push(' ');
        push_number(out, u64::from(map.payload_type));
    }
    line(out, &["\r\nc=IN IP4 0.0.0.0\r\na=mid:", mid]);
    line(out, &["a=", audio.direction().as_str()]);
    if let Some(msid) = audio.attributes().find_map(|a| match a {
        Attribute::Msid(msid) => Some(msid),
        _ => None,
    }) {
        line(out, &["a=msid:", msid.stream, " ", msid.track.unwrap_or("-")]);
    }
    out.push_str("a=rtcp-mux\r\n");
    if audio.has(Attribute::RtcpRsize) {
        out.push_str("a=rtcp-rsize\r\n");
    }
    let renamed = audio.mid() != Some(mid.as_str());
    write_extensions(out, description, audio, renamed);
    for map in &maps {
        write_format(out, audio, map, plan.opus);
    }
    let (_, opus) = plan.opus;
    if let Some(time) = opus.ptime {
        Attribute::Ptime(time).write_to(out);
    }
    if let Some(time) = opus.max_ptime {
        Attribute::MaxPtime(time).write_to(out);
    }
    write_sources(out, audio, gate.limits.ssrcs);
}

/// The formats of the `m=` line in its order, each once, with what they mean. Of several Opus only the one that was
/// chosen: the engine would choose by the order of the `rtpmap` lines.
fn audio_maps<'a>(audio: &Section<'a, '_>, opus_type: u8) -> Vec<RtpMap<'a>> {
    let is_wanted = |map: &RtpMap<'_>| is_speech(map) && (map.payload_type == opus_type || !is_opus(map));
    let mut maps: Vec<RtpMap<'a>> = Vec::new();
    let mut seen = 0u128;
    for payload_type in audio.head().payload_types().flatten() {
        if seen & (1 << payload_type) == 0 {
            maps.extend(audio.rtp_map(payload_type).filter(is_wanted));
        }
        seen |= 1 << payload_type;
    }
    maps
}

fn write_extensions(out: &mut String, description: &Description<'_>, audio: &Section<'_, '_>, renamed: bool) {
    let mut ids = 0u32;
    let mut uris: Vec<&str> = Vec::new();
    // RFC 8285 section 5: in the session's part an extension counts for every section.
    for attribute in audio.attributes().chain(description.attributes()) {
        let Attribute::ExtMap(map @ ExtMap { encrypted: false, .. }) = attribute else { continue };
        let fits = EXTENSION_IDS.contains(&map.id) && ids & (1 << map.id) == 0;
        // Under another name the engine's packets would name a section that the author does not know.
        let misnamed = renamed && map.uri == MID_URI;
        if !fits || misnamed || uris.contains(&map.uri) {
            continue;
        }
        ids |= 1 << map.id;
        uris.push(map.uri);
        Attribute::ExtMap(ExtMap { direction: None, ..*map }).write_to(out);
    }
}

fn write_format(
    out: &mut String,
    audio: &Section<'_, '_>,
    map: &RtpMap<'_>,
    (opus_type, opus): (u8, OpusParameters),
) {
    let is_opus = is_opus(map);
    // RFC 7587 section 7: the rtpmap always says two channels, whatever some write.
    let channels = if is_opus { Some(2) } else { map.channels };
    Attribute::RtpMap(RtpMap { channels, ..*map }).write_to(out);
    // The engine does not know the form for all formats, `*`.
    for attribute in audio.attributes() {
        let Attribute::RtcpFeedback(feedback) = attribute else { continue };
        let for_all = feedback.payload_type.is_none() && map.payload_type == opus_type;
        if feedback.payload_type == Some(map.payload_type) || for_all {
            let payload_type = Some(map.payload_type);
            Attribute::RtcpFeedback(RtcpFeedback { payload_type, ..*feedback }).write_to(out);
        }
    }
    let mut parameters = String::new();
    if map.payload_type == opus_type {
        // The durations have lines of their own, which keep fractions.
        OpusParameters { ptime: None, max_ptime: None, ..opus }.write_to(&mut parameters);
    } else if let Some(fmtp) = audio.fmtp(map.payload_type) {
        let is_red = map.encoding.eq_ignore_ascii_case("red");
        let is_payload_type = |pt| number::<u8>(pt).is_some_and(|pt| pt <= PAYLOAD_TYPE_MAX);
        if !is_red || fmtp.parameters.split('/').all(is_payload_type) {
            parameters.push_str(fmtp.parameters);
        }
    }
    if !parameters.is_empty() {
        let fmtp = Fmtp { payload_type: map.payload_type, parameters: &parameters };
        Attribute::Fmtp(fmtp).write_to(out);
    }
}

/// The sources' names and streams, for as many sources as the limit allows: packets of others are
/// matched by payload type.
fn write_sources(out: &mut String, audio: &Section<'_, '_>, limit: usize) {
    let mut ids: Vec<u32> = Vec::new();
    for attribute in audio.attributes() {
        let Attribute::Ssrc(ssrc) = attribute else { continue };
        let Some(value) = ssrc.value.filter(|value| !value.is_empty()) else { continue };
        if !matches!(ssrc.attribute, "cname" | "msid") {
            continue;
        }
        if !ids.contains(&ssrc.id) {
            if ids.len() >= limit {
                continue;
            }
            ids.push(ssrc.id);
        }
        Attribute::Ssrc(Ssrc { value: Some(value), ..*ssrc }).write_to(out);
    }
}
