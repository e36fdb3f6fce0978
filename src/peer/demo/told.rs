//! What the demo understands of an event line. It reads what any script would read, not the types behind it.

use serde::Deserialize;

/// One line of `--events`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Line {
    /// Milliseconds since that peer started.
    pub(super) t_ms: f64,
    /// What happened.
    #[serde(flatten)]
    pub(super) told: Told,
}

/// The events that the demo shows or needs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Told {
    Started {
        unix_ns: u64,
        monotonic_ns: Option<u64>,
    },
    Registered {},
    Incoming {},
    State {
        state: String,
    },
    Negotiated {
        frame_ms: f32,
        bitrate_bps: u32,
    },
    Ice {
        ice: String,
    },
    Pair {
        local: String,
        remote: String,
    },
    Dtls {
        version: String,
    },
    InputStarted {},
    OutputStarted {},
    FirstAudio {},
    Stats(Figures),
    Ended {
        message: String,
    },
    /// Not needed here.
    #[serde(other)]
    Other,
}

/// The figures of one second.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(super) struct Figures {
    pub(super) call_ms: u64,
    pub(super) packets_received: u64,
    pub(super) packets_lost: u64,
    pub(super) jitter_ms: f32,
    pub(super) rtt_ms: Option<f32>,
    pub(super) playout_delay_ms: f32,
    pub(super) concealed_samples: u64,
    pub(super) rendered_samples: u64,
    pub(super) input_level_dbov: f32,
    pub(super) output_level_dbov: f32,
    pub(super) send_bps: u64,
}

impl Figures {
    /// Lost packets, of those that should have come (percent).
    pub(super) fn lost_percent(&self) -> f64 {
        percent(self.packets_lost, self.packets_lost + self.packets_received)
    }

    /// Invented samples, of those that were played (percent).
    pub(super) fn concealed_percent(&self) -> f64 {
        percent(self.concealed_samples, self.rendered_samples)
    }
}

impl Line {
    /// Reads one line; none if it is no event.
    pub(super) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{PeerEvent, Stats, TimedEvent};

    fn read_back(event: PeerEvent) -> Told {
        let line = serde_json::to_string(&TimedEvent { event, t_ms: 12.5 }).expect("events are JSON");
        let line = Line::parse(&line).unwrap_or_else(|| panic!("not understood: {line}"));
        assert_eq!(line.t_ms, 12.5);
        line.told
    }

    #[test]
    fn what_a_peer_writes_is_understood() {
        assert_eq!(read_back(PeerEvent::FirstAudio {}), Told::FirstAudio {});
        assert_eq!(read_back(PeerEvent::Ice { ice: "usable" }), Told::Ice { ice: "usable".into() });
        assert_eq!(read_back(PeerEvent::Muted { muted: true }), Told::Other);
        let stats = Stats { packets_received: 99, packets_lost: 1, rtt_ms: Some(0.3), ..Stats::default() };
        let Told::Stats(figures) = read_back(PeerEvent::Stats(Box::new(stats))) else {
            panic!("not figures")
        };
        assert_eq!(figures.lost_percent(), 1.0);
        assert_eq!(figures.concealed_percent(), 0.0);
    }

    #[test]
    fn what_is_no_event_is_passed_over() {
        for line in ["", "hello", "{}", "[1]", r#"{"type":"state","t_ms":"soon"}"#] {
            assert_eq!(Line::parse(line), None, "{line}");
        }
    }
}
