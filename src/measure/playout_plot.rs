//! A picture of what a receiver did as SVG: when packets arrived, when they were heard, what was made up.

use std::fmt::Write as _;

use super::Mark;
use super::paper::{Axis, FOOT, HEAD, INNER, LEFT, begin, frame, number, text};

const DELAY_HEIGHT: f64 = 260.0;
const SHARE_HEIGHT: f64 = 90.0;
const BETWEEN: f64 = 34.0;
/// Columns of the picture: each shows the least and the greatest of what falls into it.
const COLUMNS: usize = INNER as usize;
/// Arrivals later than this share of all do not stretch the scale; they are drawn at its edge.
const SHOWN_SHARE: f64 = 0.998;

/// What a receiver did with one pull.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlayoutMoment {
    /// When, in milliseconds.
    pub at_ms: f64,
    /// How late what was heard was; `None` when it was made up.
    pub delay_ms: Option<f64>,
    /// The delay that was aimed at.
    pub target_ms: f64,
    /// Samples of the pull.
    pub samples: f64,
    /// Samples of it that were made up.
    pub concealed: f64,
    /// Samples left out or repeated.
    pub stretched: f64,
}

/// What is drawn. All delays are on one scale, above the path's own or from the mouth, as the caller likes.
#[derive(Debug, Clone)]
pub struct PlayoutPlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// One line below it.
    pub subtitle: &'a str,
    /// The words beside the scale of delays.
    pub delay_label: &'a str,
    /// Pulls, in order of time.
    pub moments: &'a [PlayoutMoment],
    /// Packets: when they arrived, and how late they were; in milliseconds.
    pub arrivals: &'a [(f64, f64)],
    /// Dashed lines through everything.
    pub marks: &'a [Mark],
}

/// What falls into one column.
#[derive(Debug, Clone, Copy)]
struct Column {
    arrival: Range,
    delay: Range,
    target: Range,
    samples: f64,
    concealed: f64,
    stretched: f64,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    const NOTHING: Range = Range { low: f64::INFINITY, high: f64::NEG_INFINITY };

    fn take(&mut self, value: f64) {
        if value.is_finite() {
            (self.low, self.high) = (self.low.min(value), self.high.max(value));
        }
    }

    fn is_nothing(self) -> bool {
        self.low > self.high
    }
}

