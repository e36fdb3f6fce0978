//! How long a call waits for what.

use std::time::Duration;

/// An unanswered call ends after this: about ten rings, and what telephone networks do.
pub const RINGING_LIMIT: Duration = Duration::from_secs(60);

/// From the answer to media: long enough for a relay over TLS on a bad line, short enough that a person who
/// said "hello" still holds the handset.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Silence on the wire (no datagram at all) after which the path counts as lost.
///
/// Audio comes every few milliseconds, or in DTX every 400 ms and more; reports come every second, and connectivity
/// checks every [`CHECK_INTERVAL`] once nothing else does, so this is two or three of these missed. ICE's own consent
/// (RFC 7675) would take 15 s and more.
pub const SILENCE_LIMIT: Duration = Duration::from_millis(2500);

/// How long a lost path is searched for before the call ends: as long as the switchboard keeps a dropped
/// peer's place.
pub const RECONNECT_LIMIT: Duration = Duration::from_secs(30);

/// The steady interval of connectivity checks on a pair; the answers to them are what proves a silent peer
/// alive (RFC 7675 section 5.1 asks for 4 to 6 s on average, more often is allowed by section 5.1's minimum).
pub const CHECK_INTERVAL: Duration = Duration::from_millis(800);

/// The interval of checks on the pair in use while media comes over it (RFC 7675 section 5.1).
pub const CONSENT_INTERVAL: Duration = Duration::from_secs(4);

/// Media that came so long ago still comes: a report is due each second.
pub const MEDIA_LIMIT: Duration = Duration::from_millis(1200);

/// The interval of checks on a pair that works but is not in use: often enough for any address translation, and for one
/// to be lost.
pub const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How long a pair is checked as often as the one in use, from the first check on it: until then a better one than
/// that in use may still be found.
pub const PROBING_TIME: Duration = Duration::from_secs(5);

/// First retransmission of a connectivity check. RFC 8445 section 14.3 says 500 ms at least, for the sake of
/// networks shared by many agents; a call has a handful of pairs, and a lost check should not be felt.
pub const CHECK_RTO: Duration = Duration::from_millis(100);

/// Pace of connectivity checks while no pair is nominated: RFC 8445 section 14.2's floor (Ta = 5 ms).
pub const CHECK_PACE: Duration = Duration::from_millis(5);

/// Interval of RTCP reports: round trip, loss and jitter are shown once a second.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// A round trip that was reported so long ago is no longer news: one report may be lost.
pub const REPORT_LIMIT: Duration = Duration::from_millis(2500);
