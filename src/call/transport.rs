//! The transport of one call: str0m in RTP mode, mutated once and drained fully.
//!
//! **Invariant.** str0m keeps an incoming packet in a single slot, so every mutation is followed by
//! [`Transport::drain`] before the next. All mutations live in this file, and each ends in that call.
//!
//! str0m believes in one audio section that both sends and receives, forever. Direction and hold are the
//! call's own matter: they change the text of descriptions and gate audio, never the transport.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use str0m::bwe::BweKind;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::DtlsVersion as Dtls;
use str0m::crypto::dtls::ProtocolVersion;
use str0m::error::SdpError;
use str0m::format::{Codec, CodecConfig, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{AbsCaptureTime, Extension, ExtensionMap, ExtensionValues, RtpPacket, RtpWrite};
use str0m::stats::{MediaEgressStats, PeerStats};
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig, RtcError};

use super::event::Estimate;
use super::nomination::nominating;
use super::remb::Remb;
use super::session::{AudioFrame, Transmit};
use super::short_header::{PayloadTypes, ShortHeaders};
use super::spare_checks::{SpareChecks, Use};
use super::{
    AudioOffer, CallConfig, CallError, CallStats, DtlsVersion, IceState, WallClock, description, dtls, srtp,
    timing,
};
use crate::ice::Credentials;
use crate::ice::stun::Key;
use crate::rtp::red::{MAX_REDUNDANT, RedError};
use crate::rtp::{self, RedHeader, short_red};
use crate::sdp::gate::Remote;

/// Ids of the header extensions that we offer (RFC 8285 one-byte form: 1 to 14). No transport-wide
/// congestion control: its feedback alone would be twenty packets a second.
const AUDIO_LEVEL_ID: u8 = 1;
const MID_ID: u8 = 4;
const CAPTURE_TIME_ID: u8 = 5;

/// How often packets say when they were captured: the extension takes 12 bytes, and what lies between is interpolated.
const CAPTURE_TIME_INTERVAL: Duration = Duration::from_secs(1);

/// How often packets say how loud they are. Who decodes us knows it anyway, and 8 bytes in each packet of
/// 10 ms would be 6.4 kbit/s, a quarter of what they leave for the voice under 64 kbit/s. No packet has to carry an
/// element of an extension (RFC 8285 section 4.1.2).
const LEVEL_INTERVAL: Duration = Duration::from_millis(500);

/// Rounds of retransmitted checks before a pair is given up. A pair that worked must outlive a break that the
/// call itself still hopes to bridge, so this covers most of [`timing::RECONNECT_LIMIT`].
const CHECK_RETRANSMITS: usize = 36;

/// Most sources of checks that are remembered: a peer has a handful of addresses, as many as its candidates.
const MAX_CHECKED: usize = super::MAX_REMOTE_CANDIDATES;

/// Most packets and events that one step may bring: six addresses a side make some hundreds. One that brings more is not
/// going to end.
const MAX_OUTPUTS: usize = 10_000;

/// A pending local offer, to be completed by an answer.
pub(super) type PendingOffer = SdpPendingOffer;

/// What the transport tells the call.
#[derive(Debug)]
pub(super) enum Happening {
    Ice(IceState),
    Dtls(DtlsVersion),
    Pair {
        local: SocketAddr,
        remote: SocketAddr,
    },
    Packet(rtp::Packet),
    Stats(CallStats),
    Report(rtp::ReceiverReport),
    Estimate(Estimate),
    SenderClock(rtp::SenderClock),
    /// The other side said goodbye in DTLS.
    Closed,
    /// Beyond repair.
    Failed(String),
}

