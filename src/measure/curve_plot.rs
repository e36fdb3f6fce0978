//! A page of small panels as SVG, each with curves of one thing over another.

use std::fmt::Write as _;

use super::paper::{Axis, FOOT, HEAD, INNER, LEFT, begin, number, text};

const COLUMNS: usize = 4;
const HEIGHT: f64 = 150.0;
const BETWEEN: f64 = 44.0;
/// Colours of the first curves; further ones are drawn like the last.
const COLOURS: [&str; 4] = ["heard", "delay", "lost", "sent"];

/// One curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// What it is called; curves of one name in several panels have one colour if they stand at one place.
    pub name: String,
    /// Its points, in the order in which they are joined.
    pub points: Vec<(f64, f64)>,
}

/// Curves that share a pair of axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurvePanel {
    /// Its heading.
    pub name: String,
    /// Its curves.
    pub curves: Vec<Curve>,
}

/// What is drawn.
#[derive(Debug, Clone)]
pub struct CurvePlot<'a> {
    /// The heading.
    pub title: &'a str,
    /// One line below it.
    pub subtitle: &'a str,
    /// What goes to the right.
    pub x_label: &'a str,
    /// What goes up.
    pub y_label: &'a str,
    /// The panels, row by row.
    pub panels: &'a [CurvePanel],
}

impl CurvePlot<'_> {
    /// The picture, a whole SVG file.
    pub fn svg(&self) -> String {
        let rows = self.panels.len().div_ceil(COLUMNS);
        let mut svg = String::new();
        begin(&mut svg, HEAD + rows as f64 * (HEIGHT + BETWEEN) + FOOT, self.title, self.subtitle);
        self.legend(&mut svg);
        for (index, panel) in self.panels.iter().enumerate() {
            let (row, column) = (index / COLUMNS, index % COLUMNS);
            let left = LEFT + column as f64 * (INNER / COLUMNS as f64);
            panel.draw(&mut svg, left, HEAD + 20.0 + row as f64 * (HEIGHT + BETWEEN));
        }
        let foot = HEAD + rows as f64 * (HEIGHT + BETWEEN) + 24.0;
        let words = format!("to the right: {}; up: {}", self.x_label, self.y_label);
        text(&mut svg, LEFT, foot, "", "start", &words);
        svg.push_str("</svg>\n");
        svg
    }

    fn legend(&self, svg: &mut String) {
        let curves = self.panels.first().map_or(&[][..], |panel| &panel.curves);
        for (index, curve) in curves.iter().enumerate() {
            let x = LEFT + 220.0 * index as f64;
            let colour = colour(index);
            _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"62\" width=\"10\" height=\"10\" fill=\"var(--{colour})\"/>"
            );
            text(svg, x + 15.0, 71.0, "", "start", &curve.name);
        }
    }
}

fn colour(index: usize) -> &'static str {
    COLOURS[index.min(COLOURS.len() - 1)]
}

impl CurvePanel {
    fn draw(&self, svg: &mut String, left: f64, top: f64) {
        let width = INNER / COLUMNS as f64 - BETWEEN;
        let points = || {
            let all = self.curves.iter().flat_map(|curve| curve.points.iter());
            all.filter(|point| point.0.is_finite() && point.1.is_finite())
        };
        let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.1, f64::max) * 1.05;
        let x = Axis { from: 0.0, to: most(|p| p.0), start: left, end: left + width };
        let y = Axis { from: 0.0, to: most(|p| p.1), start: top + HEIGHT, end: top };
        text(svg, left, top - 6.0, "name", "start", &self.name);
        for tick in x.ticks(4.0) {
            let at = x.x(tick);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {top}v{HEIGHT}\"/>");
            text(svg, at, top + HEIGHT + 15.0, "", "middle", &number(tick));
        }
        for tick in y.ticks(4.0) {
            let at = y.x(tick);
            _ = writeln!(svg, "<path class=\"grid\" d=\"M{left:.1} {at:.1}h{width:.1}\"/>");
            text(svg, left - 5.0, at + 4.0, "", "end", &number(tick));
        }
        for (index, curve) in self.curves.iter().enumerate().rev() {
            let mut path = String::new();
            for point in curve.points.iter().filter(|point| point.0.is_finite() && point.1.is_finite()) {
                let (px, py) = (x.x(point.0), y.x(point.1));
                let pen = if path.is_empty() { 'M' } else { 'L' };
                _ = write!(path, "{pen}{px:.1} {py:.1}");
                _ = writeln!(
                    svg,
                    "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"2.5\" fill=\"var(--{})\"/>",
                    colour(index)
                );
            }
            _ = writeln!(
                svg,
                "<path stroke=\"var(--{})\" stroke-width=\"1.5\" fill=\"none\" d=\"{path}\"/>",
                colour(index)
            );
        }
        _ = writeln!(
            svg,
            "<rect class=\"frame\" x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::paper::is_balanced;
    use super::*;

    #[test]
    fn every_panel_and_curve_is_named_and_what_is_not_finite_is_left_out() {
        let curve = |name: &str, x: f64| Curve { name: name.into(), points: vec![(x, 2.0), (20.0, 1.0)] };
        let panels: Vec<CurvePanel> = ["lte", "a & b", "c", "d", "e"]
            .map(|name| CurvePanel {
                name: name.into(),
                curves: vec![curve("ours", 10.0), curve("<other>", f64::NAN), Curve::default()],
            })
            .into();
        let plot = |panels: &[CurvePanel]| {
            CurvePlot { title: "t", subtitle: "s", x_label: "delay, ms", y_label: "made up, %", panels }.svg()
        };
        let svg = plot(&panels);
        for words in ["lte", "a &amp; b", "ours", "&lt;other&gt;", "delay, ms", "made up, %"] {
            assert!(svg.contains(words), "{words}");
        }
        assert!(is_balanced(&svg) && !svg.contains("NaN"), "{svg}");
        assert!(is_balanced(&plot(&[])));
    }
}
