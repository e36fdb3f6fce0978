//! A picture of one call as SVG: what was sent, what was heard, and how late.

use std::fmt::Write as _;

use super::paper::{Axis, FOOT, HEAD, INNER, LEFT, begin, frame, number, text};
use super::{DelayTrack, Dropout, Recording};

const WAVE_HEIGHT: f64 = 110.0;
const DELAY_HEIGHT: f64 = 170.0;
const BETWEEN: f64 = 34.0;

/// A moment worth a dashed line, such as `first audio`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// When, on the clock of the recordings.
    pub at_ms: f64,
    /// One or two words.
    pub label: String,
}

/// What is drawn.
#[derive(Debug, Clone)]
pub struct CallPlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// One line below it.
    pub subtitle: &'a str,
    /// What was spoken.
    pub sent: &'a Recording,
    /// What was heard.
    pub heard: &'a Recording,
    /// How late each stretch was.
    pub track: &'a DelayTrack,
    /// Shaded where they were spoken and where they should have been heard.
    pub dropouts: &'a [Dropout],
    /// Dashed lines through everything.
    pub marks: &'a [Mark],
}

impl CallPlot<'_> {
    /// The picture, a whole SVG file of a few hundred kilobytes at most, whatever the length of the call.
    pub fn svg(&self) -> String {
        let time = self.time_axis();
        let tops = [HEAD, HEAD + WAVE_HEIGHT + BETWEEN, HEAD + 2.0 * (WAVE_HEIGHT + BETWEEN)];
        let bottom = tops[2] + DELAY_HEIGHT;
        let mut svg = String::new();
        begin(&mut svg, bottom + FOOT, self.title, self.subtitle);
        for dropout in self.dropouts {
            let delay_ms = self.track.around(dropout.from_ms).into_iter().flatten().next();
            for (top, later_ms) in [(tops[0], Some(0.0)), (tops[1], delay_ms)] {
                let Some(later_ms) = later_ms else { continue };
                shade(&mut svg, time.x(dropout.from_ms + later_ms), time.x(dropout.to_ms + later_ms), top);
            }
        }
        wave(&mut svg, self.sent, &time, tops[0], "sent");
        wave(&mut svg, self.heard, &time, tops[1], "heard");
        self.delay_panel(&mut svg, &time, tops[2]);
        self.time_labels(&mut svg, &time, tops, bottom);
        svg.push_str("</svg>\n");
        svg
    }

    /// From the first sample of the sent speech to the last of either.
    fn time_axis(&self) -> Axis {
        let from = self.sent.start_ms();
        let to = self.sent.end_ms().max(self.heard.end_ms()).max(from + 1.0);
        Axis { from, to, start: LEFT, end: LEFT + INNER }
    }

    fn delay_panel(&self, svg: &mut String, time: &Axis, top: f64) {
        let delays = || self.track.matched().map(|window| window.delay_ms);
        let low = delays().fold(0.0, f64::min);
        let high = delays().fold(10.0, f64::max) * 1.15;
        let delay = Axis { from: low, to: high, start: top + DELAY_HEIGHT, end: top };
        text(svg, LEFT, top - 7.0, "name", "start", "mouth-to-ear delay, ms");
        for tick in delay.ticks(5.0) {
            let y = delay.x(tick);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}h{INNER}\"/>");
            text(svg, LEFT - 8.0, y + 4.0, "", "end", &number(tick));
        }
        let mut path = String::new();
        let mut last_ms = f64::NEG_INFINITY;
        for window in self.track.matched() {
            // A pause is not bridged: nothing is known about the delay in it.
            let pen = if window.spoken_ms - last_ms > 250.0 { 'M' } else { 'L' };
            last_ms = window.spoken_ms;
            _ = write!(path, "{pen}{:.1} {:.1}", time.x(window.spoken_ms), delay.x(window.delay_ms));
        }
        _ = writeln!(svg, "<path class=\"line\" d=\"{path}\"/>");
        for window in self.track.matched() {
            let (x, y) = (time.x(window.spoken_ms), delay.x(window.delay_ms));
            _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"var(--delay)\"/>");
        }
        frame(svg, top, DELAY_HEIGHT);
        if self.track.matched().next().is_none() {
            text(svg, LEFT + INNER / 2.0, top + DELAY_HEIGHT / 2.0, "", "middle", "nothing matched");
        }
    }

    fn time_labels(&self, svg: &mut String, time: &Axis, tops: [f64; 3], bottom: f64) {
        for tick in time.relative_ticks() {
            let x = time.x(tick + time.from);
            for (top, height) in tops.into_iter().zip([WAVE_HEIGHT, WAVE_HEIGHT, DELAY_HEIGHT]) {
                _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {:.1}v-5\"/>", top + height);
            }
            text(svg, x, bottom + 17.0, "", "middle", &number(tick / 1e3));
        }
        text(svg, LEFT + INNER / 2.0, bottom + 36.0, "", "middle", "time since the speaker began, s");
        for mark in self.marks {
            let x = time.x(mark.at_ms);
            _ = writeln!(svg, "<path class=\"mark\" d=\"M{x:.1} {:.1}V{bottom:.1}\"/>", tops[0]);
            text(svg, x + 4.0, tops[0] + 12.0, "", "start", &mark.label);
        }
    }
}

