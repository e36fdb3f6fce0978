//! What a person sees: one line for what happened, one line of figures a second.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use crate::peer::{DelayStages, PeerEvent, Stats, TimedEvent};
use crate::signaling::PeerId;

/// Quietest level that the meter shows (dBov).
const METER_FLOOR_DBOV: f32 = -60.0;
/// Cells of a meter.
const METER_CELLS: usize = 10;

/// Writes to stderr, so that stdout stays free for PCM and events.
pub(super) struct Console {
    quiet: bool,
    /// A status line can be written over itself.
    terminal: bool,
    status_shown: bool,
    latest: Option<Stats>,
    online: Vec<PeerId>,
    in_call_with: Option<PeerId>,
}

impl Console {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: io::stderr().is_terminal(),
            status_shown: false,
            latest: None,
            online: Vec::new(),
            in_call_with: None,
        }
    }

    /// Tells what happened.
    pub(super) fn show(&mut self, timed: &TimedEvent) {
        self.remember(&timed.event);
        match &timed.event {
            PeerEvent::Stats(stats) => self.status(stats),
            PeerEvent::Error { message, exit, .. } => self.complain(message, exit.is_some()),
            PeerEvent::Ended { peer, message, exit, .. } if *exit != 0 => {
                self.complain(&format!("the call with {peer} is over: {message}"), true);
            }
            event => {
                if let Some(text) = sentence(event) {
                    self.say(&text);
                }
            }
        }
    }

    /// One line to the person, unless they asked for quiet.
    pub(super) fn say(&mut self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// One line that quiet does not hide.
    pub(super) fn complain(&mut self, text: &str, fatal: bool) {
        self.line(&format!("{}: {text}", if fatal { "error" } else { "note" }));
    }

    /// An answer to what was typed.
    pub(super) fn tell(&mut self, text: &str) {
        self.line(text);
    }

    /// Who is online.
    pub(super) fn who(&mut self) {
        let text = self.online_text();
        self.line(&text);
    }

    /// All figures of the latest second.
    pub(super) fn figures(&mut self) {
        match self.latest.clone() {
            Some(stats) => self.line(&all_figures(&stats)),
            None => self.line("no call, no figures"),
        }
    }

    fn remember(&mut self, event: &PeerEvent) {
        match event {
            PeerEvent::Registered { online, .. } => self.online.clone_from(online),
            PeerEvent::Online { id } if !self.online.contains(id) => self.online.push(id.clone()),
            PeerEvent::Offline { id } => self.online.retain(|other| other != id),
            PeerEvent::State { peer, .. } => self.in_call_with = Some(peer.clone()),
            PeerEvent::Stats(stats) => self.latest = Some((**stats).clone()),
            PeerEvent::Ended { .. } => (self.latest, self.in_call_with) = (None, None),
            _ => {}
        }
    }

    fn online_text(&self) -> String {
        if self.online.is_empty() {
            return "nobody else is online".into();
        }
        let mut names: Vec<_> = self.online.iter().map(ToString::to_string).collect();
        names.sort();
        format!("online: {}", names.join(", "))
    }

    fn status(&mut self, stats: &Stats) {
        if self.quiet {
            return;
        }
        let text = status_line(stats, self.in_call_with.as_ref().map_or("them", |id| id.as_str()));
        let mut err = io::stderr().lock();
        // Nobody reads: nothing to do about it.
        let _ = if self.terminal {
            self.status_shown = true;
            write!(err, "\r\x1b[2K{text}").and_then(|()| err.flush())
        } else {
            writeln!(err, "{text}")
        };
    }

    fn line(&mut self, text: &str) {
        let clear = if std::mem::take(&mut self.status_shown) { "\r\x1b[2K" } else { "" };
        let _ = writeln!(io::stderr().lock(), "{clear}{text}");
    }
}

