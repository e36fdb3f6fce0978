//! What the pictures have in common: the page, its scales and its words.

use std::fmt::Write as _;

const WIDTH: f64 = 1_000.0;
/// Where panels begin.
pub(super) const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
/// Width of a panel.
pub(super) const INNER: f64 = WIDTH - LEFT - RIGHT;
/// Height above the first panel.
pub(super) const HEAD: f64 = 82.0;
/// Height below the last one.
pub(super) const FOOT: f64 = 46.0;

/// Colours for a light page and a dark one. Text and lines are chosen for contrast on both.
const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--dim:#656d76;--grid:#d8dee4;--sent:#2f6fb3;--heard:#2e8555;--delay:#b35900;--lost:#cf222e}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--dim:#9198a1;--grid:#30363d;--sent:#6cb0f5;--heard:#56d090;--delay:#f0a04b;--lost:#ff7b72}}\
text{font:12px system-ui,sans-serif;fill:var(--dim)}.title{font-size:16px;font-weight:600;fill:var(--ink)}.name{font-weight:600}\
.grid{stroke:var(--grid);stroke-width:1}.frame{stroke:var(--dim);stroke-width:1;fill:none}\
.mark{stroke:var(--dim);stroke-width:1;stroke-dasharray:3 3}.line{stroke:var(--delay);stroke-width:1;fill:none;opacity:.55}";

/// Begins a picture of the given height, with its title and a line below it. The caller ends it with `</svg>`.
pub(super) fn begin(svg: &mut String, height: f64, title: &str, subtitle: &str) {
    _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\
         <title>{title}</title><style>{STYLE}</style>\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"var(--paper)\"/>",
        title = escape(title),
    );
    text(svg, LEFT, 26.0, "title", "start", title);
    text(svg, LEFT, 46.0, "", "start", subtitle);
}

/// The outline of a panel.
pub(super) fn frame(svg: &mut String, top: f64, height: f64) {
    _ = writeln!(
        svg,
        "<rect class=\"frame\" x=\"{LEFT}\" y=\"{top}\" width=\"{INNER}\" height=\"{height}\"/>"
    );
}

/// A linear scale from values to places on the paper.
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Axis {
    /// The place of a value; one outside the scale is put on its edge.
    pub(super) fn x(&self, value: f64) -> f64 {
        let part = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.start + if part.is_finite() { part } else { 0.0 } * (self.end - self.start)
    }

    /// About `count` round values on the scale.
    pub(super) fn ticks(&self, count: f64) -> Vec<f64> {
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
    pub(super) fn relative_ticks(&self) -> Vec<f64> {
        Axis { from: 0.0, to: self.to - self.from, start: 0.0, end: 1.0 }.ticks(10.0)
    }
}

/// Words at a place.
pub(super) fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
    _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{}</text>",
        escape(text)
    );
}

/// Without a needless fraction.
pub(super) fn number(value: f64) -> String {
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

/// Every element that was opened is closed, in order.
#[cfg(test)]
pub(super) fn is_balanced(svg: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let axis = |from, to| Axis { from, to, start: 0.0, end: 1.0 };
        assert_eq!(axis(0.0, 48.0).ticks(5.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(axis(-12.0, 31.0).ticks(5.0), [-10.0, 0.0, 10.0, 20.0, 30.0]);
        assert!(axis(0.0, f64::INFINITY).ticks(5.0).len() <= 32);
    }
}