impl PlayoutPlot<'_> {
    /// The picture, a whole SVG file of at most some hundred kilobytes, whatever the length of the call.
    pub fn svg(&self) -> String {
        let time = self.time_axis();
        let columns = self.columns(&time);
        let tops = [HEAD, HEAD + DELAY_HEIGHT + BETWEEN];
        let bottom = tops[1] + SHARE_HEIGHT;
        let mut svg = String::new();
        begin(&mut svg, bottom + FOOT, self.title, self.subtitle);
        self.legend(&mut svg);
        self.delays(&mut svg, &columns, tops[0]);
        shares(&mut svg, &columns, tops[1]);
        self.times(&mut svg, &time, tops, bottom);
        svg.push_str("</svg>\n");
        svg
    }

    fn time_axis(&self) -> Axis {
        let times = || {
            let arrivals = self.arrivals.iter().map(|arrival| arrival.0);
            self.moments.iter().map(|moment| moment.at_ms).chain(arrivals).filter(|at| at.is_finite())
        };
        let from = times().fold(f64::INFINITY, f64::min);
        let from = if from.is_finite() { from } else { 0.0 };
        Axis { from, to: times().fold(from + 1.0, f64::max), start: 0.0, end: COLUMNS as f64 - 1.0 }
    }

    fn columns(&self, time: &Axis) -> Vec<Column> {
        let nothing = Column {
            arrival: Range::NOTHING,
            delay: Range::NOTHING,
            target: Range::NOTHING,
            samples: 0.0,
            concealed: 0.0,
            stretched: 0.0,
        };
        let mut columns = vec![nothing; COLUMNS];
        let place = |at_ms: f64| (time.x(at_ms) as usize).min(COLUMNS - 1);
        for &(at_ms, late_ms) in self.arrivals {
            columns[place(at_ms)].arrival.take(late_ms);
        }
        for moment in self.moments {
            let column = &mut columns[place(moment.at_ms)];
            column.target.take(moment.target_ms);
            if let Some(delay_ms) = moment.delay_ms {
                column.delay.take(delay_ms);
            }
            column.samples += moment.samples;
            column.concealed += moment.concealed;
            column.stretched += moment.stretched;
        }
        columns
    }

    fn legend(&self, svg: &mut String) {
        let words =
            [("arrivals", "sent"), ("target", "heard"), ("delay heard", "delay"), ("made up", "lost")];
        for (index, (word, colour)) in words.into_iter().enumerate() {
            let x = LEFT + INNER - 380.0 + 100.0 * index as f64;
            _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"55\" width=\"10\" height=\"10\" fill=\"var(--{colour})\"/>"
            );
            text(svg, x + 15.0, 64.0, "", "start", word);
        }
    }

    fn delays(&self, svg: &mut String, columns: &[Column], top: f64) {
        let mut late: Vec<f64> =
            self.arrivals.iter().map(|arrival| arrival.1).filter(|ms| ms.is_finite()).collect();
        late.sort_by(f64::total_cmp);
        let shown = late.get((late.len() as f64 * SHOWN_SHARE) as usize).copied().unwrap_or(10.0);
        let heard = columns.iter().map(|column| column.delay.high.max(column.target.high));
        let high = heard.fold(shown, f64::max).max(10.0) * 1.1;
        let low = late.first().copied().unwrap_or(0.0).min(0.0).max(-high);
        let scale = Axis { from: low, to: high, start: top + DELAY_HEIGHT, end: top };
        text(svg, LEFT, top - 7.0, "name", "start", self.delay_label);
        for tick in scale.ticks(6.0) {
            let y = scale.x(tick);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}h{INNER}\"/>");
            text(svg, LEFT - 8.0, y + 4.0, "", "end", &number(tick));
        }
        strokes(svg, columns, &scale, "sent", 0.55, |column| column.arrival);
        strokes(svg, columns, &scale, "heard", 1.0, |column| column.target);
        strokes(svg, columns, &scale, "delay", 1.0, |column| column.delay);
        frame(svg, top, DELAY_HEIGHT);
    }

    fn times(&self, svg: &mut String, time: &Axis, tops: [f64; 2], bottom: f64) {
        for tick in time.relative_ticks() {
            let x = LEFT + time.x(tick + time.from);
            for (top, height) in tops.into_iter().zip([DELAY_HEIGHT, SHARE_HEIGHT]) {
                _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {:.1}v-5\"/>", top + height);
            }
            text(svg, x, bottom + 17.0, "", "middle", &number(tick / 1e3));
        }
        text(svg, LEFT + INNER / 2.0, bottom + 36.0, "", "middle", "time, s");
        for mark in self.marks {
            let x = LEFT + time.x(mark.at_ms);
            _ = writeln!(svg, "<path class=\"mark\" d=\"M{x:.1} {:.1}V{bottom:.1}\"/>", tops[0]);
            text(svg, x + 4.0, tops[0] + 12.0, "", "start", &mark.label);
        }
    }
}

/// One vertical stroke for each column, from its least value to its greatest.
fn strokes(
    svg: &mut String,
    columns: &[Column],
    scale: &Axis,
    colour: &str,
    opacity: f64,
    of: impl Fn(&Column) -> Range,
) {
    let mut path = String::new();
    for (index, column) in columns.iter().enumerate() {
        let range = of(column);
        if range.is_nothing() {
            continue;
        }
        let (low, high) = (scale.x(range.low), scale.x(range.high));
        _ = write!(path, "M{:.0} {high:.1}v{:.1}", LEFT + index as f64, (low - high).max(1.2));
    }
    _ = writeln!(svg, "<path stroke=\"var(--{colour})\" opacity=\"{opacity}\" fill=\"none\" d=\"{path}\"/>");
}

