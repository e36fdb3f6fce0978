//! What the server allows, each limit with its reason.

use std::time::Duration;

/// The server's limits. Past one there is an error with a code or a close with a reason for the one
/// who went past it, and nothing for anyone else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one text frame from a peer: the longest description with its JSON escapes.
    pub frame_bytes: usize,
    /// Bytes of a session description. A voice offer has 2 to 6 KiB; browsers that offer everything
    /// they know reach 20.
    pub sdp_bytes: usize,
    /// Bytes of a candidate line with its `mid`. RFC 8839 candidates have about 150.
    pub candidate_bytes: usize,
    /// Candidates that a peer may send in a call, counted anew with each update: a host with many
    /// interfaces and two TURN servers has some 40.
    pub candidates_per_call: u32,
    /// Messages (and pings) a second that a peer may send in the long run: a program that places ten calls a second
    /// has some 60.
    pub messages_per_second: u32,
    /// Messages that a peer may send at once: the candidates of a few calls.
    pub message_burst: u32,
    /// Messages refused as too fast before the connection is closed.
    pub refused_messages: u32,
    /// Calls that a peer may have that aren't answered yet, both ways together.
    pub pending_calls_per_peer: usize,
    /// Calls that a peer may have in all.
    pub calls_per_peer: usize,
    /// How long a call may wait for its answer: longer than anyone lets it ring.
    pub pending_call_time: Duration,
    /// Connections from one address (an IPv6 /64 counts as one): an office behind one NAT.
    pub connections_per_address: usize,
    /// Registrations a second from one address in the long run: each is told to everyone.
    pub registrations_per_second: u32,
    /// Registrations from one address at once.
    pub registration_burst: u32,
    /// Peers registered in all, away ones included. `registered` lists them all in one frame.
    pub registrations: usize,
    /// Connections in all.
    pub connections: usize,
    /// How long a connection may take to register.
    pub register_time: Duration,
    /// How often the server pings a registered connection.
    pub ping_interval: Duration,
    /// How long a registered connection may be silent, answers to pings included.
    pub idle_time: Duration,
    /// Numbered messages kept for a peer until it is known to have them.
    pub queued_messages: usize,
    /// Bytes of these.
    pub queued_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 128 * 1024,
            sdp_bytes: 64 * 1024,
            candidate_bytes: 1024,
            candidates_per_call: 128,
            messages_per_second: 200,
            message_burst: 200,
            refused_messages: 100,
            pending_calls_per_peer: 8,
            calls_per_peer: 16,
            pending_call_time: Duration::from_secs(120),
            connections_per_address: 64,
            registrations_per_second: 5,
            registration_burst: 64,
            registrations: 10_000,
            connections: 12_000,
            register_time: Duration::from_secs(10),
            ping_interval: Duration::from_secs(10),
            idle_time: Duration::from_secs(25),
            queued_messages: 512,
            queued_bytes: 1024 * 1024,
        }
    }
}