pub(super) struct Transport {
    rtc: Rtc,
    short_tags: dtls::ShortTags,
    short_headers: ShortHeaders,
    remb: Remb,
    mid: Option<Mid>,
    now: Instant,
    deadline: Instant,
    ice: IceState,
    /// What checks on the other side are signed with.
    remote_key: Option<Key>,
    pair: Option<(SocketAddr, SocketAddr)>,
    spare_checks: SpareChecks,
    /// When media, or a report on it, last came over the pair in use.
    media_came: Option<Instant>,
    /// Where authenticated connectivity checks came from.
    checked: Vec<SocketAddr>,
    sent: rtp::SentLog,
    timestamp_offset: u32,
    stats: CallStats,
    /// Round trip by the latest report on our packets, and when that came.
    reported_rtt: Option<(Instant, Duration)>,
    /// Highest sequence number, losses and jitter of the latest report on our packets.
    reported: Option<(u64, u64, u32)>,
    /// When the latest report of the other side came, and what had been sent then.
    report_came: Option<(Instant, rtp::Sent)>,
    wall_clock: Option<WallClock>,
    /// When a packet is to say when it was captured.
    capture_time_due: Instant,
    /// When a packet is to say how loud it is.
    level_due: Instant,
    transmits: VecDeque<Transmit>,
    happenings: VecDeque<Happening>,
}

impl Transport {
    /// `salt` hides where sequence numbers and timestamps begin (RFC 3550 section 5.1).
    pub(super) fn new(call: &CallConfig, credentials: &Credentials, salt: [u8; 8], now: Instant) -> Self {
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .set_crypto_provider(dtls::crypto_provider().into())
            .set_dtls_cert(call.certificate.dtls().clone())
            .set_dtls_version(Dtls::Auto)
            .set_local_ice_credentials(creds(credentials))
            .set_extension_map(extensions())
            .set_rtcp_report_interval_audio(timing::REPORT_INTERVAL)
            .set_stats_interval(Some(timing::REPORT_INTERVAL));
        *config.codec_config() = codecs(&call.audio);
        config.set_initial_stun_rto(timing::CHECK_RTO);
        config.set_max_stun_rto(timing::CHECK_INTERVAL);
        config.set_max_stun_retransmits(CHECK_RETRANSMITS);

        let short_tags = dtls::ShortTags::wanted(call.audio.short_tags);
        let [s0, s1, _, _, t @ ..] = salt;
        let mut transport = Self {
            rtc: short_tags.given_to(|| config.build(now)),
            short_tags,
            short_headers: ShortHeaders::wanted(call.audio.short_headers),
            remb: Remb::default(),
            mid: None,
            now,
            deadline: now,
            ice: IceState::New,
            remote_key: None,
            pair: None,
            spare_checks: SpareChecks::default(),
            media_came: None,
            checked: Vec::new(),
            // The upper half is left free: a first number close to the wrap would let a lost packet
            // desynchronise the rollover counter (RFC 3711 section 3.3.1).
            sent: rtp::SentLog::new(u64::from(u16::from_be_bytes([s0, s1]) >> 1)),
            timestamp_offset: u32::from_be_bytes(t),
            stats: CallStats::default(),
            reported_rtt: None,
            reported: None,
            report_came: None,
            wall_clock: call.wall_clock,
            capture_time_due: now,
            level_due: now,
            transmits: VecDeque::new(),
            happenings: VecDeque::new(),
        };
        transport.drain();
        transport
    }

    /// The one loop: everything str0m has to say, until it only waits.
    fn drain(&mut self) {
        for _ in 0..MAX_OUTPUTS {
            let short_tags = self.short_tags.are_in_use();
            match srtp::with_short_tags(short_tags, || self.rtc.poll_output()) {
                Ok(Output::Timeout(at)) => {
                    self.deadline = at;
                    return;
                }
                Ok(Output::Transmit(datagram)) => self.on_transmit(datagram),
                Ok(Output::Event(event)) => self.on_event(event),
                Err(error) => return self.fail(error.to_string()),
            }
        }
        debug_assert!(false, "str0m does not come to rest");
        self.fail(format!("no rest after {MAX_OUTPUTS} packets and events"));
    }

    /// A str0m that failed while polling may fail again at once; closing ends that.
    fn fail(&mut self, why: String) {
        self.happenings.push_back(Happening::Failed(why));
        self.rtc.disconnect();
    }

