//! What we ask for, what both sides agreed on, and how both are named in events.

use crate::audio::{Bitrate, Channels, FrameLength, Latency, SenderConfig};
use crate::call::{AudioOffer, Direction, DtlsVersion, EndReason, IceState, Negotiated, SelectedPair, Side};

use crate::signaling::ErrorCode;

use super::{Exit, PeerConfig, PeerEvent};

/// Length of the packets that we ask for, in milliseconds, unless another is wished. Peers of ours choose by themselves.
/// Browsers obey whatever the network is like, and with 10 ms Chromium sounds far worse where packets are lost
/// (`docs/compare.md`).
const ASKED_PTIME_MS: u8 = 20;

/// What our session description says of our audio.
pub(super) fn offer(config: &PeerConfig) -> AudioOffer {
    let audio = &config.audio;
    AudioOffer {
        ptime_ms: asked_ptime_ms(config),
        max_bitrate_bps: None,
        stereo: audio.channels == Channels::Stereo,
        dtx: audio.dtx,
        fec: audio.fec,
        red: true,
        dred: true,
        short_tags: config.short_tags,
        short_headers: config.short_headers,
    }
}

fn asked_ptime_ms(config: &PeerConfig) -> u8 {
    match (config.policy.frame, config.policy.latency) {
        (None, latency) if latency != Latency::Ultra => ASKED_PTIME_MS,
        _ => config.audio.frame.ms().ceil() as u8,
    }
}

/// Our wishes, narrowed to what the other side asked for.
pub(super) fn sender_config(wishes: &SenderConfig, negotiated: &Negotiated) -> SenderConfig {
    let mut config = wishes.clone();
    if let Some(cap) = negotiated.max_bitrate_bps
        && let Some(cap) = Bitrate::new(cap)
    {
        config.bitrate = config.bitrate.min(cap);
    }
    if let Some(longest) = negotiated.max_ptime_ms {
        config.frame = FrameLength::ALL
            .into_iter()
            .rev()
            .find(|length| *length <= wishes.frame && length.ms() <= f32::from(longest))
            .unwrap_or(FrameLength::ALL[0]);
    }
    if !negotiated.stereo {
        config.channels = Channels::Mono;
    }
    config.dtx |= negotiated.dtx;
    config.fec &= negotiated.fec;
    config
}

/// What was agreed, as an event.
pub(super) fn event(config: &SenderConfig, negotiated: &Negotiated) -> PeerEvent {
    PeerEvent::Negotiated {
        direction: direction_name(negotiated.direction),
        frame_ms: config.frame.ms(),
        bitrate_bps: config.bitrate.bps(),
        channels: config.channels.count() as u8,
        dtx: config.dtx,
        fec: config.fec,
        red: negotiated.red,
        dred: negotiated.dred,
        short_tags: negotiated.short_tags,
        short_headers: negotiated.short_headers,
        remote_ptime_ms: negotiated.ptime_ms,
        remote_max_bitrate_bps: negotiated.max_bitrate_bps,
    }
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Both => "both",
        Direction::Send => "send",
        Direction::Receive => "receive",
        Direction::Neither => "neither",
    }
}

/// The agent's state in event lines. It never says `connected`: that is the call's word.
pub(super) fn ice_name(state: IceState) -> &'static str {
    match state {
        IceState::New => "new",
        IceState::Checking => "checking",
        IceState::Connected => "usable",
        IceState::Completed => "completed",
        IceState::Disconnected => "disconnected",
    }
}

pub(super) fn dtls_name(version: DtlsVersion) -> &'static str {
    match version {
        DtlsVersion::V1_2 => "1.2",
        DtlsVersion::V1_3 => "1.3",
    }
}

pub(super) fn pair_event(pair: SelectedPair, protocol: &'static str) -> PeerEvent {
    PeerEvent::Pair {
        local: pair.local.to_string(),
        local_kind: pair.local_kind.as_str(),
        remote: pair.remote.to_string(),
        remote_kind: pair.remote_kind.as_str(),
        protocol,
    }
}

