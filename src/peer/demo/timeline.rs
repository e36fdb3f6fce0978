//! When what happened, on both sides, on one clock.

use super::told::{Figures, Line, Told};

/// Who calls.
pub(super) const ALICE: &str = "alice";
/// Who is called.
pub(super) const BOB: &str = "bob";

/// The steps of setting up a call, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Called,
    Ringing,
    Answered,
    IceUsable,
    DtlsUp,
    Connected,
    FirstAudio,
}

impl Step {
    pub(super) const ALL: [Self; 7] = [
        Self::Called,
        Self::Ringing,
        Self::Answered,
        Self::IceUsable,
        Self::DtlsUp,
        Self::Connected,
        Self::FirstAudio,
    ];

    /// What it is called in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Called => "called",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::IceUsable => "ICE: a path works",
            Self::DtlsUp => "DTLS: encrypted",
            Self::Connected => "connected",
            Self::FirstAudio => "first audio heard",
        }
    }
}

/// What one peer told.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    /// Clocks at its `t_ms` 0.
    unix_ns: Option<u64>,
    monotonic_ns: Option<u64>,
    /// When it was registered, on its own clock.
    pub(super) registered_ms: Option<f64>,
    steps: Vec<(Step, f64)>,
    input_started_ms: Option<f64>,
    output_started_ms: Option<f64>,
    /// The latest figures.
    pub(super) figures: Option<Figures>,
    /// `local -> remote`.
    pub(super) pair: Option<String>,
    /// Version of DTLS.
    pub(super) dtls: Option<String>,
    /// What was negotiated: frame (ms) and bitrate (bit/s).
    pub(super) negotiated: Option<(f32, u32)>,
    /// How the call ended, in a sentence.
    pub(super) ended: Option<String>,
}

impl Side {
    /// Takes in one event.
    pub(super) fn handle_line(&mut self, line: Line) {
        let at = line.t_ms;
        match line.told {
            Told::Started { unix_ns, monotonic_ns } => {
                (self.unix_ns, self.monotonic_ns) = (Some(unix_ns), monotonic_ns);
            }
            Told::Registered {} => self.registered_ms = self.registered_ms.or(Some(at)),
            Told::Incoming {} => self.reach(Step::Called, at),
            Told::State { state } => match &*state {
                "dialing" => self.reach(Step::Called, at),
                "ringing" => self.reach(Step::Ringing, at),
                "connecting" => self.reach(Step::Answered, at),
                "connected" => self.reach(Step::Connected, at),
                _ => {}
            },
            Told::Negotiated { frame_ms, bitrate_bps } => self.negotiated = Some((frame_ms, bitrate_bps)),
            Told::Ice { ice } if ice == "usable" || ice == "completed" => self.reach(Step::IceUsable, at),
            Told::Pair { local, remote } => self.pair = Some(format!("{local} to {remote}")),
            Told::Dtls { version } => {
                self.reach(Step::DtlsUp, at);
                self.dtls = Some(version);
            }
            Told::InputStarted {} => self.input_started_ms = self.input_started_ms.or(Some(at)),
            Told::OutputStarted {} => self.output_started_ms = self.output_started_ms.or(Some(at)),
            Told::FirstAudio {} => self.reach(Step::FirstAudio, at),
            Told::Stats(figures) => self.figures = Some(figures),
            Told::Ended { message } => self.ended = Some(message),
            Told::Ice { .. } | Told::Other => {}
        }
    }

    /// Only the first time counts.
    fn reach(&mut self, step: Step, at: f64) {
        if !self.has_reached(step) {
            self.steps.push((step, at));
        }
    }

    pub(super) fn has_reached(&self, step: Step) -> bool {
        self.steps.iter().any(|(reached, _)| *reached == step)
    }
}

/// Both sides of the call.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    /// Who calls.
    pub(super) alice: Side,
    /// Who is called.
    pub(super) bob: Side,
}

impl Timeline {
    /// The side of that name.
    pub(super) fn side(&mut self, who: &str) -> Option<&mut Side> {
        match who {
            ALICE => Some(&mut self.alice),
            BOB => Some(&mut self.bob),
            _ => None,
        }
    }