    fn on_transmit(&mut self, datagram: str0m::net::Transmit) {
        let mut payload = self.hastened(Vec::from(datagram.contents));
        srtp::shorten(&mut payload, self.short_tags.are_in_use());
        if let Some(types) = self.short_header_types() {
            self.short_headers.shorten(&mut payload, types);
        }
        let (local, remote) = (datagram.source, datagram.destination);
        let pair = self.sparsely_checked((local, remote));
        if pair.is_some_and(|of| self.spare_checks.is_one((local, remote), &payload, of, self.now)) {
            return;
        }
        self.stats.bytes_sent += payload.len() as u64;
        // Checks go everywhere, DTLS and RTP only over the nominated pair: they show which it is.
        if !is_stun(&payload) && self.pair != Some((local, remote)) {
            self.pair = Some((local, remote));
            self.happenings.push_back(Happening::Pair { local, remote });
        }
        self.transmits.push_back(Transmit { source: local, destination: remote, payload });
    }

    /// What a pair is for, if it is for something that needs fewer checks than the agent makes.
    fn sparsely_checked(&self, ends: (SocketAddr, SocketAddr)) -> Option<Use> {
        let is_connected = matches!(self.ice, IceState::Connected | IceState::Completed);
        let pair = self.pair.filter(|_| is_connected)?;
        if pair != ends {
            return Some(Use::Idle);
        }
        let since = self.now.saturating_duration_since(self.media_came?);
        (since < timing::MEDIA_LIMIT).then_some(Use::Media)
    }

    /// While no pair is nominated, checks [nominate](super::nomination).
    fn hastened(&self, payload: Vec<u8>) -> Vec<u8> {
        match &self.remote_key {
            Some(key) if is_stun(&payload) && matches!(self.ice, IceState::New | IceState::Checking) => {
                nominating(&payload, key).unwrap_or(payload)
            }
            _ => payload,
        }
    }

    fn on_event(&mut self, event: Event) {
        let happening = match event {
            Event::IceConnectionStateChange(state) => {
                self.ice = ice_state(state);
                Happening::Ice(self.ice)
            }
            Event::Connected => {
                let version = self.rtc.direct_api().dtls_protocol_version();
                Happening::Dtls(match version {
                    Some(ProtocolVersion::DTLS1_3) => DtlsVersion::V1_3,
                    _ => DtlsVersion::V1_2,
                })
            }
            Event::RtpPacket(packet) => {
                self.on_capture_time(&packet);
                match self.on_packet(packet) {
                    Ok(packet) => Happening::Packet(packet),
                    Err(error) => return tracing::debug!(%error, "dropped a packet"),
                }
            }
            Event::SenderFeedback(feedback) => {
                let captured_us = unix_us(feedback.sender_info.ntp_time);
                Happening::SenderClock(rtp::SenderClock {
                    at: feedback.received_at,
                    timestamp: feedback.sender_info.rtp_time.numer() as u32,
                    captured_us,
                    sent_us: Some(captured_us),
                })
            }
            Event::PeerStats(stats) => {
                self.on_peer_stats(&stats);
                Happening::Stats(self.stats)
            }
            Event::EgressBitrateEstimate(BweKind::Remb { estimate, .. }) => {
                match Remb::heard(estimate.as_f64(), self.now) {
                    Some(estimate) => Happening::Estimate(estimate),
                    None => return,
                }
            }
            Event::MediaEgressStats(stats) => return self.on_egress_stats(&stats),
            Event::Closed => Happening::Closed,
            _ => return,
        };
        self.happenings.push_back(happening);
    }

