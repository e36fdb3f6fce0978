//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.

use super::Description;
use super::gate::{self, Kind};

/// Any bytes: parsing ends without a panic, and what is accepted writes to a text that reads as an
/// equal description, which writes to the same text again.
pub fn round_trip(data: &[u8]) {
    let Ok(description) = Description::parse_bytes(data) else { return };
    let text = description.to_string();
    let again = Description::parse(&text).expect("what we write, we read");
    assert_eq!(description, again, "a round trip changes nothing");
    assert_eq!(text, again.to_string(), "written text is stable");
}

/// Any bytes as an offer and as an answer: the gate ends without a panic, and what it lets through it
/// lets through again in its own words, with the same facts.
pub fn gate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [Kind::Offer, Kind::Answer] {
        let Ok(remote) = gate::check_remote(text, kind) else { continue };
        let again = gate::check_remote(&remote.sdp, kind).expect("the gate's own text passes the gate");
        assert_eq!(remote.sdp, again.sdp, "the gate's text is stable");
        assert_eq!(remote.opus, again.opus, "no Opus parameter is lost");
        assert_eq!(remote.fingerprint, again.fingerprint);
        assert_eq!((remote.setup, remote.direction), (again.setup, again.direction));
        assert_eq!((&remote.ice_ufrag, &remote.ice_pwd), (&again.ice_ufrag, &again.ice_pwd));
        assert_eq!(remote.audio_mid, again.audio_mid);
        assert!(remote.candidates.len() <= gate::MAX_CANDIDATES);
    }
}
