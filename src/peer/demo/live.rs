//! Two lines a second while the two talk, one for each direction.

use std::io::{IsTerminal, Write, stdout};

use super::timeline::{ALICE, BOB, Side, Timeline};

/// Quietest level that the meter shows (dBov).
const METER_FLOOR_DBOV: f32 = -60.0;
/// Cells of a meter.
const METER_CELLS: usize = 6;

/// Shows the call as it goes on: written over on a terminal, line after line elsewhere.
pub(super) struct Live {
    terminal: bool,
    shown: bool,
}

impl Live {
    pub(super) fn new() -> Self {
        Self { terminal: stdout().is_terminal(), shown: false }
    }

    /// Shows the latest figures.
    pub(super) fn show(&mut self, timeline: &Timeline) {
        let Some([there, back]) = lines(timeline) else { return };
        // Up two lines, and clear each before it is written again.
        let (up, clear) = match (self.terminal, self.shown) {
            (true, true) => ("\x1b[2A", "\x1b[2K"),
            _ => ("", ""),
        };
        self.shown = true;
        let mut out = stdout().lock();
        // Nobody reads: the call is measured all the same.
        _ = writeln!(out, "{up}{clear}{there}\n{clear}{back}").and_then(|()| out.flush());
    }
}

fn lines(timeline: &Timeline) -> Option<[String; 2]> {
    let seconds = timeline.alice.figures.as_ref()?.call_ms / 1_000;
    let clock = format!("{}:{:02}", seconds / 60, seconds % 60);
    Some([
        format!("{clock:>5}  {}", way([ALICE, BOB], &timeline.alice, &timeline.bob)?),
        format!("{:>5}  {}", "", way([BOB, ALICE], &timeline.bob, &timeline.alice)?),
    ])
}

/// One direction: how loud it went in and came out, and how the receiver fares.
fn way([from, to]: [&str; 2], speaker: &Side, listener: &Side) -> Option<String> {
    let (speaker, listener) = (speaker.figures.as_ref()?, listener.figures.as_ref()?);
    Some(format!(
        "{from:>5} {} > {} {to:<5}  buffer {:.0} ms  lost {:.1} %  concealed {:.1} %",
        meter(speaker.input_level_dbov),
        meter(listener.output_level_dbov),
        listener.playout_delay_ms,
        listener.lost_percent(),
        listener.concealed_percent(),
    ))
}

fn meter(level_dbov: f32) -> String {
    let share = ((level_dbov - METER_FLOOR_DBOV) / -METER_FLOOR_DBOV).clamp(0.0, 1.0);
    let full = (share * METER_CELLS as f32).round() as usize;
    format!("{}{}", "█".repeat(full), "·".repeat(METER_CELLS - full))
}

#[cfg(test)]
mod tests {
    use super::super::told::Figures;
    use super::*;

    #[test]
    fn both_ways_are_shown_once_both_have_figures() {
        let mut timeline = Timeline::default();
        timeline.alice.figures =
            Some(Figures { call_ms: 61_000, input_level_dbov: -30.0, ..Figures::default() });
        assert_eq!(lines(&timeline), None);
        timeline.bob.figures = Some(Figures {
            packets_received: 95,
            packets_lost: 5,
            output_level_dbov: f32::NEG_INFINITY,
            playout_delay_ms: 14.6,
            ..Figures::default()
        });
        let [there, back] = lines(&timeline).expect("both have figures");
        assert_eq!(there, " 1:01  alice ███··· > ······ bob    buffer 15 ms  lost 5.0 %  concealed 0.0 %");
        assert!(back.starts_with("         bob ██████ > ██████ alice"), "{back}");
        assert!(there.chars().count() <= 80, "it fits a narrow terminal");
    }
}