/// Shares of the sound that were made up, and left out or repeated.
fn shares(svg: &mut String, columns: &[Column], top: f64) {
    let percent = |part: f64, whole: f64| if whole > 0.0 { (100.0 * part / whole).min(100.0) } else { 0.0 };
    let made_up = |column: &Column| percent(column.concealed, column.samples);
    let stretched = |column: &Column| percent(column.stretched, column.samples);
    let high = columns.iter().map(|c| made_up(c).max(stretched(c))).fold(5.0, f64::max);
    let scale = Axis { from: 0.0, to: high, start: top + SHARE_HEIGHT, end: top };
    text(svg, LEFT, top - 7.0, "name", "start", "made up, and stretched (pale), percent of the sound");
    for tick in scale.ticks(3.0) {
        let y = scale.x(tick);
        _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}h{INNER}\"/>");
        text(svg, LEFT - 8.0, y + 4.0, "", "end", &number(tick));
    }
    let bars = |svg: &mut String, colour: &str, opacity: f64, share: &dyn Fn(&Column) -> f64| {
        let mut path = String::new();
        for (index, column) in columns.iter().enumerate().filter(|(_, column)| share(column) > 0.0) {
            let y = scale.x(share(column));
            _ = write!(path, "M{:.0} {y:.1}V{:.1}", LEFT + index as f64, top + SHARE_HEIGHT);
        }
        _ = writeln!(
            svg,
            "<path stroke=\"var(--{colour})\" opacity=\"{opacity}\" fill=\"none\" d=\"{path}\"/>"
        );
    };
    bars(svg, "delay", 0.4, &stretched);
    bars(svg, "lost", 1.0, &made_up);
    frame(svg, top, SHARE_HEIGHT);
}

#[cfg(test)]
mod tests {
    use super::super::paper::is_balanced;
    use super::*;

    fn plot(moments: &[PlayoutMoment], arrivals: &[(f64, f64)]) -> String {
        let marks = [Mark { at_ms: 500.0, label: "<held>".into() }];
        PlayoutPlot {
            title: "lte & more",
            subtitle: "seed 1",
            delay_label: "delay, ms",
            moments,
            arrivals,
            marks: &marks,
        }
        .svg()
    }

    #[test]
    fn it_names_what_it_draws_and_stays_small() {
        let moments: Vec<PlayoutMoment> = (0..400_000)
            .map(|n| PlayoutMoment {
                at_ms: f64::from(n) * 10.0,
                delay_ms: (n % 50 > 0).then_some(30.0 + f64::from(n % 7)),
                target_ms: 20.0,
                samples: 480.0,
                concealed: if n % 50 == 0 { 480.0 } else { 0.0 },
                stretched: 0.0,
            })
            .collect();
        let arrivals: Vec<(f64, f64)> =
            (0..400_000).map(|n| (f64::from(n) * 10.0, f64::from(n % 13))).collect();
        let svg = plot(&moments, &arrivals);
        for words in
            ["lte &amp; more", "delay, ms", "time, s", "&lt;held&gt;", "arrivals", "target", "percent"]
        {
            assert!(svg.contains(words), "{words}");
        }
        assert!(is_balanced(&svg));
        assert!(svg.len() < 200_000, "{} bytes", svg.len());
    }

    #[test]
    fn nothing_and_what_is_not_finite_can_be_drawn() {
        for (moments, arrivals) in [
            (vec![], vec![]),
            (
                vec![PlayoutMoment { at_ms: f64::NAN, delay_ms: Some(f64::INFINITY), ..Default::default() }],
                vec![(f64::INFINITY, f64::NAN), (0.0, f64::NEG_INFINITY)],
            ),
        ] {
            let svg = plot(&moments, &arrivals);
            assert!(is_balanced(&svg) && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