    /// # Errors
    /// RED whose short headers are none.
    fn on_packet(&mut self, packet: RtpPacket) -> Result<rtp::Packet, RedError> {
        self.stats.packets_received += 1;
        self.stats.payload_bytes_received += packet.payload.len() as u64;
        let header = &packet.header;
        self.short_headers.heard(*header.ssrc, header.sequence_number, header.timestamp);
        let (ssrc, timestamp) = (*header.ssrc, rtp::RtpTimestamp(packet.time.numer()));
        if let Some(bps) = self.remb.on_packet(ssrc, timestamp, packet.timestamp) {
            // It leaves with the drain under way, or the one behind it.
            if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc.into()) {
                stream.request_remb(bps.into());
            }
        }
        let is_red = self.red_payload_type() == Some(packet.header.payload_type);
        let format = if is_red { rtp::PayloadFormat::Red } else { rtp::PayloadFormat::Opus };
        Ok(rtp::Packet {
            ssrc,
            seq: rtp::Seq(*packet.seq_no),
            timestamp,
            arrival: packet.timestamp,
            marker: packet.header.marker,
            format,
            payload: self.whole_payload(format, packet.payload)?,
        })
    }

    /// What arrived, with whole headers of RED.
    fn whole_payload(&self, format: rtp::PayloadFormat, payload: Arc<[u8]>) -> Result<Arc<[u8]>, RedError> {
        let short = self.short_header_types().filter(|_| format == rtp::PayloadFormat::Red);
        let Some(PayloadTypes { opus, .. }) = short else { return Ok(payload) };
        let mut whole = Vec::with_capacity(payload.len() + RedHeader::Whole.bytes(MAX_REDUNDANT as u8));
        short_red::lengthen(&payload, opus, &mut whole)?;
        Ok(whole.into())
    }

    fn on_capture_time(&mut self, packet: &RtpPacket) {
        let Some(captured) = packet.header.ext_vals.abs_capture_time else { return };
        self.happenings.push_back(Happening::SenderClock(rtp::SenderClock {
            at: packet.timestamp,
            timestamp: packet.header.timestamp,
            captured_us: unix_us(captured.capture_time),
            sent_us: None,
        }));
    }

    fn on_peer_stats(&mut self, stats: &PeerStats) {
        let is_fresh = |at: Instant| self.now.saturating_duration_since(at) <= timing::REPORT_LIMIT;
        let reported = self.reported_rtt.filter(|(at, _)| is_fresh(*at)).map(|(_, rtt)| rtt);
        let pair = stats.selected_candidate_pair.as_ref();
        let checked = || pair.and_then(|p| p.current_round_trip_time);
        self.stats.rtt = reported.or_else(checked).or(self.stats.rtt);
    }

    /// These come after the peer's, so they show in the next second's event.
    fn on_egress_stats(&mut self, stats: &MediaEgressStats) {
        self.stats.remote_loss = stats.loss.or(self.stats.remote_loss);
        let jitter = stats.remote.as_ref().map(|r| rtp::Samples(i64::from(r.jitter)).duration());
        self.stats.remote_jitter = jitter.or(self.stats.remote_jitter);
        let (Some(remote), Some(jitter)) = (&stats.remote, jitter) else { return };
        // str0m says nothing of when a report came: where none has come since the last statistics, it says the same again.
        let report = (*remote.maximum_sequence_number, remote.packets_lost, remote.jitter);
        if self.reported.replace(report) == Some(report) {
            return;
        }
        let highest = *remote.maximum_sequence_number;
        self.short_headers.confirm(highest as u16);
        let (at, sent) = self.report_came.unwrap_or((stats.timestamp, self.sent.total()));
        self.reported_rtt = stats.rtt.map(|rtt| (at, rtt));
        self.happenings.push_back(Happening::Report(rtp::ReceiverReport {
            at,
            highest,
            lost: remote.packets_lost,
            jitter,
            rtt: stats.rtt.or(self.stats.rtt),
            progress: self.sent.progress(at, sent, highest),
        }));
    }

    /// Makes the first offer.
    pub(super) fn offer(&mut self) -> Option<(String, PendingOffer)> {
        let mut api = self.rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let made = api.apply().map(|(offer, pending)| (offer.to_sdp_string(), pending));
        self.mid = Some(mid);
        self.drain();
        made
    }

    /// Begins an offer that restarts ICE. str0m's text of it is of no use: it names credentials that are not ours.
    pub(super) fn restart_offer(&mut self) -> Option<PendingOffer> {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let made = api.apply().map(|(_, pending)| pending);
        self.drain();
        made
    }

    /// Applies the answer to an offer of ours; `credentials` are those that the offer named. Says whether ICE
    /// restarted by it.
    pub(super) fn accept_answer(
        &mut self,
        pending: PendingOffer,
        answer: &Remote,
        credentials: &Credentials,
    ) -> Result<bool, CallError> {
        self.remote_key = Some(Key::short_term(&answer.ice_pwd));
        self.short_tags.agree(answer.short_tags);
        self.short_headers.agree(answer.short_headers);
        self.remb.agree(answer.remb);
        let answer = SdpAnswer::from_sdp_string(&description::for_engine(answer)).map_err(unreadable)?;
        let before = self.rtc.direct_api().local_ice_credentials();
        let result = self.rtc.sdp_api().accept_answer(pending, answer);
        let restarted = self.replace_credentials(&before, credentials);
        self.drain();
        result.map_err(refused)?;
        Ok(restarted)
    }

    /// Applies an offer and makes the answer. `credentials` go into use where str0m took new ones because the
    /// offer restarts ICE; says whether it did.
    pub(super) fn accept_offer(
        &mut self,
        offer: &Remote,
        credentials: &Credentials,
    ) -> Result<(String, bool), CallError> {
        self.remote_key = Some(Key::short_term(&offer.ice_pwd));
        self.short_tags.agree(offer.short_tags);
        self.short_headers.agree(offer.short_headers);
        self.remb.agree(offer.remb);
        let offer = SdpOffer::from_sdp_string(&description::for_engine(offer)).map_err(unreadable)?;
        let before = self.rtc.direct_api().local_ice_credentials();
        let result = self.rtc.sdp_api().accept_offer(offer);
        let restarted = self.replace_credentials(&before, credentials);
        self.drain();
        Ok((result.map_err(refused)?.to_sdp_string(), restarted))
    }

    /// A restart gave str0m credentials of its own making, from a generator that is not cryptographic: puts ours
    /// in their place before any check uses them.
    fn replace_credentials(&mut self, before: &IceCreds, credentials: &Credentials) -> bool {
        let mut api = self.rtc.direct_api();
        let restarted = api.local_ice_credentials() != *before;
        if restarted {
            api.set_local_ice_credentials(creds(credentials));
            self.spare_checks.clear();
        }
        restarted
    }

    /// Adds an address of ours; gives its line for the other side, or `None` where it is known already. The
    /// line names no user fragment: str0m's own is not in use after a restart.
    pub(super) fn add_local(&mut self, candidate: Candidate) -> Option<String> {
        let added = self.rtc.add_local_candidate(candidate).map(Candidate::to_sdp_string);
        self.drain();
        added.map(|line| line.split(" ufrag ").next().unwrap_or_default().to_owned())
    }

    /// Takes an address of ours out of use, with every pair that it was in.
    pub(super) fn remove_local(&mut self, candidate: &Candidate) {
        self.rtc.direct_api().invalidate_candidate(candidate);
        self.drain();
    }

    pub(super) fn add_remote(&mut self, candidate: Candidate) {
        self.rtc.add_remote_candidate(candidate);
        self.drain();
    }

    /// Whether a datagram is for this transport.
    pub(super) fn accepts(&self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> bool {
        Receive::new(Protocol::Udp, source, destination, payload)
            .is_ok_and(|receive| self.rtc.accepts(&Input::Receive(self.now, receive)))
    }

    /// Takes a datagram; says whether it shows that the path of media works, that is whether it came from the far
    /// end of the pair in use. What comes from elsewhere shows nothing: checks on other pairs go on when this one
    /// is dead, and so does the other side's media when only our direction is.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> bool {
        let now = self.advance(now);
        let short_tags = self.short_tags.are_in_use();
        let Some(whole) = self.short_headers.lengthened(payload, self.short_header_types()) else {
            return false;
        };
        let whole = srtp::lengthened(&whole, short_tags);
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, &whole) else { return false };
        let input = Input::Receive(now, receive);
        let accepted = self.rtc.accepts(&input);
        if accepted && is_stun(payload) {
            self.remember_checked(source);
        }
        // str0m takes DTLS only over pairs that worked in our direction. The other side may begin the handshake
        // as soon as its own direction works: to drop that would cost a retransmission.
        let early_dtls = is_dtls(payload) && self.checked.contains(&source);
        if !accepted && !early_dtls {
            return false;
        }
        self.stats.bytes_received += payload.len() as u64;
        self.remb.on_datagram(payload.len());
        if is_report(&whole) {
            self.report_came = Some((now, self.sent.total()));
        }
        let result = srtp::with_short_tags(short_tags, || self.rtc.handle_input(input));
        self.drain();
        // A datagram that breaks a rule is dropped; str0m closes itself when the harm is beyond that.
        match result {
            Ok(()) => {
                let shows_path = self.pair.is_none_or(|(_, remote)| remote == source);
                if shows_path && is_media(payload) {
                    self.media_came = Some(now);
                }
                shows_path
            }
            Err(error) if self.rtc.is_alive() => {
                tracing::debug!(%error, "dropped a datagram");
                false
            }
            Err(error) => {
                self.happenings.push_back(Happening::Failed(error.to_string()));
                false
            }
        }
    }

    fn remember_checked(&mut self, source: SocketAddr) {
        if self.checked.len() < MAX_CHECKED && !self.checked.contains(&source) {
            self.checked.push(source);
        }
    }

    /// Lets time pass: one connectivity check at most leaves by it.
    pub(super) fn tick(&mut self, now: Instant) {
        let now = self.advance(now);
        let short_tags = self.short_tags.are_in_use();
        let result = srtp::with_short_tags(short_tags, || self.rtc.handle_input(Input::Timeout(now)));
        self.drain();
        if let Err(error) = result {
            self.happenings.push_back(Happening::Failed(error.to_string()));
        }
    }

    /// Sends one packet, at once.
    pub(super) fn send(&mut self, frame: AudioFrame<'_>, now: Instant) -> bool {
        let now = self.advance(now);
        let payload_type = match frame.format {
            rtp::PayloadFormat::Opus => self.payload_type(),
            rtp::PayloadFormat::Red => self.red_payload_type(),
        };
        let Some((mid, payload_type)) = self.mid.zip(payload_type) else { return false };
        let abs_capture_time = self.capture_time(frame.captured_at.min(now), now);
        let audio_level = self.level(frame.level_dbov, now);
        let payload = self.payload(&frame);
        let sequence = self.sent.next().into();
        let time = (frame.timestamp as u32).wrapping_add(self.timestamp_offset);
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return false };
        let captured_at = frame.captured_at.min(now);
        let extensions = ExtensionValues { audio_level, abs_capture_time, ..Default::default() };
        let bytes = payload.len();
        stream.write_rtp(
            RtpWrite::new(payload_type, sequence, time, captured_at, payload)
                .marker(frame.starts_talk)
                .ext_vals(extensions),
        );
        self.sent.on_sent(now, bytes);
        self.stats.packets_sent += 1;
        self.stats.payload_bytes_sent += bytes as u64;
        self.tick(now);
        true
    }

    /// What travels of a frame: where it is agreed, RED with short headers.
    fn payload(&self, frame: &AudioFrame<'_>) -> Vec<u8> {
        let short = self.short_header_types().filter(|_| frame.format == rtp::PayloadFormat::Red);
        let Some(PayloadTypes { opus, .. }) = short else { return frame.payload.to_vec() };
        let mut payload = Vec::with_capacity(frame.payload.len() + 1);
        short_red::shorten(frame.payload, opus, &mut payload);
        payload
    }

    /// How loud the packet at hand is, if it is to say so.
    fn level(&mut self, dbov: i8, now: Instant) -> Option<i8> {
        if now < self.level_due {
            return None;
        }
        self.level_due = now + LEVEL_INTERVAL;
        Some(dbov.clamp(-127, 0))
    }

    /// When the packet at hand was captured, if it is to say so.
    fn capture_time(&mut self, captured_at: Instant, now: Instant) -> Option<AbsCaptureTime> {
        let wall_clock = self.wall_clock.filter(|_| self.capture_time_due <= now)?;
        self.capture_time_due = now + CAPTURE_TIME_INTERVAL;
        Some(AbsCaptureTime { capture_time: wall_clock.when(captured_at), clock_offset: None })
    }

    /// The payload type that was agreed for Opus.
    pub(super) fn payload_type(&self) -> Option<Pt> {
        let media = self.rtc.media(self.mid?)?;
        let opus = self.opus()?.pt();
        media.remote_pts().contains(&opus).then_some(opus)
    }

    /// The payload type that was agreed for RED around Opus.
    fn red_payload_type(&self) -> Option<Pt> {
        self.payload_type()?;
        self.opus()?.red()
    }

    /// Whether RED was agreed.
    pub(super) fn has_red(&self) -> bool {
        self.red_payload_type().is_some()
    }

    /// Whether both sides said that they take SRTP with short tags.
    pub(super) fn has_short_tags(&self) -> bool {
        self.short_tags.are_agreed()
    }

    /// Whether both sides said that they take RTP with short headers.
    pub(super) fn has_short_headers(&self) -> bool {
        self.short_headers.are_agreed()
    }

    /// Whether the other side knows REMB, and we said so, too.
    pub(super) fn has_remb(&self) -> bool {
        self.remb.is_agreed()
    }

    /// What short headers stand for, where they are agreed.
    fn short_header_types(&self) -> Option<PayloadTypes> {
        if !self.has_short_headers() {
            return None;
        }
        let opus = *self.payload_type()?;
        Some(PayloadTypes { opus, red: self.red_payload_type().map(|red| *red) })
    }

    fn opus(&self) -> Option<&PayloadParams> {
        self.rtc.codec_config().find(|p| p.spec().codec == Codec::Opus)
    }

    /// Takes the name of the audio section from a remote offer, as the gate gave it to str0m.
    pub(super) fn set_mid(&mut self, mid: &str) {
        self.mid = Some(mid.into());
    }

    pub(super) fn mid(&self) -> Option<String> {
        self.mid.map(|mid| mid.to_string())
    }

    /// Says goodbye (RTCP BYE, DTLS close_notify).
    pub(super) fn close(&mut self, now: Instant) {
        let _ = self.rtc.close();
        self.drain();
        self.tick(now);
    }

    pub(super) fn ice_state(&self) -> IceState {
        self.ice
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_happening(&mut self) -> Option<Happening> {
        self.happenings.pop_front()
    }

    /// str0m does nothing at a time before its last: a packet written then would wait.
    fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

fn creds(credentials: &Credentials) -> IceCreds {
    IceCreds { ufrag: credentials.ufrag().to_owned(), pass: credentials.password().to_owned() }
}

/// Never str0m's own words on a text: they may quote it, and errors are logged.
fn refused(error: RtcError) -> CallError {
    CallError::Engine(match error {
        RtcError::RemoteSdp(reason) => reason,
        RtcError::ChangesOutOfOrder => "the answer is not to the latest offer".into(),
        _ => "it does not apply to this call".into(),
    })
}

fn unreadable(_: SdpError) -> CallError {
    CallError::Engine("it has a form that the engine does not read".into())
}

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(AUDIO_LEVEL_ID, Extension::AudioLevel);
    map.set(MID_ID, Extension::RtpMid);
    map.set(CAPTURE_TIME_ID, Extension::AbsoluteCaptureTime);
    map
}