/// The envelope of a recording: one vertical stroke for each pixel, from its least sample to its greatest.
fn wave(svg: &mut String, recording: &Recording, time: &Axis, top: f64, name: &str) {
    let middle = top + WAVE_HEIGHT / 2.0;
    let peak = recording.samples().iter().map(|sample| sample.abs()).fold(0.0, f32::max);
    let scale = WAVE_HEIGHT / 2.0 * 0.95 / f64::from(peak.max(1e-3));
    text(svg, LEFT, top - 7.0, "name", "start", name);
    text(svg, LEFT - 8.0, middle + 4.0, "", "end", "0");
    text(svg, LEFT - 8.0, top + 10.0, "", "end", &format!("{peak:.2}"));
    let per_pixel = (time.to - time.from) / INNER * f64::from(recording.rate_hz()) / 1e3;
    let offset = (time.from - recording.start_ms()) * f64::from(recording.rate_hz()) / 1e3;
    let mut path = String::new();
    for pixel in 0..INNER as usize {
        let edge = |pixel: usize| (offset + pixel as f64 * per_pixel).max(0.0) as usize;
        let end = edge(pixel + 1).min(recording.samples().len());
        let piece = recording.samples().get(edge(pixel)..end).unwrap_or_default();
        if piece.is_empty() {
            continue;
        }
        let low = f64::from(piece.iter().copied().fold(f32::MAX, f32::min));
        let high = f64::from(piece.iter().copied().fold(f32::MIN, f32::max));
        let (y, height) = (middle - high * scale, ((high - low) * scale).max(0.6));
        _ = write!(path, "M{:.0} {y:.1}v{height:.1}", LEFT + pixel as f64);
    }
    _ = writeln!(svg, "<path stroke=\"var(--{name})\" fill=\"none\" d=\"{path}\"/>");
    frame(svg, top, WAVE_HEIGHT);
}

fn shade(svg: &mut String, from: f64, to: f64, top: f64) {
    _ = writeln!(
        svg,
        "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{WAVE_HEIGHT}\" fill=\"var(--lost)\" opacity=\".22\"/>",
        (to - from).max(1.0)
    );
}

#[cfg(test)]
mod tests {
    use super::super::paper::is_balanced;
    use super::super::voice::speak;
    use super::super::{Search, align, find_dropouts};
    use super::*;

    fn draw(sent: &Recording, heard: &Recording, title: &str) -> String {
        let track = align(sent, heard, &Search::default());
        let dropouts = find_dropouts(sent, heard, &track);
        let marks = [Mark { at_ms: sent.start_ms() + 500.0, label: "first audio".into() }];
        CallPlot {
            title,
            subtitle: "loopback",
            sent,
            heard,
            track: &track,
            dropouts: &dropouts,
            marks: &marks,
        }
        .svg()
    }

    #[test]
    fn names_its_axes_and_their_units() {
        let sent = speak(3.0, 48_000);
        let heard = Recording::new(sent.samples().to_vec(), 48_000, sent.start_ms() + 30.0);
        let svg = draw(&sent, &heard, "alice to bob");
        for words in ["alice to bob", "mouth-to-ear delay, ms", "since the speaker began, s", "first audio"] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(is_balanced(&svg), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "every number is finite");
    }

    #[test]
    fn a_name_from_outside_cannot_become_markup() {
        let sent = speak(1.0, 8_000);
        let svg = draw(&sent, &sent, "<script>\"&\u{7}");
        assert!(svg.contains("&lt;script&gt;&quot;&amp;<"));
        assert!(is_balanced(&svg));
    }

    #[test]
    fn stays_small_however_long_the_call_was() {
        let long = Recording::new(vec![0.1; 8_000 * 600], 8_000, 0.0);
        let nothing = DelayTrack::default();
        let svg = CallPlot {
            title: "long",
            subtitle: "",
            sent: &long,
            heard: &long,
            track: &nothing,
            dropouts: &[],
            marks: &[],
        }
        .svg();
        assert!(svg.len() < 200_000, "{} bytes", svg.len());
        assert!(svg.contains("nothing matched"));
    }

    #[test]
    fn nothing_at_all_can_be_drawn() {
        let nothing = Recording::new(vec![], 48_000, f64::NAN);
        let svg = draw(&nothing, &nothing, "");
        assert!(is_balanced(&svg));
    }
}