fn sentence(event: &PeerEvent) -> Option<String> {
    Some(match event {
        PeerEvent::Started { id, version, .. } => format!("handset {version}: you are {id}"),
        PeerEvent::Registered { resumed: true, .. } => "the switchboard is back".into(),
        PeerEvent::Registered { online, .. } if online.is_empty() => {
            "registered; nobody else is online".into()
        }
        PeerEvent::Registered { online, .. } => {
            let names: Vec<_> = online.iter().map(ToString::to_string).collect();
            format!("registered; online: {}", names.join(", "))
        }
        PeerEvent::SwitchboardLost { reason } => format!("no switchboard ({reason}); trying again"),
        PeerEvent::Online { id } => format!("{id} is online"),
        PeerEvent::Away { id } => format!("{id} lost the switchboard"),
        PeerEvent::Offline { id } => format!("{id} is gone"),
        PeerEvent::Incoming { from, .. } => format!("{from} is calling: Enter accepts, d declines"),
        PeerEvent::State { peer, state, detail: Some(detail), .. } => format!("{peer}: {state} ({detail})"),
        PeerEvent::State { peer, state, .. } if *state != "ended" => format!("{peer}: {state}"),
        PeerEvent::Negotiated { direction, frame_ms, bitrate_bps, channels, dtx, fec, .. } => format!(
            "Opus {} kbit/s, {frame_ms} ms frames, {}{}{}, {direction}",
            f64::from(*bitrate_bps) / 1000.0,
            if *channels == 2 { "stereo" } else { "mono" },
            if *fec { ", FEC" } else { "" },
            if *dtx { ", DTX" } else { "" },
        ),
        PeerEvent::Pair { local, local_kind, remote, remote_kind, protocol } => {
            format!("path: {local} ({local_kind}) to {remote} ({remote_kind}) over {protocol}")
        }
        PeerEvent::InputEnded {} => "the input has ended".into(),
        PeerEvent::Device { end, status, detail } => format!("{end} {status}: {detail}"),
        PeerEvent::Muted { muted } => if *muted { "muted" } else { "not muted" }.into(),
        PeerEvent::Ended { peer, message, duration_ms, .. } => {
            format!("call with {peer} ended after {}: {message}", clock(*duration_ms))
        }
        _ => return None,
    })
}

fn status_line(stats: &Stats, them: &str) -> String {
    format!(
        "{}  you {}  {them} {}  delay {}  jitter {:.1} ms  rtt {}  loss {:.1} %  concealed {:.1} %  {} kbit/s",
        clock(stats.call_ms),
        meter(stats.input_level_dbov),
        meter(stats.output_level_dbov),
        delay(&stats.delay),
        stats.jitter_ms,
        stats.rtt_ms.map_or("-".into(), |ms| format!("{ms:.1} ms")),
        percent(stats.packets_lost, stats.packets_lost + stats.packets_received),
        stats.concealed_percent,
        stats.send_bps / 1000,
    )
}

/// From mouth to ear, and where it comes from; before that is known, what the jitter buffer adds.
fn delay(stages: &DelayStages) -> String {
    let (Some(total), Some(network), Some(error)) =
        (stages.total_ms, stages.network_ms, stages.network_error_ms)
    else {
        return format!("{:.0} ms in the buffer", stages.jitter_buffer_ms);
    };
    let out = stages.decoder_ms + stages.ring_ms;
    format!(
        "{total:.0} ms (frame {:.0}, network {network:.0}±{error:.0}, buffer {:.0}, out {out:.0})",
        stages.framing_ms, stages.jitter_buffer_ms,
    )
}

fn all_figures(stats: &Stats) -> String {
    let json = serde_json::to_value(stats).expect("figures are JSON");
    let mut text = String::new();
    for (name, value) in json.as_object().expect("an object") {
        let _ = writeln!(text, "  {name:<22} {value}");
    }
    text.truncate(text.trim_end().len());
    text
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

fn meter(level_dbov: f32) -> String {
    let share = ((level_dbov - METER_FLOOR_DBOV) / -METER_FLOOR_DBOV).clamp(0.0, 1.0);
    let full = (share * METER_CELLS as f32).round() as usize;
    format!("{}{}", "█".repeat(full), "·".repeat(METER_CELLS - full))
}

fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    if seconds >= 3600 {
        return format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_is_empty_in_silence_and_full_at_full_scale() {
        assert_eq!(meter(-127.0), "··········");
        assert_eq!(meter(-30.0), "█████·····");
        assert_eq!(meter(0.0), "██████████");
        assert_eq!(meter(f32::NEG_INFINITY), "··········");
    }

    #[test]
    fn the_clock_shows_hours_only_when_there_are_any() {
        assert_eq!(clock(61_999), "1:01");
        assert_eq!(clock(3_600_000), "1:00:00");
    }

    #[test]
    fn figures_of_nothing_are_no_division_by_nothing() {
        assert!(status_line(&Stats::default(), "bob").contains("loss 0.0 %"));
    }
}
