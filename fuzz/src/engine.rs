//! The gate, then the engine: what passes the gate must neither upset the engine nor be lost in it.

use std::sync::OnceLock;
use std::time::Instant;

use handset::sdp::gate::{Gate, Kind, Remote};
use handset::sdp::localise::{self, LocalAudio};
use handset::sdp::{Attribute, Description, PacketTime};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::config::DtlsCert;
use str0m::crypto::dtls::DtlsProvider;
use str0m::media::{Direction, MediaKind};
use str0m::{Rtc, RtcConfig};

/// Any bytes as an offer and as an answer. An offer that passes the gate is accepted by the engine
/// whole, and its answer, made truthful, mirrors the offer; an answer that passes may be refused by the
/// engine, aloud.
pub fn accept(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for data in [false, true] {
        let gate = Gate { data, ..Gate::default() };
        if let Ok(remote) = gate.check(text, Kind::Offer) {
            take_offer(&remote);
        }
    }
    if let Ok(remote) = Gate::default().check(text, Kind::Answer) {
        take_answer(&remote);
    }
}

/// An engine with Opus alone and a certificate made once: making one costs 20 ms.
fn engine() -> Rtc {
    static CERTIFICATE: OnceLock<DtlsCert> = OnceLock::new();
    let certificate = CERTIFICATE.get_or_init(|| {
        let provider: &dyn DtlsProvider = str0m_aws_lc_rs::default_provider().dtls_provider;
        provider.generate_certificate().expect("the generator works")
    });
    RtcConfig::new()
        .set_rtp_mode(true)
        .set_crypto_provider(str0m_aws_lc_rs::default_provider().into())
        .set_dtls_cert(certificate.clone())
        .clear_codecs()
        .enable_opus(true, true)
        .build(start())
}

/// The engine wants a moment to begin at, and none can be made without a clock; nothing depends on which it is.
#[expect(clippy::disallowed_methods, reason = "see above")]
fn start() -> Instant {
    Instant::now()
}

fn take_offer(remote: &Remote) {
    let offer = SdpOffer::from_sdp_string(&remote.sdp).expect("the engine reads the gate's text");
    assert_nothing_lost(&remote.sdp, &offer.to_sdp_string());
    let mut engine = engine();
    let answer = engine.sdp_api().accept_offer(offer).expect("the engine takes what passed the gate");
    let ours = localise::answer(&answer.to_sdp_string(), remote, &local(), 1)
        .expect("the engine answers section by section");
    let ours = Description::parse(&ours).expect("what we write, we read");
    assert_eq!(ours.sections().len(), remote.sections.len());
    for (section, theirs) in ours.sections().zip(&remote.sections) {
        assert_eq!(section.mid(), theirs.mid.as_deref());
        assert_eq!(section.head().protocol, theirs.protocol);
        assert_eq!(section.head().port != 0, theirs.accepted, "{section:?}");
    }
    let audio = ours.sections().find_map(|s| s.opus().filter(|_| s.head().port != 0));
    let (payload_type, opus) = audio.expect("Opus is in the answer");
    if remote.direction.receives() {
        assert_eq!(payload_type, remote.opus_payload_type, "we send what they named");
    }
    assert_eq!(opus.max_average_bitrate, local().max_average_bitrate);
    assert_eq!(opus.ptime, Some(local().ptime));
}

/// Sets the names of the answer to those of an offer of ours, where it has one section.
fn take_answer(remote: &Remote) {
    let [section] = &remote.sections[..] else { return };
    let mut engine = engine();
    let mut changes = engine.sdp_api();
    let mid = changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    let Some((_, pending)) = changes.apply() else { return };
    let text = remote
        .sdp
        .replace(&format!("a=mid:{}\r\n", section.engine_mid), &format!("a=mid:{mid}\r\n"))
        .replace(&format!("BUNDLE {}\r\n", section.engine_mid), &format!("BUNDLE {mid}\r\n"));
    let answer = SdpAnswer::from_sdp_string(&text).expect("the engine reads the gate's text");
    // A refusal is fine: it is heard.
    let _ = engine.sdp_api().accept_answer(pending, answer);
}

fn local() -> LocalAudio {
    LocalAudio {
        ptime: PacketTime::from_ms(10).expect("within range"),
        max_ptime: PacketTime::from_ms(60).expect("within range"),
        inband_fec: true,
        stereo: true,
        sends_stereo: false,
        dtx: true,
        cbr: false,
        max_average_bitrate: Some(48_000),
        max_playback_rate: None,
        dred: true,
    }
}

/// What the engine read, written by the engine, has every attribute that the engine has a word for.
fn assert_nothing_lost(before: &str, after: &str) {
    let [before, after] =
        [before, after].map(|text| Description::parse(text).expect("both are descriptions"));
    assert_eq!(before.sections().len(), after.sections().len(), "every section was read");
    for (before, after) in before.sections().zip(after.sections()) {
        assert_eq!(before.mid(), after.mid());
        assert_eq!(before.direction(), after.direction());
        assert_eq!((before.ice_ufrag(), before.ice_pwd()), (after.ice_ufrag(), after.ice_pwd()));
        assert_eq!(before.setup(), after.setup());
        assert!(before.fingerprints().eq(after.fingerprints()));
        assert_eq!(before.head().formats, after.head().formats);
        let known = |attribute: &&Attribute<'_>| {
            matches!(
                attribute,
                Attribute::RtpMap(_)
                    | Attribute::RtcpFeedback(_)
                    | Attribute::Ssrc(_)
                    | Attribute::RtcpMux
                    | Attribute::RtcpRsize
                    | Attribute::Msid(_)
                    | Attribute::SctpPort(_)
            )
        };
        let [before, after] = [before, after].map(|s| s.attributes().filter(known).collect::<Vec<_>>());
        assert_eq!(before, after, "every attribute was read");
    }
}