/// Opus, and RED in front of it: the order in which browsers use RED. What the description says of Opus is written
/// by [`localise`](crate::sdp::localise).
fn codecs(audio: &AudioOffer) -> CodecConfig {
    let mut config = CodecConfig::empty();
    config.enable_opus(true, audio.red);
    let without_feedback = config.params().iter().map(|params| {
        let mut params = *params;
        params.set_fb_transport_cc(false);
        params
    });
    CodecConfig::new_from_payload_params(without_feedback.collect())
}

/// Microseconds since 1970.
fn unix_us(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

fn ice_state(state: IceConnectionState) -> IceState {
    match state {
        IceConnectionState::New => IceState::New,
        IceConnectionState::Checking => IceState::Checking,
        IceConnectionState::Connected => IceState::Connected,
        IceConnectionState::Completed => IceState::Completed,
        IceConnectionState::Disconnected => IceState::Disconnected,
    }
}

/// RFC 7983 section 7: the first byte tells STUN from DTLS and RTP.
fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| *byte < 4)
}

/// Whether a datagram is RTCP that begins with a report, the sender's or the receiver's (RFC 3550 sections 6.1, 6.4). That
/// much of SRTCP is in the clear.
fn is_report(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 200 | 201, ..] if (128..192).contains(first))
}

/// RFC 7983 section 7: RTP or RTCP.
fn is_media(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| (128..192).contains(byte))
}

/// RFC 7983 section 7.
fn is_dtls(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|byte| (20..64).contains(byte))
}
