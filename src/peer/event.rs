//! What a peer tells its owner: the same facts for an embedding program and, as JSON lines, for scripts.

use serde::Serialize;

use crate::signaling::{CallId, PeerId};

use super::Exit;

/// One event and when it happened.
#[derive(Debug, Clone, Serialize)]
pub struct TimedEvent {
    /// What happened; its fields stand beside `t_ms` in the JSON line.
    #[serde(flatten)]
    pub event: PeerEvent,
    /// Milliseconds since the peer was started, to the microsecond.
    pub t_ms: f64,
}

/// What happened. In JSON the variant is the field `type`, in snake case.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PeerEvent {
    /// The first event: ties `t_ms` to clocks that other programs know.
    Started {
        /// Version of this program.
        version: &'static str,
        /// Our id.
        id: PeerId,
        /// Wall clock at `t_ms` 0 (ns since 1970).
        unix_ns: u64,
        /// `CLOCK_MONOTONIC` at `t_ms` 0 (ns), where the platform has it.
        monotonic_ns: Option<u64>,
    },
    /// The switchboard knows us.
    Registered {
        /// Whether an earlier registration was taken up again.
        resumed: bool,
        /// Who else is there.
        online: Vec<PeerId>,
    },
    /// The switchboard is gone; we try again on our own. A call in progress is not touched.
    SwitchboardLost {
        /// What is known of the cause.
        reason: String,
    },
    /// Somebody came.
    Online {
        /// Who.
        id: PeerId,
    },
    /// Somebody lost the connection to the switchboard and may come back; a call with them goes on.
    Away {
        /// Who.
        id: PeerId,
    },
    /// Somebody left.
    Offline {
        /// Who.
        id: PeerId,
    },
    /// Somebody calls us.
    Incoming {
        /// The call.
        call: CallId,
        /// Who.
        from: PeerId,
    },
    /// A call changed its state: `dialing`, `ringing`, `connecting`, `connected`, `reconnecting`, `held`, `ended`.
    State {
        /// The call.
        call: CallId,
        /// The other side.
        peer: PeerId,
        /// The state's name.
        state: &'static str,
        /// Why, where the state does not say it.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Offer and answer are known.
    Negotiated {
        /// Which way audio flows: `both`, `send`, `receive`, `neither`.
        direction: &'static str,
        /// Our frames (ms).
        frame_ms: f32,
        /// Our target bitrate (bit/s).
        bitrate_bps: u32,
        /// Channels that we send.
        channels: u8,
        /// Silence is left out of what we send.
        dtx: bool,
        /// In-band error correction is in what we send.
        fec: bool,
        /// Both sides know copies of older frames in newer packets (RED).
        red: bool,
        /// The other side makes use of deep redundancy (DRED).
        dred: bool,
        /// Packets of voice are authenticated by 4 bytes.
        short_tags: bool,
        /// Most packets of voice have headers of 3 bytes in place of RTP's 12.
        short_headers: bool,
        /// The frame length that the other side asked for (ms).
        remote_ptime_ms: u8,
        /// The cap that the other side set (bit/s).
        remote_max_bitrate_bps: Option<u32>,
    },
    /// The ICE agent: `checking`, `usable`, `completed`, `disconnected`.
    Ice {
        /// The agent's state.
        ice: &'static str,
    },
    /// Media goes over this pair from now on.
    Pair {
        /// Our end.
        local: String,
        /// `host`, `srflx`, `prflx` or `relay`.
        local_kind: &'static str,
        /// Their end.
        remote: String,
        /// `host`, `srflx`, `prflx` or `relay`.
        remote_kind: &'static str,
        /// What carries it from here: `udp`, or to a relay of ours `tcp` or `tls`.
        protocol: &'static str,
    },
    /// An address where we can be reached was found.
    Candidate {
        /// `host`, `srflx` or `relay`.
        kind: &'static str,
        /// The address.
        address: String,
        /// The name that the other side is told in place of the address.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// What carries packets to us, or to the relay: `udp`, `tcp` or `tls`.
        protocol: &'static str,
        /// The server that told or lent it.
        #[serde(skip_serializing_if = "Option::is_none")]
        server: Option<String>,
        /// From the first packet to that server to its answer (ms).
        #[serde(skip_serializing_if = "Option::is_none")]
        took_ms: Option<f32>,
    },
    /// Encryption is up.
    Dtls {
        /// `1.2` or `1.3`.
        version: &'static str,
    },
    /// Sample 0 of the input was spoken at this time.
    InputStarted {},
    /// The input file or pipe is at its end.
    InputEnded {},
    /// Sample 0 of the output was handed to its end at this time.
    OutputStarted {},
    /// The first frame of the other side's voice was decoded and handed to the output.
    FirstAudio {},
    /// An audio end went away or came back.
    Device {
        /// `input` or `output`.
        end: &'static str,
        /// `lost` or `recovered`.
        status: &'static str,
        /// What is known of it.
        detail: String,
    },
    /// Once a second during a call.
    Stats(Box<Stats>),
    /// The microphone was muted or opened.
    Muted {
        /// Whether it is muted now.
        muted: bool,
    },
    /// A call is over.
    Ended {
        /// The call.
        call: CallId,
        /// The other side.
        peer: PeerId,
        /// Why, in a word: `hangup`, `declined`, `busy`, `no_answer`, `lost`, `refused`, ...
        reason: String,
        /// Why, as the exit code a script would see.
        exit: u8,
        /// Why, in a sentence.
        message: String,
        /// How long media could flow (ms).
        duration_ms: u64,
    },
    /// Something was refused or failed; what goes on is said by the events after it.
    Error {
        /// A word that programs can compare.
        code: String,
        /// A sentence.
        message: String,
        /// The exit code, if this ends the program.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<u8>,
    },
    /// The last event.
    Stopped {},
}

