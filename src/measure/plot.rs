//! A picture of one call as SVG: what was sent, what was heard, and how late.

use std::fmt::Write as _;

use super::{DelayTrack, Dropout, Recording};

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const INNER: f64 = WIDTH - LEFT - RIGHT;
const HEAD: f64 = 82.0;
const WAVE_HEIGHT: f64 = 110.0;
const DELAY_HEIGHT: f64 = 170.0;
const BETWEEN: f64 = 34.0;
const FOOT: f64 = 46.0;

/// Colours for a light page and a dark one. Text and lines are chosen for contrast on both.
const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--dim:#656d76;--grid:#d8dee4;--sent:#2f6fb3;--heard:#2e8555;--delay:#b35900;--lost:#cf222e}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--dim:#9198a1;--grid:#30363d;--sent:#6cb0f5;--heard:#56d090;--delay:#f0a04b;--lost:#ff7b72}}\
text{font:12px system-ui,sans-serif;fill:var(--dim)}.title{font-size:16px;font-weight:600;fill:var(--ink)}.name{font-weight:600}\
.grid{stroke:var(--grid);stroke-width:1}.frame{stroke:var(--dim);stroke-width:1;fill:none}\
.mark{stroke:var(--dim);stroke-width:1;stroke-dasharray:3 3}.line{stroke:var(--delay);stroke-width:1;fill:none;opacity:.55}";

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
        let height = bottom + FOOT;
        _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\
             <title>{title}</title><style>{STYLE}</style>\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"var(--paper)\"/>",
            title = escape(self.title),
        );
        text(&mut svg, LEFT, 26.0, "title", "start", self.title);
        text(&mut svg, LEFT, 46.0, "", "start", self.subtitle);
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
        _ = writeln!(
            svg,
            "<rect class=\"frame\" x=\"{LEFT}\" y=\"{top}\" width=\"{INNER}\" height=\"{DELAY_HEIGHT}\"/>"
        );
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

/// A linear scale from values to places on the paper.
struct Axis {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// The place of a value; one outside the scale is put on its edge.
    fn x(&self, value: f64) -> f64 {
        let part = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.start + if part.is_finite() { part } else { 0.0 } * (self.end - self.start)
    }

    /// About `count` round values on the scale.
    fn ticks(&self, count: f64) -> Vec<f64> {
        let rough = ((self.to - self.from) / count).max(1e-3);
        let decade = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * decade);
        let first = (self.from / step).ceil();
        // A scale has a handful of ticks; the bound is for ends that are not finite.
        (0..32).map(|index| (first + f64::from(index)) * step).take_while(|tick| *tick <= self.to).collect()
    }

    /// Round values counted from the start of the scale.
    fn relative_ticks(&self) -> Vec<f64> {
        Axis { from: 0.0, to: self.to - self.from, start: 0.0, end: 1.0 }.ticks(10.0)
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
    _ = writeln!(
        svg,
        "<rect class=\"frame\" x=\"{LEFT}\" y=\"{top}\" width=\"{INNER}\" height=\"{WAVE_HEIGHT}\"/>"
    );
}

fn shade(svg: &mut String, from: f64, to: f64, top: f64) {
    _ = writeln!(
        svg,
        "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{WAVE_HEIGHT}\" fill=\"var(--lost)\" opacity=\".22\"/>",
        (to - from).max(1.0)
    );
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
    _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{}</text>",
        escape(text)
    );
}

/// Without a needless fraction.
fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{}", rounded + 0.0)
}

fn escape(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).fold(
        String::with_capacity(text.len()),
        |mut out, letter| {
            match letter {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                _ => out.push(letter),
            }
            out
        },
    )
}

#[cfg(test)]
mod tests {
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

    /// Every element that was opened is closed, in order.
    fn is_balanced(svg: &str) -> bool {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or("")) {
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or("");
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) if open.pop() != Some(name) => return false,
                (false, false) => open.push(name),
                _ => {}
            }
        }
        open.is_empty()
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

    #[test]
    fn ticks_are_round_and_few() {
        let axis = |from, to| Axis { from, to, start: 0.0, end: 1.0 };
        assert_eq!(axis(0.0, 48.0).ticks(5.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(axis(-12.0, 31.0).ticks(5.0), [-10.0, 0.0, 10.0, 20.0, 30.0]);
        assert!(axis(0.0, f64::INFINITY).ticks(5.0).len() <= 32);
    }
}