    /// Whether the call is over for the side of that name.
    pub(super) fn has_ended(&self, who: &str) -> bool {
        who == ALICE && self.alice.ended.is_some() || who == BOB && self.bob.ended.is_some()
    }

    /// Whether it is over for both.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended(ALICE) && self.has_ended(BOB)
    }

    /// Whether both heard something.
    pub(super) fn is_set_up(&self) -> bool {
        self.alice.has_reached(Step::FirstAudio) && self.bob.has_reached(Step::FirstAudio)
    }

    /// When each side reached `step`, in milliseconds since alice called: alice, then bob.
    pub(super) fn reached_ms(&self, step: Step) -> [Option<f64>; 2] {
        let since_call = |side: &Side| {
            let (_, at) = side.steps.iter().find(|(reached, _)| *reached == step)?;
            self.since_call(side, *at)
        };
        [since_call(&self.alice), since_call(&self.bob)]
    }

    /// When the first sample of `side`'s file was spoken, in milliseconds since alice called.
    pub(super) fn spoke_ms(&self, side: &Side) -> Option<f64> {
        self.since_call(side, side.input_started_ms?)
    }

    /// When the first sample of `side`'s recording was heard, in milliseconds since alice called.
    pub(super) fn heard_ms(&self, side: &Side) -> Option<f64> {
        self.since_call(side, side.output_started_ms?)
    }

    /// A moment of `side` on the common clock.
    fn since_call(&self, side: &Side, at_ms: f64) -> Option<f64> {
        let (_, called) = self.alice.steps.iter().find(|(step, _)| *step == Step::Called)?;
        // One kind of clock for both sides; the wall clock only where there is no other.
        let apart_ns = match (side.monotonic_ns, self.alice.monotonic_ns) {
            (Some(side), Some(alice)) => side.wrapping_sub(alice) as i64,
            _ => side.unix_ns?.wrapping_sub(self.alice.unix_ns?) as i64,
        };
        Some(apart_ns as f64 / 1e6 + at_ms - called)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(started: &str, lines: &[(f64, &str)]) -> Side {
        let mut side = Side::default();
        for (t_ms, fields) in std::iter::once(&(0.0, started)).chain(lines) {
            let line = format!("{{{fields},\"t_ms\":{t_ms}}}");
            side.handle_line(Line::parse(&line).unwrap_or_else(|| panic!("not understood: {line}")));
        }
        side
    }

    fn call() -> Timeline {
        let alice = side(
            r#""type":"started","unix_ns":1000000000,"monotonic_ns":500000000"#,
            &[
                (8.0, r#""type":"registered","resumed":false,"online":["bob"]"#),
                (10.0, r#""type":"state","call":"1","peer":"bob","state":"dialing""#),
                (11.5, r#""type":"state","call":"1","peer":"bob","state":"ringing""#),
                (40.0, r#""type":"first_audio""#),
            ],
        );
        let bob = side(
            r#""type":"started","unix_ns":0,"monotonic_ns":400000000"#,
            &[(111.0, r#""type":"incoming","call":"1","from":"alice""#), (135.0, r#""type":"first_audio""#)],
        );
        Timeline { alice, bob }
    }

    #[test]
    fn times_of_both_count_from_the_call_whenever_each_was_started() {
        let timeline = call();
        assert_eq!(timeline.reached_ms(Step::Called), [Some(0.0), Some(1.0)]);
        assert_eq!(timeline.reached_ms(Step::FirstAudio), [Some(30.0), Some(25.0)]);
        assert_eq!(timeline.reached_ms(Step::DtlsUp), [None, None]);
        assert!(timeline.is_set_up());
    }

    #[test]
    fn without_a_monotonic_clock_the_wall_clock_serves() {
        let mut timeline = call();
        timeline.bob.monotonic_ns = None;
        assert_eq!(timeline.reached_ms(Step::Called)[1], Some(-899.0));
        timeline.bob.unix_ns = None;
        assert_eq!(timeline.reached_ms(Step::Called)[1], None);
    }

    #[test]
    fn only_the_first_time_counts() {
        let mut timeline = call();
        timeline.alice.handle_line(Line { t_ms: 90.0, told: Told::State { state: "ringing".into() } });
        assert_eq!(timeline.reached_ms(Step::Ringing)[0], Some(1.5));
    }
}