impl PeerEvent {
    /// An error event that goes on.
    pub(super) fn error(code: &str, message: impl Into<String>) -> Self {
        Self::Error { code: code.into(), message: message.into(), exit: None }
    }

    /// An error that ends the peer.
    pub(super) fn fatal(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self::Error { code: code.into(), message: message.into(), exit: Some(exit as u8) }
    }
}

/// The figures of one second of a call. Counters run from the start of the call, rates over the second.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stats {
    /// Time since media could flow (ms).
    pub call_ms: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets that never came.
    pub packets_lost: u64,
    /// RTP packets that came too late to be heard.
    pub packets_late: u64,
    /// What the other side last reported lost of ours (percent).
    pub remote_loss_percent: Option<f32>,
    /// Variation of the arrival times, RFC 3550 section 6.4.1 (ms).
    pub jitter_ms: f32,
    /// Round trip on the pair in use (ms).
    pub rtt_ms: Option<f32>,
    /// How long a packet waits between arrival and playout now (ms).
    pub playout_delay_ms: f32,
    /// What the jitter buffer aims at (ms).
    pub playout_target_ms: f32,
    /// Share of the samples of the last second that had to be invented for what did not come in time (percent).
    pub concealed_percent: f32,
    /// Samples invented since the start.
    pub concealed_samples: u64,
    /// Samples rendered since the start.
    pub rendered_samples: u64,
    /// Loudness of what we send (dBov, 0 is full scale).
    pub input_level_dbov: f32,
    /// Loudness of what we hear (dBov).
    pub output_level_dbov: f32,
    /// UDP payload sent over the last second (bit/s).
    pub send_bps: u64,
    /// UDP payload received over the last second (bit/s).
    pub receive_bps: u64,
    /// UDP payload bytes sent.
    pub bytes_sent: u64,
    /// UDP payload bytes received.
    pub bytes_received: u64,
    /// Samples that the input end had to throw away.
    pub input_overruns: u64,
    /// Samples that the output end missed.
    pub output_underruns: u64,
    /// Frames of theirs that in-band error correction repaired.
    pub repaired_by_fec: u64,
    /// Frames of theirs that a copy (RED) or parity repaired.
    pub repaired_by_red: u64,
    /// Frames of theirs that deep redundancy (DRED) repaired.
    pub repaired_by_dred: u64,
    /// Length of the frames that we send (ms).
    pub frame_ms: f32,
    /// What Opus spends for us (bit/s).
    pub opus_bps: u32,
    /// Whether in-band error correction is in what we send.
    pub fec: bool,
    /// How many frames before its packet each copy of ours was sent; 0: none are.
    pub red_distance: u8,
    /// How many copies of each of our frames are sent, each so many frames behind the one before it.
    pub red_copies: u8,
    /// How many frames of ours each block of parity covers; 0: there is none.
    pub parity: u8,
    /// How far back our deep redundancy reaches (ms); 0: there is none.
    pub dred_ms: u32,
    /// What the path to the other side is thought to lose (percent).
    pub path_loss_percent: f32,
    /// Mean length of a burst of those losses (packets).
    pub path_burst: f32,
    /// What the path to the other side is thought to carry, headers included (bit/s); none: no limit is known.
    pub path_limit_bps: Option<u32>,
    /// The delay of what we hear, by stage.
    pub delay: DelayStages,
    /// The pair in use, `local -> remote`, with kinds and what carries it.
    pub pair: Option<String>,
}

/// Where the delay of what we hear comes from, stage by stage, all in milliseconds; and how long our own voice waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DelayStages {
    /// How long our own frames wait, complete, before they are sent.
    pub capture_ms: f32,
    /// Filling a frame, there, and the look-ahead of the encoder.
    pub framing_ms: f32,
    /// From the complete frame there to its arrival here; none until the other side has said what time it is.
    pub network_ms: Option<f32>,
    /// How far `network_ms` may be off, either way: half of the least round trip. Nothing of it where the path takes as
    /// long one way as the other.
    pub network_error_ms: Option<f32>,
    /// From arrival to playout.
    pub jitter_buffer_ms: f32,
    /// In the resampler behind the decoder.
    pub decoder_ms: f32,
    /// In the ring before the output.
    pub ring_ms: f32,
    /// From mouth to ear: all of them but the first, and without what sound devices add.
    pub total_ms: Option<f32>,
}
