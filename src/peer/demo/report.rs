//! What the demo says: how the call was set up, how it went, and what to try next.

use std::fmt::Write as _;
use std::path::Path;

use crate::measure::{CallPlot, Mark, Place};

use super::outcome::Outcome;
use super::timeline::{Step, Timeline};

/// The table of the set-up.
pub(super) fn set_up(timeline: &Timeline) -> String {
    let mut text = format!("{:<36}{:>10}{:>10}\n", "Set-up, ms since alice called", "alice", "bob");
    let registered = [timeline.alice.registered_ms, timeline.bob.registered_ms];
    row(&mut text, "registered (ms since its start)", registered.map(milliseconds));
    for step in Step::ALL {
        row(&mut text, step.name(), timeline.reached_ms(step).map(milliseconds));
    }
    if let Some(pair) = &timeline.alice.pair {
        _ = writeln!(text, "  path {pair}");
    }
    let mut sound = Vec::new();
    if let Some((frame_ms, bitrate_bps)) = timeline.alice.negotiated {
        sound.push(format!("Opus, {frame_ms} ms frames, {} kbit/s", f64::from(bitrate_bps) / 1e3));
    }
    if let Some(version) = &timeline.alice.dtls {
        sound.push(format!("DTLS {version}, SRTP"));
    }
    if !sound.is_empty() {
        _ = writeln!(text, "  {}", sound.join("; "));
    }
    text
}

/// The table of what was measured.
pub(super) fn measured(outcomes: &[Outcome; 2]) -> String {
    let names = outcomes.each_ref().map(|outcome| format!("{} > {}", outcome.from, outcome.to));
    let mut text = format!("{:<36}{:>14}{:>14}\n", "Measured from the recordings", names[0], names[1]);
    let mut row = |name: &str, value: &dyn Fn(&Outcome) -> String| {
        let [there, back] = outcomes.each_ref().map(value);
        _ = writeln!(text, "  {name:<34}{there:>14}{back:>14}");
    };
    row("mouth-to-ear delay, median", &|outcome| with_unit(outcome.track.median_ms(), "ms"));
    row("mouth-to-ear delay, 95 %", &|outcome| with_unit(outcome.track.percentile_ms(95.0), "ms"));
    row("speech heard again", &|outcome| format!("{:.0} %", 100.0 * outcome.similarity().heard_share()));
    row("likeness of the waveforms", &|outcome| format!("{:.3}", outcome.similarity().mean));
    row("lost at the start", &|outcome| format!("{:.0} ms", outcome.missing_ms(Place::Start)));
    row("lost in between", &|outcome| format!("{:.0} ms", outcome.missing_ms(Place::Middle)));
    row("lost at the end", &|outcome| format!("{:.0} ms", outcome.missing_ms(Place::End)));
    row("packets lost", &|outcome| {
        let figures = &outcome.figures;
        format!("{} of {}", figures.packets_lost, figures.packets_lost + figures.packets_received)
    });
    row("concealed", &|outcome| format!("{:.1} %", outcome.figures.concealed_percent()));
    row("jitter on the network", &|outcome| format!("{:.2} ms", outcome.figures.jitter_ms));
    row("round trip", &|outcome| with_unit(outcome.figures.rtt_ms.map(f64::from), "ms"));
    text
}

/// The picture of one direction.
pub(super) fn plot(outcome: &Outcome, timeline: &Timeline) -> String {
    let listener = usize::from(outcome.to == "bob");
    let marks: Vec<Mark> = timeline.reached_ms(Step::FirstAudio)[listener]
        .map(|at_ms| Mark { at_ms, label: "first audio".into() })
        .into_iter()
        .collect();
    let subtitle = format!(
        "mouth-to-ear delay {} median, {} at 95 %; {} packets lost, {:.1} % concealed",
        with_unit(outcome.track.median_ms(), "ms"),
        with_unit(outcome.track.percentile_ms(95.0), "ms"),
        outcome.figures.packets_lost,
        outcome.figures.concealed_percent(),
    );
    CallPlot {
        title: &format!("What {} said and what {} heard", outcome.from, outcome.to),
        subtitle: &subtitle,
        sent: &outcome.said,
        heard: &outcome.heard,
        track: &outcome.track,
        dropouts: &outcome.dropouts,
        marks: &marks,
    }
    .svg()
}

/// Where everything is.
pub(super) fn files(out: &Path) -> String {
    let out = out.display();
    format!(
        "Files\n\
        \x20 {out}/alice-to-bob.svg, bob-to-alice.svg      waveforms sent and heard, delay over time\n\
        \x20 {out}/heard-by-bob.wav, heard-by-alice.wav    the recordings\n\
        \x20 {out}/alice.jsonl, bob.jsonl                  every event and figure\n"
    )
}

/// How to go on from here.
pub(super) fn next_steps(peer: &Path, switchboard: &Path) -> String {
    let (peer, switchboard) = (peer.display(), switchboard.display());
    format!(
        "Try it yourself, each line in a terminal of its own\n\
        \x20 {switchboard}                    the switchboard, on http://127.0.0.1:8080\n\
        \x20 {peer} answer --id bob           waits for calls, with your microphone and speaker\n\
        \x20 {peer} call bob --id alice       calls bob; or open http://127.0.0.1:8080 in a browser and call him there\n"
    )
}

fn row(text: &mut String, name: &str, [alice, bob]: [String; 2]) {
    _ = writeln!(text, "  {name:<34}{alice:>10}{bob:>10}");
}

fn milliseconds(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.1}"))
}

fn with_unit(value: Option<f64>, unit: &str) -> String {
    value.map_or("-".into(), |value| format!("{value:.1} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::example;
    use super::super::told::Line;
    use super::*;

    #[test]
    fn the_set_up_names_every_step_and_leaves_no_hole_where_nothing_is_known() {
        let mut timeline = Timeline::default();
        for line in [
            r#"{"type":"started","unix_ns":5,"monotonic_ns":5,"t_ms":0}"#,
            r#"{"type":"state","state":"dialing","t_ms":3.25}"#,
            r#"{"type":"dtls","version":"1.3","t_ms":23.75}"#,
        ] {
            timeline.alice.handle_line(Line::parse(line).expect("an event"));
        }
        let text = set_up(&timeline);
        assert!(text.contains("  DTLS: encrypted                         20.5         -\n"), "{text}");
        assert!(text.contains("DTLS 1.3, SRTP"), "{text}");
        assert_eq!(text.lines().count(), 1 + 1 + Step::ALL.len() + 1, "{text}");
    }

    #[test]
    fn figures_stand_below_the_names_of_their_ways() {
        let text = measured(&[example(), example()]);
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        assert!(text.contains("20.0 ms") && text.contains("0 of 300"), "{text}");
    }

    #[test]
    fn the_picture_says_who_spoke() {
        assert!(plot(&example(), &Timeline::default()).contains("What alice said and what bob heard"));
    }
}