/// The exit code for the way in which a call ended.
pub(super) fn end_of(reason: EndReason) -> Exit {
    match reason {
        EndReason::HungUp(_) | EndReason::Glare => Exit::Done,
        EndReason::Busy(Side::Them) => Exit::Busy,
        EndReason::Declined(Side::Them) => Exit::Declined,
        EndReason::Busy(Side::Us) | EndReason::Declined(Side::Us) => Exit::Done,
        EndReason::Unsupported(_) | EndReason::NotConnected => Exit::NoMedia,
        EndReason::NoAnswer => Exit::NoAnswer,
        EndReason::Lost | EndReason::PeerGone | EndReason::Error(Side::Them) => Exit::Lost,
        EndReason::Refused(ErrorCode::UnknownPeer | ErrorCode::SelfCall) => Exit::Nobody,
        EndReason::Refused(ErrorCode::CalleeBusy | ErrorCode::AlreadyInCall) => Exit::Busy,
        EndReason::Refused(_) => Exit::Refused,
        EndReason::Shutdown => Exit::Unreachable,
        EndReason::Error(Side::Us) => Exit::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::control::Policy;
    use crate::signaling::PeerId;

    fn agreed() -> Negotiated {
        Negotiated {
            direction: Direction::Both,
            payload_type: 111,
            ptime_ms: 20,
            max_ptime_ms: None,
            max_bitrate_bps: None,
            stereo: true,
            dtx: false,
            fec: true,
            cbr: false,
            red: true,
            dred: true,
            short_tags: true,
            short_headers: true,
        }
    }

    #[test]
    fn the_other_sides_cap_lowers_our_bitrate_and_never_raises_it() {
        let wishes = SenderConfig::default();
        let capped = Negotiated { max_bitrate_bps: Some(16_000), ..agreed() };
        assert_eq!(sender_config(&wishes, &capped).bitrate.bps(), 16_000);
        let roomy = Negotiated { max_bitrate_bps: Some(510_000), ..agreed() };
        assert_eq!(sender_config(&wishes, &roomy).bitrate, wishes.bitrate);
    }

    #[test]
    fn twenty_milliseconds_are_asked_for_unless_another_length_is_wished() {
        let mut config = PeerConfig::new("alice".parse::<PeerId>().unwrap());
        assert_eq!(offer(&config).ptime_ms, 20);
        config.policy.frame = Some(FrameLength::Ms10);
        config.audio.frame = FrameLength::Ms10;
        assert_eq!(offer(&config).ptime_ms, 10);
        config.policy = Policy { latency: Latency::Ultra, ..Policy::default() };
        config.audio.frame = FrameLength::Ms2_5;
        assert_eq!(offer(&config).ptime_ms, 3);
    }

    #[test]
    fn frames_get_shorter_when_the_other_side_takes_no_longer_ones() {
        let wishes = SenderConfig { frame: FrameLength::Ms60, ..SenderConfig::default() };
        let limited = Negotiated { max_ptime_ms: Some(30), ..agreed() };
        assert_eq!(sender_config(&wishes, &limited).frame, FrameLength::Ms20);
        assert_eq!(sender_config(&wishes, &agreed()).frame, FrameLength::Ms60);
    }

    #[test]
    fn one_who_plays_one_channel_gets_one() {
        let wishes = SenderConfig { channels: Channels::Stereo, ..SenderConfig::default() };
        let mono = Negotiated { stereo: false, ..agreed() };
        assert_eq!(sender_config(&wishes, &mono).channels, Channels::Mono);
    }

    #[test]
    fn no_name_of_the_agents_states_is_taken_for_the_calls() {
        for state in [IceState::New, IceState::Checking, IceState::Connected, IceState::Completed] {
            assert_ne!(ice_name(state), "connected");
        }
    }
}
